package placement_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

func shape(cpu, memory int) placement.Shape {
	return placement.Shape{Bin: bin("", cpu, memory), Limit: -1}
}

func limited(s placement.Shape, kind string, limit int) placement.Shape {
	s.Kind, s.Limit = kind, limit
	return s
}

func TestPack(t *testing.T) {
	t.Parallel()
	usual := []placement.Shape{shape(2048, 4096)}
	tests := []struct {
		name   string
		items  []placement.Item
		bins   []placement.Bin
		shapes []placement.Shape
		opened []int
		rest   []string
	}{
		{"nothing", nil, nil, usual, []int{0}, nil},
		{"nothing of something", []placement.Item{item("a", 512, 512, 0)}, nil, usual, []int{0}, nil},
		{"one", []placement.Item{item("a", 512, 512, 1)}, nil, usual, []int{1}, nil},
		{"exactly one instance full", []placement.Item{item("a", 512, 1024, 4)}, nil, usual, []int{1}, nil},
		{"one task more", []placement.Item{item("a", 512, 1024, 5)}, nil, usual, []int{2}, nil},
		{"bound by memory", []placement.Item{item("a", 1, 4096, 3)}, nil, usual, []int{3}, nil},
		{"complements share", []placement.Item{item("cpu", 2000, 96, 2), item("memory", 48, 4000, 2)}, nil, usual, []int{2}, nil},
		{"small tasks fill what large ones leave", []placement.Item{item("small", 256, 256, 4), item("large", 1536, 3072, 2)}, nil, usual, []int{2}, nil},
		{"tasks that reserve nothing need one instance, not none", []placement.Item{item("a", 0, 0, 5)}, nil, usual, []int{1}, nil},
		{"but not all on one", []placement.Item{item("a", 0, 0, 1001)}, nil, usual, []int{2}, nil},
		{"room that stands is used", []placement.Item{item("a", 1024, 1024, 3)}, []placement.Bin{bin("i-1", 1024, 1024)}, usual, []int{1}, nil},
		{
			"the tasks that fit only there stay out of the way of none",
			[]placement.Item{item("a", 1024, 1024, 2), item("b", 1024, 8192, 1)},
			[]placement.Bin{bin("i-1", 1024, 8192)},
			usual,
			[]int{1},
			nil,
		},
		{"a shape of nothing holds nothing", []placement.Item{item("a", 1, 1, 2)}, nil, []placement.Shape{shape(0, 0)}, []int{0}, []string{
			"2 a: a task of a needs 1 CPU units and 1 MiB, an empty instance offers 0 CPU units and 0 MiB",
		}},
		{"too large in CPU, the others are placed", []placement.Item{item("big", 2049, 1, 7), item("a", 512, 512, 5)}, nil, usual, []int{2}, []string{
			"7 big: a task of big needs 2049 CPU units and 1 MiB, an empty instance offers 2048 CPU units and 4096 MiB",
		}},
		{"no more may be started", []placement.Item{item("a", 1024, 1024, 5)}, nil, []placement.Shape{limited(shape(2048, 4096), "", 2)}, []int{2}, []string{
			"1 a: every instance with room is filled by the tasks before it, and no more may be started",
		}},
		{"none may be started", []placement.Item{item("a", 1024, 1024, 5)}, nil, []placement.Shape{limited(shape(2048, 4096), "", 0)}, []int{0}, []string{"5 a: there is no instance"}},
		{
			"the larger of two shapes, and the other for the rest",
			[]placement.Item{item("a", 1024, 1024, 9)},
			nil,
			[]placement.Shape{limited(shape(2048, 2048), "small", -1), limited(shape(4096, 4096), "large", 2)},
			[]int{1, 2},
			nil,
		},
		{"a host port on each", []placement.Item{with(item("a", 1, 1, 3), ports("80/tcp"))}, []placement.Bin{{Name: "i-1", Free: size(9, 9), Ports: []fleet.Port{"80/tcp"}}}, usual, []int{3}, nil},
		{"two services of one port", []placement.Item{with(item("a", 1, 1, 1), ports("80/tcp")), with(item("b", 1, 1, 2), ports("80/tcp", "81/tcp"))}, nil, usual, []int{3}, nil},
		{"distinctInstance", []placement.Item{with(item("a", 1, 1, 3), distinct)}, []placement.Bin{bin("i-1", 9, 9), {Name: "i-2", Free: size(9, 9), Tasks: map[string]int{"a": 1}}}, usual, []int{2}, nil},
		{
			"memberOf picks the shape",
			[]placement.Item{with(item("a", 1, 1, 1), member("attribute:ecs.instance-type =~ m5.*")), item("b", 1, 1, 1)},
			nil,
			[]placement.Shape{limited(shape(999, 999), "c5", -1), limited(shape(9, 9), "m5", -1)},
			[]int{0, 1},
			nil,
		},
		{"memberOf that asks what a new instance does not tell", []placement.Item{with(item("a", 1, 1, 1), member("registeredAt > 2020-01-01"))}, nil, usual, []int{0}, []string{
			"1 a: on every instance registeredAt of a new instance is not known",
		}},
		{"memberOf that is not understood", []placement.Item{with(item("a", 1, 1, 1), member("x == 1"))}, nil, usual, []int{0}, []string{
			`1 a: memberOf "x == 1": the subject "x" is not known`,
		}},
		{"a strategy that is not known", []placement.Item{with(item("a", 1, 1, 1), strategy("pile", "cpu"))}, nil, usual, []int{0}, []string{
			`1 a: the placement strategy pile by "cpu" is not known`,
		}},
		{"tasks that keep apart, whoever comes first", []placement.Item{with(item("a", 1, 1, 2), member("not(task:group == service:b)")), item("b", 1, 1, 2)}, nil, usual, []int{2}, nil},
		{"company that the plan brings", []placement.Item{with(item("a", 1024, 1, 2), member("task:group == service:b")), item("b", 1024, 1, 2)}, nil, usual, []int{2}, nil},
		{"company that nobody brings", []placement.Item{with(item("a", 1, 1, 2), member("task:group == service:a"))}, nil, usual, []int{0}, []string{
			"2 a: on every instance memberOf does not hold: task:group == service:a",
		}},
		{
			"many tasks that may be on one instance only come before those that may be anywhere",
			[]placement.Item{item("a", 1024, 1024, 20), with(item("b", 256, 256, 20), member("ec2InstanceId == i-1"))},
			[]placement.Bin{bin("i-1", 5120, 5120)},
			usual,
			[]int{10},
			nil,
		},
		{"at most two on each", []placement.Item{with(item("a", 1, 1, 5), member("runningTasksCount < 2"))}, nil, usual, []int{3}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			plan := placement.Pack(tt.items, tt.bins, tt.shapes)
			if diff := cmp.Diff(tt.opened, plan.New); diff != "" {
				t.Errorf("new bins (-want +got):\n%s", diff)
			}
			var rest []string
			for _, r := range plan.Rest {
				rest = append(rest, fmt.Sprintf("%d %s: %s", r.Count, r.Name, r.Because))
			}
			if diff := cmp.Diff(tt.rest, rest); diff != "" {
				t.Errorf("rest (-want +got):\n%s", diff)
			}
		})
	}
}

// One type in two zones are two shapes; their bins have names of their own.
func TestNewBinsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	a, b := limited(shape(1024, 1024), "m7g.medium", 1), limited(shape(1024, 1024), "m7g.medium", 1)
	again := a
	a.Zone, b.Zone = "a", "b"
	last := limited(shape(1024, 1024), "m7g.medium", 2)
	last.Name = "m7g.medium"
	plan := placement.Pack([]placement.Item{item("s", 1024, 1, 5)}, nil, []placement.Shape{a, b, again, last})
	want := "s>m7g.medium 1:1 s>m7g.medium 2:1 s>m7g.medium 3:1 s>m7g.medium in a 1:1 s>m7g.medium in b 1:1 "
	if got := spots(plan.Placed); got != want {
		t.Errorf("placed %q, want %q", got, want)
	}
}

func TestPackNamesWhatItPlaces(t *testing.T) {
	t.Parallel()
	s := limited(shape(1024, 1024), "m7g.medium", -1)
	plan := placement.Pack([]placement.Item{item("b", 1024, 1, 2), item("a", 512, 512, 1)}, []placement.Bin{bin("i-1", 512, 512)}, []placement.Shape{s})
	want := placement.Plan{
		Placed: []placement.Placed{{Item: "a", Bin: "i-1", Count: 1}, {Item: "b", Bin: "m7g.medium 1", Count: 1}, {Item: "b", Bin: "m7g.medium 2", Count: 1}},
		New:    []int{2}, Bound: 2, Proved: true, By: "first fit decreasing by sum",
	}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
