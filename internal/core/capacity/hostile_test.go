package capacity_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// An instance that Auto Scaling has in service and that never registers in ECS (a bad
// image, a wrong cluster name in its user data) is not on the way for ever: tasks that
// wait for it raise the group at last, or the reason says what is wrong.
func TestInstanceThatNeverRegistersIsNotOnTheWayForEver(t *testing.T) {
	t.Parallel()
	in := running(4, 4)
	in.Base, in.Group.DesiredCapacity = 3, 3
	in.Group.Members = append(in.Group.Members, fleet.Member{ID: "i-03", State: "InService"})
	in.Group.InService = append(in.Group.InService, "i-03")
	in.Memory.Orders = []history.Order{{At: noon.Add(-12 * time.Hour), From: 2, To: 3}}
	in.Memory.Capacity.WarmUp = 120
	in.Waiting = []placement.Item{{Name: "web", Size: quarter(), Count: 1}}
	r := capacity.Decide(in)
	if r.Desired <= 3 && r.Reason == history.AlreadyAtDesiredCapacity {
		t.Errorf("raised 12 h ago, warm-up 2 min, the task waits still: desired %d (%s: %s)", r.Desired, r.Reason, r.Because)
	}
}

// A group at zero knows the shape of its instances and no attribute of them: a task that
// asks for one must start an instance and learn, not wait for ever.
func TestConstraintAtZero(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{"attribute:ecs.instance-type =~ m7g.*", "attribute:stack == prod"} {
		in := input(placement.Item{Name: "a", Size: quarter(), Count: 1, Rules: fleet.Rules{Constraints: []fleet.Constraint{{Type: fleet.MemberOf, Expression: expr}}}})
		in.Group.MinSize, in.Group.DesiredCapacity, in.Base, in.Instances = 0, 0, 0, nil
		in.Memory.Capacity = &history.Capacity{Shape: shape(), Kind: "m7g.large"}
		if r := capacity.Decide(in); r.Desired < 1 {
			t.Errorf("%s: desired %d (%s: %s)", expr, r.Desired, r.Reason, r.Because)
		}
	}
}

// A task that is bound to one zone gets an instance there.
func TestZoneConstraintRaises(t *testing.T) {
	t.Parallel()
	for _, attributes := range []map[string]string{nil, {"ecs.availability-zone": "z", "ecs.instance-type": "m7g.large"}} {
		in := input(placement.Item{Name: "a", Size: quarter(), Count: 1, Rules: fleet.Rules{Constraints: []fleet.Constraint{{Type: fleet.MemberOf, Expression: "attribute:ecs.availability-zone == eu-west-1b"}}}})
		for i := range in.Instances {
			in.Instances[i].Zone = []string{"eu-west-1a", "eu-west-1b"}[i]
			if attributes != nil {
				in.Instances[i].Attributes = map[string]string{"ecs.availability-zone": in.Instances[i].Zone, "ecs.instance-type": "m7g.large"}
			}
		}
		if r := capacity.Decide(in); r.Desired < 3 {
			t.Errorf("desired %d (%s: %s)", r.Desired, r.Reason, r.Because)
		}
	}
}

// An instance that Auto Scaling holds for unhealthy is refused by the pre-flight, so it
// must not be chosen either: it would eat the budget of those that can go, for ever.
func TestUnhealthyInstanceIsNoCandidate(t *testing.T) {
	t.Parallel()
	in := running(4, 0, 0)
	in.Group.Members[1].Unhealthy = true
	in.Policy.ScaleIn.EmptyBudget = []spec.InstanceLimit{{Instances: 1, Period: spec.Duration(15 * time.Minute)}}
	if got := drained(capacity.Decide(in)); len(got) != 1 || got[0] != "i-03" {
		t.Errorf("drains %v, want i-03 alone", got)
	}
}

// The same for one on which ECS counts a task that is not listed.
func TestUnlistedTaskIsNoEmptyInstance(t *testing.T) {
	t.Parallel()
	in := running(4, 0, 0)
	in.Instances[1].Tasks = 1 // desired STOPPED and running still, so it is not listed of an ACTIVE instance
	in.Policy.ScaleIn.EmptyBudget = []spec.InstanceLimit{{Instances: 1, Period: spec.Duration(15 * time.Minute)}}
	if got := drained(capacity.Decide(in)); len(got) != 1 || got[0] != "i-03" {
		t.Errorf("drains %v, want i-03 alone", got)
	}
}

// The desired capacity does not count an instance in Standby: it hides none on the way.
func TestStandbyIsNotCounted(t *testing.T) {
	t.Parallel()
	in := running(4, 4, 4) // i-03 is in Standby: desired 2, and then raised to 3
	in.Group.Members[2].State = "Standby"
	in.Group.DesiredCapacity, in.Base = 3, 3
	in.Waiting = []placement.Item{{Name: "web", Size: quarter(), Count: 4}}
	if r := capacity.Decide(in); r.Desired != 3 {
		t.Errorf("one is on the way for the 4 tasks: desired %d (%s)", r.Desired, r.Because)
	}
}

// What is learnt is worth a write at most every quarter of an hour, however the tasks
// come and go.
func TestChurnOfCandidatesIsNoWriteEachLook(t *testing.T) {
	t.Parallel()
	in := running(2, 2, 2, 2, 2, 2)
	in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(30 * time.Minute))
	in.Memory.Capacity.Removable = nil
	writes := 0
	for minute := range 30 {
		in.Now = noon.Add(time.Duration(minute) * time.Minute)
		// One task after another is standalone: a job that runs a minute on some instance.
		for i := range in.Tasks {
			in.Tasks[i].Service = "web"
		}
		in.Tasks[(minute*2)%len(in.Tasks)].Service = ""
		r := capacity.Decide(in)
		if r.Worth {
			writes++
			in.Memory.Capacity = &r.Memory
		}
	}
	if writes > 4 { // two for each quarter of an hour
		t.Errorf("%d writes in 30 looks at a steady group", writes)
	}
}

// Headroom and Launch suspended: what goes could not be had again.
func TestNothingGoesWhileLaunchIsSuspended(t *testing.T) {
	t.Parallel()
	in := running(2, 0, 2)
	in.Group.SuspendedLaunch = true
	if r := capacity.Decide(in); len(r.Drains) > 0 {
		t.Errorf("drains %v though the group could not be raised again: %s", drained(r), r.Because)
	}
}

// The tasks of a candidate must fit on what stands at the moment of the act: an instance
// on the way may never come.
func TestFitsCountsOnInstancesOnTheWay(t *testing.T) {
	t.Parallel()
	in := running(4, 2)
	in.Base, in.Group.DesiredCapacity = 3, 3
	in.Drains = []drain.Row{}
	if why := capacity.Fits(in, ids(2)); why == "" {
		t.Error("the two tasks fit only on an instance that has not come")
	}
}

// In a group of several types a task that fits on one of them is not told to fit on none.
func TestTaskThatFitsOnALargerType(t *testing.T) {
	t.Parallel()
	in := input(placement.Item{Name: "big", Size: fleet.Resources{CPU: 4096, Memory: 8192}, Count: 1})
	large := full("i-3")
	large.Type, large.Registered = "m7g.2xlarge", fleet.Resources{CPU: 8192, Memory: 31000}
	in.Instances = append(in.Instances, large)
	in.Group.DesiredCapacity, in.Base = 3, 3
	if r := capacity.Decide(in); r.Desired <= 3 {
		t.Errorf("desired %d (%s: %s), though the group has an instance that holds it", r.Desired, r.Reason, r.Because)
	}
}

// One task that no instance of the usual kind can take does not raise the group to its
// MaxSize, nor take minutes to think about it.
func TestOtherZoneIsNoRunaway(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{
		"attribute:ecs.availability-zone != eu-west-1a", "not(attribute:ecs.availability-zone == eu-west-1a)",
		"attribute:ecs.availability-zone !exists", "attribute:ecs.availability-zone not_in [eu-west-1a, eu-west-1b]",
	} {
		in := input(placement.Item{Name: "a", Size: quarter(), Count: 1, Rules: fleet.Rules{Constraints: []fleet.Constraint{{Type: fleet.MemberOf, Expression: expr}}}})
		in.Group.MaxSize = 400
		for i := range in.Instances {
			in.Instances[i].Zone = "eu-west-1a"
			in.Instances[i].Attributes = map[string]string{"ecs.availability-zone": "eu-west-1a"}
		}
		began := time.Now()
		r := capacity.Decide(in)
		if r.Desired > 4 || time.Since(began) > time.Second {
			t.Errorf("%s: one task, desired %d after %s (%s: %.200s)", expr, r.Desired, time.Since(began), r.Reason, r.Because)
		}
	}
}

// What observe mode would have raised comes down again in its shadow.
func TestShadowComesDown(t *testing.T) {
	t.Parallel()
	in := running(2, 2)
	in.Observing, in.Base = true, 5 // raised at noon yesterday, live is 2 again
	in.Memory.Shadow = new(5)
	in.Memory.Orders = []history.Order{{At: noon.Add(-24 * time.Hour), From: 2, To: 5}}
	if r := capacity.Decide(in); r.Desired >= 5 {
		t.Errorf("a day later the shadow is %d (%s: %s)", r.Desired, r.Reason, r.Because)
	}
}

// An instance that is REGISTERING in ECS (with ENI trunking for a minute or more) is on
// the way still: the task that waits for it does not raise the group again at each look.
func TestRegisteringIsOnTheWay(t *testing.T) {
	t.Parallel()
	in := running(4, 4, 0)
	in.Instances[2].Active = false // and not Draining: REGISTERING
	in.Waiting = []placement.Item{{Name: "web", Size: quarter(), Count: 1}}
	in.Memory.Orders = []history.Order{{At: noon.Add(-2 * time.Minute), From: 2, To: 3}}
	if r := capacity.Decide(in); r.Desired != 3 {
		t.Errorf("desired %d (%s: %s)", r.Desired, r.Reason, r.Because)
	}
}

// Instances that come and whose agent never connects do not raise the group to MaxSize,
// one a look, for one task.
func TestSickNewcomersAreNoRunaway(t *testing.T) {
	t.Parallel()
	in := running(4, 4)
	in.Group.MaxSize = 100
	in.Waiting = []placement.Item{{Name: "web", Size: quarter(), Count: 1}}
	for minute := range 60 {
		in.Now = noon.Add(time.Duration(minute) * 3 * time.Minute)
		r := capacity.Decide(in)
		if r.Desired > in.Base {
			in.Memory.Orders = append(in.Memory.Orders, history.Order{At: in.Now, From: in.Base, To: r.Desired})
		}
		for len(in.Instances) < r.Desired { // each registers, and its agent does not connect
			v := instance("i-9"+string(rune('a'+len(in.Instances)%26))+string(rune('a'+len(in.Instances)/26)), shape())
			v.Connected, v.RegisteredAt = false, in.Now.Add(2*time.Minute)
			in.Instances = append(in.Instances, v)
			in.Group.Members = append(in.Group.Members, fleet.Member{ID: v.ID, State: "InService"})
		}
		in.Base, in.Group.DesiredCapacity = r.Desired, r.Desired
	}
	if in.Base > 10 {
		t.Errorf("one task waits, and the group is at %d after 3 h, all but 2 of it without an agent", in.Base)
	}
}
