package history_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

func TestHistoryJSON(t *testing.T) {
	t.Parallel()
	day, _ := history.Hours{}.See(noon, 4)
	tests := []struct {
		name string
		h    history.History
		want string
	}{
		{"nothing", history.History{}, `{}`},
		{"a shadow of no task", history.History{Shadow: new(0)}, `{"shadow":0}`},
		{
			"orders",
			history.History{
				Orders: []history.Order{order(0, 1, 2)}, Forgotten: noon.Add(-time.Hour), Marks: []history.Mark{mark("cpu", 1)}, Shadow: new(2),
			},
			`{"orders":["2026-11-23T12:00:00Z 1 to 2"],"forgotten":"2026-11-23T11:00:00Z","marks":[{"policy":"cpu","datapoint":"2026-11-23T11:59:00Z"}],"shadow":2}`,
		},
		{
			"learnt",
			history.History{Foreign: []history.Sighting{sighting(2, 5, 1)}, Rates: []history.Rate{rate("queue", 0.5, 1)}, Hours: day},
			`{"foreign":[{"at":"2026-11-23T11:58:00Z","expected":5,"found":1}],"rates":[{"policy":"queue","perTask":0.5,"at":"2026-11-23T11:59:00Z","periods":3}],` +
				`"hours":{"lows":"K","newest":498732}}`,
		},
	}
	for _, tt := range tests {
		b, err := json.Marshal(tt.h)
		if err != nil || string(b) != tt.want {
			t.Errorf("%s: got %s, %v", tt.name, b, err)
		}
		var back history.History
		if err := json.Unmarshal(b, &back); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.h, back); diff != "" {
			t.Errorf("%s (-wrote +read):\n%s", tt.name, diff)
		}
	}
}

func TestOrderJSON(t *testing.T) {
	t.Parallel()
	want := history.Order{At: noon.Add(123456789), From: 4, To: 0}
	for _, text := range []string{
		`"2026-11-23T12:00:00.123456789Z 4 to 0"`, ` {"at": "2026-11-23T12:00:00.123456789Z", "from": 4, "to": 0} `,
	} {
		var got history.Order
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for text, words := range map[string]string{
		`"2026-11-23T12:00:00Z 4 6"`:                `write it as "2026-11-23T12:00:00Z 4 to 6"`,
		`"2026-11-23T12:00:00Z 4 or 6"`:             "is not understood",
		`"today 4 to 6"`:                            "is not understood",
		`"2026-11-23T12:00:00Z x to 6"`:             "is not understood",
		`"2026-11-23T12:00:00Z 4 to 6.5"`:           "is not understood",
		`"2026-11-23T12:00:00Z 4 to 6 to 8"`:        "is not understood",
		`{"at": "2026-11-23T12:00:00Z", "form": 4}`: `unknown field "form"`,
		`[1]`: "read an order",
	} {
		got := order(1, 2, 3)
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: want an error with %q, got %v", text, words, err)
		}
	}
}

func TestHoursJSONRefusesWhatItIsNot(t *testing.T) {
	t.Parallel()
	all := strings.Repeat("A", history.HoursKept)
	for text, words := range map[string]string{
		`{"lows":"` + all + `","newest":-1}`:             "newest -1 is too low",
		`{"lows":"KKK","newest":1}`:                      "newest 1 is too low",
		`{"lows":"","newest":9}`:                         "lows ends within an entry after 0",
		`{"lows":"` + all + `A","newest":900}`:           "not understood at byte 337",
		`{"lows":"` + all[1:] + `1","newest":900}`:       "lows ends within an entry after 336",
		`{"lows":"` + all[1:] + `!","newest":900}`:       "not understood at byte 336",
		`{"lows":"000000000A` + all + `","newest":900}`:  "not understood at byte 9",
		`{"lows":"` + all + `","newest":900,"oldest":1}`: `unknown field "oldest"`,
		`{"lows":"` + all[1:] + `B","newest":900}`:       "below 0 at byte 336",
		`"x"`: "read the hours",
	} {
		var h history.Hours
		if err := json.Unmarshal([]byte(text), &h); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want an error with %q, got %v", words, err)
		}
		if !h.IsZero() {
			t.Errorf("%q was read in part", words)
		}
	}
	if _, err := json.Marshal(history.Hours{Lows: []int{1}}); err == nil {
		t.Error("hours of one entry were written")
	}
}

// anything draws a history with all that it can hold.
func anything(t *rapid.T) history.History {
	h, _ := life(t)
	at := func(label string) time.Time {
		return noon.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, label))) // to the nanosecond
	}
	for range rapid.IntRange(0, 3).Draw(t, "rates") {
		h = h.WithRate(history.Rate{
			Policy: rapid.String().Draw(t, "policy"), PerTask: rapid.Float64Range(1e-9, 1e9).Draw(t, "rate"),
			At: at("learnt"), Periods: rapid.IntRange(0, history.MaxPeriods).Draw(t, "periods"),
		})
	}
	if rapid.Bool().Draw(t, "shortage") {
		h.Shortage = &history.Shortage{Since: at("short"), Counted: new(rapid.IntRange(0, 5000).Draw(t, "counted")), Above: rapid.IntRange(0, 5000).Draw(t, "above"), AboveSince: at("above since")}
	}
	for range rapid.IntRange(0, 3).Draw(t, "hours") {
		h.Hours, _ = h.Hours.See(at("seen"), rapid.SampledFrom([]int{0, 1, 30, 31, 32, 1022, 1023, 1024, 5000, 1 << 30}).Draw(t, "count"))
	}
	h = h.With(history.Order{At: at("order"), From: 1, To: 2}, []history.Mark{{Policy: rapid.String().Draw(t, "mark"), Datapoint: at("datapoint")}})
	if rapid.Bool().Draw(t, "sighted") {
		h = h.Sighted(history.Sighting{At: at("sighting"), Expected: 1, Found: 2, Who: rapid.String().Draw(t, "who"), Repaired: at("repaired")})
	}
	if rapid.Bool().Draw(t, "idle") {
		h.IdleSince = at("since")
	}
	if rapid.Bool().Draw(t, "shadowed") {
		h.Shadow = new(rapid.IntRange(0, 9).Draw(t, "shadow"))
	}
	return h
}

// Serialising history and reading it back changes nothing, and its text is one.
func TestHistoryReadsBackAsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := anything(t)
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var back history.History
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if diff := cmp.Diff(h, back, cmp.Transformer("empty", func(m []history.Mark) []history.Mark { return append([]history.Mark{}, m...) })); diff != "" {
			t.Fatalf("(-wrote +read):\n%s", diff)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(text) {
			t.Fatalf("%v, written again:\n%s\n%s", err, text, again)
		}
		past := noon.Add(-time.Hour)
		if h.Window(noon, time.Hour, 9) != back.Window(noon, time.Hour, 9) || h.Reversals(past) != back.Reversals(past) {
			t.Fatal("the windows differ")
		}
	})
}

// A row is read with every evaluation and history is part of every record: with
// everything full it stays below 8 KB.
func TestFullHistoryIsSmall(t *testing.T) {
	t.Parallel()
	var h history.History
	at := func(i int) time.Time { return noon.Add(time.Duration(i)*time.Minute + 123456789) }
	metric := func(i int) string {
		return fmt.Sprintf("AWS/SQS/ApproximateNumberOfMessagesVisible|QueueName=checkout-payment-jobs-%d|Maximum|1m0s", i)
	}
	for i := range history.MaxOrders + 1 {
		o := history.Order{At: at(i), From: 1234, To: 4321}
		if i%2 == 1 {
			o.From, o.To = o.To, o.From
		}
		h = h.With(o, []history.Mark{{Policy: metric(i % 10), Datapoint: noon.Add(time.Duration(i) * time.Minute)}})
	}
	for i := range history.MaxRates {
		h = h.WithRate(history.Rate{Policy: metric(i), PerTask: 1.0 / 3, At: noon, Periods: history.MaxPeriods})
	}
	for i := range history.MaxSightings {
		h = h.Sighted(history.Sighting{At: at(i), Expected: 1234, Found: 4321, Who: "CloudFormation stack checkout-production, with the deployment of 2026-11-23T12:00:00Z", Repaired: at(i)})
	}
	for i := range history.HoursKept {
		h.Hours, _ = h.Hours.See(noon.Add(time.Duration(i)*time.Hour), 2000+int(900*math.Sin(float64(i)*math.Pi/12))) // days, up to 236 tasks an hour
	}
	h.Shadow, h.IdleSince = new(1234), at(0)
	h.Shortage = &history.Shortage{Counted: new(4321), Above: 5000, AboveSince: at(0)}
	if len(h.Orders) != history.MaxOrders || h.Forgotten.IsZero() || len(h.Marks) != 10 || len(h.Rates) != 10 || len(h.Foreign) != 10 || len(h.Hours.Lows) < 336 {
		t.Fatalf("the history is not full: %d orders, %d marks, %d rates, %d sightings", len(h.Orders), len(h.Marks), len(h.Rates), len(h.Foreign))
	}
	b, err := json.Marshal(h)
	t.Logf("%d bytes", len(b))
	if err != nil || len(b) >= 8*1024 {
		t.Errorf("the history takes %d bytes (%v), want less than 8,192", len(b), err)
	}
}
