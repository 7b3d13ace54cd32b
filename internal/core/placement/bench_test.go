package placement_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// fleetOf is so many tasks of 50 services, of sizes that leave gaps, and so many
// instances in three zones of which a third is full.
func fleetOf(tasks, instances int) (items []placement.Item, bins []placement.Bin) {
	for i := range 50 {
		items = append(items, item(fmt.Sprintf("service-%02d", i), 128+64*(i%9), 256+192*(i%13), tasks/50))
	}
	for i := range instances {
		b := in(string(rune('a'+i%3)), bin(fmt.Sprintf("i-%04d", i), 1024*(i%3)+i, 3840*(i%3)+2*i))
		b.Tasks = map[string]int{items[i%50].Name: 1}
		bins = append(bins, b)
	}
	return items, bins
}

// ruled gives the services rules as clusters have them: some spread, some pack, some
// are distinct, bind a port, or are held to a zone.
func ruled(items []placement.Item) []placement.Item {
	for i := range items {
		switch i % 6 {
		case 1:
			strategy("spread", "attribute:ecs.availability-zone", "binpack", "memory")(&items[i].Rules)
		case 2:
			strategy("binpack", "cpu")(&items[i].Rules)
		case 3:
			strategy("spread", "instanceId")(&items[i].Rules)
			distinct(&items[i].Rules)
		case 4:
			member("attribute:ecs.availability-zone in [a, b]")(&items[i].Rules)
		case 5:
			items[i].Rules.Ports = []fleet.Port{fleet.Port(fmt.Sprintf("%d/tcp", 8000+i))}
		}
	}
	return items
}

func large() []placement.Shape {
	return []placement.Shape{{Bin: bin("m7g.2xlarge", 8192, 30720), Limit: -1}}
}

func BenchmarkPlace(b *testing.B) {
	for _, n := range []struct{ tasks, instances int }{{1000, 200}, {10_000, 1000}} {
		items, bins := fleetOf(n.tasks, n.instances)
		b.Run(fmt.Sprintf("%d tasks on %d instances", n.tasks, n.instances), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				placement.Place(items, bins)
			}
		})
		items = ruled(items)
		b.Run(fmt.Sprintf("%d tasks with rules on %d instances", n.tasks, n.instances), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				placement.Place(items, bins)
			}
		})
	}
}

func BenchmarkPack(b *testing.B) {
	for _, n := range []struct{ tasks, instances int }{{1000, 0}, {1000, 200}, {10_000, 0}, {10_000, 1000}} {
		items, bins := fleetOf(n.tasks, n.instances)
		b.Run(fmt.Sprintf("%d tasks on %d instances", n.tasks, n.instances), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				placement.Pack(items, bins, large())
			}
		})
		items = ruled(items)
		b.Run(fmt.Sprintf("%d tasks with rules on %d instances", n.tasks, n.instances), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				placement.Pack(items, bins, large())
			}
		})
	}
}

// The bounds are for a machine that does other work as well; the benchmarks tell the time
// that it takes, docs/benchmarks.md has it.
func TestPackInTimeAndMemory(t *testing.T) {
	items, bins := fleetOf(10_000, 1000)
	items = ruled(items)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	placement.Place(items, bins)
	placement.Pack(items, bins, large())
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if took > time.Second {
		t.Errorf("10,000 tasks on 1,000 instances took %v", took)
	}
	if all := after.TotalAlloc - before.TotalAlloc; all > 64<<20 {
		t.Errorf("it took %d bytes, the limit is 64 MiB", all)
	}
}

// One task an instance is the worst case: every instance is opened for one task.
func BenchmarkPack10000TasksOneEach(b *testing.B) {
	items := []placement.Item{item("a", 8000, 30000, 10000)}
	b.ReportAllocs()
	for b.Loop() {
		placement.Pack(items, nil, large())
	}
}
