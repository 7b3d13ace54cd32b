package cli

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// A mean is told only of a whole answer with datapoints in it: unknown is not zero.
func TestAverage(t *testing.T) {
	t.Parallel()
	points := func(values ...float64) []signal.Point {
		var out []signal.Point
		for i, v := range values {
			out = append(out, signal.Point{Start: clock.Add(time.Duration(i-len(values)-1) * time.Minute), Value: signal.Value(v)})
		}
		return out
	}
	metric := signal.Metric{Period: time.Minute}
	for name, c := range map[string]struct {
		s       signal.Series
		percent float64
		unknown string
	}{
		"mean":    {signal.Series{Metric: metric, Status: signal.Complete, Points: points(20, 40)}, 30, ""},
		"zero":    {signal.Series{Metric: metric, Status: signal.Complete, Points: points(0, 0)}, 0, ""},
		"holes":   {signal.Series{Metric: metric, Status: signal.Complete, Points: points(math.NaN(), 50)}, 50, ""},
		"nothing": {signal.Series{Metric: metric, Status: signal.Complete}, 0, "no datapoint in the last hour"},
		"NaN":     {signal.Series{Metric: metric, Status: signal.Complete, Points: points(math.NaN())}, 0, "no datapoint in the last hour"},
		"partial": {signal.Series{Metric: metric, Status: signal.Partial, Why: "throttled", Points: points(90)}, 0, "could not be read: throttled"},
		"failed":  {signal.Series{Metric: metric, Status: signal.Failed}, 0, "could not be read"},
	} {
		if percent, unknown := average(clock, c.s); percent != c.percent || unknown != c.unknown {
			t.Errorf("%s: %v, %q, want %v, %q", name, percent, unknown, c.percent, c.unknown)
		}
	}
}

// The two wastes are apart: what is used counts against what is reserved and never
// against what is registered, and by the service's weight.
func TestWastes(t *testing.T) {
	t.Parallel()
	c := fourInstances()
	in := policy.Input{Cell: fleet.Cell{Cluster: "prod", Group: "prod-m7g"}, Fleet: fleet.Snapshot{
		At: clock, Services: c.services, Instances: c.instances, Tasks: c.tasks, TasksRead: true, Group: &c.group,
	}}
	got := reservations(in.Fleet, uses(t.Context(), c.eyes(nil), in))
	// CPU: 4*512 at 55 %, 2*256 at 20 %, 4*128 at 10 % of 3072; memory alike of 9216.
	want := []waste{
		{Dimension: "cpu", Of: 3072, Idle: new(1 - (2048*.55+512*.2+512*.1)/3072)},
		{Dimension: "memoryMiB", Of: 9216, Idle: new(1 - (4096*.4+4096*.68+1024*.5)/9216)},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
	if d := cmp.Diff(want, got, near); d != "" {
		t.Errorf("reservations (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]waste{{Dimension: "cpu", Of: 8, Idle: new(.25)}}, packing(fleet.Resources{CPU: 8}, fleet.Resources{CPU: 6}, true), near); d != "" {
		t.Errorf("packing (-want +got):\n%s", d)
	}
}

// Of many services those are told that leave most idle, and how many there are beside.
func TestUseWords(t *testing.T) {
	t.Parallel()
	var us []useOf
	for i, percent := range []float64{90, 10, 50, 120, 30, 70, 20} {
		us = append(us, useOf{
			service: fleet.ServiceName("s" + string(rune('1'+i))), reserved: fleet.Resources{CPU: 1024},
			percent: [2]float64{percent, 0}, unknown: [2]string{"", "no datapoint in the last hour"},
		})
	}
	want := "used of what they reserve: s2 CPU 10 %, memory unknown; s7 CPU 20 %, memory unknown; s5 CPU 30 %, memory unknown; " +
		"s3 CPU 50 %, memory unknown; s6 CPU 70 %, memory unknown; 2 more with --json"
	if got := useWords(usesShown(us)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Whatever is shown of usual instances fits the width of a screen.
func TestInstancesFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := groupShown{Group: "prod-m7g"}
		gpus := rapid.Bool().Draw(t, "gpus")
		for range rapid.IntRange(1, 8).Draw(t, "instances") {
			size := rapid.SampledFrom([]int{1, 2, 4, 8, 16}).Draw(t, "size")
			whole := fleet.Resources{CPU: 4096 * size, Memory: 16384 * size, ENI: 9}
			if gpus {
				whole.GPU = rapid.IntRange(0, 8).Draw(t, "gpu")
			}
			i := instanceShown{
				ID: id(rapid.Int().Draw(t, "id") & math.MaxInt32), Registered: whole, Reserved: whole, Tasks: rapid.IntRange(0, 100).Draw(t, "tasks"),
				Zone:  rapid.SampledFrom([]string{"eu-west-1a", "ap-northeast-1c"}).Draw(t, "zone"),
				Type:  rapid.SampledFrom([]string{"m7g.xlarge", "c7gn.16xlarge", "g5.48xlarge"}).Draw(t, "type"),
				State: rapid.SampledFrom([]string{allActive, "agent lost", "terminating", "not in ECS"}).Draw(t, "state"),
				CanGo: rapid.SampledFrom([]string{mayGo, mustStay, goesNow}).Draw(t, "can go"),
			}
			if i.CanGo == mustStay {
				i.Because = rapid.StringMatching(`[a-z ]{1,300}`).Draw(t, "because")
			}
			g.Instances = append(g.Instances, i)
			g.Registered, g.Reserved = g.Registered.Plus(whole), g.Reserved.Plus(whole)
		}
		var out bytes.Buffer
		s := &session{Env: Env{Stdout: &out}}
		s.instancesTable(g, true)
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width {
				t.Fatalf("%d columns:\n%s", n, out.String())
			}
		}
		if n := strings.Count(out.String(), "\n"); n != len(g.Instances)+2 {
			t.Fatalf("%d lines for %d instances", n, len(g.Instances))
		}
	})
}

// Words are broken between words, and none is lost.
func TestWrap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-zäö]{1,40}`)).Draw(t, "words")
		text := strings.Join(words, " ")
		wrapped := wrap(text, 14, 14)
		if got := strings.Join(strings.Fields(wrapped), " "); got != text {
			t.Fatalf("%q became %q", text, got)
		}
		for i, line := range strings.Split(wrapped, "\n") {
			n := len([]rune(line))
			if i == 0 {
				n += 14
			}
			if n > width {
				t.Fatalf("line %d has %d columns: %q", i, n, line)
			}
		}
	})
}

// What is read of a price file is what it says, whatever it holds.
func FuzzPrices(f *testing.F) {
	for _, s := range []string{"m7g.large: 0.1", `{"m7g.large": 1, "c7g.large": 2e0}`, "a: [", "- x", "m7g.large: .inf", "m7g.large: 0x10", "? {a: b}\n: 1", "&a m7g.large: 1", "m7g.large: *a", "---\n---\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := parsePrices(src)
		if err != nil {
			return
		}
		if len(p) == 0 {
			t.Fatalf("%q has no price, and no fault", src)
		}
		for kind, price := range p {
			if !instanceType.MatchString(kind) || !(price > 0 && price <= maxPrice) {
				t.Fatalf("%q gives %q the price %v", src, kind, price)
			}
		}
	})
}

// The function's rows have parts of a second, and people's whole ones: what was opened
// within this second can be given back.
func TestGivenBackWithinTheSecond(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	opened := now.Add(300 * time.Millisecond)
	row := drain.Row{Cluster: "prod", Group: "prod-m7g", Instance: "i-1", Cause: drain.Empty, State: drain.Candidate, Opened: opened, Since: opened, Deadline: opened.Add(time.Hour)}
	cl := ledger.Cluster{Name: "prod", Drains: []ledger.Drain{{Generation: 1, Row: row}}}
	got, err := capacityDrainCmd{Instance: "i-1"}.giveBack(cl, "ann", now)
	if err != nil || got.Drain.State != drain.Undoing || got.Drain.Since.Before(opened) {
		t.Errorf("%+v, %v, want it undoing since %s at the earliest", got.Drain, err, opened)
	}
}
