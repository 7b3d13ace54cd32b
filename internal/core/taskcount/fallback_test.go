package taskcount_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

const (
	standard = fleet.ServiceName("checkout-standard")
	noRoom   = "(service checkout) was unable to place a task. Reason: Capacity is unavailable at this time."
)

func called(n int) *history.Shortage { return &history.Shortage{Counted: &n} }

// stands is a fallback with a count, all of it running, whose lead wants ten tasks and
// has places for some.
func stands(count, placed int, s *history.Shortage) taskcount.Input {
	in := input(count, nil)
	in.Key.Service, in.Service.Name, in.Acting = standard, standard, true
	in.Policy = spec.Service{MaxCapacity: 60, FallbackFor: &spec.FallbackFor{Service: "checkout"}, ScaleOut: freeOut(), ScaleIn: freeIn()}
	in.History.Shortage = s
	in.Lead = &taskcount.Lead{
		Name: "checkout", Total: 10,
		Service: fleet.Service{Name: "checkout", Compute: fleet.Fargate, Active: true, Desired: 10, Running: placed},
	}
	return in
}

// failing leaves so many tasks of the lead pending, and a failure to place one so long ago.
func failing(pending int, ago time.Duration) func(*taskcount.Input) {
	return func(in *taskcount.Input) {
		in.Lead.Service.Pending = pending
		in.Lead.Service.Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon.Add(-ago), Words: noRoom}}
	}
}

func TestFallbackRunsWhatIsMissing(t *testing.T) {
	t.Parallel()
	long := noon.Add(-30 * time.Minute)
	tests := []struct {
		name   string
		in     taskcount.Input
		edit   func(*taskcount.Input)
		want   int
		reason string
		next   *history.Shortage
	}{
		{"the lead has all", stands(0, 10, nil), nil, 0, history.AlreadyAtDesiredCapacity, nil},
		{"short from now on", stands(0, 4, nil), nil, 0, history.AlreadyAtDesiredCapacity, &history.Shortage{Since: noon}},
		{
			"not yet for long enough", stands(0, 4, &history.Shortage{Since: noon.Add(-179 * time.Second)}), nil, 0, history.AlreadyAtDesiredCapacity,
			&history.Shortage{Since: noon.Add(-179 * time.Second)},
		},
		{"for long enough", stands(0, 4, &history.Shortage{Since: noon.Add(-3 * time.Minute)}), nil, 6, history.Fallback, called(4)},
		{"pending tasks have a place", stands(0, 4, &history.Shortage{Since: long}), func(in *taskcount.Input) { in.Lead.Service.Pending = 5 }, 1, history.Fallback, called(9)},
		{"pending between two failures", stands(0, 4, &history.Shortage{Since: long}), failing(6, 119*time.Second), 1, history.Fallback, called(9)},
		{"pending long after a failure", stands(0, 4, &history.Shortage{Since: long}), failing(6, 2*time.Minute), 0, history.AlreadyAtDesiredCapacity, nil},
		{"all run right after a failure", stands(0, 10, &history.Shortage{Since: long}), failing(0, time.Second), 0, history.AlreadyAtDesiredCapacity, nil},
		{"a growing shortage", stands(6, 2, called(4)), nil, 8, history.Fallback, called(2)},
		{"more is wanted", stands(6, 4, called(4)), func(in *taskcount.Input) { in.Lead.Total, in.Lead.Service.Desired = 15, 15 }, 11, history.Fallback, called(4)},
		{"more is wanted than is ordered of a lead that is short", stands(6, 4, called(4)), func(in *taskcount.Input) { in.Lead.Total = 15 }, 11, history.Fallback, called(4)},
		{
			"more is wanted of a lead that has all", stands(6, 10, called(4)), func(in *taskcount.Input) { in.Lead.Total = 15 }, 6,
			history.AlreadyAtDesiredCapacity, &history.Shortage{Counted: new(4), Above: 10, AboveSince: noon},
		},
		{
			"some places have come back, and what runs is enough for more", stands(6, 8, called(4)),
			func(in *taskcount.Input) { in.Lead.Total, in.Lead.Service.Desired = 14, 14 }, 6,
			history.AlreadyAtDesiredCapacity, &history.Shortage{Counted: new(4), Above: 8, AboveSince: noon},
		},
		{
			"and not for still more", stands(6, 8, called(4)), func(in *taskcount.Input) { in.Lead.Total, in.Lead.Service.Desired = 15, 15 }, 7,
			history.Fallback, &history.Shortage{Counted: new(4), Above: 8, AboveSince: noon},
		},
		{"less is wanted", stands(6, 4, called(4)), func(in *taskcount.Input) { in.Lead.Total, in.Lead.Service.Desired = 7, 7 }, 3, history.Fallback, called(4)},
		{"places come back", stands(6, 10, called(4)), nil, 6, history.AlreadyAtDesiredCapacity, &history.Shortage{Counted: new(4), Above: 10, AboveSince: noon}},
		{
			"for a second less than the cool-off", stands(6, 10, &history.Shortage{Counted: new(4), Above: 10, AboveSince: long.Add(time.Second)}), nil, 6,
			history.AlreadyAtDesiredCapacity, &history.Shortage{Counted: new(4), Above: 10, AboveSince: long.Add(time.Second)},
		},
		{"for the cool-off", stands(6, 10, &history.Shortage{Counted: new(4), Above: 10, AboveSince: long}), nil, 0, history.Fallback, called(10)},
		{"all has gone back", stands(0, 10, called(10)), nil, 0, history.AlreadyAtDesiredCapacity, nil},
		{
			"to its floor", stands(2, 10, called(10)), func(in *taskcount.Input) { in.Policy.MinCapacity = 2 }, 2, history.AlreadyAtMinCapacity, nil,
		},
		{"its maximum", stands(0, 4, called(4)), func(in *taskcount.Input) { in.Policy.MaxCapacity = 5 }, 5, history.MaxCapacity, called(4)},
		{"its cooldown", stands(6, 10, called(10)), func(in *taskcount.Input) {
			in.History = in.History.With(ago(30*time.Second, 5, 6), nil)
		}, 6, history.ScaleInCooldown, called(10)},
		{"its budget", stands(6, 10, called(10)), func(in *taskcount.Input) { in.Policy.ScaleIn = spec.ScaleIn{} }, 4, history.ScaleInRateLimit, called(10)},
		{"the last task needs no proof of idleness", stands(1, 10, called(10)), nil, 0, history.Fallback, called(10)},
		{"a hold of a person", stands(0, 4, called(4)), func(in *taskcount.Input) {
			in.Overrides = []spec.Override{{Kind: spec.HoldAt, Count: 3, Until: noon.Add(time.Hour), Why: "x", By: "ann"}}
		}, 3, history.HoldOverride, called(4)},
		{"its own tasks find no place", stands(6, 2, called(2)), func(in *taskcount.Input) {
			in.Service.Running = 4
			in.Service.Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon, Words: "no room"}}
		}, 6, history.TasksUnplaced, called(2)},
		{"the lead is not known", stands(6, 10, called(10)), func(in *taskcount.Input) { in.Lead.Unknown = "throttled" }, 6, history.MissingData, called(10)},
		{"there is no lead", stands(6, 10, called(10)), func(in *taskcount.Input) { in.Lead = nil }, 6, history.MissingData, called(10)},
		{"the lead is blind", stands(6, 10, called(10)), func(in *taskcount.Input) { in.Lead.Blind = true }, 6, history.AlreadyAtDesiredCapacity, called(10)},
		{"the lead is blind and short", stands(6, 2, called(4)), func(in *taskcount.Input) { in.Lead.Blind = true }, 8, history.Fallback, called(2)},
		{"what is unknown may ask for a count", stands(6, 10, called(10)), func(in *taskcount.Input) {
			in.Lead.Unknown, in.Policy.OnMissingData.AtLeast = "throttled", 9
		}, 9, history.MissingData, called(10)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := tt.in
			if tt.edit != nil {
				tt.edit(&in)
			}
			got, m := taskcount.Decide(noon, in)
			if got.Desired != tt.want || got.Reason != tt.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)\n%+v", got.Desired, got.Reason, got.Because, tt.want, tt.reason, got.Clauses)
			}
			if diff := cmp.Diff(tt.next, m.History.Shortage); diff != "" {
				t.Errorf("remembered (-want +got):\n%s", diff)
			}
			if changed := cmp.Diff(in.History.Shortage, m.History.Shortage) != ""; changed != m.Worth {
				t.Errorf("worth a write: %t, changed: %t", m.Worth, changed)
			}
			if len(got.Marks) != 0 {
				t.Errorf("it rests on the datapoints %+v, and there is none", got.Marks)
			}
			checkChain(t, got)
		})
	}
}

func TestFallbackSaysWhy(t *testing.T) {
	t.Parallel()
	words := func(in taskcount.Input) string { return decide(noon, in).Because }
	short := stands(0, 4, &history.Shortage{Since: noon.Add(-time.Minute)})
	short.Lead.Service.Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon.Add(-time.Minute), Words: noRoom}}
	back := stands(6, 10, &history.Shortage{Counted: new(4), Above: 9, AboveSince: noon.Add(-10 * time.Minute)})
	unknown := stands(6, 10, nil)
	unknown.Lead.Unknown = "it is not ACTIVE"
	blind := stands(6, 10, called(10))
	blind.Lead.Blind = true
	for _, tt := range []struct{ got, want string }{
		{words(stands(0, 10, nil)), "fallbackFor: checkout has a place for 10 of 10 tasks"},
		{words(short), "checkout has a place for 4 of 10 tasks (at 11:59:00Z: " + noRoom + "), short since 11:59:00Z: this one starts tasks after 3m0s of that"},
		{words(stands(0, 4, called(4))), "checkout has a place for 4 of 10 tasks: of the 10 tasks that are wanted together 4 are counted on there"},
		{words(back), "4 are counted on there, and 9 once they have had their place until 12:20:00Z"},
		{words(unknown), "no usable data, hold: fallbackFor: what checkout has is not known: it is not ACTIVE"},
		{words(blind), "none of the tasks here goes while data of checkout is missing"},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%q, want %q in it", tt.got, tt.want)
		}
	}
}

// lead is a service on Fargate Spot that wants ten tasks of 60 % and whose own run at
// the given averages, oldest first, beside so many of its fallback.
func lead(running, beside int, s *history.Shortage) taskcount.Input {
	in := input(10, cpu(running, 0, repeat(60, 20)...))
	in.Acting, in.Service.Provider, in.Service.Running = true, "FARGATE_SPOT", running
	in.Fallback = &taskcount.Fallback{
		Service: fleet.Service{Name: standard, Compute: fleet.Fargate, Active: true, Desired: beside, Running: beside},
		History: history.History{Shortage: s}, Most: 60,
	}
	theirs := cpu(beside, 0, repeat(60, 20)...)[0]
	theirs.Metric.Dimensions[1].Value = string(standard)
	in.Signals = append(in.Signals, theirs)
	return in
}

// What both carry is the demand: with the fallback at work the service shrinks no more
// than without.
func TestDemandOfAPairIsItsSum(t *testing.T) {
	t.Parallel()
	alone := lead(4, 6, called(4))
	alone.Fallback, alone.Service.Running = nil, 10
	alone.Signals = cpu(4, 0, repeat(60, 20)...)
	if got := decide(noon, alone); got.Desired >= 10 {
		t.Errorf("4 tasks alone at their target: %d", got.Desired)
	}
	for _, beside := range []int{0, 1, 6} {
		in := lead(10-beside, beside, called(10-beside))
		got := decide(noon, in)
		if got.Desired != 10 || got.Policies[0].Need != 10 || got.Policies[0].Tasks != 10 {
			t.Errorf("%d beside %d: %d, %+v", 10-beside, beside, got.Desired, got.Policies)
		}
	}
	over := lead(10, 6, called(4)) // all have come back, and 16 run at 60 %
	if got := decide(noon, over); got.Desired != 16 {
		t.Errorf("16 tasks at their target: %d", got.Desired)
	}
}

// An average of the user's own is what each task of both sees.
func TestTasksOfAPairAreCountedTogether(t *testing.T) {
	t.Parallel()
	counts := func(in *taskcount.Input) {
		for i, n := range []float64{4, 6} {
			m := in.Signals[i].Metric
			m.Statistic = "SampleCount"
			s := signal.Series{Metric: m, Status: signal.Complete}
			for _, p := range in.Signals[i].Points {
				s.Points = append(s.Points, signal.Point{Start: p.Start, Value: signal.Value(n)})
			}
			in.Signals = append(in.Signals, s)
		}
	}
	own := lead(4, 6, called(4))
	counts(&own)
	own.Policy.Policies = []spec.Policy{average(ownMetric("Busy", time.Minute), 50)}
	busy := signal.Series{Metric: ownMetric("Busy", time.Minute).CloudWatch("Average"), Status: signal.Complete}
	for _, p := range own.Signals[0].Points {
		busy.Points = append(busy.Points, signal.Point{Start: p.Start, Value: 50})
	}
	own.Signals = append(own.Signals, busy)
	if got := decide(noon, own); got.Desired != 10 || got.Policies[0].Need != 10 || got.Policies[0].Tasks != 10 {
		t.Errorf("50 for each of 10: %d, %+v", got.Desired, got.Policies[0])
	}
	one := own
	one.Fallback = nil
	if got := decide(noon, one); got.Policies[0].Need != 4 {
		t.Errorf("the test shows nothing: 50 for each of 4 is a need of %v", got.Policies[0].Need)
	}
}

func TestAMinuteThatOneOfAPairLacks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(*taskcount.Input)
		need float64 // 0: nothing is known
	}{
		{"none runs there", func(in *taskcount.Input) { in.Fallback.Service.Running = 0 }, 4},
		{"none was ordered there", func(in *taskcount.Input) {
			in.Fallback.History.Orders = []history.Order{ago(-time.Minute, 0, 6)}
		}, 4},
		{"the order came within the newest minute", func(in *taskcount.Input) {
			in.Fallback.History.Orders = []history.Order{ago(30*time.Second, 0, 6)}
		}, 4},
		{"some run there and nothing is told of them", func(*taskcount.Input) {}, 0},
		{"observe mode never ordered what its history says", func(in *taskcount.Input) {
			in.Fallback.History.Shadow, in.Fallback.Service.Desired = new(6), 0
		}, 4},
	}
	for _, tt := range tests {
		in := lead(4, 6, called(4))
		in.Signals[1].Points = nil
		tt.edit(&in)
		got := decide(noon, in)
		if need := got.Policies[0].Need; math.Abs(need-tt.need) > 1e-9 || (tt.need == 0) != (got.Reason == history.MissingData) {
			t.Errorf("%s: need %v (%s), want %v", tt.name, need, got.Because, tt.need)
		}
		if tt.need == 0 && got.Desired != 10 {
			t.Errorf("%s: %d ordered without data", tt.name, got.Desired)
		}
	}
}

// The other way round: no Spot task is left, and ECS tells nothing of them.
func TestFallbackCarriesAll(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(*taskcount.Input)
		need float64
	}{
		{"none of the service runs", func(in *taskcount.Input) { in.Service.Running = 0 }, 10},
		{"the first ones run since noon", func(in *taskcount.Input) {
			in.Fallback.History.Shortage = &history.Shortage{Counted: new(0), Above: 1, AboveSince: noon}
		}, 10},
		{"the first ones run since before", func(in *taskcount.Input) {
			in.Fallback.History.Shortage = &history.Shortage{Counted: new(0), Above: 1, AboveSince: noon.Add(-time.Hour)}
		}, 0},
		{"some were never away", func(in *taskcount.Input) { in.Fallback.History.Shortage = called(1) }, 0},
	}
	for _, tt := range tests {
		in := lead(1, 10, called(0))
		in.Signals[0].Points = nil
		tt.edit(&in)
		got := decide(noon, in)
		if need := got.Policies[0].Need; math.Abs(need-tt.need) > 1e-9 {
			t.Errorf("%s: need %v (%s), want %v", tt.name, need, got.Because, tt.need)
		}
	}
}

// A fallback whose metric cannot be read leaves the demand unknown, and one of another
// resolution counts its tasks as what they are.
func TestMetricsOfAPairAreReadTogether(t *testing.T) {
	t.Parallel()
	unread := lead(4, 6, called(4))
	unread.Signals[1].Status, unread.Signals[1].Why = signal.Failed, "throttled"
	if got := decide(noon, unread); got.Reason != history.MissingData || !strings.Contains(got.Because, "the metric of its fallback checkout-standard: throttled") {
		t.Errorf("an unread metric: %s: %s", got.Reason, got.Because)
	}
	gone := lead(4, 6, called(4))
	gone.Signals = gone.Signals[:1]
	if got := decide(noon, gone); got.Reason != history.MissingData || got.Desired != 10 {
		t.Errorf("a metric that was not asked for: %d %s: %s", got.Desired, got.Reason, got.Because)
	}
	fine := lead(4, 6, called(4))
	fine.Fallback.Service.CPUSeconds = 20
	for i := range fine.Signals[1].Points {
		fine.Signals[1].Points[i].Value *= 3
		fine.Signals[1].Points[i].Samples *= 3
	}
	if got := decide(noon, fine); got.Policies[0].Need != 10 || got.Policies[0].Tasks != 10 {
		t.Errorf("three samples of each task: %+v", got.Policies[0])
	}
}

func TestQueriesOfAPair(t *testing.T) {
	t.Parallel()
	s := service()
	s.Policies = append(s.Policies, average(ownMetric("Busy", time.Minute), 50))
	own := taskcount.Queries(key, s)
	all := taskcount.With(own, key, standard)
	var names []string
	for _, q := range all[len(own):] {
		d := q.Metric.Dimensions
		names = append(names, q.Metric.Name+" "+q.Metric.Statistic+" of "+d[0].Value+"/"+d[1].Value)
	}
	want := []string{"CPUUtilization Sum of prod/checkout-standard", "CPUUtilization SampleCount of prod/checkout-standard"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, q := range taskcount.Queries(key, s) {
		if strings.Contains(q.Metric.Key(), string(standard)) {
			t.Errorf("the fallback's name is in a query of the service: %s", q.Metric.Key())
		}
	}
}

// Without a place for its tasks a service does not grow; with a fallback that has room
// it does, and the fallback runs what is more.
func TestPairGrowsWhileSpotIsShort(t *testing.T) {
	t.Parallel()
	trouble := []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon, Words: noRoom}}
	start := func() taskcount.Input {
		in := lead(4, 6, called(4))
		for i := range in.Signals {
			for j := range in.Signals[i].Points {
				in.Signals[i].Points[j].Value *= 1.5
			}
		}
		in.Service.Troubles = trouble
		return in
	}
	check(t, start, []guardCase{
		{"with room", func(*taskcount.Input) {}, 15, history.TargetTracking},
		{"without room, and all have a place", func(in *taskcount.Input) { in.Fallback.Most = 6 }, 15, history.TargetTracking},
		{"without room, and some have none", func(in *taskcount.Input) {
			in.Fallback.Most, in.Service.Running = 6, 3
		}, 10, history.TasksUnplaced},
		{"the fallback is not called yet", func(in *taskcount.Input) { in.Fallback.History.Shortage = nil }, 10, history.TasksUnplaced},
		{"there is none", func(in *taskcount.Input) {
			in.Fallback, in.Service.Compute, in.Signals = nil, fleet.EC2, cpu(4, 0, repeat(250, 20)...)
		}, 10, history.TasksUnplaced},
	})
}

// Of ten tasks that are wanted six run elsewhere: no sick fleet, and scale-in goes on.
func TestTasksOfTheFallbackAreNotMissing(t *testing.T) {
	t.Parallel()
	start := func() taskcount.Input {
		in := lead(4, 6, called(4))
		for i := range in.Signals {
			for j := range in.Signals[i].Points {
				in.Signals[i].Points[j].Value *= 0.5
			}
		}
		return in
	}
	check(t, start, []guardCase{
		{"they run there", func(*taskcount.Input) {}, 6, history.AnticipatedFlapping},
		{"they do not yet", func(in *taskcount.Input) { in.Fallback.Service.Running = 0 }, 10, history.UnhealthyFleet},
		{"it is not called", func(in *taskcount.Input) { in.Fallback.History.Shortage = nil }, 10, history.UnhealthyFleet},
	})
}

func TestRemedyForSpot(t *testing.T) {
	t.Parallel()
	start := func() taskcount.Input {
		in := rises()
		in.Acting, in.Service.Compute, in.Service.Provider, in.Service.Running = true, fleet.Fargate, "FARGATE_SPOT", 4
		in.Service.Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon, Words: noRoom}}
		return in
	}
	advice := "deploy it on FARGATE, or let a second service on FARGATE stand in for it, with fallbackFor: {service: checkout} in that one's policy"
	tests := []struct {
		name string
		edit func(*taskcount.Input)
		want string
		not  string
	}{
		{"alone", func(*taskcount.Input) {}, advice, ""},
		{"on standard Fargate", func(in *taskcount.Input) { in.Service.Provider = "FARGATE" }, "", "FARGATE"},
		{"a quota", func(in *taskcount.Input) {
			in.Service.Troubles[0].Words = "You've reached the limit on the number of tasks you can run concurrently."
		}, "", "FARGATE"},
		{"with a fallback", func(in *taskcount.Input) {
			in.Fallback = &taskcount.Fallback{Service: fleet.Service{Name: standard}}
			in.Signals = append(in.Signals, signal.Series{Metric: cpuOf(standard), Status: signal.Complete})
		}, "checkout-standard stands in for what Fargate Spot does not give", "deploy it"},
	}
	for _, tt := range tests {
		in := start()
		tt.edit(&in)
		got := decide(noon, in)
		if got.Reason != history.TasksUnplaced || !strings.Contains(got.Because, tt.want) || tt.not != "" && strings.Contains(got.Because, tt.not) {
			t.Errorf("%s: %s: %s", tt.name, got.Reason, got.Because)
		}
	}
}

func cpuOf(n fleet.ServiceName) signal.Metric {
	return spec.ServiceMetric(fleet.ServiceKey{Cluster: key.Cluster, Service: n}, "CPUUtilization", "Sum")
}

// Whatever was seen: a fallback whose lead is unknown removes nothing, and with nothing
// in its way it runs what has no place, and keeps what the counted tasks leave.
func TestFallbackLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count, placed := rapid.IntRange(0, 30).Draw(t, "count"), rapid.IntRange(0, 30).Draw(t, "placed")
		var s *history.Shortage
		switch rapid.IntRange(0, 2).Draw(t, "memory") {
		case 0:
			s = &history.Shortage{Since: noon.Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "short")) * time.Minute)}
		case 1:
			s = called(rapid.IntRange(0, 30).Draw(t, "counted"))
			if rapid.Bool().Draw(t, "more") {
				s.Above, s.AboveSince = *s.Counted+1, noon.Add(-time.Duration(rapid.IntRange(0, 40).Draw(t, "above"))*time.Minute)
			}
		}
		in := stands(count, placed, s)
		in.Lead.Service.Desired = rapid.IntRange(0, 30).Draw(t, "wanted")
		in.Lead.Total = in.Lead.Service.Desired + rapid.IntRange(0, 5).Draw(t, "growth")
		got, m := taskcount.Decide(noon, in)
		if fault := chainFault(got); fault != "" {
			t.Fatal(fault)
		}
		want := 0
		if n := m.History.Shortage; n != nil && n.Called() {
			want = max(0, min(count, in.Lead.Total-*n.Counted))
			if placed < in.Lead.Service.Desired {
				want = max(want, in.Lead.Total-placed)
			}
		}
		if got.Desired != want {
			t.Fatalf("%d with the memory %+v: %+v", got.Desired, m.History.Shortage, got.Clauses)
		}
		in.History = m.History
		if again, _ := taskcount.Decide(noon, in); again.Desired != got.Desired {
			t.Fatalf("%d, and a second look at once says %d", got.Desired, again.Desired)
		}
		in.Lead.Unknown = "throttled"
		if blind, m := taskcount.Decide(noon, in); blind.Desired < in.Base || m.Worth {
			t.Fatalf("%d of %d without knowing the lead, worth a write: %t", blind.Desired, in.Base, m.Worth)
		}
	})
}
