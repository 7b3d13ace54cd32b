package capacity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// quarter is a task that takes a quarter of an instance's CPU.
func quarter() fleet.Resources { return fleet.Resources{CPU: 512, Memory: 1024} }

// running is a group in act mode whose instances run so many tasks of web each. All
// of them have been removable for long.
func running(tasks ...int) capacity.Input {
	web := fleet.Service{Name: "web", Compute: fleet.EC2, Active: true, TaskSize: quarter()}
	in := capacity.Input{
		Now:   noon,
		Group: fleet.Group{Name: "m7g", MinSize: 1, MaxSize: 100, DesiredCapacity: len(tasks)}, Base: len(tasks),
		TasksRead: true, Memory: history.History{Capacity: &history.Capacity{Shape: shape()}},
	}
	for i, n := range tasks {
		id := fleet.InstanceID(fmt.Sprintf("i-%02d", i+1))
		v := instance(string(id), shape().Minus(quarter().Times(n)))
		v.Tasks, v.RegisteredAt = n, noon.Add(-24*time.Hour)
		in.Instances = append(in.Instances, v)
		in.Group.Members = append(in.Group.Members, fleet.Member{ID: id, State: "InService"})
		in.Group.InService = append(in.Group.InService, id)
		for k := range n {
			in.Tasks = append(in.Tasks, fleet.Task{ARN: fmt.Sprintf("arn/%s/%d", id, k), Instance: id, Service: "web", Size: quarter(), Running: true})
		}
		web.Desired, web.Running = web.Desired+n, web.Running+n
		in.Memory.Capacity.Removable = append(in.Memory.Capacity.Removable, history.Removable{Instance: id, Since: noon.Add(-time.Hour)})
	}
	in.Services = []fleet.Service{web}
	return in
}

func drained(r capacity.Result) []fleet.InstanceID {
	var out []fleet.InstanceID
	for _, d := range r.Drains {
		out = append(out, d.Instance)
	}
	return out
}

func ids(numbers ...int) []fleet.InstanceID {
	var out []fleet.InstanceID
	for _, n := range numbers {
		out = append(out, fleet.InstanceID(fmt.Sprintf("i-%02d", n)))
	}
	return out
}

func TestRemovalByRule(t *testing.T) {
	t.Parallel()
	percent := func(n float64) *spec.Percent { return new(spec.Percent(n)) }
	wide := []spec.InstanceLimit{{Percent: 100, Period: spec.Duration(15 * time.Minute)}}
	tests := []struct {
		name   string
		tasks  []int
		edit   func(in *capacity.Input)
		want   []fleet.InstanceID
		reason string
		words  string
	}{
		{"an empty instance goes", []int{2, 0, 2}, nil, ids(2), history.EmptyInstances, "drain 1 instance without tasks: i-02"},
		{"half of the empty ones go at once", []int{2, 0, 0, 0, 0, 0}, nil, ids(2, 3, 4), history.EmptyInstances, "2 more could go: the budget of the last 5m is 3 instances"},
		{"one whose tasks fit on the others goes", []int{4, 2, 1}, nil, ids(3), history.Consolidation, "1 instance whose 1 task fit on the others: i-03"},
		{"full ones stay", []int{4, 4, 3}, nil, nil, history.AlreadyAtDesiredCapacity, "no task waits"},
		{"10 percent of busy ones go", []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, nil, ids(1), history.Consolidation, "more could go: the budget of the last 15m is 1 instance"},
		{"a wider budget lets more go", []int{1, 1, 1, 1}, func(in *capacity.Input) { in.Policy.ScaleIn.Budget = wide }, ids(1, 3, 4), history.Consolidation, "3 tasks"},
		{"what went counts", []int{1, 1, 1, 1}, func(in *capacity.Input) {
			in.Memory.Orders = []history.Order{{At: noon.Add(-5 * time.Minute), From: 5, To: 4}}
		}, nil, history.DisruptionBudget, "the budget of the last 15m is 1 instance, of which 1 went"},

		{"not without consolidation", []int{4, 2, 1}, func(in *capacity.Input) { in.Policy.ScaleIn.Consolidate = new(false) }, nil, history.AlreadyAtDesiredCapacity, ""},
		{"not where it moves much for little", []int{2, 2}, func(in *capacity.Input) { in.Policy.ScaleIn.MinSavings = new(1.5) }, nil, history.AlreadyAtDesiredCapacity, ""},
		{"disabled", []int{0, 0}, func(in *capacity.Input) { in.Policy.ScaleIn.Disabled = true }, nil, history.ScaleInDisabled, "scaleIn.disabled"},
		{"at MinSize", []int{0, 0}, func(in *capacity.Input) { in.Group.MinSize = 2 }, nil, history.AlreadyAtMinCapacity, "MinSize is 2"},
		{"down to MinSize", []int{0, 0, 0, 0}, func(in *capacity.Input) { in.Group.MinSize = 3 }, ids(1), history.EmptyInstances, ""},
		{"an open drain counts towards MinSize", []int{0, 0, 0}, func(in *capacity.Input) {
			in.Group.MinSize = 2
			in.Drains = []drain.Row{{Instance: "i-01", State: drain.Draining, Cause: drain.Empty}}
		}, nil, history.AlreadyAtMinCapacity, "1 drains"},
		{"suspended", []int{0, 0}, func(in *capacity.Input) {
			in.Overrides = []spec.Override{{Kind: spec.SuspendIn, Until: noon.Add(time.Hour), Why: "sale", By: "ann"}}
		}, nil, history.ScaleInSuspended, "suspendIn by ann until"},
		{"a hold outranks a min", []int{0, 0, 0}, func(in *capacity.Input) {
			in.Overrides = []spec.Override{
				{Kind: spec.MinAt, Count: 3, Until: noon.Add(time.Hour), Why: "sale", By: "ann"},
				{Kind: spec.HoldAt, Count: 2, Until: noon.Add(time.Hour), Why: "sale", By: "ann"},
			}
		}, ids(1), history.EmptyInstances, ""},
		{"a max outranks both", []int{0, 0, 0}, func(in *capacity.Input) {
			in.Overrides = []spec.Override{
				{Kind: spec.HoldAt, Count: 3, Until: noon.Add(time.Hour), Why: "sale", By: "ann"},
				{Kind: spec.MaxAt, Count: 2, Until: noon.Add(time.Hour), Why: "sale", By: "ann"},
			}
		}, ids(1), history.EmptyInstances, ""},
		{"held by an override", []int{0, 0}, func(in *capacity.Input) {
			in.Overrides = []spec.Override{{Kind: spec.HoldAt, Count: 2, Until: noon.Add(time.Hour), Why: "sale", By: "ann"}}
		}, nil, history.HoldOverride, "keeps 2 instances"},
		{"an override's minimum", []int{0, 0, 0}, func(in *capacity.Input) {
			in.Overrides = []spec.Override{{Kind: spec.MinAt, Count: 2, Until: noon.Add(time.Hour), Why: "sale", By: "ann"}}
		}, ids(1), history.EmptyInstances, ""},
		{"while a service grows", []int{0, 0}, func(in *capacity.Input) { in.Growing = []fleet.ServiceName{"web"} }, nil, history.ServicesGrowing, "web grows"},
		{"while a task waits", []int{0, 0}, func(in *capacity.Input) { in.Waiting = []placement.Item{tasks("web", 512, 1024, 1)} }, nil, history.TasksWaiting, "1 task must find a place first"},
		{"while an instance is on the way", []int{0, 0}, func(in *capacity.Input) { in.Base = 3 }, nil, history.InstancesOnTheWay, "1 instance on the way"},
		{"while launches fail", []int{0, 0}, func(in *capacity.Input) {
			in.Group.Failures = []fleet.LaunchFailure{{At: noon.Add(-time.Minute), Words: "InsufficientInstanceCapacity"}}
		}, nil, history.LaunchBackoff, "launches fail"},
		{"during an instance refresh", []int{0, 0}, func(in *capacity.Input) { in.Group.Refreshing = true }, nil, history.InstanceRefresh, "refresh"},
		{"while Terminate is suspended", []int{0, 0}, func(in *capacity.Input) { in.Group.SuspendedTerminate = true }, nil, history.TerminateSuspended, "resume it"},
		{"during a deployment", []int{0, 1}, func(in *capacity.Input) {
			in.Services[0].Deployments = []fleet.Deployment{{Primary: true, RolloutState: "IN_PROGRESS"}}
		}, nil, history.DeploymentInProgress, "a deployment of web"},
		{"while more than 45 percent are unwell", []int{0, 0, 0, 0}, func(in *capacity.Input) {
			in.Instances[0].Connected, in.Group.Members[1].Unhealthy = false, true
		}, nil, history.UnhealthyFleet, "2 of 4 instances are unhealthy"},
		{"within the cool-off of a raise", []int{0, 0}, func(in *capacity.Input) {
			in.Memory.Orders = []history.Order{{At: noon.Add(-9 * time.Minute), From: 1, To: 2}}
		}, nil, history.ScaleInCoolOff, "until 2026-11-23T12:01:00Z"},
		{"a slow warm-up lengthens the cool-off", []int{0, 0}, func(in *capacity.Input) {
			in.Memory.Orders = []history.Order{{At: noon.Add(-11 * time.Minute), From: 1, To: 2}}
			in.Memory.Capacity.WarmUp = 400
		}, nil, history.ScaleInCoolOff, "until 2026-11-23T12:02:20Z"},
		{"as many drain as may", []int{0, 0, 0}, func(in *capacity.Input) {
			in.Policy.ScaleIn.MaxDraining = 1
			in.Drains = []drain.Row{{Instance: "i-01", State: drain.Candidate, Cause: drain.Empty}}
		}, nil, history.MaxDraining, "1 drains"},
		{"not removable for long enough", []int{0, 0}, func(in *capacity.Input) { in.Memory.Capacity.Removable = nil }, nil, history.StabilizationWindow, "2 instances could go"},
		{"the tasks cannot be read", []int{0, 0}, func(in *capacity.Input) { in.TasksRead, in.TasksUnread = false, "throttled" }, nil, history.TasksUnread, "throttled"},

		{"a protected task keeps its instance", []int{4, 1}, func(in *capacity.Input) { in.Tasks[4].Guarded = true }, nil, history.AlreadyAtDesiredCapacity, ""},
		{"a standalone task keeps its instance", []int{4, 1, 3}, func(in *capacity.Input) {
			in.Tasks[4].Service, in.Policy.ScaleIn.MinSavings = "", new(1.2)
		}, nil, history.AlreadyAtDesiredCapacity, ""},
		{"or is waited for, though it needs no other place", []int{4, 1}, func(in *capacity.Input) {
			in.Tasks[4].Service, in.Policy.ScaleIn.StandaloneTasks = "", spec.StandaloneWait
		}, ids(2), history.Consolidation, ""},
		{"a service that ECS cannot replace keeps its instances", []int{2, 1}, func(in *capacity.Input) {
			in.Services[0].Rollout = &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 100}
		}, nil, history.AlreadyAtDesiredCapacity, ""},
		{"scale-in protection keeps an instance", []int{4, 1}, func(in *capacity.Input) { in.Group.Members[1].Protected = true }, nil, history.AlreadyAtDesiredCapacity, ""},
		{"unless it is ours", []int{4, 0}, func(in *capacity.Input) {
			in.Group.Members[1].Protected, in.Policy.ScaleIn.ManageProtection = true, true
		}, ids(2), history.EmptyInstances, ""},
		{"an instance whose agent is gone stays", []int{4, 0, 0}, func(in *capacity.Input) { in.Instances[1].Connected = false }, ids(3), history.EmptyInstances, ""},
		{"daemons hold nothing", []int{2, 0}, func(in *capacity.Input) {
			in.Tasks = append(in.Tasks, fleet.Task{ARN: "arn/d", Instance: "i-02", Service: "agent", Daemon: true, Running: true})
		}, ids(2), history.EmptyInstances, ""},

		{"headroom for whole tasks", []int{4, 0}, func(in *capacity.Input) { in.Policy.Headroom.LargestTask = 1 }, nil, history.AlreadyAtDesiredCapacity, ""},
		{"headroom of a share", []int{3, 0}, func(in *capacity.Input) { in.Policy.Headroom.CPU = percent(0.34) }, nil, history.AlreadyAtDesiredCapacity, ""},
		{"a share that is there", []int{3, 0}, func(in *capacity.Input) { in.Policy.Headroom.CPU = percent(0.33) }, ids(2), history.EmptyInstances, ""},
		{"a window that forbids", []int{2, 0}, func(in *capacity.Input) {
			in.Policy.ScaleIn.Windows = []spec.DisruptionWindow{{Name: "sale", From: "11:00", To: "13:00"}}
		}, nil, history.DisruptionBudget, "window sale"},
		{"a window that is shut", []int{2, 0}, func(in *capacity.Input) {
			in.Policy.ScaleIn.Windows = []spec.DisruptionWindow{{Name: "sale", From: "13:00", To: "14:00"}}
		}, ids(2), history.EmptyInstances, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := running(tt.tasks...)
			if tt.edit != nil {
				tt.edit(&in)
			}
			got := capacity.Decide(in)
			if d := cmp.Diff(tt.want, drained(got), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("drains (-want +got):\n%s", d)
			}
			if got.Reason != tt.reason || !strings.Contains(got.Because, tt.words) {
				t.Errorf("got %s (%s)\nwant %s (%s)", got.Reason, got.Because, tt.reason, tt.words)
			}
			if got.Desired != in.Base {
				t.Errorf("desired %d, want %d: a drain lowers the group itself", got.Desired, in.Base)
			}
		})
	}
}

// Task by task reads are asked for only where an instance might go.
func TestLooking(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		tasks []int
		want  bool
	}{{"room for the tasks of one", []int{4, 2, 2}, true}, {"no room", []int{4, 4, 3}, false}, {"at MinSize", []int{0}, false}} {
		in := running(tt.tasks...)
		in.Tasks, in.TasksRead = nil, false
		if got := capacity.Decide(in); got.Looking != tt.want || len(got.Drains) > 0 {
			t.Errorf("%s: looking %v, drains %v", tt.name, got.Looking, got.Drains)
		}
	}
}

// Who could go is remembered with the time since when, and forgotten when it cannot.
func TestRemovableIsRemembered(t *testing.T) {
	t.Parallel()
	in := running(2, 0, 4)
	in.Memory.Capacity.Removable = []history.Removable{{Instance: "i-02", Since: noon.Add(-time.Minute)}, {Instance: "i-03", Since: noon.Add(-time.Hour)}}
	got := capacity.Decide(in)
	want := []history.Removable{{Instance: "i-01", Since: noon}, {Instance: "i-02", Since: noon.Add(-time.Minute)}}
	if d := cmp.Diff(want[1:], got.Memory.Removable); d != "" && cmp.Diff(want, got.Memory.Removable) != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if slices.ContainsFunc(got.Memory.Removable, func(r history.Removable) bool { return r.Instance == "i-03" }) || !got.Worth {
		t.Errorf("i-03 takes the place of no one and is full: %+v, worth %v", got.Memory.Removable, got.Worth)
	}
	in.Memory.Capacity = &got.Memory
	if again := capacity.Decide(in); again.Worth {
		t.Errorf("the same look again is worth a write: %+v", again.Memory)
	}
}

// A raise takes drains back before it starts instances: their room is there at once.
func TestDrainsAreUndoneForWaitingTasks(t *testing.T) {
	t.Parallel()
	row := func(id fleet.InstanceID, c drain.Cause, s drain.State, ago time.Duration) drain.Row {
		return drain.Row{Instance: id, Cause: c, State: s, Opened: noon.Add(-ago)}
	}
	tests := []struct {
		name    string
		drains  []drain.Row
		waiting int
		undo    []fleet.InstanceID
		desired int
	}{
		{"the youngest is enough", []drain.Row{row("i-01", drain.Empty, drain.Draining, 2*time.Minute), row("i-02", drain.Empty, drain.Candidate, time.Minute)}, 4, ids(2), 3},
		{"both, and one more", []drain.Row{row("i-01", drain.Consolidation, drain.Draining, 2*time.Minute), row("i-02", drain.Empty, drain.Draining, time.Minute)}, 9, ids(2, 1), 4},
		{"one that ends is not", []drain.Row{row("i-01", drain.Empty, drain.Terminating, time.Minute)}, 5, nil, 4},
		{"nor one that EC2 takes", []drain.Row{row("i-01", drain.Spot, drain.Draining, time.Minute)}, 5, nil, 4},
	}
	for _, tt := range tests {
		in := running(0, 0, 4)
		in.Drains = tt.drains
		for i := range in.Instances {
			if slices.ContainsFunc(tt.drains, func(d drain.Row) bool { return d.Instance == in.Instances[i].ID && d.State != drain.Candidate }) {
				in.Instances[i].Active, in.Instances[i].Draining = false, true
			}
		}
		in.Waiting = []placement.Item{tasks("web", 512, 1024, tt.waiting)}
		got := capacity.Decide(in)
		if d := cmp.Diff(tt.undo, got.Undo, cmpopts.EquateEmpty()); d != "" || got.Desired != tt.desired {
			t.Errorf("%s: desired %d, want %d; undone (-want +got):\n%s%s", tt.name, got.Desired, tt.desired, d, got.Because)
		}
	}
}

// Observe mode drains nothing: it moves a shadow, down by what would go and up again by
// what would be missed.
func TestShadowOfRemovals(t *testing.T) {
	t.Parallel()
	in := running(2, 0, 0, 2)
	in.Observing, in.Policy.ScaleIn.MaxDraining = true, 1
	got := capacity.Decide(in)
	if got.Desired != 3 || len(got.Drains) > 0 || got.Reason != history.Consolidation && got.Reason != history.EmptyInstances {
		t.Fatalf("desired %d for %s (%s), drains %v", got.Desired, got.Reason, got.Because, got.Drains)
	}
	in.Base = 3
	if again := capacity.Decide(in); again.Desired != 2 {
		t.Errorf("the second empty one: desired %d (%s)", again.Desired, again.Because)
	}
	busy := running(4, 4, 4, 4)
	busy.Observing, busy.Base = true, 2
	if back := capacity.Decide(busy); back.Desired != 4 || !strings.Contains(back.Because, "2 would be needed again") {
		t.Errorf("all are needed: desired %d (%s)", back.Desired, back.Because)
	}
}

// 1,000 instances with 10,000 tasks of 20 services, a third of them to spare.
func BenchmarkDecideRemovals(b *testing.B) {
	in := running()
	in.Services = nil
	for s := range 20 {
		in.Services = append(in.Services, fleet.Service{
			Name: fleet.ServiceName(fmt.Sprintf("s%02d", s)), Compute: fleet.EC2, Active: true, Desired: 500, Running: 500,
			TaskSize: fleet.Resources{CPU: 64 + 16*(s%5), Memory: 256 + 64*(s%7)},
		})
	}
	in.Base, in.Group.DesiredCapacity, in.Group.MaxSize = 1000, 1000, 2000
	k := 0
	for i := range 1000 {
		id := fleet.InstanceID(fmt.Sprintf("i-%04d", i))
		v := instance(string(id), shape())
		for range 10 {
			s := in.Services[k%20]
			in.Tasks = append(in.Tasks, fleet.Task{ARN: fmt.Sprintf("arn/%d", k), Instance: id, Service: s.Name, Size: s.TaskSize, Running: true})
			v.Remaining = v.Remaining.Minus(s.TaskSize)
			k++
		}
		v.Tasks = 10
		in.Instances = append(in.Instances, v)
		in.Group.Members = append(in.Group.Members, fleet.Member{ID: id, State: "InService"})
	}
	b.ReportAllocs()
	for b.Loop() {
		capacity.Decide(in)
	}
}

// A shadow below what is there is taken back as a whole where that does not suffice, and
// not by one instance at every look.
func TestShadowIsTakenBackBeforeARaise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(*capacity.Input)
		want int
	}{
		{"a task waits", func(in *capacity.Input) { in.Waiting = []placement.Item{{Name: "web", Size: quarter(), Count: 1}} }, 5},
		{"the headroom is short", func(in *capacity.Input) { in.Policy.Headroom.LargestTask = 1 }, 5},
	} {
		in := running(4, 4, 4, 4)
		in.Observing, in.Base = true, 2
		tt.edit(&in)
		r := capacity.Decide(in)
		in.Base = r.Desired
		if again := capacity.Decide(in); r.Desired != tt.want || again.Desired != tt.want {
			t.Errorf("%s: %d, and then %d (%s), want %d", tt.name, r.Desired, again.Desired, again.Because, tt.want)
		}
	}
}

// The zones stay as even as they can while instances go.
func TestZonesStayEven(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		zones string // of the empty instances, one letter each
		want  []fleet.InstanceID
	}{{"aabb", ids(1, 3)}, {"aaab", ids(1, 2)}, {"abab", ids(1, 2)}, {"bbbaac", ids(1, 2, 4)}} {
		in := running(make([]int, len(tt.zones))...)
		for i := range in.Instances {
			in.Instances[i].Zone = tt.zones[i : i+1]
		}
		if d := cmp.Diff(tt.want, drained(capacity.Decide(in))); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.zones, d)
		}
	}
}

// Auto Scaling ends instances, tasks and all, where the zones are not even: what would
// make them so stays.
func TestNoRemovalThatAutoScalingWouldUndo(t *testing.T) {
	t.Parallel()
	in := running(1, 2, 2, 2, 2) // one in zone a has fewest tasks, and b has three
	for i, z := range []string{"a", "a", "b", "b", "b"} {
		in.Instances[i].Zone = z
	}
	in.Group.KeepsZones, in.Policy.ScaleIn.Budget = true, []spec.InstanceLimit{{Percent: 100, Period: spec.Duration(15 * time.Minute)}}
	zones := map[string]int{"a": 2, "b": 3}
	for _, id := range drained(capacity.Decide(in)) {
		k := slices.IndexFunc(in.Instances, func(i fleet.Instance) bool { return i.ID == id })
		zones[in.Instances[k].Zone]--
		if d := zones["a"] - zones["b"]; d < -1 || d > 1 {
			t.Errorf("%s goes and leaves %v", id, zones)
		}
	}
	_, stay := capacity.Look(in)
	if !slices.ContainsFunc(stay, func(s capacity.Stay) bool { return s.Instance == "i-01" && strings.Contains(s.Because, "AZRebalance") }) {
		t.Errorf("nothing is said of i-01: %+v", stay)
	}
	both := running(0, 0, 3, 3) // either of zone a may go, not both
	for i, z := range []string{"a", "a", "b", "b"} {
		both.Instances[i].Zone = z
		both.Group.Members[i].Protected = z == "b"
	}
	both.Group.KeepsZones, both.Policy.ScaleIn.EmptyBudget = true, in.Policy.ScaleIn.Budget
	if got := drained(capacity.Decide(both)); !slices.Equal(got, []fleet.InstanceID{"i-01"}) {
		t.Errorf("%v go, want i-01 alone", got)
	}
	in.Group.KeepsZones = false
	if got := drained(capacity.Decide(in)); len(got) == 0 || got[0] != "i-01" {
		t.Errorf("with AZRebalance suspended %v go, want i-01 first", got)
	}
}
