package signal_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var nan = signal.Value(math.NaN())

func metric() signal.Metric {
	return signal.Metric{
		Namespace: "AWS/ECS", Name: "CPUUtilization", Statistic: "Sum", Period: time.Minute,
		Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "checkout"}},
	}
}

// at is a point whose minute began some minutes before noon.
func at(minutesAgo int, value signal.Value) signal.Point {
	return signal.Point{Start: noon.Add(-time.Duration(minutesAgo) * time.Minute), Value: value, Samples: 2}
}

func series(pts ...signal.Point) signal.Series {
	return signal.Series{Metric: metric(), Points: pts, Status: signal.Complete}
}

func TestValueJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		value signal.Value
		want  string
	}{
		{"zero", 0, "0"},
		{"fraction", 0.1, "0.1"},
		{"negative", -3, "-3"},
		{"largest", math.MaxFloat64, "1.7976931348623157e+308"},
		{"NaN", nan, "null"},
		{"infinity", signal.Value(math.Inf(1)), "null"},
		{"negative infinity", signal.Value(math.Inf(-1)), "null"},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.value)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.name, got, err, tt.want)
		}
		var back signal.Value
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%s: read %s: %v", tt.name, got, err)
		}
		if tt.value.OK() != back.OK() || tt.value.OK() && tt.value != back {
			t.Errorf("%s: read back %v", tt.name, back)
		}
	}
}

func TestValueJSONRefusals(t *testing.T) {
	t.Parallel()
	for _, in := range []string{`"1"`, `true`, `[1]`, `{}`} {
		v := signal.Value(7)
		if err := json.Unmarshal([]byte(in), &v); err == nil || !strings.Contains(err.Error(), "read metric value") || v != 7 {
			t.Errorf("%s: error %v, value %v", in, err, v)
		}
	}
}

func TestPointKeepsUnknownSamplesApartFromNone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		samples signal.Value
		want    string
	}{
		{"not asked for", 0, `{"start":"2026-11-23T12:00:00Z","value":1}`},
		{"known", 3, `{"start":"2026-11-23T12:00:00Z","value":1,"samples":3}`},
		{"not a number", nan, `{"start":"2026-11-23T12:00:00Z","value":1,"samples":null}`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(signal.Point{Start: noon, Value: 1, Samples: tt.samples})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, %v", tt.name, got, err)
		}
		var back signal.Point
		if err := json.Unmarshal(got, &back); err != nil || back.Samples.OK() != tt.samples.OK() {
			t.Errorf("%s: read back %+v, %v", tt.name, back, err)
		}
	}
}

func TestOK(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]bool{0: true, -1: true, math.MaxFloat64: true, math.Inf(1): false, math.Inf(-1): false} {
		if got := signal.Value(v).OK(); got != want {
			t.Errorf("%v: got %t", v, got)
		}
	}
	if nan.OK() {
		t.Error("NaN is not a usable value")
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   []signal.Point
		want []signal.Point
	}{
		{"none", nil, []signal.Point{}},
		{"a period that ends now is closed", []signal.Point{at(1, 5)}, []signal.Point{at(1, 5)}},
		{"a period that ends a nanosecond from now is open", []signal.Point{{Start: noon.Add(1 - time.Minute), Value: 5}}, []signal.Point{}},
		{"the running minute is open", []signal.Point{at(1, 5), at(0, 6)}, []signal.Point{at(1, 5)}},
		{"oldest first", []signal.Point{at(1, 1), at(3, 3), at(2, 2)}, []signal.Point{at(3, 3), at(2, 2), at(1, 1)}},
		{"of a repeated start the larger value stands", []signal.Point{at(2, 9), at(1, 1), at(2, 4), at(2, 9)}, []signal.Point{at(2, 9), at(1, 1)}},
		{
			"of equal values the one with more samples stands",
			[]signal.Point{{Start: at(1, 0).Start, Value: 5, Samples: 3}, {Start: at(1, 0).Start, Value: 5, Samples: 1}},
			[]signal.Point{{Start: at(1, 0).Start, Value: 5, Samples: 3}},
		},
		{"NaN is absent", []signal.Point{at(2, nan), at(1, 1)}, []signal.Point{at(1, 1)}},
		{"a NaN beside a value of the same start takes nothing away", []signal.Point{at(1, nan), at(1, 4), at(1, nan)}, []signal.Point{at(1, 4)}},
		{"infinity is absent", []signal.Point{at(2, signal.Value(math.Inf(1)))}, []signal.Point{}},
		{"a value whose samples are not a number is absent", []signal.Point{{Start: at(1, 0).Start, Value: 1, Samples: nan}}, []signal.Point{}},
		{"zero is a value", []signal.Point{at(1, 0)}, []signal.Point{at(1, 0)}},
	}
	for _, tt := range tests {
		before := slices.Clone(tt.in)
		if diff := cmp.Diff(tt.want, series(tt.in...).Closed(noon)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		for i := range before {
			if !before[i].Start.Equal(tt.in[i].Start) || before[i].Value.OK() && before[i].Value != tt.in[i].Value {
				t.Errorf("%s: the series was changed: %v", tt.name, tt.in)
			}
		}
	}
}

// The same instant in another zone is the same start.
func TestClosedKnowsInstantsNotZones(t *testing.T) {
	t.Parallel()
	here := at(1, 5)
	there := here
	there.Start = there.Start.In(time.FixedZone("CET", 3600))
	if got := series(here, there).Closed(noon); len(got) != 1 {
		t.Errorf("got %v, want one point", got)
	}
}

func TestClosedIsSortedUniqueClosedAndBlindToOrder(t *testing.T) {
	t.Parallel()
	point := rapid.Custom(func(t *rapid.T) signal.Point {
		v := signal.Value(rapid.IntRange(0, 3).Draw(t, "value"))
		if rapid.IntRange(0, 5).Draw(t, "fault") == 0 {
			v = nan
		}
		return signal.Point{
			Start: noon.Add(time.Duration(rapid.IntRange(-12, 4).Draw(t, "start")) * 20 * time.Second),
			Value: v, Samples: signal.Value(rapid.IntRange(0, 2).Draw(t, "samples")),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		pts := rapid.SliceOfN(point, 0, 20).Draw(t, "points")
		got := series(pts...).Closed(noon)
		for i, p := range got {
			if p.Start.Add(time.Minute).After(noon) || !p.Value.OK() {
				t.Fatalf("%v is open or no number", p)
			}
			if i > 0 && !got[i-1].Start.Before(p.Start) {
				t.Fatalf("%v comes before %v", got[i-1], p)
			}
		}
		for _, p := range pts {
			i := slices.IndexFunc(got, func(x signal.Point) bool { return x.Start.Equal(p.Start) })
			usable := p.Value.OK() && !p.Start.Add(time.Minute).After(noon)
			if usable && (i < 0 || got[i].Value < p.Value) {
				t.Fatalf("%v is not covered by %v", p, got)
			}
		}
		shuffled := rapid.Permutation(slices.Concat(pts, pts)).Draw(t, "order")
		if diff := cmp.Diff(got, series(shuffled...).Closed(noon)); diff != "" {
			t.Fatalf("shuffled and repeated points read otherwise:\n%s", diff)
		}
	})
}

func TestStaleAfter(t *testing.T) {
	t.Parallel()
	tests := []struct{ period, want time.Duration }{
		{10 * time.Second, 5 * time.Minute},
		{time.Minute, 5 * time.Minute},
		{2 * time.Minute, 10 * time.Minute},
		{time.Hour, 5 * time.Hour},
	}
	for _, tt := range tests {
		if got := signal.StaleAfter(tt.period); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.period, got, tt.want)
		}
	}
}

func TestNewest(t *testing.T) {
	t.Parallel()
	ended := func(ago time.Duration) signal.Point {
		return signal.Point{Start: noon.Add(-ago - time.Minute), Value: 5}
	}
	tests := []struct {
		name    string
		series  signal.Series
		want    signal.Freshness
		because string
	}{
		{"just ended", series(ended(0)), signal.Fresh, ""},
		{"ended 5 min ago", series(ended(5 * time.Minute)), signal.Fresh, ""},
		{"ended a nanosecond more than 5 min ago", series(ended(5*time.Minute + 1)), signal.Stale, "newest datapoint ended 5m ago (limit 5m)"},
		{"ended an hour ago", series(ended(time.Hour)), signal.Stale, "newest datapoint ended 1h ago (limit 5m)"},
		{"no datapoint", series(), signal.Missing, "no datapoint in the window"},
		{"only an open period", series(at(0, 5)), signal.Missing, "no datapoint in the window"},
		{"only NaN", series(at(1, nan)), signal.Missing, "the newest datapoint, of 11:59:00Z, is not a number"},
		{"a NaN newer than a value is no lag", series(ended(time.Minute), at(1, nan)), signal.Missing, "the newest datapoint, of 11:59:00Z, is not a number"},
		{"wherever it stands", series(at(1, nan), at(2, nan), ended(3*time.Minute)), signal.Missing, "the newest datapoint, of 11:59:00Z, is not a number"},
		{"nor samples that are not a number", series(ended(time.Minute), signal.Point{Start: noon.Add(-time.Minute), Value: 7, Samples: nan}), signal.Missing, "the newest datapoint, of 11:59:00Z, is not a number"},
		{"a NaN of the same period leaves the value", series(ended(0), at(1, nan)), signal.Fresh, ""},
		{"an older NaN leaves the value", series(at(2, nan), ended(0)), signal.Fresh, ""},
		{"a NaN of an open period leaves the value", series(ended(0), at(0, nan)), signal.Fresh, ""},
		{"29 minutes and a half", series(ended(29*time.Minute + 30*time.Second)), signal.Stale, "newest datapoint ended 29m30s ago (limit 5m)"},
		{"not read", signal.Series{Metric: metric()}, signal.Missing, "the metric was not read"},
		{"failed, whatever points there are", signal.Series{Metric: metric(), Points: []signal.Point{at(1, 5)}, Status: signal.Failed, Why: "throttled"}, signal.Missing, "the metric could not be read: throttled"},
		{"partial data is not usable", signal.Series{Metric: metric(), Points: []signal.Point{at(1, 5)}, Status: signal.Partial, Why: "page 2 failed"}, signal.Missing, "the metric was read in part: page 2 failed"},
		{"nor is a status that is not known", signal.Series{Metric: metric(), Points: []signal.Point{at(1, 5)}, Status: "bogus"}, signal.Missing, "the metric could not be read"},
	}
	for _, tt := range tests {
		got := tt.series.Newest(noon)
		if got.Freshness != tt.want || got.Because != tt.because {
			t.Errorf("%s: got %s %q, want %s %q", tt.name, got.Freshness, got.Because, tt.want, tt.because)
		}
		if got.Freshness != signal.Missing && got.Point.Value != 5 {
			t.Errorf("%s: point %v", tt.name, got.Point)
		}
	}
}

func TestNewestTakesTheNewestOfMany(t *testing.T) {
	t.Parallel()
	if got := series(at(2, 7), at(1, 8), at(3, 6), at(0, 9)).Newest(noon); got.Point != at(1, 8) {
		t.Errorf("got %v, want the newest closed point", got.Point)
	}
}

func TestIdentityAndKey(t *testing.T) {
	t.Parallel()
	m := metric()
	if got, want := m.Identity(), "AWS/ECS/CPUUtilization|ClusterName=prod|ServiceName=checkout"; got != want {
		t.Errorf("identity %q, want %q", got, want)
	}
	if got, want := m.Key(), m.Identity()+"|Sum|1m0s"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
}

// A key tells every difference that CloudWatch tells.
func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	edit := func(f func(*signal.Metric)) signal.Metric {
		m := metric()
		f(&m)
		return m
	}
	tests := []struct {
		name         string
		m            signal.Metric
		sameIdentity bool
	}{
		{"statistic", edit(func(m *signal.Metric) { m.Statistic = "Average" }), true},
		{"period", edit(func(m *signal.Metric) { m.Period = 2 * time.Minute }), true},
		{"namespace", edit(func(m *signal.Metric) { m.Namespace = "App" }), false},
		{"name", edit(func(m *signal.Metric) { m.Name = "MemoryUtilization" }), false},
		{"value of a dimension", edit(func(m *signal.Metric) { m.Dimensions[1].Value = "cart" }), false},
		{"name of a dimension", edit(func(m *signal.Metric) { m.Dimensions[1].Name = "Service" }), false},
		{"one dimension fewer", edit(func(m *signal.Metric) { m.Dimensions = m.Dimensions[:1] }), false},
		{"one dimension more", edit(func(m *signal.Metric) {
			m.Dimensions = append(m.Dimensions, signal.Dimension{Name: "X", Value: "1"})
		}), false},
	}
	set := signal.Set{series(at(1, 5))}
	for _, tt := range tests {
		if tt.m.Key() == metric().Key() {
			t.Errorf("%s: the key is the same", tt.name)
		}
		if got := tt.m.Identity() == metric().Identity(); got != tt.sameIdentity {
			t.Errorf("%s: same identity is %t, want %t", tt.name, got, tt.sameIdentity)
		}
		if got, ok := set.Find(tt.m); ok {
			t.Errorf("%s: found %s", tt.name, got.Metric.Key())
		}
	}
}

// anyMetric draws from few names, so that two draws are often nearly equal.
func anyMetric(t *rapid.T, label string) signal.Metric {
	word := rapid.SampledFrom([]string{"a", "b"})
	m := signal.Metric{
		Namespace: word.Draw(t, label+" namespace"), Name: word.Draw(t, label+" name"), Statistic: "Sum",
		Period: time.Duration(rapid.IntRange(1, 2).Draw(t, label+" period")) * time.Minute,
	}
	for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 3, rapid.ID[string]).Draw(t, label+" dimensions") {
		m.Dimensions = append(m.Dimensions, signal.Dimension{Name: n, Value: word.Draw(t, label+" value")})
	}
	return m
}

func TestOrderOfDimensionsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := anyMetric(t, "m")
		before := slices.Clone(m.Dimensions)
		turned := m
		turned.Dimensions = rapid.Permutation(m.Dimensions).Draw(t, "order")
		if m.Identity() != turned.Identity() || m.Key() != turned.Key() {
			t.Fatalf("%q and %q", m.Key(), turned.Key())
		}
		if !slices.Equal(before, m.Dimensions) {
			t.Fatalf("the dimensions were sorted in place: %v", m.Dimensions)
		}
		if _, ok := (signal.Set{{Metric: m}}).Find(turned); !ok {
			t.Fatalf("%v is not found as %v", m, turned)
		}
	})
}

// Find agrees with Key whatever the metrics.
func TestFindIsByKey(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var set signal.Set
		for range rapid.IntRange(0, 5).Draw(t, "size") {
			set = append(set, signal.Series{Metric: anyMetric(t, "kept"), Why: string(rune('a' + len(set)))})
		}
		want := anyMetric(t, "wanted")
		i := slices.IndexFunc(set, func(s signal.Series) bool { return s.Metric.Key() == want.Key() })
		got, ok := set.Find(want)
		if ok != (i >= 0) || ok && got.Why != set[i].Why {
			t.Fatalf("wanted %s: got %s, %t; by key it is number %d", want.Key(), got.Metric.Key(), ok, i)
		}
	})
}

func BenchmarkClosed(b *testing.B) {
	pts := make([]signal.Point, 65)
	for i := range pts {
		pts[i] = at(i+1, signal.Value(i))
	}
	s := series(pts...)
	b.ReportAllocs()
	for b.Loop() {
		s.Closed(noon)
	}
}

// A group's cell holds the metrics of every service that lands on it: finding
// each of 500 among 500.
func BenchmarkFind(b *testing.B) {
	set := make(signal.Set, 500)
	for i := range set {
		m := metric()
		m.Dimensions = slices.Clone(m.Dimensions)
		m.Dimensions[1].Value = "service-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		set[i].Metric = m
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range set {
			if _, ok := set.Find(s.Metric); !ok {
				b.Fatal("not found")
			}
		}
	}
}
