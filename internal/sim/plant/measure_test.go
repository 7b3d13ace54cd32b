package plant_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

func appMetric(name, statistic string, period time.Duration) signal.Metric {
	return signal.Metric{Namespace: "App", Name: name, Statistic: statistic, Period: period}
}

func measures(kinds ...plant.MeasureKind) []plant.Measure {
	var out []plant.Measure
	for _, k := range kinds {
		out = append(out, plant.Measure{Kind: k, Metric: appMetric(string(k), "", 0)})
	}
	return out
}

func (b *bed) read(m signal.Metric, window time.Duration) signal.Series {
	b.t.Helper()
	got, err := b.Signals().Fetch(b.t.Context(), b.clock.Now(), []signal.Query{{Metric: m, Window: window}})
	b.must(err)
	return got[0]
}

func (b *bed) app(kind plant.MeasureKind, statistic string) []signal.Point {
	b.t.Helper()
	return b.read(appMetric(string(kind), statistic, time.Minute), time.Hour).Points
}

// near tells whether the datapoints have these values.
func near(got []signal.Point, want ...float64) bool { return within(1e-9, got, want) }

// nearly allows for the latency that grows with use, a thousandth here.
func nearly(got []signal.Point, want ...float64) bool { return within(1e-3, got, want) }

func within(part float64, got []signal.Point, want []float64) bool {
	if len(got) != len(want) {
		return false
	}
	for i, p := range got {
		if math.Abs(float64(p.Value)-want[i]) > part*max(1, math.Abs(want[i])) {
			return false
		}
	}
	return true
}

// Ten tasks carry 10 a second each: a minute at half their capacity, one at
// 120 %, one without any load.
func TestMeasures(t *testing.T) {
	t.Parallel()
	load := func(s int) float64 { return []float64{50, 120, 0}[s/60%3] }
	b := newBed(t, plant.Options{Lag: sim.Fixed(time.Second)}, plant.Service{
		Load: load, Desired: 10, Latency: 200 * time.Millisecond,
		Measures: measures(plant.Requests, plant.Errors, plant.Latency, plant.InFlight, plant.Unhealthy),
	})
	b.to(3*time.Minute + time.Second)
	flat, pinned := 0.2*(1+0.0625/0.5), 0.2*(1+math.Pow(0.98, 4)/0.02)
	for _, tc := range []struct {
		kind plant.MeasureKind
		want []float64
	}{
		{plant.Requests, []float64{3000, 7200, 0}},
		{plant.Errors, []float64{1200}},          // none in the first minute: no datapoint, not a zero
		{plant.Latency, []float64{flat, pinned}}, // nobody waits where nobody asks
		{plant.InFlight, []float64{50 * flat, 100 * pinned, 0}},
		{plant.Unhealthy, []float64{0, 0, 0}},
	} {
		if got := b.app(tc.kind, "Sum"); !near(got, tc.want...) {
			t.Errorf("%s: got %+v, want %v", tc.kind, got, tc.want)
		}
	}
	if got := b.app(plant.Errors, "Sum"); len(got) != 1 || !got[0].Start.Equal(begin().Add(time.Minute)) {
		t.Errorf("errors are %+v, want those of the second minute alone", got)
	}
}

// Requests in flight every 10 s: six datapoints a minute, and soon.
func TestMeasureSubMinute(t *testing.T) {
	t.Parallel()
	load := func(s int) float64 { return map[bool]float64{true: 10, false: 20}[s < 30] }
	b := newBed(t, plant.Options{FastLag: sim.Fixed(3 * time.Second)}, plant.Service{
		Load: load, Desired: 100,
		Measures: []plant.Measure{{Kind: plant.InFlight, Metric: appMetric("busy", "", 10*time.Second)}, {Kind: plant.Requests, Metric: appMetric("requests", "", 20*time.Second)}},
	})
	b.to(63 * time.Second)
	if got := b.read(appMetric("busy", "Sum", 10*time.Second), time.Hour).Points; !nearly(got, 1, 1, 1, 2, 2, 2) {
		t.Errorf("in flight every 10 s is %+v", got)
	}
	if got := b.read(appMetric("busy", "Average", time.Minute), time.Hour).Points; !nearly(got, 1.5) {
		t.Errorf("in flight over the minute is %+v", got)
	}
	for statistic, want := range map[string]float64{"Sum": 900, "Maximum": 400, "Minimum": 200, "SampleCount": 3, "p50": 300, "p99": 400} {
		if got := b.read(appMetric("requests", statistic, time.Minute), time.Hour).Points; !near(got, want) {
			t.Errorf("%s of the minute is %+v, want %v", statistic, got, want)
		}
	}
	if got := b.read(appMetric("requests", "Sum", 10*time.Second), time.Hour).Points; len(got) != 0 {
		t.Errorf("a metric of 20 s has no datapoints of 10 s: %+v", got)
	}
}

// With high resolution each task sends three samples a minute.
func TestCPUSeconds(t *testing.T) {
	t.Parallel()
	load := func(s int) float64 { return map[bool]float64{true: 20, false: 50}[s < 40] }
	b := newBed(t, plant.Options{Lag: sim.Fixed(time.Minute), FastLag: sim.Fixed(15 * time.Second)}, plant.Service{Load: load, Desired: 10, CPUSeconds: 20})
	b.to(60*time.Second + 15*time.Second)
	if got := b.fetch("Sum", 20*time.Second, time.Hour); !near(got, 200, 200, 500) || got[2].Samples != 10 {
		t.Errorf("every 20 s %+v, want 200, 200 and 500 %% of 10 tasks", got)
	}
	if got := b.fetch("Sum", time.Minute, time.Hour); !near(got, 900) || got[0].Samples != 30 {
		t.Errorf("over the minute %+v, want 900 %% of 30 samples", got)
	}
	got, err := b.Services().Describe(t.Context(), "demo", []fleet.ServiceName{"web"})
	b.must(err)
	if got[0].CPUSeconds != 20 || got[0].MemorySeconds != 0 {
		t.Errorf("ECS shows resolutions of %d s and %d s", got[0].CPUSeconds, got[0].MemorySeconds)
	}
	// A task that joins in the middle of 20 s weighs as much as the others.
	b.must(b.SetDesired("web", 11))
	b.to(3 * time.Minute)
	for _, p := range b.fetch("Average", 20*time.Second, time.Minute) {
		if math.Abs(float64(p.Value)-50/1.1) > 2.6 {
			t.Errorf("with one task more %+v, want about 45 to 48 %%", p)
		}
	}
}

// While the tasks wait for a sick network their CPU falls, the latency rises
// and the requests stay.
func TestStall(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{Lag: sim.Fixed(time.Second)}, plant.Service{
		Load: constant(50), Desired: 10, Measures: measures(plant.Requests, plant.Errors, plant.Latency, plant.Unhealthy),
	})
	b.must(b.Stall("web", plant.Stall{
		From: begin().Add(time.Minute), To: begin().Add(2 * time.Minute), CPU: 0.2, Latency: 30, Errors: 0.1, Unhealthy: 0.25,
	}))
	b.to(3*time.Minute + time.Second)
	usual := 0.1 * (1 + 0.0625/0.5)
	for kind, want := range map[plant.MeasureKind][]float64{
		plant.Requests: {3000, 3000, 3000}, plant.Errors: {300}, plant.Latency: {usual, 30 * usual, usual}, plant.Unhealthy: {0, 3, 0},
	} {
		if got := b.app(kind, "Maximum"); !near(got, want...) {
			t.Errorf("%s: got %+v, want %v", kind, got, want)
		}
	}
	if got := b.fetch("Average", time.Minute, time.Hour); !near(got, 50, 10, 50) {
		t.Errorf("CPU is %+v, want 50, 10 and 50 %%", got)
	}
	for name, x := range map[string]plant.Stall{
		"past": {From: begin()}, "share": {From: begin().Add(time.Hour), Errors: 1.1}, "below 0": {From: begin().Add(time.Hour), CPU: -1},
	} {
		if err := b.Stall("web", x); err == nil {
			t.Errorf("a stall that is wrong by %s was taken", name)
		}
	}
	if err := b.Stall("none", plant.Stall{From: begin().Add(time.Hour)}); err == nil {
		t.Error("a stall of no service was taken")
	}
}

func TestMetricMath(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{Lag: sim.Fixed(time.Second)}, plant.Service{
		Load: func(s int) float64 { return []float64{50, 0, 120}[s/60%3] }, Desired: 10, Measures: measures(plant.Requests, plant.Errors),
	})
	b.to(3*time.Minute + time.Second)
	for _, tc := range []struct {
		expression string
		want       []float64
		why        string
	}{
		{"requests / 60", []float64{50, 0, 120}, ""},
		{"100*errors/requests", []float64{100.0 * 1200 / 7200}, ""}, // errors exist in one minute only
		{"60 / requests", []float64{0.02, 1.0 / 120}, ""},           // a division by zero is left out
		{"-(requests - 2 * 3) + 1 - 1", []float64{-2994, 6, -7194}, ""},
		{"requests - 1 - 1", []float64{2998, -2, 7198}, ""},
		{"8 / 4 / 2 * requests", []float64{3000, 0, 7200}, ""},
		{"SUM(METRICS())", nil, "no function SUM"},
		{"requests / running", nil, "running is no input"},
		{"(requests", nil, "a bracket is not closed"},
		{"requests )", nil, `unexpected ")"`},
		{"requests *", nil, "a number or an input is missing"},
		{"requests errors", nil, `unexpected "errors"`},
	} {
		m := signal.Metric{Expression: tc.expression, Period: time.Minute, Inputs: []signal.Input{
			{ID: "errors", Metric: appMetric("errors", "Sum", time.Minute)}, {ID: "requests", Metric: appMetric("requests", "Sum", time.Minute)},
		}}
		if !strings.Contains(tc.expression, "errors") {
			m.Inputs = m.Inputs[1:]
		}
		got := b.read(m, time.Hour)
		if tc.why != "" {
			if got.Status != signal.Failed || !strings.Contains(got.Why, tc.why) {
				t.Errorf("%s: got %s %q, want it to fail with %q", tc.expression, got.Status, got.Why, tc.why)
			}
			continue
		}
		if got.Status != signal.Complete || !near(got.Points, tc.want...) {
			t.Errorf("%s: got %+v, want %v", tc.expression, got, tc.want)
		}
	}
}
