package placement_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

func size(cpu, memory int) fleet.Resources { return fleet.Resources{CPU: cpu, Memory: memory} }

func item(name string, cpu, memory, count int) placement.Item {
	return placement.Item{Name: name, Size: size(cpu, memory), Count: count}
}

func bin(name string, cpu, memory int) placement.Bin {
	return placement.Bin{Name: name, Free: size(cpu, memory)}
}

func TestPack(t *testing.T) {
	t.Parallel()
	const filled = "every instance with room is filled by the tasks before it"
	tests := []struct {
		name  string
		items []placement.Item
		bins  []placement.Bin
		want  []placement.Rest
	}{
		{"nothing on nothing", nil, nil, nil},
		{"nothing waits", []placement.Item{item("a", 512, 512, 0)}, nil, nil},
		{"exactly full in both dimensions", []placement.Item{item("a", 512, 1024, 2)}, []placement.Bin{bin("i-1", 1024, 2048)}, nil},
		{
			"one CPU unit short",
			[]placement.Item{item("a", 512, 1024, 2)},
			[]placement.Bin{bin("i-1", 1023, 2048)},
			[]placement.Rest{{Item: item("a", 512, 1024, 1), Because: filled}},
		},
		{
			"one MiB short",
			[]placement.Item{item("a", 512, 1024, 2)},
			[]placement.Bin{bin("i-1", 1024, 2047)},
			[]placement.Rest{{Item: item("a", 512, 1024, 1), Because: filled}},
		},
		{
			"no instance",
			[]placement.Item{item("a", 512, 1024, 3)},
			nil,
			[]placement.Rest{{Item: item("a", 512, 1024, 3), Because: "there is no instance"}},
		},
		{
			"CPU is short everywhere",
			[]placement.Item{item("a", 512, 1024, 1)},
			[]placement.Bin{bin("i-1", 511, 9000), bin("i-2", 256, 9000)},
			[]placement.Rest{{Item: item("a", 512, 1024, 1), Because: "no instance has 512 CPU units free, the most is 511"}},
		},
		{
			"memory is short everywhere",
			[]placement.Item{item("a", 512, 1024, 1)},
			[]placement.Bin{bin("i-1", 9000, 1023), bin("i-2", 9000, 10)},
			[]placement.Rest{{Item: item("a", 512, 1024, 1), Because: "no instance has 1024 MiB free, the most is 1023"}},
		},
		{
			"both are short everywhere",
			[]placement.Item{item("a", 512, 1024, 1)},
			[]placement.Bin{bin("i-1", 511, 1023)},
			[]placement.Rest{{Item: item("a", 512, 1024, 1), Because: "no instance has 512 CPU units and 1024 MiB free"}},
		},
		{
			"the CPU is on one instance and the memory on another",
			[]placement.Item{item("a", 512, 1024, 1)},
			[]placement.Bin{bin("i-1", 512, 10), bin("i-2", 10, 1024)},
			[]placement.Rest{{Item: item("a", 512, 1024, 1), Because: filled}},
		},
		{
			"the largest goes first, so that the small ones fill the gaps",
			[]placement.Item{item("small", 256, 256, 2), item("large", 1024, 1024, 1)},
			[]placement.Bin{bin("i-1", 1024, 1024), bin("i-2", 512, 512)},
			nil,
		},
		{
			"the fullest instance is filled first, so that the empty one stays whole for the next",
			[]placement.Item{item("a", 600, 100, 1), item("b", 512, 1000, 1)},
			[]placement.Bin{bin("empty", 1024, 4096), bin("fuller", 600, 200)},
			nil,
		},
		{
			"what is left of each is told",
			[]placement.Item{item("b", 512, 512, 3), item("a", 512, 512, 3)},
			[]placement.Bin{bin("i-1", 2048, 2048)},
			[]placement.Rest{{Item: item("b", 512, 512, 2), Because: filled}},
		},
		{"an overcommitted instance has no room and takes none back", []placement.Item{item("a", 1, 1, 1)}, []placement.Bin{bin("i-1", -512, -512)}, []placement.Rest{
			{Item: item("a", 1, 1, 1), Because: "no instance has 1 CPU units and 1 MiB free"},
		}},
		{"a task that reserves no CPU is bound by memory", []placement.Item{item("a", 0, 1000, 3)}, []placement.Bin{bin("i-1", 0, 2999)}, []placement.Rest{
			{Item: item("a", 0, 1000, 1), Because: filled},
		}},
		{"a task that reserves nothing fits, but not without end", []placement.Item{item("a", 0, 0, 1001)}, []placement.Bin{bin("i-1", 0, 0)}, []placement.Rest{
			{Item: item("a", 0, 0, 1), Because: filled},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, placement.Pack(tt.items, tt.bins)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBins(t *testing.T) {
	t.Parallel()
	shape := size(2048, 4096)
	tests := []struct {
		name     string
		items    []placement.Item
		shape    fleet.Resources
		want     int
		tooLarge []placement.Rest
	}{
		{"nothing", nil, shape, 0, nil},
		{"nothing of something", []placement.Item{item("a", 512, 512, 0)}, shape, 0, nil},
		{"one", []placement.Item{item("a", 512, 512, 1)}, shape, 1, nil},
		{"exactly one instance full", []placement.Item{item("a", 512, 1024, 4)}, shape, 1, nil},
		{"one task more", []placement.Item{item("a", 512, 1024, 5)}, shape, 2, nil},
		{"bound by memory", []placement.Item{item("a", 1, 4096, 3)}, shape, 3, nil},
		{"bound by CPU", []placement.Item{item("a", 2048, 1, 3)}, shape, 3, nil},
		{"the size of an instance", []placement.Item{item("a", 2048, 4096, 1)}, shape, 1, nil},
		{"complements share", []placement.Item{item("cpu", 2000, 96, 2), item("memory", 48, 4000, 2)}, shape, 2, nil},
		{"small tasks fill what large ones leave", []placement.Item{item("small", 256, 256, 4), item("large", 1536, 3072, 2)}, shape, 2, nil},
		{"a gap is filled once", []placement.Item{item("large", 1536, 3072, 1), item("middle", 512, 512, 1), item("small", 256, 256, 2)}, shape, 2, nil},
		{"tasks that reserve nothing need one instance, not none", []placement.Item{item("a", 0, 0, 5)}, shape, 1, nil},
		{"a shape of nothing holds nothing", []placement.Item{item("a", 1, 1, 2)}, size(0, 0), 0, []placement.Rest{
			{Item: item("a", 1, 1, 2), Because: "a task of a needs 1 CPU units and 1 MiB, an empty instance offers 0 CPU units and 0 MiB"},
		}},
		{"too large in CPU, the others are placed", []placement.Item{item("big", 2049, 1, 7), item("a", 512, 512, 5)}, shape, 2, []placement.Rest{
			{Item: item("big", 2049, 1, 7), Because: "a task of big needs 2049 CPU units and 1 MiB, an empty instance offers 2048 CPU units and 4096 MiB"},
		}},
		{"too large in memory", []placement.Item{item("big", 1, 4097, 1)}, shape, 0, []placement.Rest{
			{Item: item("big", 1, 4097, 1), Because: "a task of big needs 1 CPU units and 4097 MiB, an empty instance offers 2048 CPU units and 4096 MiB"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, tooLarge := placement.Bins(tt.items, tt.shape)
			if n != tt.want {
				t.Errorf("got %d, want %d", n, tt.want)
			}
			if diff := cmp.Diff(tt.tooLarge, tooLarge); diff != "" {
				t.Errorf("too large (-want +got):\n%s", diff)
			}
		})
	}
}

// fleetOf is 10,000 tasks of 50 services, of sizes that leave gaps, and 1,000
// instances of which a third is full.
func fleetOf() (items []placement.Item, bins []placement.Bin) {
	for i := range 50 {
		items = append(items, item(fmt.Sprintf("service-%02d", i), 128+64*(i%9), 256+192*(i%13), 200))
	}
	for i := range 1000 {
		bins = append(bins, bin(fmt.Sprintf("i-%04d", i), 1024*(i%3)+i, 3840*(i%3)+2*i))
	}
	return items, bins
}

func BenchmarkPack10000TasksOn1000Instances(b *testing.B) {
	items, bins := fleetOf()
	b.ReportAllocs()
	for b.Loop() {
		placement.Pack(items, bins)
	}
}

func BenchmarkBins10000Tasks(b *testing.B) {
	items, _ := fleetOf()
	b.ReportAllocs()
	for b.Loop() {
		placement.Bins(items, size(8192, 30720))
	}
}

// One task an instance is the worst case: every instance is opened for one task.
func BenchmarkBins10000TasksOneEach(b *testing.B) {
	items := []placement.Item{item("a", 8000, 30000, 10000)}
	b.ReportAllocs()
	for b.Loop() {
		placement.Bins(items, size(8192, 30720))
	}
}
