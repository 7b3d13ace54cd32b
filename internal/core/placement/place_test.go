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

// with gives an item its rules.
func with(it placement.Item, change func(*fleet.Rules)) placement.Item {
	change(&it.Rules)
	return it
}

func member(expression string) func(*fleet.Rules) {
	return func(r *fleet.Rules) {
		r.Constraints = append(r.Constraints, fleet.Constraint{Type: fleet.MemberOf, Expression: expression})
	}
}

func distinct(r *fleet.Rules) {
	r.Constraints = append(r.Constraints, fleet.Constraint{Type: fleet.DistinctInstance})
}

func ports(ps ...fleet.Port) func(*fleet.Rules) { return func(r *fleet.Rules) { r.Ports = ps } }

func strategy(pairs ...string) func(*fleet.Rules) {
	return func(r *fleet.Rules) {
		for i := 0; i < len(pairs); i += 2 {
			r.Strategies = append(r.Strategies, fleet.Strategy{Type: pairs[i], Field: pairs[i+1]})
		}
	}
}

func bin(name string, cpu, memory int) placement.Bin {
	return placement.Bin{Name: name, Free: size(cpu, memory), Whole: size(cpu, memory)}
}

func in(zone string, b placement.Bin) placement.Bin {
	b.Zone = zone
	return b
}

// spots gives where tasks are, as "a: i-1 2, i-2 1".
func spots(placed []placement.Placed) string {
	out := ""
	for _, p := range placed {
		out += fmt.Sprintf("%s>%s:%d ", p.Item, p.Bin, p.Count)
	}
	return out
}

const filled = "every instance with room is filled by the tasks before it"

func TestPlace(t *testing.T) {
	t.Parallel()
	three := []placement.Bin{in("a", bin("i-1", 2048, 4096)), in("b", bin("i-2", 2048, 4096)), in("b", bin("i-3", 2048, 4096))}
	tests := []struct {
		name    string
		items   []placement.Item
		bins    []placement.Bin
		want    string
		because []string // of what is left, "count name: because"
	}{
		{"nothing on nothing", nil, nil, "", nil},
		{"nothing waits", []placement.Item{item("a", 512, 512, 0)}, nil, "", nil},
		{"exactly full in both", []placement.Item{item("a", 512, 1024, 2)}, []placement.Bin{bin("i-1", 1024, 2048)}, "a>i-1:2 ", nil},
		{"one CPU unit short", []placement.Item{item("a", 512, 1024, 2)}, []placement.Bin{bin("i-1", 1023, 2048)}, "a>i-1:1 ", []string{"1 a: " + filled}},
		{"one MiB short", []placement.Item{item("a", 512, 1024, 2)}, []placement.Bin{bin("i-1", 1024, 2047)}, "a>i-1:1 ", []string{"1 a: " + filled}},
		{"no instance", []placement.Item{item("a", 512, 1024, 3)}, nil, "", []string{"3 a: there is no instance"}},
		{"CPU is short everywhere", []placement.Item{item("a", 512, 1024, 1)}, []placement.Bin{bin("i-1", 511, 9000), bin("i-2", 256, 9000)}, "", []string{
			"1 a: no instance has 512 CPU units free, the most is 511",
		}},
		{"both are short", []placement.Item{item("a", 512, 1024, 1)}, []placement.Bin{bin("i-1", 511, 1023)}, "", []string{
			"1 a: no instance has 512 CPU units and 1024 MiB free",
		}},
		{"the CPU is on one and the memory on another", []placement.Item{item("a", 512, 1024, 1)}, []placement.Bin{bin("i-1", 512, 10), bin("i-2", 10, 1024)}, "", []string{
			"1 a: " + filled,
		}},
		{
			"GPUs and interfaces",
			[]placement.Item{{Name: "a", Size: fleet.Resources{CPU: 1, GPU: 1, ENI: 1}, Count: 3}},
			[]placement.Bin{{Name: "i-1", Free: fleet.Resources{CPU: 99, GPU: 1, ENI: 2}}, {Name: "i-2", Free: fleet.Resources{CPU: 99, GPU: 4, ENI: 1}}},
			"a>i-1:1 a>i-2:1 ",
			[]string{"1 a: " + filled},
		},
		{"CPU that is overcommitted does not matter to who asks none", []placement.Item{item("a", 0, 1000, 1)}, []placement.Bin{bin("i-1", -512, 1000)}, "a>i-1:1 ", nil},
		{"nor interfaces to tasks without one", []placement.Item{item("a", 1, 1, 1)}, []placement.Bin{{Name: "i-1", Free: fleet.Resources{CPU: 1, Memory: 1, ENI: -3}}}, "a>i-1:1 ", nil},
		{"a task that reserves nothing fits, but not without end", []placement.Item{item("a", 0, 0, 1001)}, []placement.Bin{bin("i-1", 0, 0)}, "a>i-1:1000 ", []string{"1 a: " + filled}},

		{"the default spreads by zone, and fills the fullest in it", []placement.Item{item("a", 512, 512, 4)}, three, "a>i-1:2 a>i-2:2 ", nil},
		{"a full zone is passed over", []placement.Item{item("a", 1024, 512, 6)}, three, "a>i-1:2 a>i-2:2 a>i-3:2 ", nil},
		{"spread by instance", []placement.Item{with(item("a", 512, 512, 3), strategy("spread", "instanceId"))}, three, "a>i-1:1 a>i-2:1 a>i-3:1 ", nil},
		{"spread counts the tasks that are there", []placement.Item{with(item("a", 512, 512, 2), strategy("spread", "host"))}, []placement.Bin{
			{Name: "i-1", Free: size(9999, 9999), Tasks: map[string]int{"a": 2, "b": 7}}, {Name: "i-2", Free: size(9999, 9999)},
		}, "a>i-2:2 ", nil},
		{"spread by an attribute", []placement.Item{with(item("a", 512, 512, 3), strategy("spread", "attribute:rack"))}, []placement.Bin{
			{Name: "i-1", Free: size(2048, 2048), Attributes: map[string]string{"rack": "1"}},
			{Name: "i-2", Free: size(2048, 2048), Attributes: map[string]string{"rack": "1"}},
			{Name: "i-3", Free: size(2048, 2048)},
		}, "a>i-1:2 a>i-3:1 ", nil},
		{
			"binpack by CPU takes the least that is left",
			[]placement.Item{with(item("a", 512, 512, 3), strategy("binpack", "cpu"))},
			[]placement.Bin{bin("i-1", 4096, 4096), bin("i-2", 1024, 8192)},
			"a>i-1:1 a>i-2:2 ", nil,
		},
		{
			"binpack by memory",
			[]placement.Item{with(item("a", 512, 512, 3), strategy("binpack", "memory"))},
			[]placement.Bin{bin("i-1", 4096, 4096), bin("i-2", 1024, 8192)},
			"a>i-1:3 ", nil,
		},
		{
			"spread by zone, then binpack",
			[]placement.Item{with(item("a", 512, 512, 3), strategy("spread", "attribute:ecs.availability-zone", "binpack", "memory"))},
			[]placement.Bin{in("a", bin("i-1", 2048, 4096)), in("b", bin("i-2", 2048, 8192)), in("b", bin("i-3", 2048, 2048))},
			"a>i-1:1 a>i-3:2 ", nil,
		},
		{"random", []placement.Item{with(item("a", 512, 512, 2), strategy("random", ""))}, three, "a>i-1:2 ", nil},
		{"a strategy that is not known", []placement.Item{with(item("a", 1, 1, 1), strategy("binpack", "disk"))}, three, "", []string{`1 a: the placement strategy binpack by "disk" is not known`}},
		{"a field that is not known", []placement.Item{with(item("a", 1, 1, 1), strategy("spread", "rack"))}, three, "", []string{`1 a: the placement strategy spread by "rack" is not known`}},

		{"a host port once on each", []placement.Item{with(item("a", 1, 1, 3), ports("80/tcp"))}, []placement.Bin{bin("i-1", 9, 9), bin("i-2", 9, 9)}, "a>i-1:1 a>i-2:1 ", []string{
			"1 a: on every instance host port 80/tcp is taken",
		}},
		{"a port that is taken", []placement.Item{with(item("a", 1, 1, 1), ports("80/tcp", "81/tcp"))}, []placement.Bin{{Name: "i-1", Free: size(9, 9), Ports: []fleet.Port{"81/tcp"}}}, "", []string{
			"1 a: on every instance host port 81/tcp is taken",
		}},
		{"the same number by another protocol", []placement.Item{with(item("a", 1, 1, 1), ports("53/udp"))}, []placement.Bin{{Name: "i-1", Free: size(9, 9), Ports: []fleet.Port{"53/tcp"}}}, "a>i-1:1 ", nil},
		{
			"distinctInstance",
			[]placement.Item{with(item("a", 1, 1, 3), distinct)},
			[]placement.Bin{bin("i-1", 9, 9), bin("i-2", 9, 9), {Name: "i-3", Free: size(9, 9), Tasks: map[string]int{"a": 1}}},
			"a>i-1:1 a>i-2:1 ",
			[]string{"1 a: on every instance distinctInstance: a task of a is there"},
		},
		{
			"memberOf", []placement.Item{with(item("a", 1, 1, 2), member("attribute:ecs.availability-zone == b"))}, three, "a>i-2:2 ", nil,
		},
		{"memberOf holds nowhere", []placement.Item{with(item("a", 1, 1, 2), member("attribute:gpu exists"))}, three, "", []string{
			"2 a: on every instance memberOf does not hold: attribute:gpu exists",
		}},
		{"memberOf that is not understood", []placement.Item{with(item("a", 1, 1, 2), member("zone == b"))}, three, "", []string{
			`2 a: memberOf "zone == b": the subject "zone" is not known`,
		}},
		{"a constraint that is not known", []placement.Item{with(item("a", 1, 1, 2), func(r *fleet.Rules) {
			r.Constraints = []fleet.Constraint{{Type: "apart"}}
		})}, three, "", []string{`2 a: the placement constraint "apart" is not known`}},
		{"where the expression holds, memory is short", []placement.Item{with(item("a", 1, 5000, 2), member("attribute:ecs.availability-zone == b"))}, three, "", []string{
			"2 a: no instance has 5000 MiB free, the most is 4096 where no rule forbids it (elsewhere memberOf does not hold: attribute:ecs.availability-zone == b)",
		}},
		{
			"company that comes first",
			[]placement.Item{item("big", 1024, 1024, 1), with(item("follower", 1, 1, 2), member("task:group == service:big"))},
			three,
			"big>i-1:1 follower>i-1:2 ", nil,
		},
		{
			"at most so many tasks",
			[]placement.Item{with(item("a", 1, 1, 5), member("runningTasksCount < 2"))},
			[]placement.Bin{bin("i-1", 9, 9), bin("i-2", 9, 9)},
			"a>i-1:2 a>i-2:2 ",
			[]string{"1 a: on every instance memberOf does not hold: runningTasksCount < 2"},
		},
		{
			"not beside a database",
			[]placement.Item{with(item("a", 1, 1, 1), member("not(task:group == service:db)"))},
			[]placement.Bin{{Name: "i-1", Free: size(9, 9), Tasks: map[string]int{"db": 1}}, bin("i-2", 99, 99)},
			"a>i-2:1 ", nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			placed, rest, _ := placement.Place(tt.items, tt.bins)
			if got := spots(placed); got != tt.want {
				t.Errorf("placed %q, want %q", got, tt.want)
			}
			var because []string
			for _, r := range rest {
				because = append(because, fmt.Sprintf("%d %s: %s", r.Count, r.Name, r.Because))
			}
			if diff := cmp.Diff(tt.because, because); diff != "" {
				t.Errorf("rest (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhyPerKind(t *testing.T) {
	t.Parallel()
	kind := func(name, kind string, whole, free fleet.Resources) placement.Bin {
		return placement.Bin{Name: name, Kind: kind, Whole: whole, Free: free}
	}
	bins := []placement.Bin{
		kind("i-1", "m5.xlarge", size(4096, 15000), size(1000, 15000)),
		kind("i-2", "m5.xlarge", size(4096, 15000), size(4096, 100)),
		kind("i-3", "m5.large", size(2048, 7680), size(2048, 7680)),
		kind("i-4", "c5.xlarge", size(4096, 7680), size(4096, 7680)),
		kind("i-5", "", size(9999, 99999), size(0, 0)),
	}
	bins[3].Ports = []fleet.Port{"80/tcp"}
	_, rest, _ := placement.Place([]placement.Item{with(item("a", 3584, 4096, 2), ports("80/tcp"))}, bins)
	want := []placement.Why{
		{Kind: "c5.xlarge", Because: "host port 80/tcp is taken"},
		{Kind: "instance", Because: "3584 CPU units asked, at most 0 free"},
		{Kind: "m5.large", Because: "3584 CPU units asked, an empty one offers 2048"},
		{Kind: "m5.xlarge", Because: "3584 CPU units asked, at most 4096 free (1 of 2); 4096 MiB asked, at most 15000 free (1 of 2)"},
	}
	if len(rest) != 1 {
		t.Fatalf("rest %v", rest)
	}
	if diff := cmp.Diff(want, rest[0].Kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What Place gives as after is the bins with what was placed.
func TestPlaceAfter(t *testing.T) {
	t.Parallel()
	bins := []placement.Bin{bin("i-2", 2048, 2048), bin("i-1", 1024, 1024)}
	_, _, after := placement.Place([]placement.Item{with(item("a", 512, 256, 2), ports("80/tcp"))}, bins)
	want := []placement.Bin{
		{Name: "i-2", Whole: size(2048, 2048), Free: size(1536, 1792), Ports: []fleet.Port{"80/tcp"}, Tasks: map[string]int{"a": 1}},
		{Name: "i-1", Whole: size(1024, 1024), Free: size(512, 768), Ports: []fleet.Port{"80/tcp"}, Tasks: map[string]int{"a": 1}},
	}
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if bins[0].Tasks != nil || bins[0].Free != size(2048, 2048) {
		t.Errorf("the bins were changed: %v", bins)
	}
}
