package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
)

// measure reads the metrics of every cell in one go. What cannot be read is a
// failed series: the decision then holds and says why.
func (s *Stair) measure(ctx context.Context, now time.Time, cells []policy.Input) {
	var queries []signal.Query
	ends := make([]int, len(cells))
	for i, in := range cells {
		if in.Unreadable == "" {
			queries = append(queries, queriesOf(in)...)
		}
		ends[i] = len(queries)
	}
	if len(queries) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	got, err := s.Signals.Fetch(ctx, now, queries)
	if err != nil || len(got) != len(queries) {
		why := fmt.Sprintf("%d answers for %d queries", len(got), len(queries))
		if err != nil {
			why = err.Error()
		}
		got = make([]signal.Series, len(queries))
		for i, q := range queries {
			got[i] = signal.Series{Metric: q.Metric, Status: signal.Failed, Why: why}
		}
	}
	start := 0
	for i := range cells {
		cells[i].Signals = got[start:ends[i]:ends[i]]
		slices.SortStableFunc(cells[i].Signals, func(a, b signal.Series) int {
			return cmp.Compare(a.Metric.Key(), b.Metric.Key())
		})
		start = ends[i]
	}
}

// askQueues reads the states of the SQS queues of every cell in one go. As with
// metrics, what cannot be read is failed and says why.
func (s *Stair) askQueues(ctx context.Context, now time.Time, cells []policy.Input) {
	var all []string
	names := make([][]string, len(cells))
	for i, in := range cells {
		if in.Unreadable != "" {
			continue
		}
		for _, sv := range in.Services {
			names[i] = append(names[i], taskcount.Queues(sv.Policy)...)
		}
		slices.Sort(names[i])
		names[i] = slices.Compact(names[i])
		all = append(all, names[i]...)
	}
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	all = slices.Compact(all)
	states := s.queueStates(ctx, now, all)
	for i := range cells {
		for _, n := range names[i] {
			at, _ := slices.BinarySearch(all, n)
			cells[i].Queues = append(cells[i].Queues, states[at])
		}
	}
}

// queueStates answers every queue, in their order.
func (s *Stair) queueStates(ctx context.Context, now time.Time, queues []string) []signal.Queue {
	why := "no queue reader is wired"
	if s.Queues != nil {
		ctx, cancel := context.WithTimeout(ctx, readWithin)
		defer cancel()
		got, err := s.Queues.States(ctx, now, queues)
		switch {
		case err != nil:
			why = err.Error()
		case len(got) != len(queues):
			why = fmt.Sprintf("%d answers for %d queues", len(got), len(queues))
		default:
			return got
		}
	}
	out := make([]signal.Queue, 0, len(queues))
	for _, n := range queues {
		out = append(out, signal.Queue{Name: n, At: now, Status: signal.Failed, Why: why})
	}
	return out
}

// queriesOf gives the metrics that the services of a cell read, each once: a
// decision finds one series of a metric, and it must do for all who read it.
func queriesOf(in policy.Input) []signal.Query {
	var out []signal.Query
	asked := map[string]int{} // by the metric's key
	for _, sv := range in.Services {
		k := fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: sv.Name}
		own := taskcount.Queries(k, sv.Policy)
		if f, ok := in.FallbackFor(sv.Name); ok {
			own = taskcount.With(own, k, f.Name)
		}
		for _, q := range own {
			at, twice := asked[q.Metric.Key()]
			if !twice {
				asked[q.Metric.Key()] = len(out)
				out = append(out, q)
				continue
			}
			out[at].Window = max(out[at].Window, q.Window)
			out[at].Samples = out[at].Samples || q.Samples
		}
	}
	return out
}
