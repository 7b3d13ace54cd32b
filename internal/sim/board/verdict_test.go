package board

import (
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	ks, err := trial.Named("trimtab,aas,static,kpa")
	if err != nil {
		t.Fatal(err)
	}
	show := func(who int, slow, cost float64, turns int) Show {
		s := Show{Contestant: ks[who], Knob: ks[who].Beside(ks[0])}
		s.Result.Score = score.Score{ViolationPercent: slow, DollarsPerOracle: cost, ReversalsWithin15Min: turns}
		return s
	}
	entry := func(who int, ps ...score.Point) Entry {
		return Entry{Start: trial.Fargate, Trace: "day", Policy: ks[who].Name, Curve: ps}
	}
	static := show(2, 0, 4.956, 0)
	const fleet = " A static fleet sized at the peak was too slow for 0.000 % of the requests at 4.96 times the oracle's cost."
	for name, tc := range map[string]struct {
		shows   []Show
		entries []Entry
		want    string
	}{
		"better but for the cost": {
			shows: []Show{show(0, 0.013, 1.72, 3), show(1, 0.5, 1.55, 19), static},
			want: "Against Application Auto Scaling, both with target CPU utilisation 60 %, Trimtab was too slow for fewer requests (0.013 % to 0.500 %), " +
				"cost more (1.72 times the oracle's cost to 1.55) and turned back within 15 minutes less often (3 times to 19)." + fleet,
		},
		"worse but for the cost, and dearer at equal violations": {
			shows:   []Show{show(0, 0.5, 1.5, 19), show(1, 0.013, 1.7, 3), static},
			entries: []Entry{entry(0, score.Point{Violation: 0.05, Cost: 2}), entry(1, score.Point{Violation: 0.05, Cost: 1.5})},
			want: "Against Application Auto Scaling, both with target CPU utilisation 60 %, Trimtab was too slow for more requests (0.500 % to 0.013 %), " +
				"cost less (1.50 times the oracle's cost to 1.70) and turned back within 15 minutes more often (19 times to 3). " +
				"At equal violations Trimtab costs more for 1 % (2.00 to 1.50) and for 0.1 % (2.00 to 1.50)." + fleet,
		},
		"the same as printed": {
			shows:   []Show{show(0, 0.01304, 1.7201, 3), show(1, 0.01296, 1.7199, 3)},
			entries: []Entry{entry(0, score.Point{Violation: 0.05, Cost: 2}), entry(1, score.Point{Violation: 0.05, Cost: 2.001}, score.Point{Violation: 0.5, Cost: 2.5})},
			want: "Against Application Auto Scaling, both with target CPU utilisation 60 %, Trimtab was too slow for as many requests (0.013 % to 0.013 %), " +
				"cost as much (1.72 times the oracle's cost to 1.72) and turned back within 15 minutes as often (3 times to 3). " +
				"At equal violations Trimtab costs as much for 1 % (2.00 to 2.00) and for 0.1 % (2.00 to 2.00).",
		},
		"never": {
			shows:   []Show{show(0, 0.5, 1.72, 3), show(1, 0.2, 1.55, 3), show(3, 0.25, 1.4, 0)},
			entries: []Entry{entry(0, score.Point{Violation: 2, Cost: 1.1}), entry(1, score.Point{Violation: 0.2, Cost: 1.5})},
			want: "Against Application Auto Scaling, both with target CPU utilisation 60 %, Trimtab was too slow for more requests (0.500 % to 0.200 %), " +
				"cost more (1.72 times the oracle's cost to 1.55) and turned back within 15 minutes as often (3 times to 3). " +
				"At equal violations Trimtab costs more for 1 % (never to 1.50). Neither keeps violations to 0.1 %.",
		},
		"another knob": {
			shows: []Show{show(0, 0.5, 1.72, 3), show(3, 0.25, 1.4, 0)},
			want: "Against kpa, with target concurrency of a task, percent of what it can carry 70, Trimtab was too slow for more requests (0.500 % to 0.250 %), " +
				"cost more (1.72 times the oracle's cost to 1.40) and turned back within 15 minutes more often (3 times to 0).",
		},
		"nobody to compare with": {
			shows: []Show{show(0, 0.013, 1.72, 3), static},
			want:  "Trimtab was too slow for 0.013 % of the requests at 1.72 times the oracle's cost." + fleet,
		},
	} {
		if got := (Board{Entries: tc.entries}).Verdict(trial.Fargate, "day", tc.shows); got != tc.want {
			t.Errorf("%s: verdict is\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}
