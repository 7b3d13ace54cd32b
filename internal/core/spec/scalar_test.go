package spec_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestDurationJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, `"0s"`},
		{time.Second, `"1s"`},
		{10 * time.Second, `"10s"`},
		{time.Minute, `"1m"`},
		{90 * time.Second, `"1m30s"`},
		{10 * time.Minute, `"10m"`},
		{time.Hour, `"1h"`},
		{20 * time.Hour, `"20h"`},
		{time.Hour + time.Second, `"1h0m1s"`},
		{90 * time.Minute, `"1h30m"`},
		{time.Hour + 10*time.Minute, `"1h10m"`},
		{250 * time.Millisecond, `"250ms"`},
		{-15 * time.Minute, `"-15m"`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(spec.Duration(tt.d))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.d, got, err, tt.want)
		}
	}
	for in, want := range map[string]time.Duration{
		`"60s"`: time.Minute, `"1h0m0s"`: time.Hour, `"1.5m"`: 90 * time.Second,
		`"3d"`: 72 * time.Hour, `"1d12h"`: 36 * time.Hour, `"0d"`: 0, `"-1d1h"`: -25 * time.Hour,
	} {
		var got spec.Duration
		if err := json.Unmarshal([]byte(in), &got); err != nil || time.Duration(got) != want {
			t.Errorf("%s: read %s, %v, want %s", in, got, err, want)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := spec.Duration(rapid.Int64().Draw(t, "ns"))
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got spec.Duration
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Fatalf("%d became %s and then %d, %v", want, b, got, err)
		}
	})
}

func TestDurationRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{`60`, `duration 60 has no unit: write it as "60s", "15m" or "1h"`},
		{`["60s"]`, `duration ["60s"] has no unit: write it as "60s", "15m" or "1h"`},
		{`"60"`, `duration "60" is not understood: write it as "60s", "15m" or "1h"`},
		{`"1d24h"`, `duration "1d24h" is not understood: write it as "60s", "15m" or "1h"`},
		{`"1.5d"`, `duration "1.5d" is not understood: write it as "60s", "15m" or "1h"`},
		{`"2h1d"`, `duration "2h1d" is not understood: write it as "60s", "15m" or "1h"`},
		{`"d"`, `duration "d" is not understood: write it as "60s", "15m" or "1h"`},
		{`"-"`, `duration "-" is not understood: write it as "60s", "15m" or "1h"`},
		{`"70000d"`, `duration "70000d" is out of range: write it as "60s", "15m" or "1h"`},
		{`""`, `duration "" is not understood: write it as "60s", "15m" or "1h"`},
		{`"0"`, `duration "0" is not understood: write it as "60s", "15m" or "1h"`},
		{`"+5s"`, `duration "+5s" is not understood: write it as "60s", "15m" or "1h"`},
		{`".5s"`, `duration ".5s" is not understood: write it as "60s", "15m" or "1h"`},
		{`"1h "`, `duration "1h " is not understood: write it as "60s", "15m" or "1h"`},
		{`"1e3s"`, `duration "1e3s" is not understood: write it as "60s", "15m" or "1h"`},
		{`"9999999999h"`, `duration "9999999999h" is out of range: write it as "60s", "15m" or "1h"`},
	}
	for _, tt := range tests {
		d := spec.Duration(7)
		if err := json.Unmarshal([]byte(tt.in), &d); err == nil || err.Error() != tt.want || d != 7 {
			t.Errorf("%s: error %v, value %d, want %s", tt.in, err, d, tt.want)
		}
	}
}

func TestPercentJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in    string
		ratio float64
		out   string
	}{
		{`"5%"`, 0.05, `"5%"`},
		{`" 5 % "`, 0.05, `"5%"`},
		{`"0%"`, 0, `"0%"`},
		{`"7%"`, 0.07, `"7%"`},
		{`"2.5%"`, 0.025, `"2.5%"`},
		{`"150%"`, 1.5, `"150%"`},
		{`"-5%"`, -0.05, `"-5%"`},
		{`0.05`, 0.05, `"5%"`},
		{`0`, 0, `"0%"`},
		{`1`, 1, `"100%"`},
	}
	for _, tt := range tests {
		var got spec.Percent
		if err := json.Unmarshal([]byte(tt.in), &got); err != nil || float64(got) != tt.ratio {
			t.Errorf("%s: read %v, %v, want %v", tt.in, float64(got), err, tt.ratio)
		}
		if b, err := json.Marshal(got); err != nil || string(b) != tt.out {
			t.Errorf("%s: wrote %s, %v, want %s", tt.in, b, err, tt.out)
		}
	}
}

// What is written is read back as the same to 1e-8, and from then
// on exactly.
func TestPercentRoundTrip(t *testing.T) {
	t.Parallel()
	again := func(t *rapid.T, p spec.Percent) (spec.Percent, string) {
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got spec.Percent
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%v was written as %s: %v", float64(p), b, err)
		}
		return got, string(b)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := spec.Percent(rapid.Float64Range(-2, 2).Draw(t, "ratio"))
		first, s := again(t, p)
		if d := float64(first - p); d > 1e-8 || d < -1e-8 {
			t.Fatalf("%v became %s", float64(p), s)
		}
		if second, s2 := again(t, first); second != first || s2 != s {
			t.Fatalf("%s became %s", s, s2)
		}
	})
	rapid.Check(t, func(t *rapid.T) { // what people write, down to hundredths of a percent, stays as they wrote it
		want := strconv.FormatFloat(float64(rapid.IntRange(-9000, 9000).Draw(t, "hundredths"))/100, 'f', -1, 64) + "%"
		var p spec.Percent
		if err := json.Unmarshal([]byte(strconv.Quote(want)), &p); err != nil || p.String() != want {
			t.Fatalf("%s became %s, %v", want, p, err)
		}
	})
}

func TestPercentRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{`5`, `percentage 5 is ambiguous: write it as "5%"`},
		{`1.01`, `percentage 1.01 is ambiguous: write it as "1.01%"`},
		{`"5"`, `percentage "5" is not understood: write it as "5%"`},
		{`"%"`, `percentage "%" is not understood: write it as "5%"`},
		{`"five %"`, `percentage "five %" is not understood: write it as "5%"`},
		{`"NaN%"`, `percentage "NaN%" is not understood: write it as "5%"`},
		{`"Inf%"`, `percentage "Inf%" is not understood: write it as "5%"`},
		{`"5%%"`, `percentage "5%%" is not understood: write it as "5%"`},
		{`"0x1p-2%"`, `percentage "0x1p-2%" is not understood: write it as "5%"`},
		{`"1e1%"`, `percentage "1e1%" is not understood: write it as "5%"`},
		{`"5%\n"`, `percentage "5%\n" is not understood: write it as "5%"`},
		{`true`, `percentage true is not understood: write it as "5%"`},
		{`[0.05]`, `percentage [0.05] is not understood: write it as "5%"`},
	}
	for _, tt := range tests {
		p := spec.Percent(7)
		if err := json.Unmarshal([]byte(tt.in), &p); err == nil || err.Error() != tt.want || p != 7 {
			t.Errorf("%s: error %v, value %v, want %s", tt.in, err, float64(p), tt.want)
		}
	}
}

func TestOnMissingJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want spec.OnMissing
		out  string
	}{
		{`"hold"`, spec.OnMissing{}, `"hold"`},
		{`{"atLeast":1}`, spec.OnMissing{AtLeast: 1}, `{"atLeast":1}`},
		{`{"atLeast": 12}`, spec.OnMissing{AtLeast: 12}, `{"atLeast":12}`},
	}
	for _, tt := range tests {
		got := spec.OnMissing{AtLeast: 99}
		if err := json.Unmarshal([]byte(tt.in), &got); err != nil || got != tt.want {
			t.Errorf("%s: read %+v, %v", tt.in, got, err)
		}
		if b, err := json.Marshal(got); err != nil || string(b) != tt.out {
			t.Errorf("%s: wrote %s, %v", tt.in, b, err)
		}
		if got.IsZero() != (tt.want == spec.OnMissing{}) {
			t.Errorf("%s: IsZero is %t", tt.in, got.IsZero())
		}
	}
}

func TestOnMissingRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{`"scaleOut"`, `onMissingData "scaleOut" is not known: write hold or {atLeast: N}`},
		{`12`, `onMissingData 12 is not understood: write hold or {atLeast: N}`},
		{`{}`, `onMissingData {} is not understood: write hold or {atLeast: N}`},
		{`{"atleast":3}`, `onMissingData {"atleast":3} is not understood: write hold or {atLeast: N}`},
		{`{"atLeast":3,"hold":1}`, `onMissingData {"atLeast":3,"hold":1} is not understood: write hold or {atLeast: N}`},
		{`{"atLeast":true}`, `onMissingData {"atLeast":true} is not understood: write hold or {atLeast: N}`},
		{`{"atLeast":0}`, `onMissingData.atLeast 0 must be a whole number of tasks, at least 1`},
		{`{"atLeast":-2}`, `onMissingData.atLeast -2 must be a whole number of tasks, at least 1`},
		{`{"atLeast":1.5}`, `onMissingData.atLeast 1.5 must be a whole number of tasks, at least 1`},
		{`{"atLeast":99999999999999999999}`, `onMissingData.atLeast 99999999999999999999 must be a whole number of tasks, at least 1`},
	}
	for _, tt := range tests {
		o := spec.OnMissing{AtLeast: 7}
		if err := json.Unmarshal([]byte(tt.in), &o); err == nil || err.Error() != tt.want || o.AtLeast != 7 {
			t.Errorf("%s: error %v, value %+v, want %s", tt.in, err, o, tt.want)
		}
	}
}

// The canonical JSON of a document is one text, and it reads back as the document.
func TestDocumentJSON(t *testing.T) {
	t.Parallel()
	d := document()
	d.Mode = spec.Act
	s := service()
	s.ScaleIn = spec.ScaleIn{Tolerance: new(spec.Percent(0)), StabilizationWindow: new(spec.Duration(15 * time.Minute))}
	s.OnMissingData.AtLeast = 12
	s.Policies = append(s.Policies, custom(func(m *spec.Metric) {
		m.Period, m.Dimensions = spec.Duration(10*time.Second), map[string]string{"b": "2", "a": "1", "c": "3"}
	}))
	d.Services["checkout"], d.Services["cart"] = s, service()
	d.Groups = groups(3)
	const want = `{"cluster":"prod","mode":"act","services":{` +
		`"cart":{"minCapacity":2,"maxCapacity":60,"policies":[{"targetTracking":{"predefinedMetric":"ECSServiceAverageCPUUtilization","targetValue":60}}]},` +
		`"checkout":{"minCapacity":2,"maxCapacity":60,"policies":[{"targetTracking":{"predefinedMetric":"ECSServiceAverageCPUUtilization","targetValue":60}},` +
		`{"targetTracking":{"metric":{"namespace":"App","name":"InFlight","dimensions":{"a":"1","b":"2","c":"3"},"period":"10s"},"targetPerTask":40}}],` +
		`"scaleIn":{"tolerance":"0%","stabilizationWindow":"15m"},"onMissingData":{"atLeast":12}}},` +
		`"groups":{"g0":{},"g1":{},"g2":{}}}`
	b, err := json.Marshal(d)
	if err != nil || string(b) != want {
		t.Fatalf("got %s, %v\nwant %s", b, err, want)
	}
	var back spec.Document
	dec := json.NewDecoder(strings.NewReader(want))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, back); diff != "" {
		t.Errorf("(-wrote +read):\n%s", diff)
	}
}
