package score_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
)

func near(got, want float64) bool {
	return got == want || math.Abs(got-want) <= 1e-9*max(1, min(math.Abs(want), 1e9))
}

// pieces gives a demand of n[i] tasks for seconds[i] each.
func pieces(p ...[2]int) []int32 {
	var out []int32
	for _, x := range p {
		for range x[1] {
			out = append(out, int32(x[0]))
		}
	}
	return out
}

// worked is ten minutes after one of warm-up, small enough for paper:
//
//	second   60    360   390  420   540   600   660
//	demand   |  2  |   4             |    1      |
//	ready    |     3           |     4     |  2  |
//	billed   |     3     |     4           |  2  |
func worked() score.Run {
	return score.Run{
		From: 60, To: 660,
		Demand:  pieces([2]int{9, 60}, [2]int{2, 300}, [2]int{4, 180}, [2]int{1, 120}),
		Ready:   score.Steps{{At: 0, N: 3}, {At: 420, N: 4}, {At: 600, N: 2}},
		Desired: score.Steps{{At: 0, N: 3}, {At: 380, N: 4}, {At: 600, N: 2}},
		Billed:  score.Steps{{At: 0, N: 3}, {At: 390, N: 4}, {At: 600, N: 2}},
		Arrived: 1000, Violated: 5,
		P50: 0.1, P95: 0.4, P99: 0.9,
		ViolationSeconds: 60, LongestViolation: 45,
		Started: 1, Stopped: 2, APICalls: 30, Invocations: 10,
		StartDelay: 40, StartBill: 60,
		Prices: score.Prices{TaskHour: 0.12},
	}
}

func TestScoreWorkedByHand(t *testing.T) {
	t.Parallel()
	want := score.Score{
		ViolationPercent: 0.5, ViolationSeconds: 60, LongestViolationSeconds: 45,
		P50Seconds: 0.1, P95Seconds: 0.4, P99Seconds: 0.9,
		// 3*330 + 4*210 + 2*60 = 1950 task-seconds.
		TaskHours: 1950.0 / 3600, Dollars: 0.065,
		// Demand 2*300 + 4*180 + 1*120 = 1440; levels 3 and 4 start once, 60 s each: 1560.
		TaskHoursPerOracle: 1.25, TaskHoursPerDemand: 1950.0 / 1440, TaskHoursPerPeak: 1950.0 / 2400,
		DollarsPerOracle: 1.25, DollarsPerDemand: 1950.0 / 1440,
		// 220 s apart, out and in.
		ActionsPerHour: 12, Outs: 1, Ins: 1, ReversalsWithin15Min: 1, TasksStarted: 1, TasksStopped: 2,
		// Short 1 of 4 for 60 s; over by 1 on 2 for 300 s, 3 on 1 and 1 on 1 for 60 s each.
		ThetaUPercent: 2.5, ThetaOPercent: 65, ThetaO3Percent: 30, TauUPercent: 10, TauOPercent: 70,
		// Of nine changes of minute the demand's are the 5th and 8th, those of ready the 6th and 9th.
		UpsilonPercent: 400.0 / 9,
		// No scaling at 2 tasks: theta 15 and 20, tau 30 and 20.
		Epsilon:  math.Pow(15/2.5*20/65*30/10*20/70, 0.25),
		APICalls: 30, Invocations: 10,
	}
	if diff := cmp.Diff(want, worked().Score(), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScoreOnInstances(t *testing.T) {
	t.Parallel()
	r := worked()
	r.TasksPerInstance, r.InstanceStartBill = 2, 120
	r.Instances = score.Steps{{At: 0, N: 2}}
	r.Prices = score.Prices{InstanceHour: 0.3}
	s := r.Score()
	// Two instances for 600 s. Needed are 1*300 + 2*180 + 1*120 = 780, and the second starts for 120.
	for name, pair := range map[string][2]float64{
		"hours":              {s.InstanceHours, 1200.0 / 3600},
		"to the oracle":      {s.InstanceHoursPerOracle, 1200.0 / 900},
		"to the demand":      {s.InstanceHoursPerDemand, 1200.0 / 780},
		"dollars":            {s.Dollars, 0.1},
		"dollars to oracle":  {s.DollarsPerOracle, 1200.0 / 900},
		"dollars to demand":  {s.DollarsPerDemand, 1200.0 / 780},
		"tasks to an oracle": {s.TaskHoursPerOracle, 1.25},
	} {
		if !near(pair[0], pair[1]) {
			t.Errorf("%s: got %v, want %v", name, pair[0], pair[1])
		}
	}
}

func TestReversals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		desired        score.Steps
		outs, ins, rev int
	}{
		{"the beginning is no order", score.Steps{{At: 100, N: 5}}, 0, 0, 0},
		{"nor is it gone against", score.Steps{{At: 900, N: 5}, {At: 1000, N: 4}}, 0, 1, 0},
		{"not more than 15 min after", score.Steps{{At: 0, N: 5}, {At: 1000, N: 6}, {At: 1900, N: 5}}, 1, 1, 1},
		{"more than 15 min after", score.Steps{{At: 0, N: 5}, {At: 1000, N: 6}, {At: 1901, N: 5}}, 1, 1, 0},
		{"the same way twice", score.Steps{{At: 0, N: 5}, {At: 1000, N: 6}, {At: 1100, N: 7}}, 2, 0, 0},
		{"against the one before, not an older one", score.Steps{{At: 0, N: 5}, {At: 1000, N: 6}, {At: 1100, N: 5}, {At: 1200, N: 4}}, 1, 2, 1},
		{"against an order of the warm-up", score.Steps{{At: 0, N: 5}, {At: 999, N: 6}, {At: 1000, N: 5}}, 0, 1, 1},
		{"after the end", score.Steps{{At: 0, N: 5}, {At: 4599, N: 6}, {At: 4600, N: 5}}, 1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := score.Run{From: 1000, To: 4600, Demand: pieces([2]int{5, 4600}), Desired: tt.desired}.Score()
			if s.Outs != tt.outs || s.Ins != tt.ins || s.ReversalsWithin15Min != tt.rev {
				t.Errorf("got %d out, %d in, %d reversals; want %d, %d, %d", s.Outs, s.Ins, s.ReversalsWithin15Min, tt.outs, tt.ins, tt.rev)
			}
			if want := float64(tt.outs + tt.ins); s.ActionsPerHour != want {
				t.Errorf("%v actions in the hour, want %v", s.ActionsPerHour, want)
			}
		})
	}
}

func TestUpsilonIsOnDemandSmoothedOverTheStart(t *testing.T) {
	t.Parallel()
	r := score.Run{From: 60, To: 660, Ready: score.Steps{{At: 0, N: 5}}}
	for i := range 11 {
		r.Demand = append(r.Demand, pieces([2]int{4 + i%2, 60})...)
	}
	for _, tt := range []struct {
		startDelay int
		want       float64
	}{
		{0, 100},
		{60, 100},
		// Each two minutes have a mean of 4.5: with the one before From, the first two as well.
		{120, 0},
	} {
		r.StartDelay = tt.startDelay
		if got := r.Score().UpsilonPercent; got != tt.want {
			t.Errorf("a start of %d s: upsilon %v, want %v", tt.startDelay, got, tt.want)
		}
	}
	// Nothing comes before the trace: its first minute alone is 4, which is one change of ten.
	r.From = 0
	if got := r.Score().UpsilonPercent; got != 10 {
		t.Errorf("from the first second: upsilon %v, want 10", got)
	}
	r.To = r.From + 119
	if got := r.Score().UpsilonPercent; got != 0 {
		t.Errorf("one minute changes nothing, but upsilon is %v", got)
	}
}

func TestUpsilonIsOnWholeTasks(t *testing.T) {
	t.Parallel()
	minutes := func(five ...int) score.Run { // seconds of each minute with 5 instead of 4
		r := score.Run{To: 60 * len(five), Ready: score.Steps{{At: 0, N: 5}}}
		for _, n := range five {
			r.Demand = append(r.Demand, pieces([2]int{4, 60 - n}, [2]int{5, n})...)
		}
		return r
	}
	if got := minutes(6, 24, 29, 0).Score().UpsilonPercent; got != 0 {
		t.Errorf("up to 4.48 is 4, but upsilon is %v", got)
	}
	if got := minutes(29, 30, 29).Score().UpsilonPercent; got != 100 {
		t.Errorf("4.5 is 5, but upsilon is %v", got)
	}
}

func TestEpsilonIsAgainstTheMean(t *testing.T) {
	t.Parallel()
	// The mean of 2 and 3 is 3 tasks, which is what this policy has.
	demand := pieces([2]int{9, 100}, [2]int{2, 100}, [2]int{3, 100})
	if got := (score.Run{From: 100, To: 300, Demand: demand, Ready: score.Steps{{At: 0, N: 3}}}).Score().Epsilon; got != 1 {
		t.Errorf("epsilon %v, want 1", got)
	}
}

func TestScoreOfNothing(t *testing.T) {
	t.Parallel()
	if got := (score.Run{From: 5, To: 5, Demand: pieces([2]int{1, 9})}).Score(); got != (score.Score{}) {
		t.Errorf("no scored second: %+v", got)
	}
	// A task stands for an hour in which nobody comes: 100 % of one task too many.
	s := score.Run{To: 3600, Demand: pieces([2]int{0, 3600}), Ready: score.Steps{{At: 0, N: 1}}, Billed: score.Steps{{At: 0, N: 1}}}.Score()
	want := score.Score{TaskHours: 1, ThetaOPercent: 100, ThetaO3Percent: 100.0 / 3, TauOPercent: 100, Epsilon: 1}
	if diff := cmp.Diff(want, s, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPerfectRunIsAtTheBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		demand := demands(t, 200, 6)
		from := rapid.IntRange(0, len(demand)).Draw(t, "from")
		var exact score.Steps
		for second, d := range demand {
			exact = exact.Append(second, int(d))
		}
		r := score.Run{From: from, To: len(demand), Demand: demand, Ready: exact, Billed: exact}
		s := r.Score()
		if s.ThetaUPercent != 0 || s.ThetaOPercent != 0 || s.TauUPercent != 0 || s.TauOPercent != 0 {
			t.Fatalf("ready is the demand: %+v", s)
		}
		if s.TaskHours > 0 && (s.TaskHoursPerOracle != 1 || s.TaskHoursPerDemand != 1 || s.TaskHoursPerPeak > 1) {
			t.Fatalf("starts cost nothing: %+v", s)
		}
		r.StartBill = rapid.IntRange(0, 60).Draw(t, "startBill")
		bound, _ := r.Bounds()
		if whole := score.Oracle(demand[from:], r.StartBill); bound.Seconds > whole.Seconds || bound.Demand != whole.Demand || bound.Peak != whole.Peak {
			t.Fatalf("bound %+v of a window above that from nothing, %+v", bound, whole)
		}
	})
}

func TestThetaSecondBySecond(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		demand := demands(t, 100, 5)
		from := rapid.IntRange(0, len(demand)).Draw(t, "from")
		var ready score.Steps
		for second := range demand {
			ready = ready.Append(second, rapid.IntRange(0, 6).Draw(t, "ready"))
		}
		if from == len(demand) {
			return
		}
		var thetaU, thetaO, tauU, tauO float64
		for second := from; second < len(demand); second++ {
			d, s := float64(demand[second]), float64(ready.At(second))
			thetaU += max(d-s, 0) / max(d, 1)
			thetaO += max(s-d, 0) / max(d, 1)
			if d > s {
				tauU++
			}
			if s > d {
				tauO++
			}
		}
		n := float64(len(demand)-from) / 100
		s := score.Run{From: from, To: len(demand), Demand: demand, Ready: ready}.Score()
		if !near(s.ThetaUPercent, thetaU/n) || !near(s.ThetaOPercent, thetaO/n) || !near(s.TauUPercent, tauU/n) || !near(s.TauOPercent, tauO/n) {
			t.Fatalf("got %+v, want theta %v %v, tau %v %v", s, thetaU/n, thetaO/n, tauU/n, tauO/n)
		}
	})
}
