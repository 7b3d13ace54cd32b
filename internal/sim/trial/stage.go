package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/world"
)

// What every trial has: one service, and on EC2 one group.
const (
	cluster = fleet.ClusterName("trial")
	web     = fleet.ServiceName("web")
	hosts   = fleet.GroupName("hosts")
)

// The EC2 shape: four tasks of a vCPU fill an instance (m7g.xlarge, 4 vCPU and
// 16 GiB, of which the agent registers 15.3).
const (
	instanceType   = "m7g.xlarge"
	tasksPerHost   = 4
	taskVCPU       = 1024
	taskMemory     = 3584 // MiB
	instanceMemory = 15_700
)

// Start is how a service gets its tasks.
type Start string

// The starts, by measure.md 6.1; the times are assumptions, to be replaced by measured ones.
const (
	// Fargate starts a task in 30 to 90 s.
	Fargate Start = "fargate"
	// EC2Warm starts a task in 20 to 40 s on instances of which there are always enough.
	EC2Warm Start = "ec2-warm"
	// EC2Cold starts a task in 20 to 40 s on an Auto Scaling group whose instances boot
	// and register in 120 to 240 s: what tasks cost is what the group costs.
	EC2Cold Start = "ec2-cold"
)

// Starts gives every start, in the order of the documents.
func Starts() []Start { return []Start{Fargate, EC2Warm, EC2Cold} }

// ParseStart reads a start by its name.
func ParseStart(name string) (Start, error) {
	for _, s := range Starts() {
		if string(s) == name {
			return s, nil
		}
	}
	return "", fmt.Errorf("start %q is not known: use %s, %s or %s", name, Fargate, EC2Warm, EC2Cold)
}

// taskStart is the time from the order of a task, or its placement on EC2, to its running.
func (s Start) taskStart() sim.Spread {
	if s == Fargate {
		return plant.FargateStart()
	}
	return plant.WarmStart()
}

// boot is the mean time from the order of an instance to its registration.
func (s Start) boot() time.Duration {
	boot, register := plant.ColdBoot()
	return boot.Mean() + register.Mean()
}

// Delay is the mean time from an order to what it orders serving.
func (s Start) Delay() time.Duration {
	d := s.taskStart().Mean()
	if s == EC2Cold {
		d += s.boot()
	}
	return d
}

// stage is one simulated account in which one contestant plays.
type stage struct {
	course   *Course
	setup    Setup
	knob     float64
	world    *world.World
	min, max int
	failed   error   // the first order that was refused
	news     []Order // that the watcher has not heard of
}

// build makes the account. The tasks at the start are right for the first second.
func build(c *Course, o Setup, options world.Options, managed bool, initial int) (*stage, error) {
	s := &stage{course: c, setup: o, min: 1, max: max(4*c.Peak(), o.reach)}
	if c.Messages != nil {
		s.min = 0
	}
	if o.Max > 0 {
		s.min, s.max = o.Min, o.Max
	}
	options.Seed, options.Start, options.Reported = o.Seed, c.Start, s.reported
	options.Plant = plant.Options{Cluster: cluster, Rates: plant.LaunchRates()}
	w, err := world.New(options)
	if err != nil {
		return nil, err
	}
	s.world = w
	svc := plant.Service{
		Name: web, Desired: min(max(initial, s.min), s.max), Load: c.at, Capacity: 1, Start: o.Start.taskStart(), Min: s.min, Max: s.max, Recorded: true,
		Requests: &c.Model, Discrete: o.Discrete, CPUSeconds: o.resolution,
	}
	if c.Messages != nil {
		svc.Load, svc.Requests, svc.Queue, svc.Capacity = nil, nil, jobs, 1/c.Messages.Processing.Seconds()
		if err := w.Plant.AddQueue(c.queue(o.Discrete)); err != nil {
			return nil, fmt.Errorf("add queue: %w", err)
		}
	}
	if o.Start == EC2Cold {
		svc.Compute, svc.Group, svc.Size = fleet.EC2, hosts, fleet.Resources{CPU: taskVCPU, Memory: taskMemory}
		if err := w.Plant.AddGroup(s.group(svc.Desired, managed)); err != nil {
			return nil, fmt.Errorf("add group: %w", err)
		}
	}
	if err := w.Plant.AddService(svc); err != nil {
		return nil, fmt.Errorf("add service: %w", err)
	}
	return s, nil
}

func (s *stage) group(tasks int, managed bool) plant.Group {
	boot, register := plant.ColdBoot()
	g := plant.Group{
		Name: hosts, Min: 1, Max: s.max, Desired: max(1, (tasks+tasksPerHost-1)/tasksPerHost), Type: instanceType,
		Size: fleet.Resources{CPU: tasksPerHost * taskVCPU, Memory: instanceMemory}, Boot: boot, Register: register,
		Zones: []string{plant.Region + "a", plant.Region + "b"},
	}
	if managed {
		g.Managed, g.ProtectsNew = &plant.Managed{Draining: true}, true
	}
	return g
}

// fail keeps the first refusal of an order.
func (s *stage) fail(err error) {
	if s.failed == nil {
		s.failed = err
	}
}

// peer gives a re-implemented policy the service to size, and the group to ECS
// managed scaling.
func (s *stage) peer(p baseline.Peer) error {
	if s.setup.Start == EC2Cold {
		if err := baseline.AttachManaged(s.world.Plant, s.world.Clock, hosts, baseline.ManagedScaling{Protection: true}, s.fail); err != nil {
			return err
		}
	}
	site := baseline.Site{
		Plant: s.world.Plant, Clock: s.world.Clock, Service: web, Min: max(1, s.min), Max: s.max, Load: s.course.Load,
		Start: s.setup.Start.Delay(), Fail: s.fail,
	}
	if s.course.Messages != nil {
		site.Queue, site.Min = jobs, s.min
	}
	if err := p.Attach(site, s.knob); err != nil {
		return fmt.Errorf("attach %s: %w", p.Name, err)
	}
	return nil
}

// trimtab deploys Trimtab with a policy, and the alarms that wake it.
func (s *stage) trimtab(ctx context.Context, policy spec.Service, group spec.Group, target float64) error {
	d := spec.Document{Cluster: cluster, Mode: spec.Act, Services: map[fleet.ServiceName]spec.Service{web: policy}}
	if s.setup.Start == EC2Cold {
		d.Groups = map[fleet.GroupName]spec.Group{hosts: group}
	}
	if err := s.world.Apply(ctx, d, "trial"); err != nil {
		return err
	}
	alarms := []plant.Alarm{
		{Name: "web-cpu-high", Service: web, Threshold: highShare * target, Periods: 1, Breaching: 1},
		{Name: "web-cpu-low", Service: web, Below: true, Threshold: lowShare * target, Periods: 5, Breaching: 5},
	}
	if s.course.Messages != nil {
		alarms = []plant.Alarm{s.course.wakeQueue()}
	}
	for _, a := range alarms {
		if err := s.world.Wake(a); err != nil {
			return fmt.Errorf("add alarm: %w", err)
		}
	}
	return nil
}

// Where the alarms that wake Trimtab stand, as shares of the target: a little outside
// of its tolerances.
const (
	highShare = 1.08
	lowShare  = 0.8
)
