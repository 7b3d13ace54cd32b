package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

func standby() fleet.Target { return fleet.GroupOf("prod", "standby") }

// newPair is a ward whose service web has launch type EC2 and wants 11 tasks more, 4 more
// than fit, and one instance whose launch has failed. Its fallback standby is empty.
func newPair(t *testing.T) *ward {
	t.Helper()
	w := newWard(t)
	web := &w.services[len(w.services)-1]
	web.Group, web.Desired = "", 16
	g := w.groups["m7g"]
	g.DesiredCapacity = 4
	w.groups["m7g"] = g
	w.groups["standby"] = fleet.Group{Name: "standby", MaxSize: 10}
	w.failed = map[fleet.GroupName][]fleet.LaunchFailure{"m7g": {{At: noon, Words: "no capacity"}}}
	w.policy(t, spec.Group{Mode: spec.Act, ScaleOut: spec.GroupScaleOut{Fallback: "standby"}})
	w.sized(t, "standby", spec.Group{Mode: spec.Act, Instance: &spec.InstanceShape{CPU: 2048, MemoryMiB: 7680}})
	return w
}

// sized gives a group a policy.
func (w *ward) sized(t *testing.T, n fleet.GroupName, g spec.Group) {
	t.Helper()
	w.change(t, ledger.Edit{Target: fleet.GroupOf("prod", n), Policy: &ledger.Policy{Group: &g, Version: 1, Author: "ann", At: noon}})
}

func launchFailed(g fleet.GroupName) event.Event { return event.Event{Kind: event.Launch, Group: g} }

// The fallback is raised in the run that hears of the failure, whichever group it is
// about, where the rows and the cluster say clearly who stands in for whom.
func TestAFailedLaunchRaisesTheFallback(t *testing.T) {
	t.Parallel()
	own := spec.Group{Mode: spec.Act, Instance: &spec.InstanceShape{CPU: 2048, MemoryMiB: 7680}}
	for _, tt := range []struct {
		name string
		edit func(*ward)
		on   fleet.GroupName
		want []string
	}{
		{"at once", func(*ward) {}, "m7g", []string{"group standby 1"}},
		{"heard of the fallback", func(*ward) {}, "standby", []string{"group standby 1"}},
		{"no failure", func(w *ward) { w.failed = nil }, "m7g", nil},
		{"failures that cannot be read", func(w *ward) { w.fail["failures"] = errors.New("throttled") }, "m7g", nil},
		{"a service of a capacity provider", func(w *ward) {
			w.services[1].Group, w.services[1].Provider = "m7g", "cp"
		}, "m7g", nil},
		{"no fallback named", func(w *ward) { w.policy(t, spec.Group{Mode: spec.Act}) }, "m7g", nil},
		{"a fallback without a policy", func(w *ward) { w.change(t, ledger.Edit{Target: standby(), Remove: true}) }, "m7g", nil},
		{"a fallback that Auto Scaling does not know", func(w *ward) { delete(w.groups, "standby") }, "m7g", nil},
		{"a fallback with a fallback", func(w *ward) {
			chained := own
			chained.ScaleOut.Fallback = "third"
			w.sized(t, "standby", chained)
		}, "m7g", nil},
		{"itself", func(w *ward) { w.policy(t, spec.Group{Mode: spec.Act, ScaleOut: spec.GroupScaleOut{Fallback: "m7g"}}) }, "m7g", nil},
		{"a third group, where the tasks could land too", func(w *ward) {
			w.groups["third"] = fleet.Group{Name: "third", MaxSize: 10}
			w.sized(t, "third", own)
		}, "m7g", nil},
		{"a fallback shared by two", func(w *ward) {
			w.groups["a-first"] = fleet.Group{Name: "a-first", MaxSize: 10}
			first := own
			first.ScaleOut.Fallback = "standby"
			w.sized(t, "a-first", first)
		}, "m7g", nil},
		{"groups that cannot be read", func(w *ward) { w.fail["groups"] = errors.New("throttled") }, "m7g", nil},
		{"the fallback observes", func(w *ward) {
			watched := own
			watched.Mode = spec.Observe
			w.sized(t, "standby", watched)
		}, "m7g", nil},
	} {
		w := newPair(t)
		tt.edit(w)
		_, _ = w.stair.Run(t.Context(), launchFailed(tt.on)) // a read that fails is an error, and no order
		if diff := cmp.Diff(tt.want, w.calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// What is decided about a fallback follows from its record alone, byte for byte.
func TestTheFallbacksRecordReplays(t *testing.T) {
	t.Parallel()
	w := newPair(t)
	if _, err := w.stair.Run(t.Context(), launchFailed("m7g")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		target fleet.Target
		rule   string
	}{{standby(), history.FallbackTakes}, {m7g(), history.LaunchBackoff}} {
		rs := w.records(t, tt.target)
		i := slices.IndexFunc(rs, func(r ledger.Record) bool { return r.Rule == tt.rule })
		if i < 0 {
			t.Fatalf("no record of %s is for %s: %+v", tt.target, tt.rule, rs)
		}
		r := rs[i]
		var in policy.Input
		if err := json.Unmarshal(r.Input, &in); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(policy.Decide(r.At, in).About(tt.target))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(r.Decision), string(got)); diff != "" {
			t.Errorf("%s (-recorded +replayed):\n%s", tt.target, diff)
		}
	}
}

// While launches of a group with a fallback fail, the pair is looked at every minute.
func TestAPairThatFailsIsHot(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{true, false} {
		w := newPair(t)
		w.services[1].Desired, w.services[1].Running = 12, 12 // all have a place
		if !fails {
			w.failed = nil
		}
		for i := range 60 {
			w.now = noon.Add(time.Duration(i) * time.Minute)
			w.mustTick(t)
		}
		w.log.Reset()
		for i := range 10 {
			w.now = noon.Add(time.Duration(60+i) * time.Minute)
			w.mustTick(t)
		}
		looked := strings.Count(w.log.String(), `"target":"prod/group/standby"`)
		if fails && looked < 10 || !fails && looked > 5 {
			t.Errorf("launches fail %v: the fallback was looked at %d times in ten calm minutes", fails, looked)
		}
	}
}

func (w *ward) mustTick(t *testing.T) {
	t.Helper()
	if _, err := w.stair.Run(t.Context(), event.Event{Kind: event.Tick}); err != nil {
		t.Fatal(err)
	}
}

// A drain of the fallback whose tasks fit on the primary's instances goes on; where the
// primary's launches fail meanwhile, it is given back.
func TestAReturnIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		w := newPair(t)
		web := &w.services[1]
		web.Desired, web.Running = 8, 8 // 5 on the primary and 3 on the fallback
		id := host(9)
		size := fleet.Resources{CPU: 512, Memory: 1024}
		w.instances = append(w.instances, fleet.Instance{
			ID: id, ARN: "arn/" + string(id), Active: true, Connected: true, Tasks: 3, RegisteredAt: noon.Add(-time.Hour),
			Registered: fleet.Resources{CPU: 2048, Memory: 7680}, Remaining: fleet.Resources{CPU: 512, Memory: 4608},
		})
		for k := range 3 {
			w.tasks = append(w.tasks, fleet.Task{ARN: fmt.Sprintf("arn/%s/%d", id, k), Instance: id, Service: "web", Size: size, Running: true})
		}
		w.groups["standby"] = fleet.Group{Name: "standby", MaxSize: 10, DesiredCapacity: 1, InService: []fleet.InstanceID{id}, Members: []fleet.Member{{ID: id, State: "InService"}}}
		g := w.groups["m7g"]
		g.DesiredCapacity = 3
		w.groups["m7g"] = g
		w.failed = nil
		w.sized(t, "standby", spec.Group{Mode: spec.Act, ScaleIn: spec.GroupScaleIn{StabilizationWindow: new(spec.Duration(0))}})
		w.mustTick(t)
		c, err := w.book.Read(t.Context(), "prod")
		if err != nil {
			t.Fatal(err)
		}
		if d := c.Drain(id); d.Group != "standby" || !strings.Contains(d.Because, "fit on group m7g again") {
			t.Fatalf("the drain that is opened: %+v", d)
		}
		if fails {
			g.DesiredCapacity = 4
			w.groups["m7g"] = g
			w.failed = map[fleet.GroupName][]fleet.LaunchFailure{"m7g": {{At: w.now.Add(10 * time.Second), Words: "no capacity"}}}
		}
		w.now = w.now.Add(time.Minute)
		w.run(t, event.Event{Kind: event.Tick})
		if drains := slices.Contains(w.calls, fmt.Sprintf("draining %s true", id)); drains == fails {
			t.Errorf("launches fail %v: draining %v, %v", fails, drains, w.calls)
		}
	}
}

// What a service is decided to have counts for the fallback in the same run.
func TestTheFallbackFollowsADecisionOfTheSameRun(t *testing.T) {
	t.Parallel()
	w := newPair(t)
	w.services[1].Desired = 5
	w.cpu["web"] = 300
	w.apply(t, "web", servicePolicy(spec.Act))
	if _, err := w.stair.Run(t.Context(), event.Event{Kind: event.TickAll}); err != nil {
		t.Fatal(err)
	}
	// 15 tasks more, of which 7 fit on the primary's instances.
	want := []string{"service web 20", "group standby 2"}
	for _, call := range want {
		if !slices.Contains(w.calls, call) {
			t.Errorf("orders %q, want %q among them", w.calls, call)
		}
	}
}

// The failure of a launch that was just ordered is believed at once.
func TestAFailureIsReadRightAfterTheOrder(t *testing.T) {
	t.Parallel()
	w := newPair(t)
	w.failed = nil
	g := w.groups["m7g"]
	g.DesiredCapacity = 3
	w.groups["m7g"] = g
	if _, err := w.stair.Run(t.Context(), event.Event{Kind: event.TickAll}); err != nil {
		t.Fatal(err)
	}
	g.DesiredCapacity = 4
	w.groups["m7g"] = g
	w.now = w.now.Add(20 * time.Second)
	w.failed = map[fleet.GroupName][]fleet.LaunchFailure{"m7g": {{At: w.now, Words: "no capacity"}}}
	if _, err := w.stair.Run(t.Context(), launchFailed("m7g")); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, w.world, "group m7g 4", "group standby 1")
}

// Of two that name one fallback the first by name has it.
func TestASharedFallback(t *testing.T) {
	t.Parallel()
	w := newPair(t)
	w.groups["a-first"] = fleet.Group{Name: "a-first", MaxSize: 10}
	w.sized(t, "a-first", spec.Group{Mode: spec.Act, ScaleOut: spec.GroupScaleOut{Fallback: "standby"}})
	for range 10 {
		in, err := w.stair.See(t.Context(), "prod", "standby")
		if err != nil {
			t.Fatal(err)
		}
		if in.Primary == nil || in.Primary.Group.Name != "a-first" {
			t.Fatalf("the fallback stands in for %+v", in.Primary)
		}
	}
	if in, err := w.stair.See(t.Context(), "prod", "m7g"); err != nil || in.Fallback != nil {
		t.Errorf("the second one has it too: %+v, %v", in.Fallback, err)
	}
}

// Tasks on an instance of the fallback that drains wait in the primary's cell.
func TestTasksOfADrainingFallbackAreSeen(t *testing.T) {
	t.Parallel()
	w := newPair(t)
	w.failed = nil
	w.services[1].Desired, w.services[1].Running = 5, 5
	g := w.groups["m7g"]
	g.DesiredCapacity, g.MinSize = 3, 3 // nothing may go, so that no look at the tasks is made for it
	w.groups["m7g"] = g
	id := host(9)
	size := fleet.Resources{CPU: 2048, Memory: 1024} // fits on the empty instance alone
	w.services[1].TaskSize = size
	w.instances = append(w.instances, fleet.Instance{
		ID: id, ARN: "arn/" + string(id), Draining: true, Connected: true, Tasks: 2, Registered: fleet.Resources{CPU: 4096, Memory: 7680},
	})
	for k := range 2 {
		w.tasks = append(w.tasks, fleet.Task{ARN: fmt.Sprintf("arn/%s/%d", id, k), Instance: id, Service: "web", Size: size, Running: true})
	}
	w.groups["standby"] = fleet.Group{Name: "standby", MaxSize: 10, DesiredCapacity: 1, InService: []fleet.InstanceID{id}, Members: []fleet.Member{{ID: id, State: "InService"}}}
	if err := w.book.WriteDrain(t.Context(), ledger.Drain{Row: drain.Row{
		Cluster: "prod", Group: "standby", Instance: id, Cause: drain.Consolidation, State: drain.Draining, Opened: noon, Since: noon, Deadline: noon.Add(time.Hour), OnTimeout: spec.DrainUndo, Standalone: spec.StandaloneLeave,
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.stair.Run(t.Context(), event.Event{Kind: event.TickAll}); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, w.world, "group m7g 4")
}

// Where the tasks of a service may land on several groups its decision says so; with the
// one that stands in for the other it is housed.
func TestAServiceOfNoGroupSaysSo(t *testing.T) {
	t.Parallel()
	for _, third := range []bool{false, true} {
		w := newPair(t)
		w.failed = nil
		p := spec.Service{MinCapacity: 1, MaxCapacity: 20}
		w.change(t, ledger.Edit{Target: fleet.ServiceKey{Cluster: "prod", Service: "web"}.Target(), Policy: &ledger.Policy{Service: &p, Version: 1}})
		if third {
			w.groups["third"] = fleet.Group{Name: "third", MaxSize: 10}
			w.sized(t, "third", spec.Group{})
		}
		said := ""
		for _, c := range w.mustRun(t, event.Event{Kind: event.Tick}).Cells {
			for _, d := range c.Decision.Services {
				for _, x := range d.Clauses {
					if d.Service == "web" && x.Rule == history.NoGroup {
						said = x.Because
					}
				}
			}
		}
		if third != strings.Contains(said, "may land on m7g or standby or third, so no group is raised") {
			t.Errorf("with a third group %v: %q", third, said)
		}
	}
}
