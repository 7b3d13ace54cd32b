package board_test

import (
	"encoding/csv"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/board"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// explain is the rule of this test.
const explain = "A change of scores must be explained in the same commit: say which policy became better or worse, and why. " +
	"Then write them anew: go test ./internal/sim/board -run TestScores -update"

// marks are the marks that are compared: the headline, and what a change of one policy
// moves first.
func marks() []score.Field {
	wanted := map[string]bool{
		"violationPercent": true, "longestViolationSeconds": true, "taskHours": true, "dollarsPerOracle": true,
		"actionsPerHour": true, "reversalsWithin15Min": true, "tasksStarted": true,
	}
	var out []score.Field
	for _, f := range score.Fields() {
		if wanted[f.Name] {
			out = append(out, f)
		}
	}
	return out
}

// subset are the days of requests in the regression: two flash crowds, a noisy day, a steady, a
// spiky and an often idle one.
func subset(t *testing.T) []*trial.Course {
	t.Helper()
	var out []*trial.Course
	for _, part := range []struct {
		name     string
		from, to int // days, 0 for all
	}{{trace.WorldCup, 0, 0}, {trace.Shuttle, 0, 0}, {"aws-ec2-cpu-steady", 3, 4}, {"aws-elb-requests", 5, 6}, {"azure-faas-app", 0, 0}} {
		c, err := trial.NewCourse(days(t, part.name, part.name, part.from, part.to), 20, trial.Requests())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// messages are two days of batch jobs, and a day that is often idle, as messages of a queue.
func messages(t *testing.T) []*trial.Course {
	t.Helper()
	var out []*trial.Course
	for _, part := range []struct {
		name     string
		from, to int // days
	}{{"nasa-ipsc-jobs", 7, 9}, {"azure-faas-app", 0, 1}} {
		c, err := trial.NewQueueCourse(days(t, part.name, part.name+" (messages)", part.from, part.to), 20, trial.Jobs())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// days gives some days of an embedded trace under a name, all of it if to is 0.
func days(t *testing.T, embedded, name string, from, to int) trace.Trace {
	t.Helper()
	r, err := trace.Embedded(embedded)
	if err != nil {
		t.Fatal(err)
	}
	if to == 0 {
		return r.Trace
	}
	part, err := r.Slice(name, time.Duration(from)*24*time.Hour, time.Duration(to)*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// atDefaults gives contestants that play the documented value of their knob alone.
func atDefaults(t *testing.T, list string) []trial.Contestant {
	t.Helper()
	ks, err := trial.Named(list)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ks {
		ks[i].Sweep = []float64{ks[i].Default}
	}
	return ks
}

// The scores of a few days are those that are written down. On amd64, where they were
// written, to the last of four digits; other processors fuse a multiplication and an
// addition, a run then takes another turn somewhere, and they are compared loosely.
func TestScores(t *testing.T) {
	t.Parallel()
	courses := subset(t)
	got := played(t, board.Options{
		Courses: courses, Contestants: atDefaults(t, "trimtab,trimtab-20s,aas,aas-20s,hpa,static"), Starts: []trial.Start{trial.Fargate}, Seed: 1,
	})
	cold := played(t, board.Options{
		Courses: courses[:1], Contestants: atDefaults(t, "trimtab,aas"), Starts: []trial.Start{trial.EC2Cold}, Seed: 1,
	})
	got.Entries = append(got.Entries, cold.Entries...)
	workers := trial.Workers(trial.Jobs())[:5]
	for i := range workers {
		workers[i].Sweep = []float64{workers[i].Default}
	}
	jobs := played(t, board.Options{Courses: messages(t), Contestants: workers, Starts: []trial.Start{trial.Fargate}, Seed: 1})
	got.Entries = append(got.Entries, jobs.Entries...)
	rows := scoresOf(got)
	const file = "testdata/scores.csv"
	if *update {
		write(t, file, rows)
		return
	}
	loose := runtime.GOARCH != "amd64"
	if loose {
		t.Logf("the scores are of amd64; on %s they are compared loosely", runtime.GOARCH)
	}
	want := read(t, file)
	if len(want) != len(rows) {
		t.Fatalf("%s has %d rows, played were %d. %s", file, len(want), len(rows), explain)
	}
	changed := false
	for i, row := range rows {
		for c, cell := range row {
			if cell != want[i][c] && (!loose || !near(cell, want[i][c])) {
				changed = true
				t.Errorf("%s: %s was %s and is %s", strings.Join(row[:3], " "), want[0][c], want[i][c], cell)
			}
		}
	}
	if changed {
		t.Error(explain)
	}
}

// scoresOf gives a heading, and a row for each entry.
func scoresOf(b board.Board) [][]string {
	head := []string{"start", "trace", "policy"}
	for _, f := range marks() {
		head = append(head, f.Name)
	}
	rows := [][]string{head}
	for _, e := range b.Entries {
		row := []string{string(e.Start), e.Trace, e.Policy}
		for _, f := range marks() {
			row = append(row, strconv.FormatFloat(f.Get(e.Scores[0]), 'g', 4, 64))
		}
		rows = append(rows, row)
	}
	return rows
}

// near tells whether two numbers are within a fifth, or both small.
func near(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= max(0.2*max(x, y), 2)
}

func write(t *testing.T, file string, rows [][]string) {
	t.Helper()
	var out strings.Builder
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) [][]string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
