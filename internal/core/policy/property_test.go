package policy_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func oneIn(t *rapid.T, n int, label string) bool { return rapid.IntRange(1, n).Draw(t, label) == n }

func anyMode(t *rapid.T, label string) spec.Mode {
	return rapid.SampledFrom([]spec.Mode{spec.Act, spec.Act, spec.Observe, ""}).Draw(t, label)
}

func anyOwner(t *rapid.T) policy.Owner {
	return rapid.SampledFrom([]policy.Owner{{}, {}, {}, {Kind: "ScalingPolicy", Detail: "cpu60"}, {Unknown: true, Detail: "throttled"}}).Draw(t, "owner")
}

func anyOverrides(t *rapid.T) []spec.Override {
	var out []spec.Override
	for range rapid.IntRange(0, 2).Draw(t, "overrides") {
		out = append(out, spec.Override{
			Kind:  rapid.SampledFrom([]spec.OverrideKind{spec.Pause, spec.SuspendIn, spec.SuspendOut, spec.HoldAt, spec.MinAt, spec.MaxAt}).Draw(t, "kind"),
			Count: rapid.IntRange(0, 40).Draw(t, "override"), Until: noon.Add(time.Duration(rapid.IntRange(-1, 2).Draw(t, "until")) * time.Minute),
			By: "ann", Why: "release",
		})
	}
	return out
}

func anyHistory(t *rapid.T, mark string) history.History {
	var h history.History
	for i := range rapid.IntRange(0, 3).Draw(t, "orders") {
		at := noon.Add(-time.Duration(rapid.IntRange(1, 400).Draw(t, "ago")+400*(3-i)) * time.Second)
		h = h.With(history.Order{At: at, From: rapid.IntRange(0, 30).Draw(t, "from"), To: rapid.IntRange(0, 30).Draw(t, "to")}, nil)
	}
	if oneIn(t, 3, "marked") {
		h.Marks = []history.Mark{{Policy: mark, Datapoint: noon.Add(-time.Duration(rapid.IntRange(1, 3).Draw(t, "mark")) * time.Minute)}}
	}
	if oneIn(t, 3, "shadowed") {
		h.Shadow = new(rapid.IntRange(0, 30).Draw(t, "shadow"))
	}
	return h
}

// addService draws a service in any state, its policy and what was read for it.
func addService(t *rapid.T, in *policy.Input, name fleet.ServiceName, compute fleet.Compute) {
	v := live(name, compute, rapid.IntRange(0, 30).Draw(t, "desired"))
	v.Running = rapid.IntRange(0, v.Desired).Draw(t, "running")
	v.Pending = rapid.IntRange(0, v.Desired-v.Running).Draw(t, "pending")
	v.Active, v.Daemon, v.Managed = !oneIn(t, 12, "inactive"), oneIn(t, 12, "daemon"), oneIn(t, 12, "managed")
	if oneIn(t, 12, "external") {
		v.Controller = "EXTERNAL"
	}
	if oneIn(t, 4, "deploying") {
		v.Deployments[0].RolloutState = "IN_PROGRESS"
	}
	if compute == fleet.EC2 {
		v.TaskSize = fleet.Resources{CPU: rapid.IntRange(0, 2100).Draw(t, "cpu"), Memory: rapid.IntRange(1, 7700).Draw(t, "memory")}
	}
	if !oneIn(t, 10, "gone") {
		in.Fleet.Services = append(in.Fleet.Services, v)
	}
	s := cpu(name, rapid.IntRange(1, 20).Draw(t, "tasks"), rapid.SliceOfN(rapid.Float64Range(0, 150), 0, 16).Draw(t, "averages")...)
	for i := range s.Points {
		if oneIn(t, 20, "fault") {
			s.Points[i].Value = signal.Value(math.NaN())
		}
	}
	s.Status = rapid.SampledFrom([]signal.Status{signal.Complete, signal.Complete, signal.Complete, signal.Partial, signal.Failed}).Draw(t, "status")
	if !oneIn(t, 10, "unread") {
		in.Signals = append(in.Signals, s)
	}
	p := servicePolicy()
	p.Mode, p.MinCapacity = anyMode(t, "own mode"), rapid.IntRange(1, 10).Draw(t, "min")
	p.MaxCapacity = p.MinCapacity + rapid.IntRange(0, 30).Draw(t, "range")
	p.OnMissingData.AtLeast = rapid.IntRange(0, p.MaxCapacity).Draw(t, "atLeast")
	p.ScaleIn.StabilizationWindow = new(spec.Duration(time.Duration(rapid.IntRange(0, 15).Draw(t, "window")) * time.Minute))
	p.ScaleIn.Tolerance = new(spec.Percent(float64(rapid.IntRange(0, 30).Draw(t, "tolerance")) / 100))
	if oneIn(t, 20, "invalid") {
		p.Policies[0].TargetTracking.TargetValue = 0
	}
	in.Services = append(in.Services, policy.ServiceInput{
		Name: name, Policy: p, Overrides: anyOverrides(t), History: anyHistory(t, s.Metric.Key()), Owner: anyOwner(t),
	})
}

func addGroup(t *rapid.T, in *policy.Input) {
	in.Cell = fleet.Cell{Cluster: "prod", Group: "m7g"}
	in.Group = &policy.GroupInput{Policy: spec.Group{Mode: anyMode(t, "group mode")}, Overrides: anyOverrides(t), History: anyHistory(t, "none"), Owner: anyOwner(t)}
	for i := range rapid.IntRange(0, 5).Draw(t, "instances") {
		in.Fleet.Instances = append(in.Fleet.Instances, fleet.Instance{
			ID: fleet.InstanceID(fmt.Sprintf("i-%d", i)), Group: rapid.SampledFrom([]fleet.GroupName{"m7g", "m7g", "other"}).Draw(t, "group"),
			Active: !oneIn(t, 6, "draining"), Connected: !oneIn(t, 6, "disconnected"), Registered: shape(),
			Remaining: fleet.Resources{CPU: rapid.IntRange(0, 2048).Draw(t, "free cpu"), Memory: rapid.IntRange(0, 7680).Draw(t, "free memory")},
		})
	}
	if oneIn(t, 8, "no group") {
		return
	}
	in.Fleet.Group = &fleet.Group{
		Name: "m7g", MaxSize: rapid.IntRange(0, 20).Draw(t, "maxSize"), DesiredCapacity: rapid.IntRange(0, 10).Draw(t, "capacity"),
		SuspendedLaunch: oneIn(t, 8, "suspended"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "pair") {
	case 0:
		in.Fallback = anyPartner(t, "f", "standby")
		in.Group.Policy.ScaleOut.Fallback = "standby"
	case 1:
		in.Primary = anyPartner(t, "p", "spot")
	}
}

// anyPartner draws the other group of a pair in any state.
func anyPartner(t *rapid.T, mark string, name fleet.GroupName) *policy.Partner {
	p := &policy.Partner{
		Group: &fleet.Group{
			Name: name, MaxSize: rapid.IntRange(0, 20).Draw(t, "partner's maxSize"), DesiredCapacity: rapid.IntRange(0, 10).Draw(t, "partner's capacity"),
		},
		Policy: spec.Group{Mode: anyMode(t, "partner's mode")}, Overrides: anyOverrides(t), History: anyHistory(t, "none"),
	}
	if oneIn(t, 3, "partner's launches fail") {
		p.History.Capacity = &history.Capacity{Failures: 1, FailedAt: noon.Add(-time.Minute), RetryAt: noon.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "held")) * time.Minute)}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "partner's services") {
		s := live(fleet.ServiceName(fmt.Sprint(mark, i)), fleet.EC2, rapid.IntRange(0, 6).Draw(t, "partner's tasks"))
		s.TaskSize, s.Daemon = quarter(), oneIn(t, 4, "partner's daemon")
		s.Running = rapid.IntRange(0, s.Desired).Draw(t, "partner's running")
		if oneIn(t, 2, "partner's provider") {
			s.Provider = string(name)
		}
		p.Services = append(p.Services, s)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "partner's instances") {
		p.Instances = append(p.Instances, fleet.Instance{
			ID: fleet.InstanceID(fmt.Sprint("i-", mark, i)), Group: name, Active: true, Connected: !oneIn(t, 6, "partner's disconnected"), Registered: shape(),
			Remaining: fleet.Resources{CPU: rapid.IntRange(0, 2048).Draw(t, "partner's cpu"), Memory: rapid.IntRange(0, 7680).Draw(t, "partner's memory")},
		})
	}
	return p
}

// anyInput draws a cell in any state: a group with its services, or services alone.
func anyInput(t *rapid.T) policy.Input {
	in := policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Service: "s0"}, Mode: anyMode(t, "ceiling"), Stop: oneIn(t, 10, "stop"), Fleet: fleet.Snapshot{At: noon},
	}
	if oneIn(t, 10, "leased") {
		in.Lease = &policy.Lease{By: "01J", Until: noon.Add(time.Second)}
	}
	compute := fleet.Fargate
	if rapid.Bool().Draw(t, "on EC2") {
		compute = fleet.EC2
		addGroup(t, &in)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "services") {
		addService(t, &in, fleet.ServiceName(fmt.Sprintf("s%d", i)), compute)
	}
	return in
}

// account is what every decision must account for, service or group.
type account struct {
	what          string
	base, desired int
	direction     history.Direction
	reason        string
	because       string
	clauses       []history.Clause
	mode          spec.Mode
	before, next  history.History
	marks         []history.Mark
}

func accounts(in policy.Input, d policy.Decision) []account {
	var out []account
	for _, s := range d.Services {
		a := account{
			what: string(s.Service), base: s.Base, desired: s.Desired, direction: s.Direction, reason: s.Reason, because: s.Because,
			clauses: s.Clauses, mode: s.Mode, next: s.Next, marks: s.Marks,
		}
		for _, x := range in.Services {
			if x.Name == s.Service {
				a.before = x.History
			}
		}
		out = append(out, a)
	}
	if g := d.Group; g != nil {
		out = append(out, account{
			what: "group", base: g.Base, desired: g.Desired, direction: g.Direction, reason: g.Reason, because: g.Because,
			clauses: g.Clauses, mode: g.Mode, before: in.Group.History, next: g.Next,
		})
	}
	return out
}

// Every decision accounts for its count: an unbroken chain of clauses from the
// base, one of them binding, and a next history that holds the order or nothing new.
func TestEveryDecisionAccountsForItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		d := policy.Decide(noon, in)
		if len(d.Services) != len(in.Services) || (d.Group != nil) != (in.Group != nil) {
			t.Fatalf("%d of %d services are decided, group %v", len(d.Services), len(in.Services), d.Group)
		}
		for _, a := range accounts(in, d) {
			if fault := chainFault(a.clauses, a.base, a.desired, a.reason, a.because); fault != "" {
				t.Fatalf("%s: %s\n%+v", a.what, fault, a.clauses)
			}
			if a.direction != history.Toward(a.base, a.desired) || a.mode != spec.Act && a.mode != spec.Observe {
				t.Fatalf("%s: %d to %d is %s, mode %q", a.what, a.base, a.desired, a.direction, a.mode)
			}
			checkNext(t, a)
		}
	})
}

// ordered is what a history says of orders alone, without what was learnt.
func ordered(h history.History) history.History {
	return history.History{Orders: h.Orders, Marks: h.Marks, Shadow: h.Shadow}
}

func checkNext(t *rapid.T, a account) {
	t.Helper()
	if a.direction == history.Hold {
		if len(a.marks) != 0 {
			t.Fatalf("%s: a hold uses datapoints: %v", a.what, a.marks)
		}
		forgotten := a.mode == spec.Act && a.before.Shadow != nil && cmp.Equal(ordered(a.next), history.History{})
		if !forgotten && !cmp.Equal(ordered(a.before), ordered(a.next)) {
			t.Fatalf("%s: a hold changed the history:\n%s", a.what, cmp.Diff(a.before, a.next))
		}
		return
	}
	if last, ok := a.next.Last(); !ok || last != (history.Order{At: noon, From: a.base, To: a.desired}) {
		t.Fatalf("%s: the order %d to %d is remembered as %+v", a.what, a.base, a.desired, last)
	}
	switch {
	case a.mode == spec.Act && a.next.Shadow != nil:
		t.Fatalf("%s: act mode keeps the shadow %d", a.what, *a.next.Shadow)
	case a.mode == spec.Observe && (a.next.Shadow == nil || *a.next.Shadow != a.desired):
		t.Fatalf("%s: the shadow of %d is %v", a.what, a.desired, a.next.Shadow)
	}
	for _, m := range a.marks {
		if !a.next.Grounded(m.Policy, m.Datapoint) {
			t.Fatalf("%s: the datapoint %v of the order may ground another", a.what, m)
		}
	}
}

// Nothing is ordered that a gate forbids.
func TestNothingPassesAGate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		d := policy.Decide(noon, in)
		for _, a := range accounts(in, d) {
			if a.direction != history.Hold && (in.Stop || in.Lease != nil) {
				t.Fatalf("%s is ordered to %d under a stop or a lease", a.what, a.desired)
			}
			if a.mode == spec.Act && in.Mode != spec.Act {
				t.Fatalf("%s acts above the ceiling %q", a.what, in.Mode)
			}
		}
		for i, s := range d.Services {
			x := in.Services[i]
			if s.Direction != history.Hold && s.Mode == spec.Act && x.Owner != (policy.Owner{}) {
				t.Fatalf("%s is ordered to %d, and belongs to %+v", s.Service, s.Desired, x.Owner)
			}
			if v, ok := in.Fleet.Service(s.Service); s.Direction != history.Hold && (!ok || !v.Active || v.Daemon || v.Managed || v.Controller == "EXTERNAL") {
				t.Fatalf("%s is ordered to %d, and is %+v", s.Service, s.Desired, v)
			}
			if s.Direction == history.Out && s.Desired > x.Policy.MaxCapacity {
				t.Fatalf("%s is ordered to %d, above %d", s.Service, s.Desired, x.Policy.MaxCapacity)
			}
		}
		if g := d.Group; g != nil && (g.Desired < g.Base || g.Direction == history.Out && g.Desired > in.Fleet.Group.MaxSize) {
			t.Fatalf("the group is ordered from %d to %d", g.Base, g.Desired)
		}
	})
}

// The same input gives the same bytes, in whatever order its lists come, and
// deciding does not change it.
func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		before := encode(t, in)
		want := encode(t, policy.Decide(noon, in))
		if got := encode(t, policy.Decide(noon, in)); got != want {
			t.Fatalf("decided twice:\n%s\n%s", want, got)
		}
		if after := encode(t, in); after != before {
			t.Fatalf("deciding changed the input:\n%s\n%s", before, after)
		}
		turned := in
		turned.Services = rapid.Permutation(in.Services).Draw(t, "order of policies")
		turned.Signals = rapid.Permutation(in.Signals).Draw(t, "order of signals")
		turned.Fleet.Services = rapid.Permutation(in.Fleet.Services).Draw(t, "order of services")
		turned.Fleet.Instances = rapid.Permutation(in.Fleet.Instances).Draw(t, "order of instances")
		if got := encode(t, policy.Decide(noon, turned)); got != want {
			t.Fatalf("the order of the input matters:\n%s", cmp.Diff(want, got))
		}
	})
}

// An input that was written as JSON and read again, as a decision record is, decides the same.
func TestDecodedInputDecidesTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		text := encode(t, in)
		var back policy.Input
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&back); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if again := encode(t, back); again != text {
			t.Fatalf("the input reads back otherwise:\n%s", cmp.Diff(text, again))
		}
		d := policy.Decide(noon, in)
		want := encode(t, d)
		if got := encode(t, policy.Decide(noon, back)); got != want {
			t.Fatalf("the decoded input decides otherwise:\n%s", cmp.Diff(want, got))
		}
		var decision policy.Decision
		if err := json.Unmarshal([]byte(want), &decision); err != nil {
			t.Fatal(err)
		}
		if again := encode(t, decision); again != want {
			t.Fatalf("the decision reads back otherwise:\n%s", cmp.Diff(want, again))
		}
	})
}

// anyBraked tells whether a service waits for the instances that are ordered with it.
func anyBraked(d policy.Decision) bool {
	return d.Group != nil && d.Group.Desired > d.Group.Base &&
		slices.ContainsFunc(d.Services, func(s policy.ServiceDecision) bool { return s.Reason == history.TasksUnplaced })
}

// Deciding again after the orders were claimed and carried out orders nothing more.
func TestEvaluatingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		if g := in.Fleet.Group; g != nil {
			g.DesiredCapacity = max(g.DesiredCapacity, len(in.Fleet.Instances)) // no instance is about to leave
		}
		first := policy.Decide(noon, in)
		for i, s := range first.Services {
			in.Services[i].History = s.Next
			for j := range in.Fleet.Services {
				if v := &in.Fleet.Services[j]; v.Name == s.Service && s.Mode == spec.Act {
					v.Desired = s.Desired
				}
			}
		}
		if g := first.Group; g != nil {
			in.Group.History = g.Next
			if g.Mode == spec.Act && in.Fleet.Group != nil {
				in.Fleet.Group.DesiredCapacity = g.Desired
			}
		}
		for _, a := range accounts(in, policy.Decide(noon, in)) {
			// The brake on tasks without a place lets go of as many as the instances that
			// the same decision has ordered will take.
			if a.direction != history.Hold && !anyBraked(first) {
				t.Fatalf("%s is ordered from %d to %d the second time (%s: %s)\nfirst: %s", a.what, a.base, a.desired, a.reason, a.because, encode(t, first))
			}
		}
	})
}
