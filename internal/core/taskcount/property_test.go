package taskcount_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// anyInput draws a service in any state with any CPU history of up to 20
// minutes, gaps and NaN included.
func anyInput(t *rapid.T) taskcount.Input {
	desired := rapid.IntRange(0, 100).Draw(t, "desired")
	tasks := rapid.IntRange(1, 100).Draw(t, "tasks")
	averages := rapid.SliceOfN(rapid.Float64Range(0, 150), 0, 20).Draw(t, "averages")
	in := input(desired, cpu(tasks, time.Duration(rapid.IntRange(-60, 400).Draw(t, "lag"))*time.Second, averages...))
	for i := range in.Signals[0].Points {
		if rapid.IntRange(0, 9).Draw(t, "fault") == 0 {
			in.Signals[0].Points[i].Value = signal.Value(math.NaN())
		}
	}
	in.Policy.MinCapacity = rapid.IntRange(1, 20).Draw(t, "min")
	in.Policy.MaxCapacity = in.Policy.MinCapacity + rapid.IntRange(0, 60).Draw(t, "range")
	in.Policy.OnMissingData.AtLeast = rapid.IntRange(0, in.Policy.MaxCapacity).Draw(t, "atLeast")
	in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(time.Duration(rapid.IntRange(0, 15).Draw(t, "inWindow")) * time.Minute))
	in.Policy.ScaleOut.StabilizationWindow = new(spec.Duration(time.Duration(rapid.IntRange(0, 5).Draw(t, "outWindow")) * time.Minute))
	in.Policy.ScaleOut.Cooldown = new(spec.Duration(time.Duration(rapid.IntRange(0, 300).Draw(t, "outCooldown")) * time.Second))
	if rapid.Bool().Draw(t, "ordered") {
		in.History = in.History.With(history.Order{
			At:   noon.Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, "ago")) * time.Second),
			From: rapid.IntRange(0, 100).Draw(t, "from"), To: rapid.IntRange(0, 100).Draw(t, "to"),
		}, nil)
	}
	if rapid.IntRange(0, 3).Draw(t, "deploying") == 0 {
		in.Service.Deployments[0].RolloutState = "IN_PROGRESS"
	}
	return in
}

func TestBoundsAlwaysHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		got := decide(noon, in)
		p := in.Policy
		if got.Desired < p.MinCapacity || got.Desired > max(p.MaxCapacity, in.Base) {
			t.Fatalf("%d is outside %d to %d (base %d)", got.Desired, p.MinCapacity, p.MaxCapacity, in.Base)
		}
		if got.Desired > in.Base && got.Desired > p.MaxCapacity {
			t.Fatalf("an increase to %d passes the maximum %d", got.Desired, p.MaxCapacity)
		}
		at := got.Base
		for _, c := range got.Clauses {
			if c.Before != at {
				t.Fatalf("clause %s begins at %d, not %d", c.Rule, c.Before, at)
			}
			at = c.After
		}
		if at != got.Desired {
			t.Fatalf("the clauses end at %d, the result is %d", at, got.Desired)
		}
	})
}

func TestMoreDemandNeverMeansFewerTasks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		low := decide(noon, in).Desired
		more := in
		more.Signals = signal.Set{in.Signals[0]}
		more.Signals[0].Points = nil
		for _, p := range in.Signals[0].Points {
			p.Value *= signal.Value(1 + rapid.Float64Range(0, 2).Draw(t, "more"))
			more.Signals[0].Points = append(more.Signals[0].Points, p)
		}
		if high := decide(noon, more).Desired; high < low {
			t.Fatalf("more demand gave %d tasks, less gave %d", high, low)
		}
	})
}

func TestOrderAndRepetitionOfSamplesDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		want := decide(noon, in)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		shuffled := in
		shuffled.Signals = signal.Set{in.Signals[0]}
		pts := append([]signal.Point{}, in.Signals[0].Points...)
		for _, p := range in.Signals[0].Points {
			if r.IntN(2) == 0 {
				pts = append(pts, p)
			}
		}
		r.Shuffle(len(pts), func(i, j int) { pts[i], pts[j] = pts[j], pts[i] })
		shuffled.Signals[0].Points = pts
		if diff := cmp.Diff(want, decide(noon, shuffled)); diff != "" {
			t.Fatalf("shuffled and repeated samples decide otherwise:\n%s", diff)
		}
	})
}

// Whatever datapoints of a window are lost, the count does not fall.
func TestAbsenceNeverLowersTheCount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		in.Policy.MaxCapacity = max(in.Policy.MaxCapacity, in.Base)
		in.Policy.ScaleIn.StabilizationWindow = new(spec.Duration(15 * time.Minute))
		in.Signals = cpu(10, 0, rapid.SliceOfN(rapid.Float64Range(0, 150), 15, 15).Draw(t, "window")...)
		lost := rapid.SliceOfNDistinct(rapid.IntRange(0, 14), 1, 15, rapid.ID[int]).Draw(t, "lost")
		for _, i := range lost {
			in.Signals[0].Points[i].Value = signal.Value(math.NaN())
		}
		if got := decide(noon, in); got.Desired < in.Base {
			t.Fatalf("scaled in from %d to %d with %d datapoints missing", in.Base, got.Desired, len(lost))
		}
	})
}

// Evaluating twice changes nothing: after an order is remembered and carried
// out, the same world orders nothing more.
func TestEvaluatingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		first := decide(noon, in)
		if first.Direction == history.Hold {
			return
		}
		in.History = in.History.With(history.Order{At: noon, From: first.Base, To: first.Desired}, first.Marks)
		in.Base, in.Service.Desired = first.Desired, first.Desired
		if again := decide(noon, in); again.Direction != history.Hold {
			t.Fatalf("ordered %d, then %d (%s: %s)", first.Desired, again.Desired, again.Reason, again.Because)
		}
	})
}

// A constant demand with 15 % noise, seen 150 s late, causes at most one
// reversal an hour: orders carried out at once, tasks started a minute later.
func TestConstantDemandDoesNotFlap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.Float64Range(100, 3000).Draw(t, "demand") // percent over all tasks
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "noise"), 7))
		const hours, lag = 6, 150 * time.Second
		start := noon.Add(-hours * time.Hour)
		var pts []signal.Point
		desired := max(2, int(level/60))
		running := desired
		var h history.History
		var reversals []time.Time
		last := history.Hold
		for m := range hours * 60 {
			now := start.Add(time.Duration(m) * time.Minute)
			demand := level * (1 + 0.30*(r.Float64()-0.5))
			pts = append(pts, signal.Point{Start: now.Add(-time.Minute), Value: signal.Value(min(demand, 100*float64(running))), Samples: signal.Value(running)})
			in := input(desired, signal.Set{{Metric: spec.ServiceMetric(key, "CPUUtilization", "Sum"), Status: signal.Complete, Points: published(pts, now.Add(-lag))}})
			in.Policy.MaxCapacity, in.History = 200, h
			got := decide(now, in)
			running = desired
			if got.Direction == history.Hold {
				continue
			}
			h = h.With(history.Order{At: now, From: desired, To: got.Desired}, got.Marks)
			if last != history.Hold && last != got.Direction {
				reversals = append(reversals, now)
			}
			last, desired = got.Direction, got.Desired
		}
		for i := 1; i < len(reversals); i++ {
			if reversals[i].Sub(reversals[i-1]) < time.Hour {
				t.Fatalf("reversals at %v: two within an hour", reversals)
			}
		}
	})
}

// published gives the points that have been published by a time: those whose
// minute had ended then.
func published(pts []signal.Point, by time.Time) []signal.Point {
	out := []signal.Point{}
	for _, p := range pts {
		if !p.Start.Add(time.Minute).After(by) {
			out = append(out, p)
		}
	}
	return out[max(0, len(out)-70):]
}

func BenchmarkDecide(b *testing.B) {
	in := input(10, cpu(10, 0, repeat(55, 20)...))
	b.ReportAllocs()
	for b.Loop() {
		decide(noon, in)
	}
}
