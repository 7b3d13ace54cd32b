package demo

import (
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/sim/report"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	static := report.Score{TaskHours: 1000.25}
	for name, tc := range map[string]struct {
		ours, aas, static report.Score
		want              string
	}{
		"dearer and hotter, nobody short": {
			report.Score{TaskHours: 382.5, HotSeconds: 202, Actions: 54, Reversals: 4},
			report.Score{TaskHours: 311.7, HotSeconds: 172, Actions: 63, Reversals: 19},
			static,
			"Against Application Auto Scaling, Trimtab cost more (382.5 task-hours to 311.7), ran hotter (202 s above 80 % CPU to 172 s) " +
				"and turned round less often (4 reversals to 19, in 54 actions to 63); no policy was short of demand, " +
				"and a static fleet sized at the peak cost 1000.2 task-hours.",
		},
		"cheaper and cooler, but short": {
			report.Score{TaskHours: 10, ShortSeconds: 7, HotSeconds: 8, Actions: 9, Reversals: 5},
			report.Score{TaskHours: 11, HotSeconds: 12, Actions: 6, Reversals: 3},
			static,
			"Against Application Auto Scaling, Trimtab cost less (10.0 task-hours to 11.0), was short of demand for more time (7 s to 0 s), " +
				"ran cooler (8 s above 80 % CPU to 12 s) and turned round more often (5 reversals to 3, in 9 actions to 6); " +
				"a static fleet sized at the peak cost 1000.2 task-hours and was short for 0 s.",
		},
		"the same as printed": {
			report.Score{TaskHours: 10.01, ShortSeconds: 7},
			report.Score{TaskHours: 9.99, ShortSeconds: 7},
			report.Score{TaskHours: 20, ShortSeconds: 1},
			"Against Application Auto Scaling, Trimtab cost as much (10.0 task-hours to 10.0), was short of demand for as long (7 s to 7 s), " +
				"ran as hot (0 s above 80 % CPU to 0 s) and turned round as often (0 reversals to 0, in 0 actions to 0); " +
				"a static fleet sized at the peak cost 20.0 task-hours and was short for 1 s.",
		},
	} {
		if got := verdict([]Outcome{{Score: tc.ours}, {Score: tc.aas}, {Score: tc.static}}); got != tc.want {
			t.Errorf("%s: verdict is\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}
