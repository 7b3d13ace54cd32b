package plant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// Hosts gives the plant's ECS as it is about instances and their tasks.
func (p *Plant) Hosts() reconcile.Hosts { return hosts{p} }

// ScalingActivities gives what the plant's Auto Scaling did and does in its groups.
func (p *Plant) ScalingActivities() reconcile.Activities { return activities{p} }

// Exits gives the plant's Auto Scaling as it ends instances.
func (p *Plant) Exits() reconcile.Exits { return exits{p} }

type hosts struct{ *Plant }

// Tasks gives the tasks on the instances, sorted by ARN, with three operations of
// ECS: it lists them, describes them and asks for their protection.
func (h hosts) Tasks(ctx context.Context, c fleet.ClusterName, on []fleet.Instance) ([]fleet.Task, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var out []fleet.Task
	now := h.clock.Now()
	for _, x := range on {
		i := h.instance(x.ID)
		if i == nil {
			continue
		}
		for _, t := range i.on {
			task := fleet.Task{
				ARN: t.arn, Instance: i.id, Daemon: t.daemon != nil, Size: t.size(), Ports: slices.Clone(t.ports()),
				Running: t.running, Leaving: t.leaving, Guarded: t.held(now), Started: t.started,
			}
			switch {
			case t.service != nil:
				task.Service = t.service.cfg.Name
			case t.daemon != nil:
				task.Service = t.daemon.cfg.Name
			}
			out = append(out, task)
		}
	}
	for _, op := range []string{"ListTasks", "DescribeTasks", "GetTaskProtection"} {
		if err := h.known(c, op, len(out)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b fleet.Task) int { return cmp.Compare(a.ARN, b.ARN) })
	return out, nil
}

// SetDraining orders DRAINING or ACTIVE, ten instances a call as ECS takes them.
// A call that fails leaves the others to be made.
func (h hosts) SetDraining(ctx context.Context, c fleet.ClusterName, is []fleet.Instance, draining bool) error {
	leave, err := h.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var errs []error
	for ten := range slices.Chunk(is, 10) {
		err := h.write(ECS, "UpdateContainerInstancesState", string(c), func() error {
			if c != h.opt.Cluster {
				return fmt.Errorf("cluster %s: %w", c, ErrClusterNotFound)
			}
			h.sync()
			for _, x := range ten {
				if i := h.instance(x.ID); i != nil && i.booted {
					h.drain(i, draining)
				}
			}
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("UpdateContainerInstancesState: %w", err))
		}
	}
	return errors.Join(errs...)
}

type activities struct{ *Plant }

// Homes gives the group of each instance.
func (d activities) Homes(ctx context.Context, ids []fleet.InstanceID) (map[fleet.InstanceID]fleet.GroupName, error) {
	leave, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := d.fate(AutoScaling, "DescribeAutoScalingInstances", ""); err != nil {
		return nil, fmt.Errorf("DescribeAutoScalingInstances: %w", err)
	}
	out := map[fleet.InstanceID]fleet.GroupName{}
	for _, id := range ids {
		if i := d.instance(id); i != nil {
			out[id] = i.group.cfg.Name
		}
	}
	return out, nil
}

// Refreshing tells whether an instance refresh is under way.
func (d activities) Refreshing(ctx context.Context, n fleet.GroupName) (bool, error) {
	leave, err := d.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	if err := d.fate(AutoScaling, "DescribeInstanceRefreshes", string(n)); err != nil {
		return false, fmt.Errorf("DescribeInstanceRefreshes: %w", err)
	}
	g, err := d.group(n)
	if err != nil {
		return false, fmt.Errorf("DescribeInstanceRefreshes: %w", err)
	}
	return g.refresh != nil, nil
}

// Failures gives the launches that failed since a time.
func (d activities) Failures(ctx context.Context, n fleet.GroupName, since time.Time) (failed []fleet.LaunchFailure, launched time.Time, err error) {
	leave, err := d.enter(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer leave()
	if err := d.fate(AutoScaling, "DescribeScalingActivities", string(n)); err != nil {
		return nil, time.Time{}, fmt.Errorf("DescribeScalingActivities: %w", err)
	}
	g, err := d.group(n)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("DescribeScalingActivities: %w", err)
	}
	newest := since
	for _, f := range g.failures {
		if !f.At.Before(since) {
			failed, newest = append(failed, f), f.At
		}
	}
	if !g.success.Before(newest) {
		launched = g.success
	}
	return failed, launched, nil
}

type exits struct{ *Plant }

// Terminate ends instances and lowers the desired capacity by as many. Protection
// from scale-in does not hold it up, as in Auto Scaling (user guide, instance
// scale-in protection); the minimum size and a suspended Terminate process do.
func (e exits) Terminate(ctx context.Context, n fleet.GroupName, ids []fleet.InstanceID) error {
	leave, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return e.write(AutoScaling, "TerminateInstanceInAutoScalingGroup", string(n), func() error {
		g, err := e.group(n)
		if err != nil {
			return err
		}
		var is []*instance
		units := 0
		for _, id := range ids {
			if i := g.find(id); i != nil && !i.leaving && !slices.Contains(is, i) {
				is = append(is, i)
				units += i.shape.units()
			}
		}
		switch {
		case len(is) == 0:
			return nil
		case g.locked:
			return fmt.Errorf("group %s: %w", n, ErrTerminateSuspended)
		case g.desired-units < g.cfg.Min:
			return fmt.Errorf("group %s: desired capacity %d less %d is below the minimum size %d: %w", n, g.desired, units, g.cfg.Min, ErrBelowMinSize)
		}
		e.sync()
		e.want(g, g.desired-units)
		for _, i := range is {
			e.dismiss(i)
		}
		e.shrink(g) // what was to replace one of them
		return nil
	})
}

// Protect sets or removes scale-in protection, 50 instances a call. A call with
// one that the group does not have in service is refused whole.
func (e exits) Protect(ctx context.Context, n fleet.GroupName, ids []fleet.InstanceID, on bool) error {
	leave, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var errs []error
	for fifty := range slices.Chunk(ids, 50) {
		errs = append(errs, e.write(AutoScaling, "SetInstanceProtection", string(n), func() error { return e.protect(n, fifty, on) }))
	}
	return errors.Join(errs...)
}

func (p *Plant) protect(n fleet.GroupName, ids []fleet.InstanceID, on bool) error {
	g, err := p.group(n)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if i := g.find(id); i == nil || !i.inService() {
			return fmt.Errorf("protect instance %s of group %s: it is not in service: %w", id, n, ErrInstanceNotFound)
		}
	}
	p.sync()
	for _, id := range ids {
		g.find(id).protected = on
	}
	p.shrink(g)
	return nil
}

// Hooks gives the lifecycle hook of the group, if it has one.
func (e exits) Hooks(ctx context.Context, n fleet.GroupName) ([]drain.Hook, error) {
	leave, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := e.fate(AutoScaling, "DescribeLifecycleHooks", string(n)); err != nil {
		return nil, fmt.Errorf("DescribeLifecycleHooks: %w", err)
	}
	g, err := e.group(n)
	if err != nil || g.cfg.Hook == nil {
		return nil, err
	}
	return []drain.Hook{{Name: g.cfg.Hook.Name, Timeout: g.cfg.Hook.timeout()}}, nil
}

// Heartbeat begins the timeout of a wait again, up to the longest wait there is.
func (e exits) Heartbeat(ctx context.Context, n fleet.GroupName, id fleet.InstanceID, h drain.Hook) error {
	return e.waiting(ctx, "RecordLifecycleActionHeartbeat", n, id, h, func(i *instance) {
		until := e.clock.Now().Add(i.wait.hook.timeout())
		if until.After(i.wait.last) {
			until = i.wait.last
		}
		i.wait.until = until
		e.watch(i)
	})
}

// Complete ends a wait, and with it the instance.
func (e exits) Complete(ctx context.Context, n fleet.GroupName, id fleet.InstanceID, h drain.Hook) error {
	return e.waiting(ctx, "CompleteLifecycleAction", n, id, h, func(i *instance) { e.finish(i, false) })
}

// waiting does something with an instance whose hook waits; a wait that is over
// is a success.
func (e exits) waiting(ctx context.Context, op string, n fleet.GroupName, id fleet.InstanceID, h drain.Hook, do func(*instance)) error {
	leave, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return e.write(AutoScaling, op, string(n), func() error {
		g, err := e.group(n)
		if err != nil {
			return err
		}
		if i := g.find(id); i != nil && i.wait != nil && i.wait.token == h.Token && i.wait.hook.Name == h.Name {
			e.sync()
			do(i)
		}
		return nil
	})
}

// show gives a container instance as ECS shows it: a task that stops is not
// counted, and still holds what it reserved. ECS tells no interfaces: what
// remains of them is reckoned as the hands reckon it, one for each task.
func (i *instance) show() fleet.Instance {
	out := fleet.Instance{
		ID: i.id, ARN: i.arn, Active: !i.draining, Draining: i.draining, Connected: i.connected, Type: i.shape.Type, Zone: i.zone,
		Attributes: maps.Clone(i.attributes), Registered: i.shape.Size, Remaining: i.remaining, RegisteredAt: i.registered,
	}
	if out.Registered.ENI > 0 {
		out.Remaining.ENI = max(0, out.Registered.ENI-len(i.on))
	}
	for _, t := range i.on {
		out.Tasks += number(!t.leaving)
		out.Ports = append(out.Ports, t.ports()...)
	}
	slices.Sort(out.Ports)
	return out
}

func (p *Plant) showDaemon(d *daemon) fleet.Service {
	out := fleet.Service{
		Name: d.cfg.Name, ARN: arn("ecs", "service/"+string(p.opt.Cluster)+"/"+string(d.cfg.Name)), Compute: fleet.EC2, Group: d.cfg.Group,
		Provider: string(d.cfg.Group), Active: true, Daemon: true, Controller: "ECS", TaskSize: d.cfg.Size, Rules: fleet.Rules{Ports: d.cfg.Ports},
	}
	for _, g := range p.groups {
		for _, i := range g.instances {
			for _, t := range i.on {
				out.Running += number(t.daemon == d)
			}
			out.Desired += number(i.open() && (d.cfg.Group == "" || d.cfg.Group == g.cfg.Name))
		}
	}
	out.Deployments = []fleet.Deployment{{ID: "ecs-svc/" + string(d.cfg.Name), Primary: true, RolloutState: "COMPLETED", Desired: out.Desired, Running: out.Running, CreatedAt: p.start}}
	return out
}

func (g *group) show() fleet.Group {
	out := fleet.Group{
		Name: g.cfg.Name, ARN: g.arn(), MinSize: g.cfg.Min, MaxSize: g.cfg.Max, DesiredCapacity: g.desired,
		SuspendedLaunch: g.suspended, SuspendedTerminate: g.locked, ProtectsNew: g.cfg.ProtectsNew,
	}
	for _, i := range g.instances {
		if i.inService() {
			out.InService = append(out.InService, i.id)
		}
		out.Members = append(out.Members, fleet.Member{ID: i.id, State: i.state(), Type: i.shape.Type, Zone: i.zone, Protected: i.protected, Unhealthy: i.unhealthy})
	}
	slices.SortFunc(out.Members, func(a, b fleet.Member) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range g.cfg.Shapes {
		if s.Type != "" {
			out.Types = append(out.Types, s.Type)
		}
	}
	if g.cfg.Pool != nil {
		out.WarmPool = &fleet.WarmPool{MinSize: g.cfg.Pool.Size}
		for _, i := range g.pool {
			out.WarmPool.Ready += number(i.ready)
		}
	}
	return out
}
