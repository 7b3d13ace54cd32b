package replay

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

const head = "time,cpuPercent,tasks\n"

func TestRead(t *testing.T) {
	t.Parallel()
	src := "\ufefftime, cpuPercent, tasks\n2026-11-09T00:00:00Z,50,4\n2026-11-09T01:01:00+01:00, 62.5 ,4.5\n2026-11-09T00:04:00Z,0,0\n"
	got, err := Read(strings.NewReader(src), "h.csv")
	if err != nil {
		t.Fatal(err)
	}
	want := History{Name: "h.csv", Period: time.Minute, Points: []Point{{begin, 50, 4}, {begin.Add(time.Minute), 62.5, 4.5}, {begin.Add(4 * time.Minute), 0, 0}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("history (-want +got):\n%s", d)
	}
	var out bytes.Buffer
	if err := got.CSV(&out); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&out, "h.csv")
	if d := cmp.Diff(want, again); d != "" || err != nil {
		t.Errorf("what was written is read otherwise, %v (-want +got):\n%s", err, d)
	}
}

func TestReadNamesTheFault(t *testing.T) {
	t.Parallel()
	const first = "2026-11-09T00:00:00Z,50,4\n"
	for name, c := range map[string]struct{ src, want string }{
		"empty":           {"", `line 1: the header must be "time,cpuPercent,tasks"`},
		"another header":  {"seconds,rate\n1,2\n", "line 1: the header must be"},
		"nothing else":    {head, "0 datapoints: at least two are needed"},
		"one":             {head + first, "1 datapoints: at least two are needed"},
		"fields":          {head + first + "2026-11-09T00:01:00Z,50\n", "line 3: 2 fields: write time,cpuPercent,tasks"},
		"no time":         {head + "noon,50,4\n", `line 2: time "noon" is no time: write it as 2026-11-23T10:00:00Z`},
		"half a minute":   {head + "2026-11-09T00:00:30Z,50,4\n", "is no full minute"},
		"twice":           {head + first + first, "line 3: time 2026-11-09T00:00:00Z does not come after 2026-11-09T00:00:00Z: sort the rows"},
		"no number":       {head + "2026-11-09T00:00:00Z,busy,4\n", `line 2: cpuPercent "busy" is no number: leave the row out where there is none`},
		"empty number":    {head + first + "2026-11-09T00:01:00Z,50,\n", `line 3: tasks "" is no number`},
		"below zero":      {head + "2026-11-09T00:00:00Z,-1,4\n", "line 2: cpuPercent -1 is out of range: it must be 0 to 100000"},
		"NaN":             {head + "2026-11-09T00:00:00Z,NaN,4\n", "line 2: cpuPercent NaN is out of range"},
		"too many tasks":  {head + "2026-11-09T00:00:00Z,5,1e6\n", "line 2: tasks 1e6 is out of range"},
		"off the period":  {head + first + "2026-11-09T00:05:00Z,50,4\n2026-11-09T00:12:00Z,50,4\n", "line 4: time 2026-11-09T00:12:00Z is not a multiple of the period, 5m0s, after the first"},
		"too coarse":      {head + first + "2026-11-09T02:00:00Z,50,4\n", "its datapoints are at least 2h0m0s apart"},
		"too long":        {head + first + "2026-11-09T00:01:00Z,50,4\n2027-11-09T00:01:00Z,50,4\n", "line 4: time 2027-11-09T00:01:00Z is more than 92 days after the first"},
		"not CSV":         {head + first + "2026-11-09T00:01:00Z,\"5\n", "line 3: not CSV"},
		"after a comment": {head + first + "\n2026-11-09T00:01:00Z,x,4\n", `line 4: cpuPercent "x"`},
	} {
		_, err := Read(strings.NewReader(c.src), "h.csv")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "read history h.csv: ") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestFromSeries(t *testing.T) {
	t.Parallel()
	s := signal.Series{Metric: signal.Metric{Period: 5 * time.Minute}}
	add := func(minute int, value, samples float64) {
		s.Points = append(s.Points, signal.Point{Start: begin.Add(time.Duration(minute) * time.Minute), Value: signal.Value(value), Samples: signal.Value(samples)})
	}
	add(0, 50, 60)
	add(5, math.NaN(), 60)
	add(10, 40, 45)
	add(10, 41, 45)
	got, err := FromSeries("web", s, 3)
	want := History{Name: "web", Period: 5 * time.Minute, Points: []Point{{begin, 50, 4}, {begin.Add(10 * time.Minute), 40, 3}}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("history, %v (-want +got):\n%s", err, d)
	}
	s.Points = s.Points[:2]
	if _, err := FromSeries("web", s, 3); err == nil {
		t.Error("a history of one datapoint is no error")
	}
}

// hour gives two hours of one utilisation on four tasks, by the minute.
func hours(percent float64) History {
	h := History{Name: "web", Period: time.Minute}
	for i := range 120 {
		h.Points = append(h.Points, Point{begin.Add(time.Duration(i) * time.Minute), percent, 4})
	}
	return h
}

func TestRecordHoldsAndCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change                  func(*History)
		missing, gap, saturated int
		last                    float64 // demand of minute 59
	}{
		"whole":                {func(*History) {}, 0, 0, 0, 2},
		"one gone":             {func(h *History) { h.Points[58].CPU = 75; h.Points = append(h.Points[:59], h.Points[60:]...) }, 1, 1, 0, 3},
		"two gaps":             {func(h *History) { h.Points = append(append(h.Points[:10:10], h.Points[30:57]...), h.Points[60:]...) }, 23, 20, 0, 2},
		"pinned":               {func(h *History) { h.Points[59].CPU, h.Points[60].CPU = 99, 101 }, 0, 0, 2, 3.96},
		"bursting, not pinned": {func(h *History) { h.Points[59].CPU = 150 }, 0, 0, 0, 6},
		"no task":              {func(h *History) { h.Points[59].CPU, h.Points[59].Tasks = 0, 0 }, 0, 0, 0, 0},
		"four join":            {func(h *History) { h.Points[59].Tasks = 8 }, 0, 0, 0, 3},
		"two leave":            {func(h *History) { h.Points[59].Tasks = 2 }, 0, 0, 0, 1.5},
		"four join in 5 minutes": {func(h *History) {
			h.Period = 5 * time.Minute
			for i := range h.Points {
				h.Points[i].Time = begin.Add(time.Duration(5*i) * time.Minute)
			}
			h.Points[59].Tasks = 8
		}, 0, 0, 0, 3.8},
	} {
		h := hours(50)
		c.change(&h)
		r, err := h.Record()
		if err != nil {
			t.Fatal(err)
		}
		if r.Missing != c.missing || r.Gap != c.gap || r.Saturated != c.saturated || len(r.Demand) != 120 || math.Abs(r.Demand[59]-c.last) > 1e-9 {
			t.Errorf("%s: %d missing, longest gap %d, %d saturated, %d periods, demand %g", name, r.Missing, r.Gap, r.Saturated, len(r.Demand), r.Demand[59])
		}
		if r.Warm != 12 || len(r.Doubts()) != min(1, c.missing)+min(1, c.saturated)+r.Bursting || r.Bursting != number(name == "bursting, not pinned") {
			t.Errorf("%s: %d periods warm up, doubts %q", name, r.Warm, r.Doubts())
		}
	}
	short := hours(50)
	short.Points = short.Points[:59]
	if _, err := short.Record(); err == nil || !strings.Contains(err.Error(), "lasts 59 min: at least 1 h is needed") {
		t.Errorf("an hour less a minute: %v", err)
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestSince(t *testing.T) {
	t.Parallel()
	if n := len(hours(50).Since(time.Hour).Points); n != 60 {
		t.Errorf("the last hour has %d datapoints", n)
	}
	if n := len(hours(50).Since(24 * time.Hour).Points); n != 120 {
		t.Errorf("the last day has %d datapoints", n)
	}
}
