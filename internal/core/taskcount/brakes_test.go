package taskcount_test

import (
	"slices"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// guardCase is an edit of an input, and what is then decided at noon.
type guardCase struct {
	name   string
	edit   func(*taskcount.Input)
	want   int
	reason string
}

func check(t *testing.T, start func() taskcount.Input, cases []guardCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := start()
			c.edit(&in)
			got := decide(noon, in)
			if got.Desired != c.want || got.Reason != c.reason {
				t.Errorf("got %d (%s: %s), want %d (%s)\n%+v", got.Desired, got.Reason, got.Because, c.want, c.reason, got.Clauses)
			}
			checkChain(t, got)
		})
	}
}

// falls are 10 tasks on EC2 that need 4 in every minute, rises 10 that need 15.
func falls() taskcount.Input { return on(fleet.EC2, input(10, cpu(10, 0, repeat(20, 20)...))) }
func rises() taskcount.Input { return on(fleet.EC2, input(10, cpu(10, 0, 90))) }

func on(c fleet.Compute, in taskcount.Input) taskcount.Input {
	in.Service.Compute = c
	return in
}

func ago(d time.Duration, from, to int) history.Order {
	return history.Order{At: noon.Add(-d), From: from, To: to}
}

func ordered(orders ...history.Order) history.History { return history.History{Orders: orders} }

func TestOutCooldownAtItsEdges(t *testing.T) {
	t.Parallel()
	start := func() taskcount.Input {
		in := rises()
		in.Policy.ScaleOut.Cooldown = new(spec.Duration(5 * time.Minute))
		return in
	}
	check(t, start, []guardCase{
		{"a nanosecond before its end", func(in *taskcount.Input) { in.History = ordered(ago(5*time.Minute-1, 8, 15)) }, 10, history.ScaleOutCooldown},
		{"at its end", func(in *taskcount.Input) { in.History = ordered(ago(5*time.Minute, 8, 15)) }, 15, history.TargetTracking},
		{"a nanosecond after", func(in *taskcount.Input) { in.History = ordered(ago(5*time.Minute+1, 8, 15)) }, 15, history.TargetTracking},
		{"the count ordered does not pass", func(in *taskcount.Input) { in.History = ordered(ago(time.Minute, 8, 15)) }, 10, history.ScaleOutCooldown},
		{"one more passes", func(in *taskcount.Input) { in.History = ordered(ago(time.Minute, 8, 14)) }, 15, history.TargetTracking},
		{"the largest of several counts", func(in *taskcount.Input) {
			in.History = ordered(ago(3*time.Minute, 8, 15), ago(time.Minute, 9, 12))
		}, 10, history.ScaleOutCooldown},
		{"one before the cooldown is past", func(in *taskcount.Input) {
			in.History = ordered(ago(6*time.Minute, 8, 20), ago(time.Minute, 9, 12))
		}, 15, history.TargetTracking},
		{"a scale-in ended what was before it", func(in *taskcount.Input) {
			in.History = ordered(ago(3*time.Minute, 8, 20), ago(time.Minute, 20, 10))
		}, 15, history.TargetTracking},
		{"an order of a clock that is ahead", func(in *taskcount.Input) { in.History = ordered(ago(-time.Second, 8, 15)) }, 10, history.ScaleOutCooldown},
		{"a hold of a person does not rest", func(in *taskcount.Input) {
			in.History = ordered(ago(time.Minute, 8, 15))
			in.Overrides = []spec.Override{{Kind: spec.HoldAt, Count: 12, Until: noon.Add(1)}}
		}, 12, history.HoldOverride},
		{"a max of a person does not wake it", func(in *taskcount.Input) {
			in.History = ordered(ago(time.Minute, 8, 15))
			in.Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 12, Until: noon.Add(1)}}
		}, 10, history.ScaleOutCooldown},
	})
}

func TestInCooldownAtItsEdges(t *testing.T) {
	t.Parallel()
	start := func() taskcount.Input {
		in := falls()
		in.Policy.ScaleIn.Cooldown = new(spec.Duration(5 * time.Minute))
		return in
	}
	check(t, start, []guardCase{
		{"a nanosecond before its end", func(in *taskcount.Input) { in.History = ordered(ago(5*time.Minute-1, 12, 10)) }, 10, history.ScaleInCooldown},
		{"at its end", func(in *taskcount.Input) { in.History = ordered(ago(5*time.Minute, 12, 10)) }, 4, history.TargetTracking},
		{"it runs from a scale-out too", func(in *taskcount.Input) { in.History = ordered(ago(5*time.Minute-1, 8, 10)) }, 10, history.ScaleInCooldown},
		{"an order of a clock that is ahead", func(in *taskcount.Input) { in.History = ordered(ago(-time.Second, 12, 10)) }, 10, history.ScaleInCooldown},
		{"a person's max does not rest, what is below it does", func(in *taskcount.Input) {
			in.History = ordered(ago(time.Minute, 12, 10))
			in.Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 8, Until: noon.Add(1)}}
		}, 8, history.ScaleInCooldown},
		{"a scheduled or lowered maximum does", func(in *taskcount.Input) {
			in.History = ordered(ago(time.Minute, 12, 10))
			in.Policy.MaxCapacity = 8
		}, 10, history.ScaleInCooldown},
		{"an out interrupts it", func(in *taskcount.Input) {
			in.History = ordered(ago(time.Minute, 12, 10))
			in.Signals = cpu(10, 0, 90)
		}, 15, history.TargetTracking},
	})
}

func latency() spec.Metric { return spec.Metric{Namespace: "App", Name: "Latency"} }

// sick gives a veto's series: the value of each minute that ended the given
// time before noon.
func sick(values map[time.Duration]float64) signal.Series {
	s := signal.Series{Metric: latency().CloudWatch("Average"), Status: signal.Complete}
	for end, v := range values {
		s.Points = append(s.Points, signal.Point{Start: noon.Add(-end - time.Minute), Value: signal.Value(v)})
	}
	return s
}

func TestVetoes(t *testing.T) {
	t.Parallel()
	start := func() taskcount.Input {
		in := falls()
		in.Policy.Vetoes = []spec.Veto{{Name: "slow", Metric: latency(), Above: new(0.5)}}
		return in
	}
	with := func(values map[time.Duration]float64) func(*taskcount.Input) {
		return func(in *taskcount.Input) { in.Signals = append(in.Signals, sick(values)) }
	}
	status := func(s signal.Status, values map[time.Duration]float64) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			v := sick(values)
			v.Status = s
			in.Signals = append(in.Signals, v)
		}
	}
	quiet := func(f func(*taskcount.Input)) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Policy.Vetoes[0].TreatMissingData = spec.NotBreaching
			f(in)
		}
	}
	const late = 4 * time.Minute
	good := map[time.Duration]float64{0: 0.1}
	check(t, start, []guardCase{
		{"good", with(good), 4, history.TargetTracking},
		{"the limit itself is good", with(map[time.Duration]float64{0: 0.5}), 4, history.TargetTracking},
		{"just above is bad", with(map[time.Duration]float64{0: 0.5000001}), 10, history.ScaleInVeto},
		{"bad a nanosecond inside the look back", with(map[time.Duration]float64{0: 0.1, 5*time.Minute - 1: 0.6}), 10, history.ScaleInVeto},
		{"bad at the edge of the look back is past", with(map[time.Duration]float64{0: 0.1, 5 * time.Minute: 0.6}), 4, history.TargetTracking},
		{"not read", func(*taskcount.Input) {}, 10, history.ScaleInVeto},
		{"no datapoint", with(nil), 10, history.ScaleInVeto},
		{"failed", status(signal.Failed, good), 10, history.ScaleInVeto},
		{"partial", status(signal.Partial, good), 10, history.ScaleInVeto},
		{"a status that is not known", status("", good), 10, history.ScaleInVeto},
		{"5 min old is fresh", with(map[time.Duration]float64{5 * time.Minute: 0.1}), 4, history.TargetTracking},
		{"a nanosecond older is stale", with(map[time.Duration]float64{5*time.Minute + 1: 0.1}), 10, history.ScaleInVeto},
		{"the newest counts however late", func(in *taskcount.Input) {
			in.Policy.Vetoes[0].Lookback = new(minute)
			in.Signals = append(in.Signals, sick(map[time.Duration]float64{late: 0.6}))
		}, 10, history.ScaleInVeto},
		{"notBreaching: none is good", quiet(with(nil)), 4, history.TargetTracking},
		{"notBreaching: one of an hour ago is past", quiet(with(map[time.Duration]float64{time.Hour: 9})), 4, history.TargetTracking},
		{"notBreaching: a fresh one counts", quiet(with(map[time.Duration]float64{late: 9})), 10, history.ScaleInVeto},
		{"notBreaching: stale, but within a long look back", quiet(func(in *taskcount.Input) {
			in.Policy.Vetoes[0].Lookback = new(spec.Duration(30 * time.Minute))
			in.Signals = append(in.Signals, sick(map[time.Duration]float64{20 * time.Minute: 9}))
		}), 10, history.ScaleInVeto},
		{"notBreaching: a failed read is bad", quiet(status(signal.Failed, nil)), 10, history.ScaleInVeto},
		{"notBreaching: a partial read is bad", quiet(status(signal.Partial, nil)), 10, history.ScaleInVeto},
		{"notBreaching: not read is bad", quiet(func(*taskcount.Input) {}), 10, history.ScaleInVeto},
		{"below: the limit itself is good", func(in *taskcount.Input) {
			in.Policy.Vetoes[0].Above, in.Policy.Vetoes[0].Below = nil, new(0.1)
			in.Signals = append(in.Signals, sick(good))
		}, 4, history.TargetTracking},
		{"below: just under is bad", func(in *taskcount.Input) {
			in.Policy.Vetoes[0].Above, in.Policy.Vetoes[0].Below = nil, new(0.1000001)
			in.Signals = append(in.Signals, sick(good))
		}, 10, history.ScaleInVeto},
		{"an out passes", func(in *taskcount.Input) { in.Signals = cpu(10, 0, 90) }, 15, history.TargetTracking},
		{"a person's max passes, what is below it does not", func(in *taskcount.Input) {
			in.Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 8, Until: noon.Add(1)}}
		}, 8, history.ScaleInVeto},
		{"a lowered maximum does not pass", func(in *taskcount.Input) { in.Policy.MaxCapacity = 8 }, 10, history.ScaleInVeto},
	})
}

func TestOneBadVetoOfSeveralIsEnough(t *testing.T) {
	t.Parallel()
	in := falls()
	errs := spec.Metric{Namespace: "App", Name: "Errors"}
	in.Policy.Vetoes = []spec.Veto{{Name: "slow", Metric: latency(), Above: new(0.5)}, {Name: "errors", Metric: errs, Above: new(0.0), TreatMissingData: spec.NotBreaching}}
	bad := sick(map[time.Duration]float64{0: 3})
	bad.Metric = errs.CloudWatch("Average")
	in.Signals = append(in.Signals, sick(map[time.Duration]float64{0: 0.1}), bad)
	if got := decide(noon, in); got.Desired != 10 || got.Because != "the veto errors: App/Errors was 3 at 11:59:00Z, above 0, within the last 5m" {
		t.Errorf("got %d (%s)", got.Desired, got.Because)
	}
}

func TestDeploymentFreeze(t *testing.T) {
	t.Parallel()
	deploying := func(age time.Duration) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Service.Deployments[0].RolloutState, in.Service.Deployments[0].CreatedAt = "IN_PROGRESS", noon.Add(-age)
		}
	}
	both := func(fs ...func(*taskcount.Input)) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			for _, f := range fs {
				f(in)
			}
		}
	}
	freeze := func(d time.Duration) func(*taskcount.Input) {
		return func(in *taskcount.Input) { in.Policy.ScaleIn.DeploymentFreeze = new(spec.Duration(d)) }
	}
	check(t, falls, []guardCase{
		{"just begun", deploying(0), 10, history.DeploymentInProgress},
		{"by a clock that is ahead", deploying(-time.Minute), 10, history.DeploymentInProgress},
		{"a nanosecond before the default hour", deploying(time.Hour - 1), 10, history.DeploymentInProgress},
		{"at the hour it ends", deploying(time.Hour), 4, history.TargetTracking},
		{"a cap of its own", both(deploying(10*time.Minute), freeze(10*time.Minute)), 4, history.TargetTracking},
		{"a cap of its own, before", both(deploying(10*time.Minute-1), freeze(10*time.Minute)), 10, history.DeploymentInProgress},
		{"0 is no freeze", both(deploying(0), freeze(0)), 4, history.TargetTracking},
		{"0 is no freeze where nobody knows since when", both(deploying(0), freeze(0), func(in *taskcount.Input) {
			in.Service.Deployments[0].CreatedAt = time.Time{}
		}), 4, history.TargetTracking},
		{"nobody knows since when", both(deploying(0), func(in *taskcount.Input) {
			in.Service.Deployments[0].CreatedAt = time.Time{}
		}), 10, history.DeploymentInProgress},
		{"a second deployment", func(in *taskcount.Input) {
			in.Service.Deployments[0].CreatedAt = noon.Add(-time.Minute)
			in.Service.Deployments = append(in.Service.Deployments, fleet.Deployment{ID: "0"})
		}, 10, history.DeploymentInProgress},
		{"one that failed is over", func(in *taskcount.Input) { in.Service.Deployments[0].RolloutState = "FAILED" }, 4, history.TargetTracking},
		{"an out goes on", both(deploying(0), func(in *taskcount.Input) { in.Signals = cpu(10, 0, 90) }), 15, history.TargetTracking},
		{"a person's max goes on, what is below it does not", both(deploying(0), func(in *taskcount.Input) {
			in.Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 8, Until: noon.Add(1)}}
		}), 8, history.DeploymentInProgress},
		{"a person's hold goes on", both(deploying(0), func(in *taskcount.Input) {
			in.Overrides = []spec.Override{{Kind: spec.HoldAt, Count: 3, Until: noon.Add(1)}}
		}), 3, history.HoldOverride},
	})
}

func TestPlacementBrake(t *testing.T) {
	t.Parallel()
	// 10 tasks are desired and 60 needed; by default 300 % or 10 tasks are one step.
	start := func() taskcount.Input {
		in := on(fleet.EC2, input(10, cpu(10, 0, 360)))
		in.Acting = true
		in.Policy.ScaleOut.RateLimits = []spec.RateLimit{{Tasks: 20, Period: minute}}
		return in
	}
	placed := func(running, pending, coming int) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Service.Running, in.Service.Pending, in.Coming = running, pending, coming
		}
	}
	trouble := func(kind fleet.TroubleKind, age time.Duration, f func(*taskcount.Input)) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Service.Troubles = []fleet.Trouble{{Kind: kind, At: noon.Add(-age), Words: "no room"}}
			f(in)
		}
	}
	failed := func(n int, f func(*taskcount.Input)) func(*taskcount.Input) {
		return func(in *taskcount.Input) {
			in.Service.Deployments[0].Failed = n
			f(in)
		}
	}
	check(t, start, []guardCase{
		{"all run: the rate is the step", placed(10, 0, 0), 30, history.ScaleOutRateLimit},
		{"one is missing: one step of nine", placed(9, 0, 0), 29, history.TasksUnplaced},
		{"pending tasks have a place", placed(5, 5, 0), 30, history.ScaleOutRateLimit},
		{"what fits on instances on the way will have one", placed(5, 3, 2), 30, history.ScaleOutRateLimit},
		{"of 5, 3 and 1", placed(5, 3, 1), 29, history.TasksUnplaced},
		{"the brake takes nothing away", func(in *taskcount.Input) {
			placed(0, 0, 0)(in)
			in.Policy.ScaleOut.RateLimits[0].Tasks = 7
		}, 10, history.TasksUnplaced},
		{"no place, and one is absent", trouble(fleet.PlacementFailure, 0, placed(9, 0, 0)), 10, history.TasksUnplaced},
		{"no place, but none is absent", trouble(fleet.PlacementFailure, 0, placed(10, 0, 0)), 30, history.ScaleOutRateLimit},
		{"no place, but instances are on the way", trouble(fleet.PlacementFailure, 0, placed(8, 1, 1)), 30, history.ScaleOutRateLimit},
		{"no place half an hour ago", trouble(fleet.PlacementFailure, 30*time.Minute, placed(9, 0, 0)), 10, history.TasksUnplaced},
		{"a nanosecond longer is past", trouble(fleet.PlacementFailure, 30*time.Minute+1, placed(9, 0, 0)), 29, history.TasksUnplaced},
		{"none starts, and one does not run", trouble(fleet.StartImpaired, 0, placed(9, 1, 0)), 10, history.TasksUnplaced},
		{"none started, but all run", trouble(fleet.StartImpaired, 0, placed(10, 0, 0)), 30, history.ScaleOutRateLimit},
		{"none started half an hour ago", trouble(fleet.StartImpaired, 30*time.Minute, placed(9, 1, 0)), 10, history.TasksUnplaced},
		{"longer ago", trouble(fleet.StartImpaired, 30*time.Minute+1, placed(9, 1, 0)), 30, history.ScaleOutRateLimit},
		{"a trouble of another kind", trouble("steady", 0, placed(9, 1, 0)), 30, history.ScaleOutRateLimit},
		{"a start has failed: what starts does not count", failed(1, placed(5, 5, 0)), 25, history.TasksUnplaced},
		{"starts have failed, but all run", failed(7, placed(10, 0, 0)), 30, history.ScaleOutRateLimit},
		{"a floor is lifted to all the same", func(in *taskcount.Input) {
			placed(0, 0, 0)(in)
			in.Policy.MinCapacity = 50
		}, 50, history.MinCapacity},
		{"a scale-in is not its matter", trouble(fleet.PlacementFailure, 0, func(in *taskcount.Input) {
			placed(9, 0, 0)(in)
			in.Signals = cpu(10, 0, repeat(20, 20)...)
		}), 4, history.TargetTracking},
	})
}

// churn evaluates every minute a service that needs 500 tasks, of which so many
// run as started tells, and all others are PENDING; ECS reports no trouble. It
// gives the counts until they no longer change.
func churn(desired int, rates []spec.RateLimit, running func(minute, desired int) int) []int {
	counts := []int{desired}
	var h history.History
	for m := range 30 {
		now := noon.Add(time.Duration(m) * time.Minute)
		in := on(fleet.EC2, input(desired, cpu(1, noon.Sub(now), 500*60)))
		in.Policy.MaxCapacity, in.Policy.ScaleOut.RateLimits, in.History, in.Acting = 500, rates, h, true
		in.Service.Running = min(desired, running(m, desired))
		in.Service.Pending = desired - in.Service.Running
		got, memory := taskcount.Decide(now, in)
		if h = memory.History; got.Direction != history.Hold {
			h = memory.After(history.Order{At: now, From: desired, To: got.Desired}, got.Marks)
		}
		if desired = got.Desired; desired != counts[len(counts)-1] {
			counts = append(counts, desired)
		}
	}
	return counts
}

// Tasks that start and die are PENDING between two tries, and ECS says so only
// minutes later: of tasks that have never run no more than two steps are ordered.
func TestTasksThatNeverStartDoNotRunAway(t *testing.T) {
	t.Parallel()
	never := func(_, _ int) int { return 5 }
	before := map[int]int{}
	healthy := func(m, desired int) int { // what was desired two minutes ago runs
		before[m] = desired
		return max(5, before[m-2])
	}
	for _, tt := range []struct {
		name    string
		rates   []spec.RateLimit
		running func(m, desired int) int
		want    []int
	}{
		{"by the default limits", nil, never, []int{5, 20, 80}},
		{"by 4 tasks a minute", limits(tasks(4, time.Minute)), never, []int{5, 9, 13, 17, 19}},
		{"a flash crowd whose tasks take two minutes", nil, healthy, []int{5, 20, 80, 320, 500}},
		{"10 tasks a minute that take four", limits(tasks(10, time.Minute)), func(m, _ int) int { return 100 + 10*max(0, m-3) }, nil},
	} {
		from := 5
		if tt.want == nil { // every minute brings its ten
			from = 100
			for n := 100; n <= 400; n += 10 {
				tt.want = append(tt.want, n)
			}
		}
		if got := churn(from, tt.rates, tt.running); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// The reason gives its numbers.
func TestPlacementBrakeTellsItsNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		running, pending, failed int
		want                     string
	}{
		{4, 2, 0, "4 of 20 desired tasks run, 2 start or fit on instances on the way, and 14 have no place yet: the count stays within one step (300 % in 1m) of 6 tasks, at most 24"},
		{1, 19, 0, "1 of 20 desired tasks runs, 19 have not started yet, and of these 10 count until more run: the count stays within one step (300 % in 1m) of 11 tasks, at most 44"},
		{19, 1, 1, "19 of 20 desired tasks run, and 1 start has failed: the count stays within one step (300 % in 1m) of 19 tasks, at most 76"},
	} {
		in := on(fleet.EC2, input(20, cpu(20, 0, 60000)))
		in.Policy.MaxCapacity, in.Policy.ScaleOut.RateLimits, in.Acting = 5000, limits(percent(300, time.Minute)), true
		in.Service.Running, in.Service.Pending, in.Service.Deployments[0].Failed = tt.running, tt.pending, tt.failed
		if got := decide(noon, in); got.Reason != history.TasksUnplaced || got.Because != tt.want {
			t.Errorf("got %s: %s\nwant %s", got.Reason, got.Because, tt.want)
		}
	}
}

// Of the three least counts each direction of Max and Min has its own step.
func TestPlacementBrakeFollowsTheSelectedStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		selects spec.Select
		running int
		want    int
	}{{"", 8, 32}, {spec.SelectMax, 8, 32}, {spec.SelectMax, 2, 12}, {spec.SelectMin, 8, 18}, {spec.SelectMin, 9, 19}} {
		in := on(fleet.EC2, input(10, cpu(10, 0, 360)))
		in.Policy.ScaleOut.SelectPolicy, in.Policy.ScaleOut.RateLimits = tt.selects, []spec.RateLimit{{Percent: 300, Period: minute}, {Tasks: 10, Period: minute}}
		in.Service.Running, in.Acting = tt.running, true
		if got := decide(noon, in); got.Desired != tt.want || got.Reason != history.TasksUnplaced {
			t.Errorf("%q with %d running: got %d (%s: %s), want %d", tt.selects, tt.running, got.Desired, got.Reason, got.Because, tt.want)
		}
	}
}

// In observe mode nobody was asked to place the tasks of the shadow.
func TestPlacementBrakeInObserveMode(t *testing.T) {
	t.Parallel()
	in := on(fleet.EC2, input(30, cpu(10, 0, 360)))
	in.Service.Desired, in.Service.Running, in.History.Shadow, in.Policy.ScaleOut.RateLimits = 10, 10, new(30), nil
	in.Service.Troubles = []fleet.Trouble{{Kind: fleet.PlacementFailure, At: noon, Words: "no room"}, {Kind: fleet.StartImpaired, At: noon, Words: "exit 1"}}
	if got := decide(noon, in); got.Desired != 60 {
		t.Errorf("all live tasks run: got %d (%s: %s), want 60", got.Desired, got.Reason, got.Because)
	}
	in.Service.Running = 9
	if got := decide(noon, in); got.Desired != 30 || got.Reason != history.TasksUnplaced {
		t.Errorf("a live task has no place: got %d (%s: %s), want a hold", got.Desired, got.Reason, got.Because)
	}
}

func TestFleetBrake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		missing, of int
		stops       bool
	}{{9, 20, false}, {10, 20, true}, {3, 6, false}, {3, 3, false}, {4, 8, true}, {4, 9, false}, {5, 11, true}, {0, 10, false}} {
		tasks := on(fleet.EC2, input(tt.of, cpu(tt.of, 0, repeat(5, 20)...)))
		tasks.Policy.MinCapacity, tasks.Service.Running = 1, tt.of-tt.missing
		instances := on(fleet.EC2, input(20, cpu(20, 0, repeat(5, 20)...)))
		instances.Disconnected, instances.Instances = tt.missing, tt.of
		for name, in := range map[string]taskcount.Input{"tasks": tasks, "instances": instances} {
			got := decide(noon, in)
			if stopped := got.Reason == history.UnhealthyFleet && got.Desired == in.Base; stopped != tt.stops {
				t.Errorf("%d of %d %s: got %d (%s: %s), stop %t", tt.missing, tt.of, name, got.Desired, got.Reason, got.Because, tt.stops)
			}
			in.Overrides = []spec.Override{{Kind: spec.MaxAt, Count: 2, Until: noon.Add(1)}}
			if got := decide(noon, in); got.Desired > 2 {
				t.Errorf("%d of %d %s under a person's max: got %d (%s)", tt.missing, tt.of, name, got.Desired, got.Reason)
			}
		}
	}
}
