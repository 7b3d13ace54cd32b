// Package replay gives a service's own past under policies that it did not have: what
// CloudWatch recorded as demand, each policy's run over it on the simulated plant, and
// the moments at which a policy would have done worse than what was.
package replay

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

// Limits of a history. CloudWatch keeps minutes for 15 days and 5 minutes for 63.
const (
	maxPoints  = 200_000
	maxSpan    = 92 * 24 * time.Hour
	maxPercent = 100_000 // of the CPU that a task reserves
	maxTasks   = 100_000
	maxPeriod  = time.Hour
)

// header is the first line of a history file.
const header = "time,cpuPercent,tasks"

// History is what CloudWatch recorded of a service, oldest first.
type History struct {
	Name   string
	Period time.Duration // of a datapoint: whole minutes
	Points []Point
}

// Point is one datapoint. The demand in it is CPU/100 x Tasks, in tasks' worth of CPU.
type Point struct {
	Time  time.Time // its start, a full minute
	CPU   float64   // the average utilisation of the tasks, in percent of what they reserve
	Tasks float64   // that ran, on average over the period
}

// Read reads a history in CSV: the header "time,cpuPercent,tasks", then a row for each
// datapoint, oldest first: its start as 2026-11-23T10:00:00Z, the average CPU utilisation
// in percent and the tasks that ran. Rows may be missing. The shortest distance between two
// is the period, and every other one a multiple of it. A *trace.Error tells line and reason.
func Read(r io.Reader, name string) (History, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1 // counted below, with a clearer message
	in.ReuseRecord = true
	fault := func(line int, why string) (History, error) {
		return History{}, &trace.Error{What: "history", Name: name, Line: line, Why: why}
	}
	h := History{Name: name}
	var lines []int // of the points
	for first := true; ; first = false {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) && !first {
			break
		}
		line := 1
		if err == nil {
			line, _ = in.FieldPos(0)
		}
		switch bad, isCSV := errors.AsType[*csv.ParseError](err); {
		case first && (err != nil || strings.TrimPrefix(joined(rec), "\ufeff") != header):
			return fault(line, fmt.Sprintf("the header must be %q", header))
		case first:
			continue
		case isCSV:
			return fault(bad.Line, "not CSV: "+bad.Err.Error())
		case err != nil:
			return fault(0, err.Error())
		case len(h.Points) == maxPoints:
			return fault(line, fmt.Sprintf("more than %d rows", maxPoints))
		}
		p, why := row(rec, h.Points)
		if why != "" {
			return fault(line, why)
		}
		h.Points, lines = append(h.Points, p), append(lines, line)
	}
	h, i, err := h.settled()
	if err != nil {
		line := 0
		if i >= 0 {
			line = lines[i]
		}
		return fault(line, err.Error())
	}
	return h, nil
}

// joined gives a row without the blanks around its fields.
func joined(rec []string) string {
	out := make([]string, len(rec))
	for i, f := range rec {
		out[i] = strings.TrimSpace(f)
	}
	return strings.Join(out, ",")
}

// row reads one row; why says what is wrong with it.
func row(rec []string, before []Point) (p Point, why string) {
	if len(rec) != 3 {
		return p, fmt.Sprintf("%d fields: write %s", len(rec), header)
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(rec[0]))
	switch {
	case err != nil:
		return p, fmt.Sprintf("time %q is no time: write it as 2026-11-23T10:00:00Z", rec[0])
	case !at.Equal(at.Truncate(time.Minute)):
		return p, fmt.Sprintf("time %q is no full minute, where CloudWatch's periods begin", rec[0])
	}
	p.Time = at.UTC()
	if n := len(before); n > 0 && !p.Time.After(before[n-1].Time) {
		return p, fmt.Sprintf("time %s does not come after %s: sort the rows and keep one of each time", stamp(p.Time), stamp(before[n-1].Time))
	}
	for _, f := range []struct {
		name string
		text string
		most float64
		into *float64
	}{{"cpuPercent", rec[1], maxPercent, &p.CPU}, {"tasks", rec[2], maxTasks, &p.Tasks}} {
		v, err := strconv.ParseFloat(strings.TrimSpace(f.text), 64)
		switch {
		case err != nil:
			return p, fmt.Sprintf("%s %q is no number: leave the row out where there is none", f.name, f.text)
		case math.IsNaN(v) || v < 0 || v > f.most:
			return p, fmt.Sprintf("%s %s is out of range: it must be 0 to %g", f.name, f.text, f.most)
		}
		*f.into = v
	}
	return p, ""
}

// settled gives the history with its period. An error is about the datapoint of the index, or with -1
// about the whole.
func (h History) settled() (settled History, at int, err error) {
	if len(h.Points) < 2 {
		return h, -1, fmt.Errorf("%d datapoints: at least two are needed", len(h.Points))
	}
	h.Period = h.Points[1].Time.Sub(h.Points[0].Time)
	for i := 2; i < len(h.Points); i++ {
		h.Period = min(h.Period, h.Points[i].Time.Sub(h.Points[i-1].Time))
	}
	if h.Period > maxPeriod {
		return h, -1, fmt.Errorf("its datapoints are at least %s apart: more than %s hides what a policy reacts to", h.Period, maxPeriod)
	}
	for i, p := range h.Points {
		after := p.Time.Sub(h.Points[0].Time)
		switch {
		case after%h.Period != 0:
			return h, i, fmt.Errorf("time %s is not a multiple of the period, %s, after the first", stamp(p.Time), h.Period)
		case after > maxSpan:
			return h, i, fmt.Errorf("time %s is more than %d days after the first", stamp(p.Time), int(maxSpan.Hours()/24))
		}
	}
	return h, 0, nil
}

// FromSeries gives the history that a series of the average CPU utilisation holds, of
// which each datapoint's samples count the tasks: so many samples of each in a minute, 3
// with high-resolution monitoring. Datapoints that are no numbers are left out.
func FromSeries(name string, s signal.Series, samplesPerMinute int) (History, error) {
	h := History{Name: name}
	each := float64(max(1, samplesPerMinute)) * s.Metric.Period.Minutes()
	for _, p := range s.Points {
		if !p.Value.OK() || !p.Samples.OK() || p.Value < 0 || p.Samples < 0 {
			continue
		}
		if n := len(h.Points); n > 0 && !p.Start.After(h.Points[n-1].Time) {
			continue // sent twice
		}
		h.Points = append(h.Points, Point{Time: p.Start, CPU: float64(p.Value), Tasks: float64(p.Samples) / each})
	}
	if len(h.Points) < 2 {
		return h, fmt.Errorf("history of %s: %d datapoints: at least two are needed", name, len(h.Points))
	}
	h.Period = s.Metric.Period
	return h, nil
}

// Since gives the part of the history that is not older than its last datapoint by more
// than a time.
func (h History) Since(d time.Duration) History {
	if n := len(h.Points); n > 0 {
		from := h.Points[n-1].Time.Add(h.Period - d)
		i := slices.IndexFunc(h.Points, func(p Point) bool { return !p.Time.Before(from) })
		h.Points = h.Points[max(i, 0):]
	}
	return h
}

// CSV writes the history as Read reads it.
func (h History) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	lines := [][]string{strings.Split(header, ",")}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, p := range h.Points {
		lines = append(lines, []string{stamp(p.Time), number(p.CPU), number(p.Tasks)})
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
