package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/core/taskcount"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// TargetTag is the alarm tag that names a service: "cluster/service".
const TargetTag = "trimtab:target"

// locate finds the rows an event is about. An event only names where to look:
// a name without a stored policy finds nothing.
func (s *Stair) locate(ctx context.Context, now time.Time, ev event.Event, rep *Report) ([]scope, error) {
	l := &locator{book: s.Book, read: map[fleet.ClusterName]ledger.Cluster{}}
	switch ev.Kind {
	case event.Alarm:
		return l.alarms(ctx, ev, rep)
	case event.ServiceAction, event.Deployment:
		return l.service(ctx, ev.Service, rep)
	case event.Evaluate:
		return l.manual(ctx, ev)
	case event.Override, event.Resume:
		return s.override(ctx, now, l, ev, rep)
	case event.Stop, event.Start:
		return nil, s.control(ctx, now, l, ev, rep)
	case event.Tick:
		scopes, err := l.tick(ctx, now, rep, func(c ledger.Control, r ledger.Row) bool { return turned(now, c) || due(now, r) })
		for i := range scopes {
			rows := scopes[i].rows
			scopes[i].hot = func(t fleet.Target) bool { return hot(now, rows.Row(t)) }
		}
		return scopes, err
	case event.TickAll:
		scopes, err := l.tick(ctx, now, rep, func(ledger.Control, ledger.Row) bool { return true })
		for i := range scopes {
			scopes[i].dryRun = ev.DryRun
		}
		return scopes, err
	case event.Launch:
		return l.group(ctx, ev.Group, nil, rep)
	case event.Spot, event.Rebalance:
		return s.notice(ctx, l, ev, rep)
	case event.Lifecycle, event.Termination, event.InstanceState, event.TaskChange, event.HostChange, event.Drain, event.Batch:
		rep.Unmatched = append(rep.Unmatched, string(ev.Kind)) // the drain function's
	case event.Unknown:
		rep.Unmatched = append(rep.Unmatched, strings.TrimSpace(ev.Source+" "+ev.DetailType))
	}
	return nil, nil
}

// locator reads each cluster at most once in a run.
type locator struct {
	book ledger.Book
	read map[fleet.ClusterName]ledger.Cluster
}

func (l *locator) cluster(ctx context.Context, c fleet.ClusterName) (ledger.Cluster, error) {
	if got, ok := l.read[c]; ok {
		return got, nil
	}
	got, err := l.book.Read(ctx, c)
	if err != nil {
		return ledger.Cluster{}, fmt.Errorf("read the ledger of cluster %s: %w", c, err)
	}
	l.read[c] = got
	return got, nil
}

func (l *locator) service(ctx context.Context, k fleet.ServiceKey, rep *Report) ([]scope, error) {
	rows, err := l.cluster(ctx, k.Cluster)
	if err != nil {
		return nil, err
	}
	if rows.Row(k.Target()).Policy == nil {
		rep.Unmatched = append(rep.Unmatched, k.String())
		return nil, nil
	}
	return []scope{{cluster: k.Cluster, rows: rows, services: []fleet.ServiceName{k.Service}}}, nil
}

// group finds the rows of a group, in whichever clusters it has a policy.
func (l *locator) group(ctx context.Context, g fleet.GroupName, doomed []fleet.InstanceID, rep *Report) ([]scope, error) {
	names, err := l.book.Clusters(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the clusters of the ledger: %w", err)
	}
	var scopes []scope
	for _, c := range names {
		rows, err := l.cluster(ctx, c)
		if err != nil {
			return scopes, err
		}
		if rows.Row(fleet.GroupOf(c, g)).Policy != nil {
			scopes = append(scopes, scope{cluster: c, rows: rows, groups: []fleet.GroupName{g}, doomed: doomed})
		}
	}
	if len(scopes) == 0 {
		rep.Unmatched = append(rep.Unmatched, "group "+string(g))
	}
	return scopes, nil
}

// notice finds the group of an instance that EC2 takes back: other capacity is
// ordered at once. Nothing but the notice tells of it, so it is believed, of an
// instance that a group with a policy has.
func (s *Stair) notice(ctx context.Context, l *locator, ev event.Event, rep *Report) ([]scope, error) {
	if s.Activities == nil {
		return nil, errNotWired
	}
	if now := s.Now(); !ev.Time.IsZero() && now.After(ev.Time.Add(spotNotice+drain.Grace)) {
		// EC2 has had its time: what it took is gone from the group, and what it did not stays.
		rep.Unmatched = append(rep.Unmatched, fmt.Sprintf("notice of %s about instance %s", ev.Time.UTC().Format(time.RFC3339), ev.Instance))
		return nil, nil
	}
	homes, err := s.Activities.Homes(ctx, []fleet.InstanceID{ev.Instance})
	if err != nil {
		return nil, fmt.Errorf("find the group of instance %s: %w", ev.Instance, err)
	}
	g, ok := homes[ev.Instance]
	if !ok {
		rep.Unmatched = append(rep.Unmatched, "instance "+string(ev.Instance))
		return nil, nil
	}
	return l.group(ctx, g, []fleet.InstanceID{ev.Instance}, rep)
}

func (l *locator) manual(ctx context.Context, ev event.Event) ([]scope, error) {
	rows, err := l.cluster(ctx, ev.Service.Cluster)
	if err != nil {
		return nil, err
	}
	if rows.Row(ev.Service.Target()).Policy == nil {
		return nil, fmt.Errorf("evaluate %s: the ledger holds no policy for it; apply one with: trimtab policy apply FILE", ev.Service)
	}
	return []scope{{
		cluster: ev.Service.Cluster, rows: rows, services: []fleet.ServiceName{ev.Service.Service},
		dryRun: ev.DryRun, manual: true,
	}}, nil
}

// tick finds what is due in every cluster. The clusters take turns in being
// first, so that a slow one does not keep the same others from their turn.
func (l *locator) tick(ctx context.Context, now time.Time, rep *Report, isDue func(ledger.Control, ledger.Row) bool) ([]scope, error) {
	names, err := l.book.Clusters(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the clusters of the ledger: %w", err)
	}
	if n := int64(len(names)); n > 0 {
		first := now.Unix() / 60 % n
		names = slices.Concat(names[first:], names[:first])
	}
	var scopes []scope
	var errs []error
	for _, c := range names {
		rows, err := l.cluster(ctx, c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sc := scope{cluster: c, rows: rows}
		for _, r := range rows.Rows {
			switch {
			case r.Policy == nil:
			case !isDue(rows.Control, r):
				rep.Calm++
			case r.Target.Kind == fleet.GroupTarget:
				sc.groups = append(sc.groups, fleet.GroupName(r.Target.Name))
			default:
				sc.services = append(sc.services, fleet.ServiceName(r.Target.Name))
			}
		}
		if len(sc.services)+len(sc.groups) > 0 {
			scopes = append(scopes, sc)
		}
	}
	return scopes, errors.Join(errs...)
}

// alarms finds the services of every alarm in the event. The alarm's state is
// not looked at: whatever it is, the evaluation re-reads the metrics. While a
// composite's actions are suppressed EventBridge still sends its changes; the
// operator asked for silence, so such a change is counted and left to the tick.
func (l *locator) alarms(ctx context.Context, ev event.Event, rep *Report) ([]scope, error) {
	wanted := map[fleet.ClusterName][]fleet.ServiceName{}
	var order []fleet.ClusterName
	var errs []error
	for _, a := range ev.Alarms {
		if a.SuppressedBy != "" {
			rep.Unmatched = append(rep.Unmatched, "alarm "+a.Name+" (actions suppressed by "+a.SuppressedBy+")")
			continue
		}
		keys, err := l.byAlarm(ctx, a)
		errs = append(errs, err)
		if len(keys) == 0 && err == nil {
			rep.Unmatched = append(rep.Unmatched, "alarm "+a.Name)
		}
		for _, k := range keys {
			if _, ok := wanted[k.Cluster]; !ok {
				order = append(order, k.Cluster)
			}
			if !slices.Contains(wanted[k.Cluster], k.Service) {
				wanted[k.Cluster] = append(wanted[k.Cluster], k.Service)
			}
		}
	}
	scopes := make([]scope, 0, len(order))
	for _, c := range order {
		slices.Sort(wanted[c])
		scopes = append(scopes, scope{cluster: c, rows: l.read[c], services: wanted[c]})
	}
	return scopes, errors.Join(errs...)
}

// byAlarm finds services by, in this order: the ClusterName and ServiceName
// dimensions of the alarm's metrics; the identity of a metric that a stored
// policy reads; the alarm's name in a policy's list or its tag.
func (l *locator) byAlarm(ctx context.Context, a event.AlarmChange) ([]fleet.ServiceKey, error) {
	if keys, err := l.byDimensions(ctx, a); err != nil || len(keys) > 0 {
		return keys, err
	}
	names, err := l.book.Clusters(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the clusters of the ledger: %w", err)
	}
	var byMetric, byName []fleet.ServiceKey
	var errs []error
	for _, c := range names {
		rows, err := l.cluster(ctx, c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, r := range rows.Rows {
			if r.Policy == nil || r.Policy.Service == nil {
				continue
			}
			k := fleet.ServiceKey{Cluster: c, Service: fleet.ServiceName(r.Target.Name)}
			if reads(k, *r.Policy.Service, a) {
				byMetric = append(byMetric, k)
			}
			if slices.Contains(r.Policy.Service.Alarms, a.Name) || a.Tags[TargetTag] == k.String() {
				byName = append(byName, k)
			}
		}
	}
	if len(byMetric) > 0 {
		return byMetric, errors.Join(errs...)
	}
	return byName, errors.Join(errs...)
}

func (l *locator) byDimensions(ctx context.Context, a event.AlarmChange) ([]fleet.ServiceKey, error) {
	var keys []fleet.ServiceKey
	for _, m := range a.Metrics {
		var k fleet.ServiceKey
		for _, d := range m.Dimensions {
			switch d.Name {
			case "ClusterName":
				k.Cluster = fleet.ClusterName(d.Value)
			case "ServiceName":
				k.Service = fleet.ServiceName(d.Value)
			}
		}
		if k.Cluster == "" || k.Service == "" || slices.Contains(keys, k) {
			continue
		}
		rows, err := l.cluster(ctx, k.Cluster)
		if err != nil {
			return nil, err
		}
		if rows.Row(k.Target()).Policy != nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// reads tells whether the alarm watches something that the policy of a service
// reads: one of its metrics or of the inputs of its metric math, or another metric
// of the same queue or target group.
func reads(k fleet.ServiceKey, p spec.Service, a event.AlarmChange) bool {
	for _, q := range taskcount.Queries(k, p) {
		watched := []signal.Metric{q.Metric}
		for _, in := range q.Metric.Inputs {
			watched = append(watched, in.Metric)
		}
		for _, want := range watched {
			if slices.ContainsFunc(a.Metrics, func(m signal.Metric) bool { return related(m, want) }) {
				return true
			}
		}
	}
	return false
}

// related tells whether two metrics are the same, or tell of one queue or one
// target group: an alarm on the age of the oldest message wakes the service that
// reads the queue's length.
func related(a, b signal.Metric) bool {
	if a.Identity() == b.Identity() {
		return true
	}
	return a.Namespace == b.Namespace && slices.ContainsFunc(a.Dimensions, func(d signal.Dimension) bool {
		return (d.Name == "QueueName" || d.Name == "TargetGroup") && slices.Contains(b.Dimensions, d)
	})
}
