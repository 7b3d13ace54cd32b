package trial_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// named gives contestants by name.
func named(tb testing.TB, list string) []trial.Contestant {
	tb.Helper()
	ks, err := trial.Named(list)
	if err != nil {
		tb.Fatal(err)
	}
	return ks
}

// hill is an hour and a half whose load doubles for half an hour.
func hill(tb testing.TB) *trial.Course {
	tb.Helper()
	var rates []float64
	for minute := range 90 {
		rate := 30.0
		if minute >= 35 && minute < 65 {
			rate = 60
		}
		rates = append(rates, rate)
	}
	c, err := trial.NewCourse(steps(tb, 60, rates...), 8, trial.Requests())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func play(tb testing.TB, c *trial.Course, k trial.Contestant, o trial.Setup, knob float64) trial.Result {
	tb.Helper()
	r, err := trial.Run(tb.Context(), c, k, o, knob)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// Everybody plays a hill with every start: the plant's invariants hold at each event,
// since Run checks them, the books agree, and the same seed gives the same run.
func TestEveryContestantOnEveryStart(t *testing.T) {
	t.Parallel()
	c := hill(t)
	for _, k := range trial.All() {
		for _, start := range trial.Starts() {
			t.Run(k.Name+"/"+string(start), func(t *testing.T) {
				t.Parallel()
				o := trial.Setup{Start: start, Seed: 7, Step: 5 * time.Minute}
				r := play(t, c, k, o, k.Default)
				if diff := cmp.Diff(r, play(t, c, k, o, k.Default)); diff != "" {
					t.Errorf("a second run differs (-first +second):\n%s", diff)
				}
				sound(t, c, start, r)
				moves := r.Outs + r.Ins
				if static := k.Name == "static"; static && moves > 0 || !static && moves == 0 {
					t.Errorf("it gave %d orders on a hill", moves)
				}
				if ours := strings.HasPrefix(k.Name, "trimtab"); ours != (len(r.Decisions) > 0) || ours != (r.Invocations >= 80) {
					t.Errorf("it left %d records in %d invocations", len(r.Decisions), r.Invocations)
				}
			})
		}
	}
}

// sound holds a run to what is true of any.
func sound(t *testing.T, c *trial.Course, start trial.Start, r trial.Result) {
	t.Helper()
	arrived := 0.0
	for _, load := range c.Load[c.From:] {
		arrived += load / c.Model.Mean.Seconds()
	}
	if math.Abs(r.Run.Arrived-arrived) > 1e-6*arrived {
		t.Errorf("%.3f requests were counted, %.3f came", r.Run.Arrived, arrived)
	}
	if r.Run.Violated < 0 || r.Run.Violated > r.Run.Arrived {
		t.Errorf("%v of %v requests violated the objective", r.Run.Violated, r.Run.Arrived)
	}
	if n := len(c.Load)/300 + 1; len(r.Samples) != n {
		t.Errorf("%d samples, want %d", len(r.Samples), n)
	}
	instances := start == trial.EC2Cold
	if (r.InstanceHours > 0) != instances || (r.Samples[3].Instances > 0) != instances || r.TaskHours <= 0 || r.Dollars <= 0 {
		t.Errorf("%.2f task-hours, %.2f instance-hours, $%.3f", r.TaskHours, r.InstanceHours, r.Dollars)
	}
	if r.P50Seconds <= 0 || r.P50Seconds > r.P95Seconds || r.P95Seconds > r.P99Seconds {
		t.Errorf("p50, p95 and p99 are %v, %v, %v s", r.P50Seconds, r.P95Seconds, r.P99Seconds)
	}
	for i, o := range r.Orders {
		if i > 0 && o.From != r.Orders[i-1].To {
			t.Errorf("at %s the order went from %d, the one before to %d", o.At.Format(time.TimeOnly), o.From, r.Orders[i-1].To)
		}
		if got := r.Run.Desired.At(int(o.At.Sub(c.Start).Seconds())); got != o.To {
			t.Errorf("at %s %d tasks are desired, the order was %d", o.At.Format(time.TimeOnly), got, o.To)
		}
	}
}

// The knob of each policy reaches it: its two ends give other runs. That of static is its
// count.
func TestKnobReachesThePolicy(t *testing.T) {
	t.Parallel()
	c := hill(t)
	for _, k := range trial.All() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			o := trial.Setup{Start: trial.Fargate, Seed: 1}
			cheap, safe := play(t, c, k, o, k.Sweep[0]), play(t, c, k, o, k.Sweep[len(k.Sweep)-1])
			if cheap.TaskHours >= safe.TaskHours {
				t.Errorf("%s %g costs %.2f task-hours, %g %.2f: want less for the cheap end", k.Knob, k.Sweep[0], cheap.TaskHours, k.Sweep[len(k.Sweep)-1], safe.TaskHours)
			}
		})
	}
}

// A policy of a document plays as it says, with its own name; without target tracking it
// has no knob.
func TestCustom(t *testing.T) {
	t.Parallel()
	c := hill(t)
	o := trial.Setup{Start: trial.Fargate, Seed: 1}
	tracking := func(metric string, value float64) []spec.Policy {
		return []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: metric, TargetValue: value}}}
	}
	k := trial.Custom("mine", trial.Policy{Service: spec.Service{Policies: tracking(spec.CPUUtilization, 45)}})
	if k.Name != "mine" || k.Default != 45 || len(k.Sweep) < 2 {
		t.Errorf("%+v", k)
	}
	ours := trial.Trimtab(false)
	if diff := cmp.Diff(play(t, c, ours, o, 45).Score, play(t, c, k, o, k.Default).Score); diff != "" {
		t.Errorf("the same policy under another name scores otherwise:\n%s", diff)
	}
	growing := tracking(spec.CPUUtilization, 45)
	growing[0].DisableScaleIn = true
	calm := trial.Custom("calm", trial.Policy{Service: spec.Service{Policies: growing}})
	if r := play(t, c, calm, o, calm.Default); r.Ins != 0 || r.Outs == 0 {
		t.Errorf("with scale-in disabled it gave %d orders in and %d out", r.Ins, r.Outs)
	}
	watch := trial.Custom("watch", trial.Policy{Service: spec.Service{Mode: spec.Observe, Policies: tracking(spec.CPUUtilizationHighRes, 45)}})
	if r := play(t, c, watch, o, watch.Default); r.Outs+r.Ins != 0 {
		t.Errorf("observing it gave %d orders", r.Outs+r.Ins)
	}
}

// A fluid and single requests tell the same of a run that nothing overloads.
func TestDiscreteAgreesWithFluid(t *testing.T) {
	t.Parallel()
	c := hill(t)
	k := named(t, "trimtab")[0]
	fluid := play(t, c, k, trial.Setup{Start: trial.Fargate, Seed: 3}, 34)
	single := play(t, c, k, trial.Setup{Start: trial.Fargate, Seed: 3, Discrete: true}, 34)
	near := func(what string, a, b, within float64) {
		t.Helper()
		if math.Abs(a-b) > within*max(a, b) {
			t.Errorf("%s: %v as a fluid, %v request by request", what, a, b)
		}
	}
	near("requests", fluid.Run.Arrived, single.Run.Arrived, 0.02)
	near("task-hours", fluid.TaskHours, single.TaskHours, 0.1)
	near("p50", fluid.P50Seconds, single.P50Seconds, 0.05)
	near("p95", fluid.P95Seconds, single.P95Seconds, 0.15)
}

// A run keeps nothing but its marks unless it is asked for samples.
func TestNoSamplesUnlessAsked(t *testing.T) {
	t.Parallel()
	r := play(t, hill(t), trial.Trimtab(false), trial.Setup{Start: trial.Fargate}, 60)
	if len(r.Samples)+len(r.Decisions) > 0 || r.Score == (score.Score{}) {
		t.Errorf("%d samples and %d decisions were kept", len(r.Samples), len(r.Decisions))
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := trial.Run(ctx, hill(t), named(t, "aas")[0], trial.Setup{Start: trial.Fargate}, 60)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "aas on steps") {
		t.Errorf("it answered %v", err)
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	ks := named(t, "hpa, trimtab-20s")
	if len(ks) != 2 || ks[0].Name != "hpa" || ks[1].Name != "trimtab-20s" {
		t.Errorf("%+v", ks)
	}
	for list, want := range map[string]string{"hpa,knative": `policy "knative" is not known: use some of trimtab, trimtab-20s, aas`, "aas,aas": `policy "aas" is named twice`, "": "not known"} {
		if _, err := trial.Named(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", list, err, want)
		}
	}
	for _, k := range trial.All() {
		if k.Source == "" || k.Knob == "" || len(k.Sweep) == 0 {
			t.Errorf("%s says too little of itself: %+v", k.Name, k)
		}
	}
}

func TestParseStart(t *testing.T) {
	t.Parallel()
	for _, s := range trial.Starts() {
		if got, err := trial.ParseStart(string(s)); err != nil || got != s || s.Delay() < 20*time.Second {
			t.Errorf("%s is read as %s (%v) and delays %s", s, got, err, s.Delay())
		}
	}
	if _, err := trial.ParseStart("lambda"); err == nil || !strings.Contains(err.Error(), "use fargate, ec2-warm or ec2-cold") {
		t.Error(err)
	}
}

// A scheduled window may ask for more tasks than the load ever would: the service can
// have them.
func TestScheduledWindowAboveTheLoad(t *testing.T) {
	t.Parallel()
	c := hill(t)
	p := trial.Policy{Service: spec.Service{
		Policies:  []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}},
		Scheduled: []spec.Scheduled{{Name: "sale", From: "00:20", To: "04:00", MinCapacity: new(300)}},
	}}
	r := play(t, c, trial.Custom("yours", p), trial.Setup{Start: trial.Fargate, Seed: 1}, 60)
	if n := r.Run.Desired.At(len(c.Load) - 1); n != 300 {
		t.Errorf("in a window with minCapacity 300 there are %d tasks, of a load that needs at most %d", n, c.Peak())
	}
}
