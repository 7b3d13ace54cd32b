package plant

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// Services gives the plant's ECS.
func (p *Plant) Services() reconcile.Services { return ecs{p} }

// Groups gives the plant's EC2 Auto Scaling.
func (p *Plant) Groups() reconcile.Groups { return autoscaling{p} }

// Signals gives the plant's CloudWatch.
func (p *Plant) Signals() reconcile.Signals { return cloudwatch{p} }

// Queues gives the plant's SQS.
func (p *Plant) Queues() reconcile.Queues { return sqs{p} }

// Owners gives the plant's other writers, as SetOwner left them.
func (p *Plant) Owners() reconcile.Owners { return owners{p} }

// Notices gives the plant's event bus, which keeps what is announced.
func (p *Plant) Notices() reconcile.Notices { return bus{p} }

// enter locks the plant for a call, unless the caller has gone.
func (p *Plant) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("call the plant: %w", err)
	}
	p.mu.Lock()
	return p.mu.Unlock, nil
}

type ecs struct{ *Plant }

// Describe shows the services that exist, in the order of the names.
func (e ecs) Describe(ctx context.Context, c fleet.ClusterName, names []fleet.ServiceName) ([]fleet.Service, error) {
	leave, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := e.known(c, "DescribeServices", len(names)); err != nil {
		return nil, err
	}
	var out []fleet.Service
	for _, n := range names {
		if s, err := e.service(n); err == nil {
			out = append(out, e.show(s))
		}
		for _, d := range e.daemons {
			if d.cfg.Name == n {
				out = append(out, e.showDaemon(d))
			}
		}
	}
	return out, nil
}

// Names lists every service of the cluster, sorted.
func (e ecs) Names(ctx context.Context, c fleet.ClusterName) ([]fleet.ServiceName, error) {
	leave, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := e.known(c, "ListServices", len(e.services)+len(e.daemons)); err != nil {
		return nil, err
	}
	var out []fleet.ServiceName
	for _, s := range e.services {
		out = append(out, s.cfg.Name)
	}
	for _, d := range e.daemons {
		out = append(out, d.cfg.Name)
	}
	slices.Sort(out)
	return out, nil
}

// Instances shows the container instances, sorted by id and without their group, as ECS does.
func (e ecs) Instances(ctx context.Context, c fleet.ClusterName) ([]fleet.Instance, error) {
	leave, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var out []fleet.Instance
	for _, g := range e.groups {
		for _, i := range g.instances {
			if i.booted {
				out = append(out, i.show())
			}
		}
	}
	if err := e.known(c, "DescribeContainerInstances", len(out)); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b fleet.Instance) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// SetDesiredCount orders an absolute count, as UpdateService does.
func (e ecs) SetDesiredCount(ctx context.Context, k fleet.ServiceKey, tasks int) error {
	leave, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return e.write(ECS, "UpdateService", string(k.Service), func() error {
		if k.Cluster != e.opt.Cluster {
			return fmt.Errorf("cluster %s: %w", k.Cluster, ErrClusterNotFound)
		}
		return e.setDesired(k.Service, tasks)
	})
}

func (p *Plant) known(c fleet.ClusterName, op string, items int) error {
	if err := p.fateOf(ECS, op, string(c), items); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if c != p.opt.Cluster {
		return fmt.Errorf("%s: cluster %s: %w", op, c, ErrClusterNotFound)
	}
	return nil
}

func (p *Plant) show(s *service) fleet.Service {
	out := fleet.Service{
		Name: s.cfg.Name, ARN: p.serviceARN(s), Compute: s.cfg.Compute, Group: s.cfg.Group, Provider: string(s.cfg.Group),
		Active: true, Controller: "ECS", Desired: s.desired, Running: s.running,
		Pending: len(s.tasks) - s.running - s.waiting, TaskSize: s.cfg.Size, Rules: s.cfg.Rules, Rollout: s.cfg.Rollout, Troubles: slices.Clone(s.troubles), Stack: s.cfg.Stack,
		CPUSeconds: s.cfg.CPUSeconds, MemorySeconds: s.cfg.MemorySeconds,
	}
	if s.cfg.Roams {
		out.Group, out.Provider = "", ""
	}
	if s.cfg.Spot {
		out.Provider = "FARGATE_SPOT"
	}
	if s.group != nil {
		out.Pending += len(s.group.provisioning([]*service{s})) // PROVISIONING counts as pending
	}
	primary := fleet.Deployment{
		ID: fmt.Sprintf("ecs-svc/%019d", s.revision), Primary: true, RolloutState: "COMPLETED", Desired: s.desired, Failed: s.failed, CreatedAt: s.deployed,
	}
	if s.rolling {
		primary.RolloutState = "IN_PROGRESS"
	}
	old := fleet.Deployment{ID: fmt.Sprintf("ecs-svc/%019d", s.revision-1), RolloutState: "COMPLETED"}
	for _, t := range s.tasks {
		switch {
		case t.revision != s.revision:
			old.Desired++
			switch {
			case t.running:
				old.Running++
			case !t.waiting:
				old.Pending++
			}
		case t.running:
			primary.Running++
		case !t.waiting:
			primary.Pending++
		}
	}
	out.Deployments = []fleet.Deployment{primary}
	if old.Desired > 0 {
		out.Deployments = append(out.Deployments, old)
	}
	return out
}

type autoscaling struct{ *Plant }

// Describe shows a group.
func (a autoscaling) Describe(ctx context.Context, n fleet.GroupName) (fleet.Group, bool, error) {
	leave, err := a.enter(ctx)
	if err != nil {
		return fleet.Group{}, false, err
	}
	defer leave()
	if err := a.fate(AutoScaling, "DescribeAutoScalingGroups", string(n)); err != nil {
		return fleet.Group{}, false, fmt.Errorf("DescribeAutoScalingGroups: %w", err)
	}
	g, err := a.group(n)
	if err != nil {
		return fleet.Group{}, false, nil
	}
	return g.show(), true, nil
}

// SetDesiredCapacity orders an absolute number of instances.
func (a autoscaling) SetDesiredCapacity(ctx context.Context, n fleet.GroupName, instances int) error {
	leave, err := a.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return a.write(AutoScaling, "SetDesiredCapacity", string(n), func() error {
		return a.setDesiredCapacity(n, instances)
	})
}

type cloudwatch struct{ *Plant }

// Fetch answers every query, in their order. A fault on the operation's empty
// target fails the whole call, one on a metric's name that series.
func (c cloudwatch) Fetch(ctx context.Context, now time.Time, queries []signal.Query) ([]signal.Series, error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := c.fate(CloudWatch, "GetMetricData", ""); err != nil {
		return nil, fmt.Errorf("GetMetricData: %w", err)
	}
	out := make([]signal.Series, len(queries))
	for i, q := range queries {
		if err := c.fate(CloudWatch, "GetMetricData", q.Metric.Name); err != nil {
			out[i] = signal.Series{Metric: q.Metric, Status: signal.Failed, Why: err.Error()}
			continue
		}
		out[i] = c.series(now, q)
	}
	return out, nil
}

type sqs struct{ *Plant }

// States answers every queue, by name or URL, with its true counts: unlike the
// metrics they are there however long nothing happened.
func (q sqs) States(ctx context.Context, now time.Time, queues []string) ([]signal.Queue, error) {
	leave, err := q.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	q.sync()
	out := make([]signal.Queue, len(queues))
	for i, n := range queues {
		out[i] = signal.Queue{Name: n, At: now, Status: signal.Failed}
		x, err := q.queue(n[strings.LastIndexByte(n, '/')+1:])
		if err == nil {
			err = q.fate(SQS, "GetQueueAttributes", x.cfg.Name)
		}
		if err != nil {
			out[i].Why = fmt.Sprintf("GetQueueAttributes: %v", err)
			continue
		}
		out[i].Status, out[i].Visible, out[i].InFlight, out[i].Delayed = signal.Complete, count(x.visible), count(x.flying)+count(x.abandoned), count(x.delayed)
	}
	return out, nil
}

type owners struct{ *Plant }

// Service tells who else sizes a service.
func (o owners) Service(ctx context.Context, k fleet.ServiceKey, _ bool) (policy.Owner, error) {
	return o.owner(ctx, k.Target())
}

// Group tells who else sizes a group.
func (o owners) Group(ctx context.Context, c fleet.ClusterName, g fleet.GroupName, _ bool) (policy.Owner, error) {
	return o.owner(ctx, fleet.GroupOf(c, g))
}

func (p *Plant) owner(ctx context.Context, t fleet.Target) (policy.Owner, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return policy.Owner{}, err
	}
	defer leave()
	if err := p.fate(Ownership, "DescribeScalableTargets", t.Name); err != nil {
		return policy.Owner{}, fmt.Errorf("DescribeScalableTargets: %w", err)
	}
	return p.owners[t], nil
}

type bus struct{ *Plant }

// Announce keeps the notices.
func (b bus) Announce(ctx context.Context, ns []reconcile.Notice) error {
	leave, err := b.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return b.write(EventBridge, "PutEvents", "", func() error {
		b.notices = append(b.notices, ns...)
		return nil
	})
}
