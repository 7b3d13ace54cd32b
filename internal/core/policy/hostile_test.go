package policy_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

// The part of the input that a service's record keeps gives the same decision: two types
// of the same size are two shapes in the whole, and must be in the part.
func TestOnlyKeepsTheTypes(t *testing.T) {
	t.Parallel()
	in := group(300)
	in.Fleet.Instances = nil
	add := func(n int, kind string, r fleet.Resources) {
		for range n {
			in.Fleet.Instances = append(in.Fleet.Instances, fleet.Instance{
				ID: fleet.InstanceID(fmt.Sprintf("i-%d", len(in.Fleet.Instances))), Group: "m7g", Active: true, Connected: true, Type: kind, Registered: r,
			})
		}
	}
	small := fleet.Resources{CPU: 512, Memory: 1024}
	add(2, "a", shape())
	add(2, "b", shape())
	add(3, "c", small)
	in.Fleet.Group.DesiredCapacity = 8 // one is on the way
	in.Fleet.Services[0].Desired = 12
	whole := policy.Decide(noon, in)
	part := policy.Decide(noon, in.Only("checkout", whole))
	if a, b := encode(t, whole.Services[0]), encode(t, part.Services[0]); a != b {
		t.Errorf("the whole decides %s\nthe part %s", a, b)
	}
}

// A record of a group replays to the byte, whatever zone the clocks are in.
func TestGroupReplays(t *testing.T) {
	t.Parallel()
	in := group(60)
	at := noon.In(time.FixedZone("x", 3600))
	in.Fleet.TasksRead = true
	in.Fleet.Services[0].Desired, in.Fleet.Services[0].Running = 3, 3
	for i := range in.Fleet.Instances {
		x := &in.Fleet.Instances[i]
		x.Remaining, x.Tasks, x.RegisteredAt = shape().Minus(quarter().Times(2-i)), 2-i, at.Add(-30*time.Minute)
		for k := range 2 - i {
			in.Fleet.Tasks = append(in.Fleet.Tasks, fleet.Task{ARN: fmt.Sprint(x.ID, k), Instance: x.ID, Service: "checkout", Size: quarter(), Running: true, Started: at})
		}
		in.Fleet.Group.Members = append(in.Fleet.Group.Members, fleet.Member{ID: x.ID, State: "InService"})
	}
	in.Drains = []drain.Row{{Instance: "i-1", Group: "m7g", State: drain.Draining, Cause: drain.Empty, Opened: at, Since: at, Deadline: at}}
	in.Group.History = history.History{
		Orders:   []history.Order{{At: at.Add(-33 * time.Minute), From: 1, To: 2}},
		Capacity: &history.Capacity{WarmUp: 123.4567890123, Shape: shape(), Removable: []history.Removable{{Instance: "i-2", Since: at.Add(-time.Hour)}}},
	}
	in.Fleet.Group.Failures = []fleet.LaunchFailure{{At: at.Add(-time.Minute), Words: "no capacity"}}
	for _, edit := range []func(){func() {}, func() { in.Drains = nil }, func() { in.Fleet.Group.Failures = nil }, func() { in.Doomed = []fleet.InstanceID{"i-1"} }} {
		edit()
		var again policy.Input
		if err := json.Unmarshal([]byte(encode(t, in)), &again); err != nil {
			t.Fatal(err)
		}
		if a, b := encode(t, policy.Decide(noon, in)), encode(t, policy.Decide(noon, again)); a != b {
			t.Errorf("decided %s\nagain %s", a, b)
		}
	}
}

// A rolling deployment that keeps every old task (100/200) needs room for the new ones:
// on a full group it stands still for ever unless the group is raised.
func TestDeploymentWithoutRoomRaises(t *testing.T) {
	t.Parallel()
	in := group(60)
	s := &in.Fleet.Services[0]
	s.Rollout = &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 200}
	s.Deployments = []fleet.Deployment{
		{ID: "2", Primary: true, RolloutState: "IN_PROGRESS", Desired: 8, Running: 0},
		{ID: "1", RolloutState: "COMPLETED", Desired: 8, Running: 8},
	}
	if g := ofGroup(t, in); g.Desired <= 2 {
		t.Errorf("desired %d (%s): the deployment has no room for its first task", g.Desired, g.Because)
	}
}

// An instance that a person drains in ECS's console gives its tasks up once others have a
// place: the group is raised for them, or that drain never ends.
func TestForeignDrainGetsRoom(t *testing.T) {
	t.Parallel()
	in := group(60)
	in.Fleet.Instances[1].Active, in.Fleet.Instances[1].Draining = false, true
	in.Fleet.TasksRead = true
	for i, x := range in.Fleet.Instances {
		for k := range 4 {
			in.Fleet.Tasks = append(in.Fleet.Tasks, fleet.Task{ARN: fmt.Sprint(i, k), Instance: x.ID, Service: "checkout", Size: quarter(), Running: true})
		}
	}
	if g := ofGroup(t, in); g.Desired <= 2 {
		t.Errorf("desired %d (%s): the four tasks on the draining instance have no other place", g.Desired, g.Because)
	}
}
