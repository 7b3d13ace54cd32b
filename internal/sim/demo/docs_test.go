package demo_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim/board"
	"github.com/trimtab-ecs/trimtab/internal/sim/demo"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
)

var update = flag.Bool("update", false, "write the figures and the picture of the docs anew")

const (
	benchmarks = "../../../docs/benchmarks.md"
	drawing    = "../../../docs/demo.svg"
	section    = "## Against the native loop"
	remedy     = "go test ./internal/sim/demo -run TestDocs -update"
)

// onWriter skips where the figures may differ in their last digit: they were
// written on amd64, and other processors fuse a multiplication and an addition.
func onWriter(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skipf("the docs' figures are of amd64, this is %s", runtime.GOARCH)
	}
}

// scored gives the rows that a day's result makes in the docs, without the
// day's own cell.
func scored(t *testing.T, load string) [][]string {
	t.Helper()
	out, _, _ := play(t, demo.Options{Seed: 1, Load: load, Sweep: true, JSON: true})
	var res demo.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil {
		t.Fatal(err)
	}
	if len(res.Policies) != 3 {
		t.Fatalf("load %s has %d policies, want 3", load, len(res.Policies))
	}
	var rows [][]string
	for i, p := range res.Policies {
		at := []string{"–", "–"}
		if i < len(res.Curves) {
			for n, level := range board.Objectives() {
				at[n] = "never"
				if cost := res.Curves[i].At(level); !math.IsInf(cost, 1) {
					at[n] = fmt.Sprintf("%.2f", cost)
				}
			}
		}
		rows = append(rows, append([]string{
			p.Name, fmt.Sprintf("%.3f %%", p.ViolationPercent), fmt.Sprintf("%d s", p.ViolationSeconds), fmt.Sprintf("%d s", p.LongestViolationSeconds),
			fmt.Sprintf("%.1f", p.TaskHours), fmt.Sprintf("%.2f", p.DollarsPerOracle), fmt.Sprintf("%.2f", p.ActionsPerHour), fmt.Sprint(p.ReversalsWithin15Min),
		}, at...))
	}
	return rows
}

// rowsOf gives the indices of the lines that are the rows of the section's
// table, without its head.
func rowsOf(t *testing.T, lines []string) []int {
	t.Helper()
	at := slices.Index(lines, section)
	if at < 0 {
		t.Fatalf("%s has no line %q", benchmarks, section)
	}
	var rows []int
	for i, line := range lines[at+1:] {
		switch {
		case strings.HasPrefix(line, "|"):
			rows = append(rows, at+1+i)
		case strings.HasPrefix(line, "## "), len(rows) > 0:
			return rows[min(2, len(rows)):]
		}
	}
	return rows[min(2, len(rows)):]
}

// split gives the cells of a row.
func split(row string) []string {
	cells := strings.Split(strings.Trim(row, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// The figures that the docs show are those that the demo gives.
func TestDocsTable(t *testing.T) {
	t.Parallel()
	onWriter(t)
	raw, err := os.ReadFile(benchmarks)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	rows := rowsOf(t, lines)
	days := []struct{ load, name string }{{trace.WorldCup, "World Cup, 23 June 1998"}, {trace.Shuttle, "NASA, 13 July 1995"}}
	if len(rows) != 3*len(days) {
		t.Fatalf("the table of %q has %d rows, want 3 for each of %d days", section, len(rows), len(days))
	}
	for d, day := range days {
		for i, want := range scored(t, day.load) {
			name := ""
			if i == 0 {
				name = day.name
			}
			want = append([]string{name}, want...)
			line := rows[3*d+i]
			if *update {
				lines[line] = strings.ReplaceAll("| "+strings.Join(want, " | ")+" |", "|  |", "| |")
				continue
			}
			if diff := cmp.Diff(want, split(lines[line])); diff != "" {
				t.Errorf("docs/benchmarks.md:%d is not what the demo gives (-demo +docs):\n%sRun %s and read the prose below the table again.", line+1, diff, remedy)
			}
		}
	}
	if *update {
		if err := os.WriteFile(benchmarks, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The picture of the README is the default day's.
func TestDocsPicture(t *testing.T) {
	t.Parallel()
	onWriter(t)
	_, _, picture := play(t, demo.Options{Seed: 1})
	if *update {
		if err := os.WriteFile(drawing, []byte(picture), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	raw, err := os.ReadFile(drawing)
	if err != nil {
		t.Fatal(err)
	}
	if string(raw) != picture {
		t.Errorf("docs/demo.svg (%d bytes) is not the picture of the default day (%d bytes): run %s", len(raw), len(picture), remedy)
	}
}
