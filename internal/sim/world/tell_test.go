package world_test

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

func begin() time.Time { return time.Date(1998, 6, 23, 0, 0, 0, 0, time.UTC) }

func at(d time.Duration) time.Time { return begin().Add(d) }

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

// between is a load of high within [from, to) seconds and of low around it.
func between(from, to int, low, high float64) func(int) float64 {
	return func(s int) float64 {
		if s >= from && s < to {
			return high
		}
		return low
	}
}

// tb is what the stories need of a test; rapid's T has it too.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// story is a world with one service named web of 10 units a task, tracked at
// 60 % CPU between 2 and 40 tasks unless it says otherwise.
type story struct {
	tb
	*world.World

	begun   time.Time
	desired int            // at the start
	busy    *time.Duration // when the queue last held a message, for stories with one
}

// plot is what a story begins with.
type plot struct {
	world.Options
	Service plant.Service
	Policy  spec.Service
	Queues  []plant.Queue
	Group   *plant.Group
	Hosts   spec.Group // the policy of the group
	// Free lets the desired count pass the policy's bounds, as where others write it.
	Free bool
}

func key() fleet.ServiceKey { return fleet.ServiceKey{Cluster: "demo", Service: "web"} }

func target() fleet.Target { return key().Target() }

func cpuTarget(percent float64) spec.Policy {
	return spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: percent}}
}

func tracked() spec.Service {
	return spec.Service{MinCapacity: 2, MaxCapacity: 40, Policies: []spec.Policy{cpuTarget(60)}}
}

func document(s spec.Service) spec.Document {
	s.Mode = cmp.Or(s.Mode, spec.Act)
	return spec.Document{Cluster: "demo", Mode: spec.Act, Services: map[fleet.ServiceName]spec.Service{"web": s}}
}

func tell(t *testing.T, o world.Options, s plant.Service) story {
	t.Helper()
	return tellTo(t, t, o, s)
}

func tellTo(t *testing.T, to tb, o world.Options, s plant.Service) story {
	t.Helper()
	to.Helper()
	return play(t, to, plot{Options: o, Service: s})
}

func play(t *testing.T, to tb, p plot) story {
	t.Helper()
	to.Helper()
	if p.Start.IsZero() {
		p.Start = begin()
	}
	p.Mode = cmp.Or(p.Mode, spec.Act)
	if p.Policy.Policies == nil {
		p.Policy.Policies = tracked().Policies
	}
	if p.Policy.MaxCapacity == 0 {
		p.Policy.MinCapacity, p.Policy.MaxCapacity = 2, 40
	}
	w, err := world.New(p.Options)
	st := story{tb: to, World: w, begun: p.Start, desired: p.Service.Desired}
	st.must(err)
	for _, q := range p.Queues {
		st.must(w.Plant.AddQueue(q))
	}
	if p.Group != nil {
		st.must(w.Plant.AddGroup(*p.Group))
	}
	p.Service.Name = "web"
	if !p.Free {
		p.Service.Min, p.Service.Max = min(p.Policy.MinCapacity, p.Service.Desired), p.Policy.MaxCapacity
	}
	if p.Service.Capacity == 0 {
		p.Service.Capacity = 10
	}
	st.must(w.Plant.AddService(p.Service))
	d := document(p.Policy)
	if p.Group != nil {
		p.Hosts.Mode = cmp.Or(p.Hosts.Mode, spec.Act)
		d.Groups = map[fleet.GroupName]spec.Group{p.Group.Name: p.Hosts}
	}
	st.must(w.Apply(t.Context(), d, "the story"))
	return st
}

func (s story) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// to lets time pass, checking the plant's invariants at every step.
func (s story) to(t *testing.T, d time.Duration) plant.View {
	t.Helper()
	s.must(s.Run(t.Context(), s.begun.Add(d)))
	return s.Plant.View("web")
}

// about tells whether a count is enough for a load, and no more than a scale-out
// may overshoot: the datapoint of a minute in which tasks joined overstates.
func about(count, need int) bool { return count >= need && 5*count <= 6*need }

// settled tells whether a count that has come down is enough for a need and at
// most what the flap guard keeps: it shrinks only where each task would carry 5.5 %
// less than scale-out begins at, so 5 tasks' worth is carried by 6.
func settled(count int, need float64) bool {
	return float64(count) >= need && count <= int(math.Ceil(need/0.945))
}

// calm fails the story if an invocation failed.
func (s story) calm() {
	s.Helper()
	if s.Count().Failures != 0 {
		s.Errorf("%+v: %v", s.Count(), s.Failures())
	}
}

func (s story) highAlarm() {
	s.Helper()
	s.must(s.Wake(plant.Alarm{Name: "web-cpu-high", Service: "web", Threshold: 65, Periods: 1, Breaching: 1}))
}

func (s story) records(t *testing.T) []ledger.Record {
	t.Helper()
	rs, err := s.Records(t.Context(), target())
	s.must(err)
	return rs
}

func ordered(rs []ledger.Record) []ledger.Record {
	return slices.DeleteFunc(slices.Clone(rs), func(r ledger.Record) bool { return r.Kind != ledger.Ordered })
}

// named tells whether a record has the rule and, where given, the words.
func named(rs []ledger.Record, rule string) bool {
	return slices.ContainsFunc(rs, func(r ledger.Record) bool { return r.Rule == rule })
}

// extent gives the lowest and the highest desired count in [from, to].
func (s story) extent(from, to time.Duration) (low, high int) {
	n := s.desired
	acts := s.Plant.Activities("web")
	i := 0
	for ; i < len(acts) && !acts[i].At.After(s.begun.Add(from)); i++ {
		n = acts[i].To
	}
	low, high = n, n
	for ; i < len(acts) && !acts[i].At.After(s.begun.Add(to)); i++ {
		low, high = min(low, acts[i].To), max(high, acts[i].To)
	}
	return low, high
}

// acts gives the changes of the desired count in (from, to].
func (s story) acts(from, to time.Duration) []plant.Activity {
	return slices.DeleteFunc(s.Plant.Activities("web"), func(a plant.Activity) bool {
		return !a.At.After(s.begun.Add(from)) || a.At.After(s.begun.Add(to))
	})
}

// sound checks what holds in every story: one record for each order, with its
// reason, and no more removed in any window than the default budgets, 50 % in
// 15 minutes and 25 % a minute, each rounded up.
func (s story) sound(t *testing.T) {
	t.Helper()
	orders := ordered(s.records(t))
	for i, r := range orders {
		if r.Rule == "" || r.Because == "" {
			s.Errorf("the order of %s from %d to %d has no reason", r.At, r.Before, r.Desired)
		}
		s.within(orders[:i+1], 15*time.Minute, 0.50)
		s.within(orders[:i+1], time.Minute, 0.25)
	}
}

// within checks one budget over the window that ends with the last order.
func (s story) within(orders []ledger.Record, period time.Duration, share float64) {
	s.Helper()
	last := orders[len(orders)-1]
	removed, start := 0, last.Before
	for _, r := range slices.Backward(orders) {
		if !r.At.After(last.At.Add(-period)) {
			break
		}
		removed += max(0, r.Before-r.Desired)
		start = r.Before
	}
	if most := max(1, int(math.Ceil(share*float64(start)-1e-9))); removed > most {
		s.Errorf("%d of %d tasks were removed within %s by %s, want at most %d", removed, start, period, last.At.Format(time.DateTime), most)
	}
}

func appMetric(name string) spec.Metric { return spec.Metric{Namespace: "App", Name: name} }

func measure(k plant.MeasureKind) plant.Measure {
	return plant.Measure{Kind: k, Metric: signal.Metric{Namespace: "App", Name: string(k)}}
}

// noisy is a load with noise: each minute is the mean times 1 + part x a normal
// number, cut at three deviations.
func noisy(seed uint64, mean, part float64) func(int) float64 {
	minutes := make([]float64, 24*60+1)
	rng := sim.NewRand(seed, "noise")
	for i := range minutes {
		minutes[i] = mean * (1 + part*min(max(rng.NormFloat64(), -3), 3))
	}
	return func(s int) float64 { return minutes[min(s/60, len(minutes)-1)] }
}
