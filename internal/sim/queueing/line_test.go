package queueing_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/queueing"
)

// ride is a line with the sums of what it did.
type ride struct {
	queueing.Line
	seconds int
	queueing.Second
}

func fluid(m queueing.Model) *ride { return &ride{Line: queueing.NewFluid(m)} }

func oneByOne(m queueing.Model, seed uint64) *ride {
	return &ride{Line: queueing.NewRequests(m, sim.NewRand(seed, "requests"))}
}

// go lets seconds pass with a constant load; Backlog is that of the last.
func (r *ride) pass(seconds int, load float64, tasks int) *ride {
	for range seconds {
		x := r.Step(load, load, tasks)
		r.Arrived, r.Slow, r.Rejected = r.Arrived+x.Arrived, r.Slow+x.Slow, r.Rejected+x.Rejected
		r.Work, r.InFlight, r.Backlog = r.Work+x.Work, r.InFlight+x.InFlight, x.Backlog
		r.seconds++
	}
	return r
}

// check holds a line to its books and to Little's law: the mean in the system is the rate
// of the answered times their mean response, here both over all seconds. In a fluid the
// rejected have not waited, and the histogram is as fine as its buckets.
func (r *ride) check(t *testing.T, within float64) {
	t.Helper()
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	h := r.Latency()
	near(t, "answered", h.Count(), r.Arrived-r.Rejected, 1e-6)
	if h.Count() > 0 {
		near(t, "time in the system", r.InFlight, h.Count()*h.Mean(), within)
	}
}

// Poisson arrivals, exponential service, one queue: the p95 is that of M/M/n, within 2 %.
func TestRequestsAreMMn(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 5, 50} {
		for load, requests := range map[float64]float64{0.5: 1e6, 0.8: 4e6, 0.95: 30e6} {
			t.Run(fmt.Sprintf("%d tasks at %g", n, load), func(t *testing.T) {
				t.Parallel()
				if testing.Short() && load > 0.9 {
					t.Skip("30 million requests: left out of -short")
				}
				m := queueing.Model{Mean: 10 * time.Millisecond, Exponential: true, Central: true, Patience: -1}
				a := load * float64(n)
				r := oneByOne(m, 2).pass(int(requests/(100*a)), a, n)
				r.pass(60, 0, n)
				r.check(t, 1e-9)
				near(t, "p95 in service times", r.Latency().Quantile(0.95)/0.01, queueing.MMnQuantile(n, a, 0.95), 0.02)
				near(t, "work", r.Work, a*float64(r.seconds-60), 0.01)

				f := fluid(m).pass(1000, a, n)
				near(t, "p95 of the fluid", f.Latency().Quantile(0.95)/0.01, queueing.MMnQuantile(n, a, 0.95), 0.02)
				f.check(t, 0.01)
			})
		}
	}
}

// Beyond what the tasks carry the backlog grows by load less tasks, and with more tasks it
// goes by tasks less load.
func TestOverloadDrains(t *testing.T) {
	t.Parallel()
	const mean = 0.02
	for _, central := range []bool{false, true} {
		m := queueing.Model{Mean: 20 * time.Millisecond, Patience: -1, Central: central}
		for name, r := range map[string]*ride{"fluid": fluid(m), "one by one": oneByOne(m, 1)} {
			r.pass(100, 9, 5)
			high := r.Backlog
			near(t, name+": task-seconds after 100 s of 4 too few", high*mean, 400, 0.05)
			before := r.Work
			r.pass(100, 3, 5)
			near(t, name+": drained in 100 s by 2 too many", (high-r.Backlog)*mean, 200, 0.07)
			near(t, name+": work of 5 tasks in 100 s", r.Work-before, 500, 1e-9)
			r.pass(300, 3, 5)
			if r.Backlog*mean > 10 {
				t.Errorf("%s: %.1f task-seconds are left", name, r.Backlog*mean)
			}
			r.pass(100, 0, 5)
			r.check(t, 0.05)
		}
	}
}

// However load and tasks go, what came is answered, rejected or there.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := queueing.Model{
			Mean:     time.Duration(rapid.IntRange(30, 3000).Draw(t, "mean")) * time.Millisecond,
			CV2:      rapid.Float64Range(-1, 5).Draw(t, "cv2"),
			Limit:    time.Duration(rapid.IntRange(0, 5000).Draw(t, "limit")) * time.Millisecond,
			Patience: time.Duration(rapid.IntRange(-1, 40_000).Draw(t, "patience")) * time.Millisecond,
			Central:  rapid.Bool().Draw(t, "central"), Exponential: rapid.Bool().Draw(t, "exponential"),
		}
		lines := map[string]queueing.Line{"fluid": queueing.NewFluid(m), "one by one": queueing.NewRequests(m, sim.NewRand(1, "requests"))}
		legs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [3]float64 {
			return [3]float64{rapid.Float64Range(-1, 8).Draw(t, "load"), float64(rapid.IntRange(0, 6).Draw(t, "tasks")), float64(rapid.IntRange(1, 40).Draw(t, "seconds"))}
		}), 1, 8).Draw(t, "legs")
		for name, line := range lines {
			arrived, gone := 0.0, 0.0
			for i, leg := range legs {
				next := legs[min(i+1, len(legs)-1)][0]
				for range int(leg[2]) {
					x := line.Step(leg[0], next, int(leg[1]))
					arrived, gone = arrived+x.Arrived, gone+x.Rejected
					if !(x.Work >= -1e-9 && x.Work <= leg[1]+1e-9) || !(x.Backlog >= 0) || !(x.InFlight >= -1e-9) || !(x.Rejected >= 0) || !(x.Slow >= 0) {
						t.Fatalf("%s on %g tasks: %+v", name, leg[1], x)
					}
					if math.IsNaN(line.Slowest()) || line.Slowest() < 0 {
						t.Fatalf("%s: slowest answer %g", name, line.Slowest())
					}
				}
				if err := line.Check(); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if got := line.Latency().Count() + gone; got > arrived*(1+1e-9) {
				t.Fatalf("%s: %g of %g requests were answered or rejected", name, got, arrived)
			}
		}
	})
}

// A queue at every task is worse than one for all: in it a request may wait while another
// task is idle.
func TestSeparateQueuesAreWorse(t *testing.T) {
	t.Parallel()
	for _, load := range []float64{0.6, 0.8, 0.9} {
		one, each := queueing.Model{Central: true}, queueing.Model{}
		for name, rides := range map[string][2]*ride{
			"fluid": {fluid(one), fluid(each)}, "one by one": {oneByOne(one, 1), oneByOne(each, 1)},
		} {
			central, separate := rides[0].pass(5000, 10*load, 10), rides[1].pass(5000, 10*load, 10)
			if a, b := central.Slow/central.Arrived, separate.Slow/separate.Arrived; !(b > 1.5*a) {
				t.Errorf("%s at %g: %.5f slow with a central queue and %.5f without", name, load, a, b)
			}
			if a, b := central.Latency().Quantile(0.95), separate.Latency().Quantile(0.95); !(b > a) {
				t.Errorf("%s at %g: p95 %.3f s with a central queue and %.3f without", name, load, a, b)
			}
		}
	}
}

// What a task has waiting stays with it: new tasks take their share of what comes, and what
// waits is worked off by the old ones alone. At a central queue all help.
func TestNewTasksBeginEmpty(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		central bool
		want    float64 // task-seconds of 40 that are left after 5 s with 6 more tasks at a load of 4
	}{
		{false, 40 - 5*(4-4*4.0/10)},
		{true, 40 - 5*(10-4)},
	} {
		m := queueing.Model{Mean: 10 * time.Millisecond, Patience: -1, Central: c.central, CV2: -1}
		for name, r := range map[string]*ride{"fluid": fluid(m), "one by one": oneByOne(m, 1)} {
			r.pass(20, 6, 4)
			slow := r.Slow
			r.pass(5, 4, 10)
			if got := r.Backlog * 0.01; math.Abs(got-c.want) > 4 {
				t.Errorf("%s, central %t: %.1f task-seconds left, want %.0f", name, c.central, got, c.want)
			}
			if share := (r.Slow - slow) / 2000; !c.central && math.Abs(share-0.4) > 0.05 {
				t.Errorf("%s: %.2f of the arrivals were slow, want those at the old 4 of 10 tasks", name, share)
			}
		}
	}
}

// A task that stops finishes what it has, beside the running ones, and gets nothing more.
func TestStoppedTasksFinish(t *testing.T) {
	t.Parallel()
	for _, central := range []bool{false, true} {
		m := queueing.Model{Mean: 10 * time.Millisecond, Patience: -1, Central: central}
		for name, r := range map[string]*ride{"fluid": fluid(m), "one by one": oneByOne(m, 1)} {
			r.pass(20, 8, 4) // 20 s of work each
			r.pass(10, 0, 1)
			left, done := r.Backlog*0.01, 40.0 // by all four, or by the one that is left
			if central {
				done = 10
			}
			if math.Abs(left-(80-done)) > 8 {
				t.Errorf("%s, central %t: %.1f task-seconds are left, want %.0f", name, central, left, 80-done)
			}
			near(t, name+": work of the running", r.Work, 20*4+10, 0.02)
			r.pass(100, 0, 1)
			if r.Backlog > 1e-9 {
				t.Errorf("%s: %.1f requests are left", name, r.Backlog)
			}
			if !central || name != "fluid" { // which tells an arrival's wait by the tasks it finds
				r.check(t, 0.05)
			}
		}
	}
}

func TestWithoutTasksAllIsRejected(t *testing.T) {
	t.Parallel()
	m := queueing.Model{}
	for name, r := range map[string]*ride{"fluid": fluid(m), "one by one": oneByOne(m, 1)} {
		r.pass(100, 5, 0)
		if r.Arrived < 4000 || r.Rejected != r.Arrived || r.Work != 0 || r.Latency().Count() != 0 || r.Slowest() != 0 {
			t.Errorf("%s: %+v, want all rejected", name, r.Second)
		}
		r.check(t, 0)
	}
}

// A backlog of next to nothing is as none: the share of slow answers is continuous there,
// and where it is as long as the limit.
func TestSlowIsContinuousInTheBacklog(t *testing.T) {
	t.Parallel()
	for _, backlog := range []float64{1e-17, 1e-12, 1e-6} {
		// 8 on 10 tasks but for one second, in which a little more than 10 comes.
		f := fluid(queueing.Model{Mean: 10 * time.Millisecond})
		f.pass(100, 8, 10)
		f.Step(10, 10*(1+2*backlog), 10)
		with := f.Step(10, 10, 10)
		g := fluid(queueing.Model{Mean: 10 * time.Millisecond})
		g.pass(100, 8, 10)
		g.Step(10, 10, 10)
		without := g.Step(10, 10, 10)
		if d := with.Slow - without.Slow; math.Abs(d) > 0.03*without.Slow {
			t.Errorf("behind a backlog of %g s %.6f are slow, without %.6f", backlog, with.Slow, without.Slow)
		}
	}
	before := 0.0
	f := queueing.NewFluid(queueing.Model{Mean: 10 * time.Millisecond})
	for i := range 200 {
		x := f.Step(10.1, 10.1, 10) // a wait that grows by 10 ms a second, up to the limit after 100 s
		if share := x.Slow / x.Arrived; share < before-1e-9 || share > before+0.05 || i > 110 && share < 0.99 {
			t.Fatalf("the share of slow answers goes from %.4f to %.4f in second %d", before, share, i)
		} else {
			before = share
		}
	}
}

// Patience bounds the wait: what is beyond the tasks is rejected once it is so long.
func TestPatienceBoundsTheWait(t *testing.T) {
	t.Parallel()
	for _, central := range []bool{false, true} {
		m := queueing.Model{Mean: 10 * time.Millisecond, CV2: -1, Patience: 3 * time.Second, Central: central}
		for name, r := range map[string]*ride{"fluid": fluid(m), "one by one": oneByOne(m, 1)} {
			r.pass(200, 4, 2)
			near(t, name+": rejected", r.Rejected, 200*(400-200)-3*200, 0.03)
			if got := r.Latency().Quantile(0.99); math.Abs(got-3) > 0.35 {
				t.Errorf("%s, central %t: p99 is %.2f s, want little more than 3 s", name, central, got)
			}
		}
	}
}

func TestSameSeedSameRequests(t *testing.T) {
	t.Parallel()
	a, b, c := oneByOne(queueing.Model{}, 1).pass(99, 3, 5), oneByOne(queueing.Model{}, 1).pass(99, 3, 5), oneByOne(queueing.Model{}, 2).pass(99, 3, 5)
	if a.Second != b.Second || a.Second == c.Second {
		t.Errorf("seed 1 gave %+v and %+v, seed 2 %+v", a.Second, b.Second, c.Second)
	}
}
