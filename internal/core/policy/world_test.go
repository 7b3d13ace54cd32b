package policy_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// servicePolicy is CPU at 60 %, 2 to 60 tasks, in act mode.
func servicePolicy() spec.Service {
	return spec.Service{
		Mode: spec.Act, MinCapacity: 2, MaxCapacity: 60,
		Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}},
	}
}

// cpu is a CPU series of a service, its newest minute just ended: averages over
// the given tasks, oldest first.
func cpu(name fleet.ServiceName, tasks int, averages ...float64) signal.Series {
	s := signal.Series{
		Metric: spec.ServiceMetric(fleet.ServiceKey{Cluster: "prod", Service: name}, "CPUUtilization", "Sum"), Status: signal.Complete,
	}
	for i, a := range averages {
		s.Points = append(s.Points, signal.Point{
			Start: noon.Add(-time.Duration(len(averages)-i) * time.Minute), Value: signal.Value(a * float64(tasks)), Samples: signal.Value(tasks),
		})
	}
	return s
}

func repeat(v float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func live(name fleet.ServiceName, compute fleet.Compute, desired int) fleet.Service {
	return fleet.Service{
		Name: name, Compute: compute, Active: true, Controller: "ECS", Desired: desired, Running: desired,
		Deployments: []fleet.Deployment{{ID: "1", Primary: true, RolloutState: "COMPLETED", Desired: desired, Running: desired}},
	}
}

// fargate is the cell of one Fargate service in act mode: 10 tasks at the given
// CPU, 90 % needs 15.
func fargate(average float64) policy.Input {
	return policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Service: "checkout"}, Mode: spec.Act,
		Fleet:    fleet.Snapshot{At: noon, Services: []fleet.Service{live("checkout", fleet.Fargate, 10)}},
		Services: []policy.ServiceInput{{Name: "checkout", Policy: servicePolicy()}},
		Signals:  signal.Set{cpu("checkout", 10, repeat(average, 15)...)},
	}
}

// The shape of the group's instances, and a task that takes a quarter of it.
func shape() fleet.Resources   { return fleet.Resources{CPU: 2048, Memory: 7680} }
func quarter() fleet.Resources { return fleet.Resources{CPU: 512, Memory: 1024} }

// group is the cell of an Auto Scaling group in act mode: two instances, on
// which 8 tasks of checkout run at the given CPU and fill them. The service
// theirs has no policy, and no task.
func group(average float64) policy.Input {
	ours, theirs := live("checkout", fleet.EC2, 8), live("theirs", fleet.EC2, 0)
	ours.TaskSize, theirs.TaskSize = quarter(), quarter()
	full := func(id fleet.InstanceID) fleet.Instance {
		return fleet.Instance{ID: id, Group: "m7g", Active: true, Connected: true, Registered: shape(), Remaining: fleet.Resources{Memory: 3584}, Tasks: 4}
	}
	return policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Group: "m7g"}, Mode: spec.Act,
		Fleet: fleet.Snapshot{
			At: noon, Services: []fleet.Service{ours, theirs}, Instances: []fleet.Instance{full("i-1"), full("i-2")},
			Group: &fleet.Group{Name: "m7g", MinSize: 1, MaxSize: 10, DesiredCapacity: 2, InService: []fleet.InstanceID{"i-1", "i-2"}},
		},
		Services: []policy.ServiceInput{{Name: "checkout", Policy: servicePolicy()}},
		Group:    &policy.GroupInput{Policy: spec.Group{Mode: spec.Act}},
		Signals:  signal.Set{cpu("checkout", 8, repeat(average, 15)...)},
	}
}

// one is the decision about the cell's only service.
func one(t *testing.T, in policy.Input) policy.ServiceDecision {
	t.Helper()
	d := policy.Decide(noon, in)
	if len(d.Services) != 1 {
		t.Fatalf("%d service decisions, want 1", len(d.Services))
	}
	return d.Services[0]
}

// ofGroup is the decision about the cell's group.
func ofGroup(t *testing.T, in policy.Input) policy.GroupDecision {
	t.Helper()
	d := policy.Decide(noon, in)
	if d.Group == nil {
		t.Fatal("no decision about the group")
	}
	return *d.Group
}

func hasRule(cs []history.Clause, rule string) bool {
	for _, c := range cs {
		if c.Rule == rule {
			return true
		}
	}
	return false
}

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func encode(t failer, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode %T: %v", v, err)
	}
	return string(b)
}

// chainFault says what is wrong with the clauses of a decision, "" for nothing.
func chainFault(clauses []history.Clause, base, desired int, reason, because string) string {
	at, binding := base, 0
	for _, c := range clauses {
		if c.Before != at {
			return fmt.Sprintf("clause %s begins at %d, not %d", c.Rule, c.Before, at)
		}
		if c.Rule == "" || c.Because == "" {
			return fmt.Sprintf("clause %+v says nothing", c)
		}
		at = c.After
		if c.Binding {
			binding++
			if c.Rule != reason || c.Because != because {
				return fmt.Sprintf("the binding clause is %s (%s), the reason %s (%s)", c.Rule, c.Because, reason, because)
			}
		}
	}
	switch {
	case at != desired:
		return fmt.Sprintf("the clauses end at %d, the decision is %d", at, desired)
	case binding != 1:
		return fmt.Sprintf("%d clauses are binding", binding)
	}
	return ""
}
