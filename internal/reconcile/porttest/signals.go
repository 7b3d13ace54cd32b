package porttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// SignalsBed is an implementation of reconcile.Signals in a world of its own.
type SignalsBed struct {
	Signals reconcile.Signals
	// Now is when the queries are asked, on a whole minute.
	Now time.Time
	// Put publishes samples that sum up to sum within [start, start+period of
	// the metric). The statistic of the metric does not matter.
	Put func(t *testing.T, m signal.Metric, start time.Time, sum float64, samples int)
	// Math is true where metric math of + - * / is answered.
	Math bool
	// HighResolution is true where samples of periods below a minute are kept apart.
	HighResolution bool
}

// Signals runs the suite of reconcile.Signals.
func Signals(t *testing.T, open func(*testing.T) SignalsBed) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(signalsWorld)
	}{
		{"no queries give no series", noQueries},
		{"a metric nobody published is complete and empty", emptyMetric},
		{"queries are answered in their order", queryOrder},
		{"a query asked twice is answered twice", repeatedQuery},
		{"more than five hundred metrics are all answered", manyMetrics},
		{"the window is answered whole and no more", window},
		{"a gap stays a gap", gap},
		{"samples come beside their values", samples},
		{"statistics of one metric are told apart", statistics},
		{"a period of 20 seconds has three datapoints a minute", twentySeconds},
		{"metric math is computed where every operand has a datapoint", metricMath},
		{"expressions over different metrics under one id do not mix", sameIDs},
		{"metric math and metrics are answered in the order of the queries", mathOrder},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(signalsWorld{T: t, SignalsBed: open(t)})
		})
	}
}

// signalsWorld is one case and its bed.
type signalsWorld struct {
	*testing.T
	SignalsBed
}

// metric is a one-minute Sum that the suite publishes.
func metric(name string) signal.Metric {
	return signal.Metric{
		Namespace: "Porttest", Name: name, Statistic: "Sum", Period: time.Minute,
		Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "web"}},
	}
}

func ask(m signal.Metric) signal.Query { return signal.Query{Metric: m, Window: 15 * time.Minute} }

func noQueries(w signalsWorld) {
	if got := fetch(w); len(got) != 0 {
		w.Errorf("fetched %v, want nothing", got)
	}
}

func emptyMetric(w signalsWorld) {
	got := fetch(w, ask(metric("Silent")))[0]
	if got.Status != signal.Complete || len(got.Points) != 0 {
		w.Errorf("fetched %+v, want complete and no points", got)
	}
}

func queryOrder(w signalsWorld) {
	at := w.Now.Add(-5 * time.Minute)
	w.Put(w.T, metric("B"), at, 2, 1)
	w.Put(w.T, metric("A"), at, 1, 1)
	got := fetch(w, ask(metric("B")), ask(metric("Silent")), ask(metric("A")))
	want := []signal.Series{
		{Metric: metric("B"), Status: signal.Complete, Points: []signal.Point{{Start: at, Value: 2}}},
		{Metric: metric("Silent"), Status: signal.Complete},
		{Metric: metric("A"), Status: signal.Complete, Points: []signal.Point{{Start: at, Value: 1}}},
	}
	compare(w.T, want, got)
}

func repeatedQuery(w signalsWorld) {
	w.Put(w.T, metric("A"), w.Now.Add(-5*time.Minute), 1, 1)
	got := fetch(w, ask(metric("A")), ask(metric("A")))
	if len(got[0].Points) != 1 {
		w.Errorf("fetched %v, want one point", got[0].Points)
	}
	compare(w.T, got[:1], got[1:])
}

func manyMetrics(w signalsWorld) {
	at := w.Now.Add(-5 * time.Minute)
	queries := make([]signal.Query, 501)
	want := make([]signal.Series, len(queries))
	for i := range queries {
		m := metric(fmt.Sprintf("Many%03d", i))
		queries[i] = ask(m)
		want[i] = signal.Series{Metric: m, Status: signal.Complete}
		if i%100 == 0 {
			w.Put(w.T, m, at, float64(i), 1)
			want[i].Points = []signal.Point{{Start: at, Value: signal.Value(i)}}
		}
	}
	compare(w.T, want, fetch(w, queries...))
}

func window(w signalsWorld) {
	w.Put(w.T, metric("A"), w.Now.Add(-24*time.Hour), 99, 1)
	var want []time.Time
	for m := 15; m > 0; m-- {
		at := w.Now.Add(-time.Duration(m) * time.Minute)
		w.Put(w.T, metric("A"), at, 1, 1)
		want = append(want, at)
	}
	got := fetch(w, ask(metric("A")))[0]
	if diff := cmp.Diff(want, starts(got)); diff != "" {
		w.Errorf("starts (-want +got):\n%s", diff)
	}
}

func gap(w signalsWorld) {
	want := []time.Time{w.Now.Add(-8 * time.Minute), w.Now.Add(-5 * time.Minute)}
	for _, at := range want {
		w.Put(w.T, metric("A"), at, 1, 1)
	}
	got := fetch(w, ask(metric("A")))[0]
	if diff := cmp.Diff(want, starts(got)); diff != "" {
		w.Errorf("starts (-want +got):\n%s", diff)
	}
}

func samples(w signalsWorld) {
	at := w.Now.Add(-5 * time.Minute)
	w.Put(w.T, metric("A"), at, 120, 4)
	w.Put(w.T, metric("A"), at.Add(time.Minute), 150, 5)
	q := ask(metric("A"))
	q.Samples = true
	want := []signal.Series{{Metric: metric("A"), Status: signal.Complete, Points: []signal.Point{
		{Start: at, Value: 120, Samples: 4}, {Start: at.Add(time.Minute), Value: 150, Samples: 5},
	}}}
	compare(w.T, want, fetch(w, q))
}

func statistics(w signalsWorld) {
	at := w.Now.Add(-5 * time.Minute)
	w.Put(w.T, metric("A"), at, 120, 4)
	var queries []signal.Query
	var want []signal.Series
	for _, c := range []struct {
		statistic string
		value     signal.Value
	}{{"Average", 30}, {"Sum", 120}, {"SampleCount", 4}} {
		m := metric("A")
		m.Statistic = c.statistic
		queries = append(queries, ask(m))
		want = append(want, signal.Series{Metric: m, Status: signal.Complete, Points: []signal.Point{{Start: at, Value: c.value}}})
	}
	compare(w.T, want, fetch(w, queries...))
}

func twentySeconds(w signalsWorld) {
	if !w.HighResolution {
		w.Skip("the bed has no periods below a minute")
	}
	at := w.Now.Add(-5 * time.Minute)
	m := metric("A")
	m.Period = 20 * time.Second
	var want []signal.Point
	for i := range 3 {
		start := at.Add(time.Duration(i) * m.Period)
		w.Put(w.T, m, start, float64(100+i), 4)
		want = append(want, signal.Point{Start: start, Value: signal.Value(100 + i), Samples: 4})
	}
	fine := ask(m)
	fine.Samples = true
	minute := ask(metric("A"))
	minute.Samples = true
	compare(w.T, []signal.Series{
		{Metric: m, Status: signal.Complete, Points: want},
		{Metric: metric("A"), Status: signal.Complete, Points: []signal.Point{{Start: at, Value: 303, Samples: 12}}},
	}, fetch(w, fine, minute))
}

// over is metric math over metrics of the suite, each under its id.
func over(expression string, inputs ...signal.Input) signal.Metric {
	return signal.Metric{Period: time.Minute, Expression: expression, Inputs: inputs}
}

func input(id, name string) signal.Input { return signal.Input{ID: id, Metric: metric(name)} }

func metricMath(w signalsWorld) {
	needMath(w)
	at := w.Now.Add(-5 * time.Minute)
	w.Put(w.T, metric("A"), at, 30, 1)
	w.Put(w.T, metric("A"), at.Add(time.Minute), 40, 1)
	w.Put(w.T, metric("B"), at.Add(time.Minute), 10, 1)
	w.Put(w.T, metric("B"), at.Add(2*time.Minute), 10, 1)
	m := over("a / b * 2", input("a", "A"), input("b", "B"))
	want := []signal.Series{{Metric: m, Status: signal.Complete, Points: []signal.Point{{Start: at.Add(time.Minute), Value: 8}}}}
	compare(w.T, want, fetch(w, ask(m)))
}

func sameIDs(w signalsWorld) {
	needMath(w)
	at := w.Now.Add(-5 * time.Minute)
	w.Put(w.T, metric("A"), at, 30, 1)
	w.Put(w.T, metric("B"), at, 10, 1)
	// Both have their own m0 and e0, and one is the other's turned round.
	one, other := over("m0 - e0", input("e0", "B"), input("m0", "A")), over("m0 - e0", input("e0", "A"), input("m0", "B"))
	want := []signal.Series{
		{Metric: one, Status: signal.Complete, Points: []signal.Point{{Start: at, Value: 20}}},
		{Metric: other, Status: signal.Complete, Points: []signal.Point{{Start: at, Value: -20}}},
	}
	compare(w.T, want, fetch(w, ask(one), ask(other)))
}

func mathOrder(w signalsWorld) {
	needMath(w)
	at := w.Now.Add(-5 * time.Minute)
	w.Put(w.T, metric("A"), at, 30, 3)
	m := over("a * 10", input("a", "A"))
	sampled := ask(metric("A"))
	sampled.Samples = true
	want := []signal.Series{
		{Metric: m, Status: signal.Complete, Points: []signal.Point{{Start: at, Value: 300}}},
		{Metric: metric("A"), Status: signal.Complete, Points: []signal.Point{{Start: at, Value: 30, Samples: 3}}},
		{Metric: m, Status: signal.Complete, Points: []signal.Point{{Start: at, Value: 300}}},
	}
	compare(w.T, want, fetch(w, ask(m), sampled, ask(m)))
}

func needMath(w signalsWorld) {
	w.Helper()
	if !w.Math {
		w.Skip("the bed has no metric math")
	}
}

func fetch(w signalsWorld, queries ...signal.Query) []signal.Series {
	w.Helper()
	got, err := w.Signals.Fetch(w.Context(), w.Now, queries)
	if err != nil {
		w.Fatal(err)
	}
	if len(got) != len(queries) {
		w.Fatalf("%d series answer %d queries", len(got), len(queries))
	}
	return got
}

// compare compares series, for which neither the order of the points nor the
// way to write "none" matters.
func compare(t *testing.T, want, got []signal.Series) {
	t.Helper()
	if diff := cmp.Diff(tidy(want), tidy(got)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func tidy(in []signal.Series) []signal.Series {
	out := slices.Clone(in)
	for i, s := range out {
		points := append([]signal.Point{}, s.Points...)
		slices.SortFunc(points, func(a, b signal.Point) int { return a.Start.Compare(b.Start) })
		for j, p := range points {
			points[j].Start = p.Start.UTC()
		}
		out[i].Points = points
	}
	return out
}

// starts gives the starts of the points, oldest first.
func starts(s signal.Series) []time.Time {
	var out []time.Time
	for _, p := range tidy([]signal.Series{s})[0].Points {
		out = append(out, p.Start)
	}
	return out
}
