package trial

import (
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
)

// fargateMemory is the memory that Fargate sells beside the vCPU, in MiB: the least
// size that holds what the task reserves on EC2.
const fargateMemory = 4096

// run tells the scores what happened after the warm-up.
func (s *stage) run(t watch) score.Run {
	p, c, start := s.world.Plant, s.course, s.setup.Start
	line, after, ran := p.Timeline(web), p.Tally(web), s.world.Count()
	answers := p.Latency(web).Without(t.answers)
	quantile := func(q float64) float64 {
		if answers.Count() <= 0 {
			return 0
		}
		return answers.Quantile(q)
	}
	list := score.ListPrices()
	r := score.Run{
		From: c.From, To: len(c.Load), Demand: c.Demand, Ready: steps(line.Running), Billed: steps(line.Billed), Desired: s.desired(),
		Arrived:  after.Arrived - t.before.Arrived,
		Violated: after.Slow + after.Rejected - t.before.Slow - t.before.Rejected,
		P50:      quantile(0.5), P95: quantile(0.95), P99: quantile(0.99),
		ViolationSeconds: after.BusySlow - t.before.BusySlow, LongestViolation: after.LongestSlow,
		Started: after.Started - t.before.Started, Stopped: after.Stopped - t.before.Stopped,
		APICalls: s.calls() - t.calls, Invocations: ran.Invocations - t.ran.Invocations,
		StartDelay: int(start.Delay().Seconds()), StartBill: int(start.taskStart().Mean().Seconds()),
		Prices: score.Prices{TaskHour: list.ARM.Task(taskVCPU, fargateMemory)},
	}
	if c.Messages != nil {
		r.OldestMessage = p.QueueView(jobs).Longest.Seconds()
	}
	if start == EC2Cold {
		r.Instances, r.TasksPerInstance, r.InstanceStartBill = steps(t.instances), tasksPerHost, int(start.boot().Seconds())
		r.Prices = score.Prices{InstanceHour: list.Instances[instanceType]}
	}
	return r
}

// desired gives the orders of the whole run.
func (s *stage) desired() score.Steps {
	var out score.Steps
	for i, a := range s.world.Plant.Activities(web) {
		if i == 0 {
			out = out.Append(0, a.From)
		}
		out = out.Append(int(a.At.Sub(s.course.Start).Seconds()), a.To)
	}
	return out
}

// calls is what the scaler asked of AWS's APIs so far.
func (s *stage) calls() int { return s.world.Plant.AllCalls() }

func steps(list []plant.Count) score.Steps {
	var out score.Steps
	for _, c := range list {
		out = out.Append(c.At, c.N)
	}
	return out
}
