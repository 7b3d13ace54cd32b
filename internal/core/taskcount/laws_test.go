package taskcount_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// adversary is a world that does what it likes to one service in act mode, and
// the book that it keeps of what was ordered, beside the history under test.
type adversary struct {
	*rapid.T
	now       time.Time
	live      int
	policy    spec.Service
	overrides []spec.Override
	h         history.History
	orders    []history.Order // all of them
	known     []history.Order // orders and foreign counts, as they became known
	skewed    bool            // the clock goes back at times, and nobody else writes
}

func (a *adversary) oneIn(n int, label string) bool {
	return rapid.IntRange(1, n).Draw(a.T, label) == n
}

func (a *adversary) between(low, high int, label string) int {
	return rapid.IntRange(low, high).Draw(a.T, label)
}

// anyLimits draws limits of one direction, 100 % and 15 minutes at most.
func (a *adversary) anyLimits(label string) []spec.RateLimit {
	if a.oneIn(3, label+" default") {
		return nil
	}
	var out []spec.RateLimit
	for range a.between(1, 2, label) {
		period := rapid.SampledFrom([]time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, time.Hour}).Draw(a.T, label+" period")
		if a.oneIn(2, label+" in tasks") {
			out = append(out, tasks(a.between(1, 10, label+" tasks"), period))
		} else {
			out = append(out, percent(float64(a.between(1, 100, label+" percent")), period))
		}
	}
	return out
}

func (a *adversary) duration(label string, most time.Duration) *spec.Duration {
	if a.oneIn(2, label+" default") {
		return nil
	}
	return new(spec.Duration(time.Duration(a.between(0, int(most/time.Second), label)) * time.Second))
}

func (a *adversary) anyPolicy() spec.Service {
	p := spec.Service{MinCapacity: a.between(0, 8, "min"), Policies: []spec.Policy{cpuPolicy(60)}}
	p.MaxCapacity = max(1, p.MinCapacity) + a.between(0, 50, "range")
	selects := []spec.Select{"", spec.SelectMax, spec.SelectMin}
	p.ScaleOut = spec.ScaleOut{
		Cooldown: a.duration("out cooldown", 5*time.Minute), StabilizationWindow: a.duration("out window", 5*time.Minute),
		RateLimits: a.anyLimits("out"), SelectPolicy: rapid.SampledFrom(selects).Draw(a.T, "out select"),
	}
	p.ScaleIn = spec.ScaleIn{
		Cooldown: a.duration("in cooldown", 5*time.Minute), StabilizationWindow: a.duration("in window", 5*time.Minute),
		RateLimits: a.anyLimits("in"), SelectPolicy: rapid.SampledFrom(selects).Draw(a.T, "in select"),
		RemovalBudget: a.anyLimits("budget"), Datapoints: a.between(0, 3, "datapoints"),
		FlapBudget: &spec.FlapBudget{Reversals: a.between(1, 3, "reversals"), Period: spec.Duration(time.Duration(a.between(1, 60, "flap period")) * time.Minute)},
	}
	p.OnMissingData.AtLeast = a.between(0, p.MaxCapacity, "atLeast")
	p.RepairsPerHour = new(a.between(0, 4, "repairs"))
	if p.MinCapacity == 0 || a.oneIn(3, "total") {
		p.Policies = append(p.Policies, spec.Policy{
			TargetTracking: total(), DisableScaleIn: a.oneIn(4, "no part in scale-in"), OnMissingData: &spec.OnMissing{AtLeast: a.between(0, p.MaxCapacity, "its atLeast")},
		})
	}
	if a.oneIn(4, "vetoed") {
		p.Vetoes = []spec.Veto{{Name: "slow", Metric: latency(), Above: new(0.5)}}
	}
	if n := float64(a.between(p.MinCapacity+1, 60, "pool")); a.oneIn(3, "constrained") {
		p.Constraints = []spec.Constraint{{Name: "pool", PerTask: 1, AtMost: n}}
	}
	if n := float64(a.between(p.MinCapacity+1, 60, "spend")); a.oneIn(3, "priced") {
		p.Spend = &spec.Spend{TaskHour: 1, AtMostPerHour: n}
	}
	return p
}

// series draws 70 minutes of a metric: mostly one value, with gaps and odd ones.
func (a *adversary) series(m signal.Metric, unit float64) signal.Series {
	s := signal.Series{Metric: m, Status: signal.Complete}
	if a.oneIn(12, "status") {
		s.Status = rapid.SampledFrom([]signal.Status{signal.Partial, signal.Failed, ""}).Draw(a.T, "which")
	}
	value := unit * rapid.SampledFrom([]float64{0, 1, 1, 3, 9, 40, 200}).Draw(a.T, "need")
	lag := time.Duration(a.between(0, 400, "lag")) * time.Second
	newest := a.now.Add(-lag).Truncate(time.Minute)
	odd := a.between(0, 200, "odd") // the minute that is not like the others, if any
	for i := 70; i > 0; i-- {
		p := signal.Point{Start: newest.Add(-time.Duration(i) * time.Minute), Value: signal.Value(value), Samples: 1}
		switch {
		case i == odd && i%3 == 0:
			continue
		case i == odd && i%3 == 1:
			p.Value = signal.Value(math.NaN())
		case i == odd:
			p.Value *= 3
		}
		s.Points = append(s.Points, p)
	}
	return s
}

// turn is what happens between two looks.
func (a *adversary) turn() {
	steps := []time.Duration{0, 20 * time.Second, time.Minute, time.Minute, time.Minute, 61 * time.Second, 5 * time.Minute, 20 * time.Minute, time.Hour}
	if a.skewed {
		steps = append(steps, -45*time.Second, -30*time.Minute)
	}
	a.now = a.now.Add(rapid.SampledFrom(steps).Draw(a.T, "time"))
	// By a clock that goes back nobody can say which of two counts came later.
	if a.oneIn(12, "foreign") && !a.skewed {
		a.live = a.between(0, 60, "foreign count")
	}
	if a.oneIn(15, "policy") {
		a.policy = a.anyPolicy()
	}
	a.overrides = slices.DeleteFunc(a.overrides, func(spec.Override) bool { return a.oneIn(4, "resumed") })
	if a.oneIn(8, "override") {
		a.overrides = append(a.overrides, spec.Override{
			Kind:  rapid.SampledFrom([]spec.OverrideKind{spec.Pause, spec.SuspendIn, spec.SuspendOut, spec.HoldAt, spec.MinAt, spec.MaxAt}).Draw(a.T, "kind"),
			Count: a.between(-1, 70, "override count"), Until: a.now.Add(time.Duration(a.between(0, 3600, "for")) * time.Second), By: "ann", Why: "sale",
		})
	}
}

// look gives what an evaluation sees.
func (a *adversary) look() taskcount.Input {
	in := on(fleet.EC2, input(a.live, nil))
	in.Policy, in.Overrides, in.History, in.Acting = a.policy, slices.Clone(a.overrides), a.h, !a.oneIn(10, "leased")
	in.Service.Running = a.between(0, a.live, "running")
	if a.oneIn(2, "all run") {
		in.Service.Running = a.live
	}
	in.Service.Pending, in.Coming = a.between(0, 2, "pending"), a.between(0, 2, "coming")
	in.Instances, in.Disconnected = 10, a.between(0, 5, "disconnected")
	if a.oneIn(6, "deploying") {
		in.Service.Deployments[0].RolloutState, in.Service.Deployments[0].CreatedAt = "IN_PROGRESS", a.now.Add(-time.Duration(a.between(-1, 90, "age"))*time.Minute)
	}
	if a.oneIn(6, "trouble") {
		in.Service.Troubles = []fleet.Trouble{{Kind: rapid.SampledFrom([]fleet.TroubleKind{fleet.PlacementFailure, fleet.StartImpaired}).Draw(a.T, "trouble kind"), At: a.now, Words: "no room"}}
	}
	in.Signals = signal.Set{a.series(spec.ServiceMetric(key, "CPUUtilization", "Sum"), 60), a.series(total().CloudWatch(key).Metric, 40), a.series(latency().CloudWatch("Average"), 0.1)}
	if left := float64(a.between(0, 60, "left")); a.oneIn(4, "account") && a.policy.Spend != nil {
		in.SpendLeft = &left
	}
	return in
}

// keep carries the memory on as the ledger does, through JSON.
func (a *adversary) keep(in taskcount.Input, got taskcount.Result, m taskcount.Memory) {
	old, seen := len(in.History.Foreign), len(m.History.Foreign)
	if seen > 0 && (old == 0 || in.History.Foreign[old-1] != m.History.Foreign[seen-1]) {
		s := m.History.Foreign[seen-1]
		a.known = append(a.known, history.Order{At: s.At, From: s.Expected, To: s.Found})
	}
	switch {
	case got.Direction != history.Hold && in.Acting:
		o := history.Order{At: a.now, From: got.Base, To: got.Desired}
		a.orders, a.known = append(a.orders, o), append(a.known, o)
		a.h, a.live = m.After(o, got.Marks), got.Desired
	case m.Worth && in.Acting:
		a.h = m.History
	}
	b, err := json.Marshal(a.h)
	if err != nil {
		a.Fatal(err)
	}
	a.h = history.History{}
	if err := json.Unmarshal(b, &a.h); err != nil {
		a.Fatal(err)
	}
}

// countAt is the count that was known at a time.
func (a *adversary) countAt(t time.Time) int {
	now := a.live
	for _, k := range slices.Backward(a.known) {
		if !k.At.After(t) {
			return k.To
		}
		now = k.From
	}
	return now
}

// moved sums what was added and removed after a time.
func (a *adversary) moved(since time.Time) (added, removed int) {
	for _, o := range a.orders {
		if o.At.After(since) {
			added, removed = added+max(0, o.To-o.From), removed+max(0, o.From-o.To)
		}
	}
	return added, removed
}

// share is what a limit allows of a count.
func share(l spec.RateLimit, count int) int {
	if l.Tasks > 0 {
		return l.Tasks
	}
	return max(1, int(math.Ceil(l.Percent*float64(count)/100-1e-9)))
}

// checkBounds checks a decision against the bounds in force.
func (a *adversary) checkBounds(in taskcount.Input, got taskcount.Result) {
	n, base := got.Desired, got.Base
	switch {
	case n > base && (n > got.Max || n > a.policy.MaxCapacity):
		a.Fatalf("an increase from %d to %d passes %d (policy %d)", base, n, got.Max, a.policy.MaxCapacity)
	case n < base && n < got.Min:
		a.Fatalf("a decrease from %d to %d passes %d", base, n, got.Min)
	}
	held := []string{history.Paused, history.ScaleOutSuspended, history.ForeignWriter, history.OrderInFlight}
	if n < got.Min && !slices.Contains(held, got.Reason) && !slices.ContainsFunc(got.Clauses, func(c history.Clause) bool {
		return c.Rule == history.ForeignWriter && c.After < got.Min && c.After != base || c.Rule == history.ForeignWriter
	}) {
		a.Fatalf("%d stays below the floor %d: %s", n, got.Min, got.Reason)
	}
	blind := !slices.ContainsFunc(got.Policies, func(r taskcount.Recommendation) bool { return r.Verdict != taskcount.Unusable })
	if n < min(base, a.capped()) && blind {
		a.Fatalf("scaled in from %d to %d without data: %s", base, n, got.Because)
	}
	placed := in.Service.Running + in.Service.Pending + in.Coming
	if step := furthestOf(a.policy.Out(), func(l spec.RateLimit) int { return placed + share(l, placed) }, 1); n > base && n > max(step, got.Min) && in.Acting {
		a.Fatalf("%d are desired where %d are placed and a step is to %d", n, placed, step)
	}
}

// capped is the least count that a person allows.
func (a *adversary) capped() int {
	n := math.MaxInt
	for _, o := range a.overrides {
		if o.Live(a.now) && (o.Kind == spec.MaxAt || o.Kind == spec.HoldAt) {
			n = min(n, max(0, o.Count))
		}
	}
	return n
}

// furthestOf is how far the selected of several limits reaches, sign 1 up.
func furthestOf(r spec.Resolved, reach func(spec.RateLimit) int, sign int) int {
	var all []int
	for _, l := range r.RateLimits {
		all = append(all, sign*reach(l))
	}
	if r.SelectPolicy == spec.SelectMin {
		return sign * slices.Min(all)
	}
	return sign * slices.Max(all)
}

// checkRates checks an order, which is not in the book yet, against the rates.
func (a *adversary) checkRates(got taskcount.Result) {
	from, to := got.Base, got.Desired
	reach := func(sign int) func(spec.RateLimit) int {
		return func(l spec.RateLimit) int {
			added, removed := a.moved(a.now.Add(-time.Duration(l.Period)))
			start := from - added + removed
			return start + sign*share(l, max(0, start))
		}
	}
	if best := max(from, furthestOf(a.policy.Out(), reach(1), 1)); to > max(best, got.Min) {
		a.Fatalf("out from %d to %d, the rates allow %d", from, to, best)
	}
	if best := min(from, furthestOf(a.policy.In(), reach(-1), -1)); to < best {
		a.Fatalf("in from %d to %d, the rates allow %d", from, to, best)
	}
}

// checkBudgets checks it against the removal budgets and the flap budget.
func (a *adversary) checkBudgets(got taskcount.Result) {
	from, to := got.Base, got.Desired
	if to >= from {
		return
	}
	for _, l := range a.policy.In().RemovalBudget {
		since := a.now.Add(-time.Duration(l.Period))
		_, removed := a.moved(since)
		if allowed := share(l, max(0, a.countAt(since))); removed+from-to > allowed {
			a.Fatalf("%d removed in %s to %s, of %d at its start %d may be: known %v", removed+from-to, l.Period, a.now, a.countAt(since), allowed, a.known)
		}
	}
	budget := a.policy.In().FlapBudget
	if n := len(a.orders); n > 0 && a.orders[n-1].To > a.orders[n-1].From && to > 0 && to < min(from, a.capped()) {
		used := 0
		for i := 1; i < n; i++ {
			o, before := a.orders[i], a.orders[i-1]
			if o.To < o.From && before.To > before.From && o.At.After(a.now.Add(-time.Duration(budget.Period))) {
				used++
			}
		}
		if used >= budget.Reversals {
			a.Fatalf("reversal from %d to %d, after %d in %s", from, to, used, budget.Period)
		}
	}
}

// Whatever a service is shown and whoever writes it: bounds, rates and budgets
// hold over every window, a decision explains itself, and deciding again, or
// after the memory went through JSON, changes nothing.
func TestLawsHoldAgainstAnAdversary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := &adversary{T: t, now: noon, live: rapid.IntRange(0, 60).Draw(t, "live"), skewed: rapid.IntRange(1, 3).Draw(t, "skewed") == 3}
		a.policy = a.anyPolicy()
		if ps := a.policy.Validate(); len(ps) > 0 && ps[0].Path[0] != "minCapacity" {
			t.Fatalf("the drawn policy has problems: %v", ps)
		}
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			a.turn()
			if a.oneIn(8, "lost") {
				continue
			}
			in := a.look()
			got, m := taskcount.Decide(a.now, in)
			if fault := chainFault(got); fault != "" {
				t.Fatal(fault)
			}
			a.checkBounds(in, got)
			a.checkRates(got)
			a.checkBudgets(got)
			again, _ := taskcount.Decide(a.now, in)
			if diff := cmp.Diff(asJSON(t, got), asJSON(t, again)); diff != "" {
				t.Fatalf("decided twice:\n%s", diff)
			}
			a.keep(in, got, m)
			if !in.Acting {
				continue
			}
			in.History, in.Base, in.Service.Desired = a.h, a.live, a.live
			second, m := taskcount.Decide(a.now, in)
			if second.Direction != history.Hold {
				t.Fatalf("ordered %d to %d (%s), then %d (%s: %s)", got.Base, got.Desired, got.Reason, second.Desired, second.Reason, second.Because)
			}
			in.History = m.History // the last task may be idle from the second look on
			if _, m = taskcount.Decide(a.now, in); m.Worth {
				t.Fatalf("the third look at one instant is worth a write: %+v", m.History)
			}
		}
	})
}

func asJSON(t *rapid.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// More orders in an hour than are remembered: the budgets hold all the same.
func TestBudgetsHoldWhileOrdersAreForgotten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := &adversary{T: t, now: noon, live: 30}
		a.policy = service()
		a.policy.MaxCapacity = 500
		a.policy.ScaleIn = spec.ScaleIn{
			StabilizationWindow: new(spec.Duration(0)), Cooldown: new(spec.Duration(0)), Datapoints: 1, RateLimits: freeIn().RateLimits,
			RemovalBudget: limits(tasks(rapid.IntRange(500, 5000).Draw(t, "budget"), time.Hour)), FlapBudget: &spec.FlapBudget{Reversals: rapid.IntRange(20, 60).Draw(t, "reversals")},
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
		for range 150 {
			a.now = a.now.Add(time.Minute)
			n := 10 + 100*r.Float64()
			in := on(fleet.EC2, input(a.live, cpu(1, noon.Sub(a.now), 60*n, 60*n)))
			in.Policy, in.History, in.Acting = a.policy, a.h, true
			got, m := taskcount.Decide(a.now, in)
			a.checkBudgets(got)
			a.keep(in, got, m)
		}
		if len(a.orders) <= history.MaxOrders && a.policy.In().RemovalBudget[0].Tasks > 2000 {
			t.Fatalf("%d orders: none was forgotten", len(a.orders))
		}
	})
}
