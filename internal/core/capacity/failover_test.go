package capacity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// couple is a group spot and its fallback standby in act mode, whose instances run so many
// tasks of web each; four fit on one. web has launch type EC2, worker is kept on spot by its
// capacity provider. All instances have been removable for long.
type couple struct{ spot, standby capacity.Input }

func pair(spot, standby []int) *couple {
	web := fleet.Service{Name: "web", Compute: fleet.EC2, Active: true, TaskSize: quarter()}
	worker := fleet.Service{Name: "worker", Compute: fleet.EC2, Provider: "spot", Active: true, TaskSize: quarter()}
	of := func(name fleet.GroupName, tasks []int) capacity.Input {
		in := running(tasks...)
		in.Group.Name, in.Group.MinSize = name, 0
		rename := func(id fleet.InstanceID) fleet.InstanceID {
			return fleet.InstanceID(strings.Replace(string(id), "i-", string(name)+"-", 1))
		}
		for i := range in.Instances {
			in.Instances[i].ID, in.Instances[i].Group = rename(in.Instances[i].ID), name
			in.Group.Members[i].ID, in.Group.InService[i] = in.Instances[i].ID, in.Instances[i].ID
			in.Memory.Capacity.Removable[i].Instance = in.Instances[i].ID
		}
		for i := range in.Tasks {
			in.Tasks[i].Instance = rename(in.Tasks[i].Instance)
		}
		half := []spec.InstanceLimit{{Percent: 100, Period: spec.Duration(5 * time.Minute)}}
		in.Policy.ScaleIn = spec.GroupScaleIn{Budget: half, EmptyBudget: half, MaxDraining: 100}
		web.Desired, web.Running = web.Desired+in.Services[0].Desired, web.Running+in.Services[0].Running
		return in
	}
	c := &couple{of("spot", spot), of("standby", standby)}
	c.spot.Policy.ScaleOut.Fallback = "standby"
	c.spot.Services, c.standby.Services = []fleet.Service{web, worker}, []fleet.Service{web}
	all := slices.Concat(c.spot.Tasks, c.standby.Tasks)
	c.spot.Tasks, c.standby.Tasks = all, all
	return c
}

// wait lets tasks of web and worker wait in the primary's cell.
func (c *couple) wait(web, worker int) *couple {
	for i, n := range []int{web, worker} {
		if n > 0 {
			c.spot.Waiting = append(c.spot.Waiting, placement.Item{Name: string(c.spot.Services[i].Name), Size: quarter(), Count: n})
		}
	}
	return c
}

// failed lets the launches of spot have failed since then, and hold it for a time.
func (c *couple) failed(since, hold time.Duration) *couple {
	m := c.spot.Memory.Capacity
	m.Failures, m.FailedAt, m.RetryAt = 1, noon.Add(-since), noon.Add(hold)
	return c
}

// behind lets so many instances of spot be on the way.
func (c *couple) behind(n int) *couple {
	c.spot.Group.DesiredCapacity += n
	c.spot.Base += n
	return c
}

func (c *couple) edit(do func(*couple)) *couple {
	do(c)
	return c
}

// primary and fallback are the two cells' inputs.
func (c *couple) primary() capacity.Input {
	in, other := c.spot, c.standby
	in.Fallback = &other
	return in
}

func (c *couple) fallback() capacity.Input {
	in, other := c.standby, c.spot
	in.Primary = &other
	return in
}

func TestTheFallbackTakesOver(t *testing.T) {
	t.Parallel()
	full := []int{4, 4}
	for _, tt := range []struct {
		name    string
		c       *couple
		want    int
		reason  string
		because string
	}{
		{"nobody waits", pair(full, nil).failed(time.Minute, 4*time.Minute), 0, history.AlreadyAtDesiredCapacity, "no task waits"},
		{"the primary can launch", pair(full, nil).wait(5, 0), 0, history.AlreadyAtDesiredCapacity, "all 5 waiting tasks fit"},
		{"it has failed", pair(full, nil).wait(5, 0).failed(time.Minute, 4*time.Minute), 2, history.FallbackTakes, "group spot cannot launch (1 launch failed in a row"},
		{"it has room", pair([]int{4, 0}, nil).wait(4, 0).failed(time.Minute, 4*time.Minute), 0, history.AlreadyAtDesiredCapacity, "no task waits"},
		{"some fit on it", pair([]int{4, 1}, nil).wait(4, 0).failed(time.Minute, 4*time.Minute), 1, history.FallbackTakes, "1 of web"},
		{"the wait is over and nothing came", pair(full, nil).wait(5, 0).failed(10*time.Minute, -time.Minute).behind(2), 2, history.FallbackTakes, "5 of web"},
		{"the wait is over and nothing is wanted", pair(full, nil).wait(5, 0).failed(10*time.Minute, -time.Minute), 0, history.AlreadyAtDesiredCapacity, ""},
		{"what is on the way to the primary may not come", pair(full, nil).wait(4, 0).failed(time.Minute, 4*time.Minute).behind(1), 1, history.FallbackTakes, ""},
		{"tasks of a provider stay", pair(full, nil).wait(0, 5).failed(time.Minute, 4*time.Minute), 0, history.AlreadyAtDesiredCapacity, "no task waits"},
		{"tasks of a provider take the primary's room first", pair([]int{4, 3}, nil).wait(1, 1).failed(time.Minute, 4*time.Minute), 1, history.FallbackTakes, "1 of web"},
		{"both", pair(full, nil).wait(5, 5).failed(time.Minute, 4*time.Minute), 2, history.FallbackTakes, "5 of web"},
		{"it has room itself", pair(full, []int{1}).wait(3, 0).failed(time.Minute, 4*time.Minute), 1, history.AlreadyAtDesiredCapacity, "all 3 waiting tasks fit"},
		{"its own are on the way", pair(full, nil).wait(4, 0).failed(time.Minute, 4*time.Minute).edit(func(c *couple) {
			c.standby.Base, c.standby.Group.DesiredCapacity = 1, 1
		}), 1, history.AlreadyAtDesiredCapacity, "on the way"},
		{"at its maximum", pair(full, nil).wait(8, 0).failed(time.Minute, 4*time.Minute).edit(func(c *couple) { c.standby.Group.MaxSize = 1 }), 1, history.MaxCapacity, "MaxSize is 1"},
		{"its launches fail too", pair(full, nil).wait(4, 0).failed(time.Minute, 4*time.Minute).edit(func(c *couple) {
			c.standby.Memory.Capacity.Failures, c.standby.Memory.Capacity.FailedAt, c.standby.Memory.Capacity.RetryAt = 1, noon.Add(-time.Minute), noon.Add(time.Minute)
		}), 0, history.LaunchBackoff, "the group is raised again"},
		{"its own tasks raise it in any case", pair(full, nil).wait(4, 0).edit(func(c *couple) {
			c.standby.Waiting = []placement.Item{{Name: "own", Size: quarter(), Count: 1}}
		}), 1, history.TasksWaiting, "1 of own"},
		{"too large for it", pair(full, nil).wait(1, 0).failed(time.Minute, 4*time.Minute).edit(func(c *couple) {
			c.standby.Memory.Capacity.Shape = fleet.Resources{CPU: 256, Memory: 512}
		}), 0, history.TaskTooLarge, "fit on no instance of the group"},
	} {
		got := capacity.Decide(tt.c.fallback())
		if got.Desired != tt.want || got.Reason != tt.reason || !strings.Contains(got.Because, tt.because) {
			t.Errorf("%s: %d for %s (%s)\nwant %d for %s (%s)", tt.name, got.Desired, got.Reason, got.Because, tt.want, tt.reason, tt.because)
		}
	}
}

func TestThePrimaryBesideItsFallback(t *testing.T) {
	t.Parallel()
	full := []int{4, 4}
	off := func(do func(*capacity.Input)) func(*couple) { return func(c *couple) { do(&c.standby) } }
	for _, tt := range []struct {
		name    string
		c       *couple
		want    int
		reason  string
		because string
	}{
		{"room that stands on the other", pair(full, []int{1, 4}).mended(time.Minute).wait(3, 0), 2, history.AlreadyAtDesiredCapacity, "all 3 waiting tasks fit on 2 instances and 0 on the way, or 2 of group standby"},
		{"more than that", pair(full, []int{1, 4}).mended(time.Minute).wait(4, 0), 3, history.TasksWaiting, "1 of web"},
		{"not for tasks of a provider", pair(full, []int{1, 4}).mended(time.Minute).wait(0, 3), 3, history.TasksWaiting, "3 of worker"},
		{"held, and the other takes over", pair(full, nil).wait(4, 0).failed(time.Minute, 4*time.Minute), 2, history.LaunchBackoff, "; group standby takes over"},
		{"held, and the other is full", pair(full, []int{4}).wait(4, 0).failed(time.Minute, 4*time.Minute).edit(off(func(f *capacity.Input) { f.Group.MaxSize = 1 })), 2, history.LaunchBackoff, "; group standby cannot take over: its MaxSize is 1"},
		{"held, and the other only observes", pair(full, nil).wait(4, 0).failed(time.Minute, 4*time.Minute).edit(off(func(f *capacity.Input) { f.Observing = true })), 2, history.LaunchBackoff, "cannot take over: it is in observe mode"},
		{"held, and the other's launches fail as well", pair(full, nil).wait(4, 0).failed(time.Minute, 4*time.Minute).edit(off(func(f *capacity.Input) {
			f.Memory.Capacity.Failures, f.Memory.Capacity.FailedAt, f.Memory.Capacity.RetryAt = 1, noon.Add(-time.Minute), noon.Add(time.Minute)
		})), 2, history.LaunchBackoff, "cannot take over: its launches fail as well"},
		{"held, and the other is paused", pair(full, nil).wait(4, 0).failed(time.Minute, 4*time.Minute).edit(off(func(f *capacity.Input) {
			f.Overrides = []spec.Override{{Kind: spec.Pause, Until: noon.Add(time.Hour), By: "ann", Why: "audit"}}
		})), 2, history.LaunchBackoff, "cannot take over: pause by ann"},
		{"held, and the other is held by a person", pair(full, []int{4}).wait(4, 0).failed(time.Minute, 4*time.Minute).edit(off(func(f *capacity.Input) {
			f.Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 1, Until: noon.Add(time.Hour), By: "ann", Why: "budget"}}
		})), 2, history.LaunchBackoff, "cannot take over: max 1 by ann"},
		{"the other has failed too, so what is on the way to it may not come", pair(full, nil).mended(time.Minute).wait(4, 0).edit(off(func(f *capacity.Input) {
			f.Base, f.Group.DesiredCapacity = 1, 1
			f.Memory.Capacity.Failures, f.Memory.Capacity.FailedAt, f.Memory.Capacity.RetryAt = 1, noon.Add(-time.Minute), noon.Add(time.Minute)
		})), 3, history.TasksWaiting, "4 of web"},
		{"on the way to the other", pair(full, nil).mended(time.Minute).wait(4, 0).edit(off(func(f *capacity.Input) { f.Base, f.Group.DesiredCapacity = 1, 1 })), 2, history.AlreadyAtDesiredCapacity, "all 4"},
		{"held with tasks of a provider", pair(full, nil).wait(4, 1).failed(time.Minute, 4*time.Minute), 2, history.LaunchBackoff, "not for worker, whose capacity provider strategy keeps its tasks here: a new deployment"},
		{"tasks of a provider on the way", pair(full, nil).wait(0, 1).failed(time.Minute, 4*time.Minute).behind(1), 3, history.LaunchBackoff, "not for worker"},
		{"behind after the wait, and more are wanted", pair(full, nil).wait(9, 0).failed(10*time.Minute, -time.Minute).behind(1), 3, history.FallbackTakes, "1 instance on the way may not come; group standby takes over"},
		{"the same, and the other cannot", pair(full, nil).wait(9, 0).failed(10*time.Minute, -time.Minute).behind(1).edit(off(func(f *capacity.Input) { f.Group.SuspendedLaunch = true })), 5, history.TasksWaiting, ""},
		{"the same for tasks of a provider", pair(full, nil).wait(0, 9).failed(10*time.Minute, -time.Minute).behind(1), 5, history.TasksWaiting, ""},
		{"tried again when nothing is on the way", pair(full, nil).wait(4, 0).failed(10*time.Minute, -time.Minute), 3, history.TasksWaiting, ""},
		{"tasks of a provider take the room first", pair([]int{4, 3}, []int{3}).mended(time.Minute).wait(1, 1), 2, history.AlreadyAtDesiredCapacity, "all 2"},
	} {
		got := capacity.Decide(tt.c.primary())
		if got.Desired != tt.want || got.Reason != tt.reason || !strings.Contains(got.Because, tt.because) {
			t.Errorf("%s: %d for %s (%s)\nwant %d for %s (%s)", tt.name, got.Desired, got.Reason, got.Because, tt.want, tt.reason, tt.because)
		}
	}
}

// mended lets the launches of spot succeed since then.
func (c *couple) mended(since time.Duration) *couple {
	c.spot.Memory.Capacity.FailedAt, c.spot.Memory.Capacity.MendedAt = noon.Add(-since-time.Hour), noon.Add(-since)
	return c
}

func (c *couple) standbyIn(do func(*capacity.Input)) *couple {
	do(&c.standby)
	return c
}

func TestThePrimaryIsRaisedForTasksThatComeBack(t *testing.T) {
	t.Parallel()
	back := func() *couple { return pair([]int{4, 3}, []int{4, 2}).mended(30 * time.Minute) }
	suspended := []spec.Override{{Kind: spec.SuspendIn, Until: noon.Add(time.Hour)}}
	for _, tt := range []struct {
		name string
		c    *couple
		want int
	}{
		{"after half an hour without a failure", back(), 4},
		{"a moment before", back().mended(30*time.Minute - 1), 2},
		{"sooner, where the policy says so", back().mended(5 * time.Minute).edit(func(c *couple) { c.spot.Policy.ScaleOut.FallbackCoolOff = new(spec.Duration(5 * time.Minute)) }), 4},
		{"it fails", back().failed(time.Minute, time.Minute), 2},
		{"it never failed", pair([]int{4, 3}, []int{4, 2}), 4},
		{"it has the room", pair([]int{0, 2}, []int{4, 2}), 2},
		{"the other keeps one", back().standbyIn(func(f *capacity.Input) { f.Group.MinSize = 1 }), 3},
		{"the other keeps both", back().standbyIn(func(f *capacity.Input) { f.Group.MinSize = 2 }), 2},
		{"one of the other's goes already", back().standbyIn(func(f *capacity.Input) {
			f.Group.MinSize = 1
			f.Drains = []drain.Row{{Group: "standby", Instance: "standby-02", Cause: drain.Consolidation, State: drain.Draining}}
		}), 2},
		{"an override keeps both", back().standbyIn(func(f *capacity.Input) {
			f.Overrides = []spec.Override{{Kind: spec.MinAt, Count: 2, Until: noon.Add(time.Hour)}}
		}), 2},
		{"the other's scale-in is disabled", back().standbyIn(func(f *capacity.Input) { f.Policy.ScaleIn.Disabled = true }), 2},
		{"the other does not consolidate", back().standbyIn(func(f *capacity.Input) { f.Policy.ScaleIn.Consolidate = new(false) }), 2},
		{"the other's scale-in is suspended", back().standbyIn(func(f *capacity.Input) { f.Overrides = suspended }), 2},
		{"the other cannot terminate", back().standbyIn(func(f *capacity.Input) { f.Group.SuspendedTerminate = true }), 2},
		{"the other cannot launch", back().standbyIn(func(f *capacity.Input) { f.Group.SuspendedLaunch = true }), 2},
		{"a drain of the other has just failed", back().standbyIn(func(f *capacity.Input) {
			f.Failed = []drain.Row{{Instance: "standby-01", Fails: 1, Since: noon.Add(-time.Minute)}}
		}), 3},
		{"a window of the other forbids", back().standbyIn(func(f *capacity.Input) { f.Policy.ScaleIn.Windows = []spec.DisruptionWindow{{Name: "sale"}} }), 2},
		{"the other only observes", back().standbyIn(func(f *capacity.Input) { f.Observing = true }), 2},
		{"one of the other's instances must stay", back().edit(func(c *couple) {
			c.standby.Tasks = slices.Clone(c.standby.Tasks)
			i := slices.IndexFunc(c.standby.Tasks, func(x fleet.Task) bool { return x.Instance == "standby-01" })
			c.standby.Tasks[i].Guarded = true
			c.spot.Tasks = c.standby.Tasks
		}), 3},
		{"one of the other's instances has a task of its own that fits nowhere else", back().edit(func(c *couple) {
			own := fleet.Service{Name: "own", Compute: fleet.EC2, Provider: "standby", Active: true, TaskSize: fleet.Resources{CPU: 1536, Memory: 1024}, Desired: 1, Running: 1}
			c.standby.Services = append(c.standby.Services, own)
			c.spot.Tasks = append(slices.Clone(c.spot.Tasks), fleet.Task{ARN: "arn/own", Instance: "standby-02", Service: "own", Size: own.TaskSize, Running: true})
			c.standby.Tasks = c.spot.Tasks
		}), 3},
		{"up to its maximum", back().edit(func(c *couple) { c.spot.Group.MaxSize = 3 }), 3},
	} {
		got := capacity.Decide(tt.c.primary())
		if got.Desired != tt.want || got.Desired > 2 && tt.c.spot.Group.MaxSize > 3 && got.Reason != history.PrimaryReturns {
			t.Errorf("%s: %d for %s (%s), want %d", tt.name, got.Desired, got.Reason, got.Because, tt.want)
		}
	}
	got := capacity.Decide(back().primary())
	const because = "no launch failed for 30m: 6 tasks on the surplus instances of group standby need 2 instances more to come back"
	if got.Because != because {
		t.Errorf("because %q, want %q", got.Because, because)
	}
}

// The tasks of a group that has guests are looked at, and only of one that has.
func TestLookingForGuests(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(*couple)
		want bool
	}{
		{"guests", func(*couple) {}, true},
		{"its own tasks alone", func(c *couple) {
			c.standby.Services = append(c.standby.Services, fleet.Service{Name: "own", Compute: fleet.EC2, Provider: "standby", Active: true, Running: 5, Pending: 1})
		}, false},
		{"its own tasks and a guest", func(c *couple) {
			c.standby.Services = append(c.standby.Services, fleet.Service{Name: "own", Compute: fleet.EC2, Provider: "standby", Active: true, Running: 5})
		}, true},
		{"daemons of the cluster", func(c *couple) {
			c.standby.Instances[0].Tasks, c.standby.Instances[1].Tasks = 1, 1
			c.standby.Services = append(c.standby.Services, fleet.Service{Name: "agent", Compute: fleet.EC2, Daemon: true, Active: true, Running: 4})
		}, false},
		{"no surplus", func(c *couple) { c.standby.Group.MinSize = 2 }, false},
	} {
		c := pair([]int{4, 4}, []int{4, 2})
		tt.edit(c)
		c.spot.TasksRead, c.spot.Tasks, c.standby.TasksRead, c.standby.Tasks = false, nil, false, nil
		if got := capacity.Decide(c.primary()); got.Looking != tt.want || got.Desired != 2 {
			t.Errorf("%s: looking %v, desired %d", tt.name, got.Looking, got.Desired)
		}
	}
}

func TestTasksGoBack(t *testing.T) {
	t.Parallel()
	standby := func(numbers ...int) (out []fleet.InstanceID) {
		for _, n := range numbers {
			out = append(out, fleet.InstanceID(fmt.Sprintf("standby-%02d", n)))
		}
		return out
	}
	roomy := func() *couple { return pair([]int{4, 0, 0}, []int{4, 3}).mended(30 * time.Minute) }
	for _, tt := range []struct {
		name   string
		c      *couple
		want   []fleet.InstanceID
		reason string
	}{
		{"both fit", roomy(), standby(2, 1), history.PrimaryReturns},
		{"too soon", roomy().mended(29 * time.Minute), nil, history.AlreadyAtDesiredCapacity},
		{"the primary fails again", roomy().failed(time.Minute, time.Minute), nil, history.AlreadyAtDesiredCapacity},
		{"one fits", pair([]int{4, 0}, []int{4, 4}), standby(1), history.PrimaryReturns},
		{"what waits comes first", pair([]int{4, 0}, []int{4, 4}).wait(0, 1), nil, history.AlreadyAtDesiredCapacity},
		{"the primary's headroom comes first", pair([]int{4, 0}, []int{4, 4}).edit(func(c *couple) { c.spot.Policy.Headroom.LargestTask = 1 }), nil, history.AlreadyAtDesiredCapacity},
		{"whatever it saves", roomy().standbyIn(func(f *capacity.Input) { f.Policy.ScaleIn.MinSavings = new(100.0) }), standby(2, 1), history.PrimaryReturns},
		{"not where nothing with tasks may go", roomy().standbyIn(func(f *capacity.Input) { f.Policy.ScaleIn.Consolidate = new(false) }), nil, history.AlreadyAtDesiredCapacity},
		{"within the budget", roomy().standbyIn(func(f *capacity.Input) {
			f.Policy.ScaleIn.Budget = []spec.InstanceLimit{{Instances: 1, Period: spec.Duration(5 * time.Minute)}}
		}), standby(2), history.PrimaryReturns},
		{"not below MinSize", roomy().standbyIn(func(f *capacity.Input) { f.Group.MinSize = 1 }), standby(2), history.PrimaryReturns},
		{"a window forbids", roomy().standbyIn(func(f *capacity.Input) { f.Policy.ScaleIn.Windows = []spec.DisruptionWindow{{Name: "sale"}} }), nil, history.DisruptionBudget},
		{"services grow", roomy().standbyIn(func(f *capacity.Input) { f.Growing = []fleet.ServiceName{"web"} }), nil, history.ServicesGrowing},
		{"its room is waited for", pair([]int{4}, []int{0}).mended(time.Minute).wait(2, 0), nil, history.TasksWaiting},
		{"a protected task", roomy().edit(func(c *couple) {
			i := slices.IndexFunc(c.standby.Tasks, func(x fleet.Task) bool { return x.Instance == "standby-02" })
			c.standby.Tasks[i].Guarded = true
		}), standby(1), history.PrimaryReturns},
		{"without the primary they stay", roomy().edit(func(c *couple) {
			for i := range c.spot.Instances {
				c.spot.Instances[i].Connected = false
			}
		}), nil, history.AlreadyAtDesiredCapacity},
		{"an empty one goes while the primary fails", pair([]int{4}, []int{4, 0}).failed(time.Minute, time.Minute), standby(2), history.EmptyInstances},
	} {
		got := capacity.Decide(tt.c.fallback())
		if diff := cmp.Diff(tt.want, drained(got)); diff != "" || got.Reason != tt.reason || got.Desired != got.Base {
			t.Errorf("%s: %s (%s) (-want +got):\n%s", tt.name, got.Reason, got.Because, diff)
		}
		for _, d := range got.Drains {
			if d.Returns != (got.Reason == history.PrimaryReturns) || d.Returns && !strings.HasPrefix(d.Moves[0].Bin, "spot-") {
				t.Errorf("%s: %+v", tt.name, d)
			}
			if because := capacity.Fits(tt.c.fallback(), drained(got)); because != "" {
				t.Errorf("%s: asked again, %s", tt.name, because)
			}
		}
	}
	got := capacity.Decide(roomy().fallback())
	if want := "drain 2 instances whose 7 tasks fit on group spot again: standby-02, standby-01"; got.Because != want {
		t.Errorf("because %q, want %q", got.Because, want)
	}
	if because := capacity.Fits(roomy().failed(time.Minute, time.Minute).fallback(), standby(1)); !strings.Contains(because, "no other place") {
		t.Errorf("when the primary fails again a drain is refused for %q", because)
	}
}

// What waits for room on the fallback comes before what would be moved there.
func TestFitsLeavesRoomForThePrimarysTasks(t *testing.T) {
	t.Parallel()
	for waiting, fits := range map[int]bool{2: true, 3: false} {
		c := pair([]int{4}, []int{1, 1}).mended(time.Minute).wait(waiting, 0)
		if because := capacity.Fits(c.fallback(), []fleet.InstanceID{"standby-01"}); (because == "") != fits {
			t.Errorf("with %d tasks of the primary that wait: %q", waiting, because)
		}
	}
}

// A drain of the fallback is given back when the primary fails again and its room is needed.
func TestAReturnIsTakenBack(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{true, false} {
		c := pair([]int{4}, []int{0, 4}).wait(2, 0)
		c.standby.Drains = []drain.Row{{Group: "standby", Instance: "standby-01", Cause: drain.Consolidation, State: drain.Draining, Opened: noon.Add(-time.Minute)}}
		if fails {
			c.failed(time.Minute, time.Minute)
		}
		if got := capacity.Decide(c.fallback()); (len(got.Undo) == 1) != fails || got.Desired != 2 {
			t.Errorf("the primary fails %v: undo %v, desired %d (%s)", fails, got.Undo, got.Desired, got.Because)
		}
	}
}

// The primary keeps empty instances for the tasks that are to come back, and lets others go.
func TestThePrimaryKeepsRoomForTasksThatComeBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		c    *couple
		want int
	}{
		{"for all", pair([]int{4, 0, 0}, []int{4, 4}).mended(time.Minute), 0},
		{"more than is needed", pair([]int{4, 0, 0, 0}, []int{4, 4}).mended(time.Minute), 1},
		{"nothing comes back", pair([]int{4, 0, 0}, []int{4, 4}).standbyIn(func(f *capacity.Input) { f.Group.MinSize = 2 }), 2},
	} {
		if got := capacity.Decide(tt.c.primary()); len(got.Drains) != tt.want {
			t.Errorf("%s: %d of the primary's instances go (%s), want %d", tt.name, len(got.Drains), got.Because, tt.want)
		}
	}
}
