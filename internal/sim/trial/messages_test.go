package trial_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// hillOfJobs is the hill as messages.
func hillOfJobs(tb testing.TB, m trial.Messages) *trial.Course {
	tb.Helper()
	rates := make([]float64, 0, 8*60)
	for i := range 8 * 60 {
		rates = append(rates, 1+6*max(0, math.Sin(float64(i)/60)))
	}
	c, err := trial.NewQueueCourse(steps(tb, 60, rates...), 8, m)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Everybody works off a queue with every start: the books agree, the same seed gives the
// same run, and no message is counted that was not sent.
func TestEveryWorkerOnEveryStart(t *testing.T) {
	t.Parallel()
	m := trial.Jobs()
	c := hillOfJobs(t, m)
	sent := 0.0
	for _, load := range c.Load[c.From:] {
		sent += load / m.Processing.Seconds()
	}
	for _, k := range trial.Workers(m) {
		for _, start := range trial.Starts() {
			for _, random := range []bool{false, true} {
				t.Run(k.Name+"/"+string(start)+map[bool]string{true: "/random"}[random], func(t *testing.T) {
					t.Parallel()
					o := trial.Setup{Start: start, Seed: 7, Step: 5 * time.Minute, Discrete: random}
					r := play(t, c, k, o, k.Default)
					if diff := cmp.Diff(r, play(t, c, k, o, k.Default)); diff != "" {
						t.Errorf("a second run differs (-first +second):\n%s", diff)
					}
					within := 1.5
					if random {
						within = 4 * math.Sqrt(sent)
					}
					if math.Abs(r.Run.Arrived-sent) > within {
						t.Errorf("%.0f messages were counted, %.1f were sent", r.Run.Arrived, sent)
					}
					if r.Run.Violated < 0 || r.Run.Violated > r.Run.Arrived || r.P50Seconds > r.P95Seconds || r.P95Seconds > r.P99Seconds {
						t.Errorf("%v of %v are late; p50, p95 and p99 are %v, %v, %v s", r.Run.Violated, r.Run.Arrived, r.P50Seconds, r.P95Seconds, r.P99Seconds)
					}
					if late := r.OldestMessageSeconds > m.Acceptable.Seconds(); late != (r.ViolationSeconds > 0) {
						t.Errorf("the oldest message waited %v s, and %d s were in violation", r.OldestMessageSeconds, r.ViolationSeconds)
					}
					if ours := strings.HasPrefix(k.Name, "trimtab"); ours && (len(r.Decisions) == 0 || r.OldestMessageSeconds == 0) {
						t.Errorf("it left %d records, and the oldest message waited %v s", len(r.Decisions), r.OldestMessageSeconds)
					}
				})
			}
		}
	}
}

// The demand of messages is what arrived in the time that they may wait, spread over it:
// a burst of 10 tasks' worth for one minute needs 2 for five.
func TestDemandIsSpreadOverTheWait(t *testing.T) {
	t.Parallel()
	rates := append(slices.Repeat([]float64{0}, 30), 1)
	rates = append(rates, slices.Repeat([]float64{0}, 30)...)
	c, err := trial.NewQueueCourse(steps(t, 60, rates...), 10, trial.Messages{Processing: 10 * time.Second, Acceptable: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	load, demand := 0.0, 0
	for i := range c.Load {
		load, demand = load+c.Load[i], demand+int(c.Demand[i])
	}
	if most := c.Peak(); most != int(math.Ceil(load/300-1e-6)) {
		t.Errorf("%.1f task-seconds of work need %d tasks at once, want what does it in 300 s", load, most)
	}
	if float64(demand) < load || float64(demand) > 2*load {
		t.Errorf("the demand is %d task-seconds for %.1f of work", demand, load)
	}
	if c.Demand[len(c.Demand)-1] != 0 {
		t.Errorf("long after the last message %d tasks are needed", c.Demand[len(c.Demand)-1])
	}
}

// A policy of one's own keeps all but its queue, and the knob is its latency.
func TestCustomBacklog(t *testing.T) {
	t.Parallel()
	m := trial.Jobs()
	c := hillOfJobs(t, m)
	own := func(latency time.Duration) trial.Contestant {
		return trial.Custom("yours", trial.Policy{Service: spec.Service{Policies: []spec.Policy{{Backlog: &spec.Backlog{
			Queue: "https://sqs.us-east-1.amazonaws.com/123456789012/orders", AcceptableLatency: spec.Duration(latency), ProcessingTime: new(spec.Duration(m.Processing)),
		}}}}})
	}
	o := trial.Setup{Start: trial.Fargate, Seed: 1}
	k := own(2 * time.Minute)
	if k.Default != 120 || k.Sweep[0] != 720 || k.Sweep[len(k.Sweep)-1] != 4 {
		t.Errorf("a latency of 2 minutes is swept by %v from %v", k.Sweep, k.Default)
	}
	cheap, safe := play(t, c, k, o, 240), play(t, c, k, o, 4)
	if cheap.TaskHours >= safe.TaskHours || cheap.P95Seconds < safe.P95Seconds {
		t.Errorf("240 s cost %.2f task-hours with a p95 of %v s, 4 s %.2f and %v", cheap.TaskHours, cheap.P95Seconds, safe.TaskHours, safe.P95Seconds)
	}
	if d := cmp.Diff(play(t, c, k, o, 240).Score, play(t, c, own(4*time.Minute), o, 240).Score); d != "" {
		t.Errorf("240 s by the knob and by the policy differ:\n%s", d)
	}
}

func TestMessagesOutOfRange(t *testing.T) {
	t.Parallel()
	tr := steps(t, 60, slices.Repeat([]float64{1}, 60)...)
	for words, m := range map[string]trial.Messages{
		"a message takes 500ms: give 1s to 12h":      {Processing: 500 * time.Millisecond, Acceptable: time.Minute},
		"a message takes 13h0m0s: give 1s to 12h":    {Processing: 13 * time.Hour, Acceptable: time.Minute},
		"a message may wait 0s: give 1s to 336h":     {Processing: time.Second},
		"a message may wait 1.5s: give 1s to 336h":   {Processing: time.Second, Acceptable: 1500 * time.Millisecond},
		"a message may wait 337h0m0s: give 1s to 33": {Processing: time.Second, Acceptable: 337 * time.Hour},
	} {
		if _, err := trial.NewQueueCourse(tr, 5, m); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error is %v, want %q", err, words)
		}
	}
}
