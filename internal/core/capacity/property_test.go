package capacity_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// anyInput draws a group in any state with up to 6 services that wait.
func anyInput(t *rapid.T) capacity.Input {
	in := capacity.Input{
		Now: noon,
		Group: fleet.Group{
			Name: "m7g", MaxSize: rapid.IntRange(0, 30).Draw(t, "maxSize"), DesiredCapacity: rapid.IntRange(0, 20).Draw(t, "desired"),
			SuspendedLaunch: rapid.IntRange(0, 9).Draw(t, "suspended") == 0,
		},
		Base:    rapid.IntRange(0, 20).Draw(t, "base"),
		Daemons: fleet.Resources{CPU: rapid.IntRange(0, 64).Draw(t, "daemon cpu"), Memory: rapid.IntRange(0, 64).Draw(t, "daemon memory")},
	}
	for i := range rapid.IntRange(0, 12).Draw(t, "instances") {
		v := instance(fmt.Sprintf("i-%02d", i), fleet.Resources{CPU: rapid.IntRange(0, 2048).Draw(t, "free cpu"), Memory: rapid.IntRange(0, 7680).Draw(t, "free memory")})
		v.Active, v.Connected = rapid.IntRange(0, 5).Draw(t, "active") > 0, rapid.IntRange(0, 5).Draw(t, "connected") > 0
		if rapid.Bool().Draw(t, "small") {
			v.Registered = fleet.Resources{CPU: 1024, Memory: 1024}
		}
		in.Instances = append(in.Instances, v)
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "waiting") {
		in.Waiting = append(in.Waiting, tasks(fmt.Sprintf("s%d", i), rapid.IntRange(0, 2100).Draw(t, "cpu"), rapid.IntRange(1, 7700).Draw(t, "memory"), rapid.IntRange(0, 20).Draw(t, "count")))
	}
	return in
}

func TestGroupIsNeverLoweredAndNeverPastMaxSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		got := capacity.Decide(in)
		if got.Desired < in.Base || got.Desired > max(in.Group.MaxSize, in.Base) {
			t.Fatalf("%d is outside %d to %d", got.Desired, in.Base, max(in.Group.MaxSize, in.Base))
		}
		if in.Group.SuspendedLaunch && got.Desired != in.Base {
			t.Fatalf("raised to %d while Launch is suspended", got.Desired)
		}
		at, binding := in.Base, 0
		for _, c := range got.Clauses {
			if c.Before != at || c.Because == "" {
				t.Fatalf("clause %+v begins at %d, not %d, or says nothing", c, c.Before, at)
			}
			at = c.After
			if c.Binding {
				binding++
				if c.Rule != got.Reason || c.Because != got.Because {
					t.Fatalf("the binding clause is %+v, the reason %s (%s)", c, got.Reason, got.Because)
				}
			}
		}
		if at != got.Desired || binding != 1 {
			t.Fatalf("the clauses end at %d, the result is %d; %d are binding", at, got.Desired, binding)
		}
		if got.Unplaced > got.Waiting || got.Unplaced == 0 && got.Direction != history.Hold {
			t.Fatalf("%d of %d have no place, direction %s", got.Unplaced, got.Waiting, got.Direction)
		}
	})
}

func TestOrderOfTheInputDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		turned := in
		turned.Instances = rapid.Permutation(in.Instances).Draw(t, "order of instances")
		turned.Waiting = rapid.Permutation(in.Waiting).Draw(t, "order of waiting")
		if diff := cmp.Diff(capacity.Decide(in), capacity.Decide(turned)); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
	})
}

// More tasks of a service that waits alone never mean fewer instances. With
// several services and two dimensions first-fit decreasing does not promise it:
// in instances of 20 x 20, 1 task of (9, 3), 4 of (2, 10), 1 of (8, 7) and 3 of
// (2, 12) take 6, and one more of (9, 3) makes it 5.
func TestMoreWaitingTasksNeverMeanFewerInstances(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		in.Waiting = []placement.Item{tasks("a", rapid.IntRange(0, 2100).Draw(t, "one cpu"), rapid.IntRange(1, 7700).Draw(t, "one memory"), rapid.IntRange(0, 40).Draw(t, "one count"))}
		low := capacity.Decide(in).Desired
		in.Waiting[0].Count += rapid.IntRange(1, 40).Draw(t, "more")
		if high := capacity.Decide(in).Desired; high < low {
			t.Fatalf("%d instances for %d tasks, fewer asked for %d", high, in.Waiting[0].Count, low)
		}
	})
}

// Evaluating again after the order changes nothing: what was ordered is on the
// way and holds what waits.
func TestRaisedOnceIsRaisedEnough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		in.Base = max(in.Base, len(in.Instances))
		first := capacity.Decide(in)
		in.Base = first.Desired
		if again := capacity.Decide(in); again.Desired != first.Desired {
			t.Fatalf("ordered %d (%s), then %d (%s)", first.Desired, first.Because, again.Desired, again.Because)
		}
	})
}
