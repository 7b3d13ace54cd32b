package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// cluster is what ECS, Auto Scaling and CloudWatch show to the commands of a script.
type cluster struct {
	services   []fleet.Service
	instances  []fleet.Instance
	tasks      []fleet.Task
	group      fleet.Group
	averages   map[fleet.ServiceName][2]float64 // CPU and memory, in percent
	refreshing bool
	race       bool // somebody else writes the drain first
	tracking   *nativescaling.Tracking
	// What does not answer.
	tasksDown, ecsDown, metricsDown, homesDown error
}

// WriteDrain is the memory ledger's. In a race the drain function is a moment earlier.
func (w *world) WriteDrain(ctx context.Context, d ledger.Drain) error {
	if w.fleet.race {
		w.fleet.race = false
		other := d
		other.By, other.Because = "c8", "no task is on it"
		if err := w.memory.WriteDrain(ctx, other); err != nil {
			return err
		}
	}
	return w.memory.WriteDrain(ctx, d)
}

// The hands over a cluster. Each port is one type, since their methods share names.
type (
	clusterServices   struct{ *cluster }
	clusterGroups     struct{ *cluster }
	clusterActivities struct{ *cluster }
	clusterHosts      struct{ *cluster }
	clusterSignals    struct{ *cluster }
	clusterNatives    struct{ *cluster }
	nobody            struct{}
)

func (c *cluster) eyes(book ledger.Book) Eyes {
	return stairEyes{&reconcile.Stair{
		Book: book, Services: clusterServices{c}, Groups: clusterGroups{c}, Activities: clusterActivities{c}, Hosts: clusterHosts{c},
		Signals: clusterSignals{c}, Owners: nobody{}, Now: func() time.Time { return clock }, Mode: spec.Act,
	}, clusterNatives{c}}
}

func (c clusterServices) Describe(_ context.Context, _ fleet.ClusterName, names []fleet.ServiceName) ([]fleet.Service, error) {
	var out []fleet.Service
	for _, n := range names {
		if v, ok := (fleet.Snapshot{Services: c.services}).Service(n); ok {
			out = append(out, v)
		}
	}
	return out, c.ecsDown
}

func (c clusterServices) Names(context.Context, fleet.ClusterName) ([]fleet.ServiceName, error) {
	var out []fleet.ServiceName
	for _, v := range c.services {
		out = append(out, v.Name)
	}
	return out, c.ecsDown
}

func (c clusterServices) Instances(context.Context, fleet.ClusterName) ([]fleet.Instance, error) {
	return slices.Clone(c.instances), c.ecsDown
}

func (clusterServices) SetDesiredCount(context.Context, fleet.ServiceKey, int) error {
	return errors.New("a command orders nothing")
}

func (c clusterGroups) Describe(_ context.Context, g fleet.GroupName) (fleet.Group, bool, error) {
	return c.group, g == c.group.Name, nil
}

func (clusterGroups) SetDesiredCapacity(context.Context, fleet.GroupName, int) error {
	return errors.New("a command orders nothing")
}

func (c clusterActivities) Homes(_ context.Context, ids []fleet.InstanceID) (map[fleet.InstanceID]fleet.GroupName, error) {
	homes := map[fleet.InstanceID]fleet.GroupName{}
	for _, id := range ids {
		if _, ok := c.group.Member(id); ok {
			homes[id] = c.group.Name
		}
	}
	return homes, c.homesDown
}

func (c clusterActivities) Refreshing(context.Context, fleet.GroupName) (bool, error) {
	return c.refreshing, nil
}

func (clusterActivities) Failures(context.Context, fleet.GroupName, time.Time) ([]fleet.LaunchFailure, time.Time, error) {
	return nil, time.Time{}, nil
}

func (c clusterHosts) Tasks(context.Context, fleet.ClusterName, []fleet.Instance) ([]fleet.Task, error) {
	return slices.Clone(c.tasks), c.tasksDown
}

func (clusterHosts) SetDraining(context.Context, fleet.ClusterName, []fleet.Instance, bool) error {
	return errors.New("a command orders nothing")
}

// Fetch answers with one datapoint a minute; a service without averages has none.
func (c clusterSignals) Fetch(_ context.Context, now time.Time, queries []signal.Query) ([]signal.Series, error) {
	out := make([]signal.Series, len(queries))
	for i, q := range queries {
		out[i] = signal.Series{Metric: q.Metric, Status: signal.Complete}
		k := slices.IndexFunc(q.Metric.Dimensions, func(d signal.Dimension) bool { return d.Name == "ServiceName" })
		v, _ := fleet.Snapshot{Services: c.services}.Service(fleet.ServiceName(q.Metric.Dimensions[k].Value))
		averages, ok := c.averages[v.Name]
		if !ok {
			continue
		}
		value := averages[slices.Index(usedMetrics[:], q.Metric.Name)]
		if q.Metric.Statistic == "Sum" {
			value *= float64(v.Running)
		}
		for at := now.Truncate(time.Minute).Add(-q.Window); at.Before(now.Add(-2 * time.Minute)); at = at.Add(time.Minute) {
			p := signal.Point{Start: at, Value: signal.Value(value)}
			if q.Samples {
				p.Samples = signal.Value(v.Running)
			}
			out[i].Points = append(out[i].Points, p)
		}
	}
	return out, c.metricsDown
}

func (c clusterNatives) Bought(context.Context, fleet.ServiceKey) (size fleet.Resources, arm, ok bool, err error) {
	return fleet.Resources{CPU: 512, Memory: 1024}, true, true, c.ecsDown
}

func (c clusterNatives) Tracking(context.Context, fleet.ServiceKey) (nativescaling.Tracking, bool, error) {
	if c.tracking == nil {
		return nativescaling.Tracking{}, false, c.homesDown
	}
	return *c.tracking, true, nil
}

func (nobody) Service(context.Context, fleet.ServiceKey, bool) (policy.Owner, error) {
	return policy.Owner{}, nil
}

func (nobody) Group(context.Context, fleet.ClusterName, fleet.GroupName, bool) (policy.Owner, error) {
	return policy.Owner{}, nil
}

// id is the nth instance.
func id(n int) fleet.InstanceID { return fleet.InstanceID(fmt.Sprintf("i-%017x", n)) }

// room is what an m7g.large registers.
var room = fleet.Resources{CPU: 2048, Memory: 7680, ENI: 9}

// fourInstances is a group of four in two zones: checkout's tasks on the first three,
// search's on the first two, a daemon on each, nothing else on the fourth.
func fourInstances() *cluster {
	rollout := &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 200}
	service := func(n fleet.ServiceName, tasks int, size fleet.Resources) fleet.Service {
		return fleet.Service{Name: n, Compute: fleet.EC2, Active: true, Group: "prod-m7g", Desired: tasks, Running: tasks, TaskSize: size, Rollout: rollout}
	}
	agent := service("agent", 4, fleet.Resources{CPU: 128, Memory: 256})
	agent.Daemon = true
	c := &cluster{
		services: []fleet.Service{
			service("checkout", 4, fleet.Resources{CPU: 512, Memory: 1024, ENI: 1}),
			service("search", 2, fleet.Resources{CPU: 256, Memory: 2048}), agent,
		},
		group:    fleet.Group{Name: "prod-m7g", MinSize: 2, MaxSize: 10, DesiredCapacity: 4, Types: []string{"m7g.large"}},
		averages: map[fleet.ServiceName][2]float64{"checkout": {55, 40}, "search": {20, 68}, "agent": {10, 50}},
	}
	for n := 1; n <= 4; n++ {
		zone := "eu-west-1" + string(rune('a'+(n-1)%2))
		c.instances = append(c.instances, fleet.Instance{
			ID: id(n), ARN: fmt.Sprintf("arn:aws:ecs:eu-west-1:1:container-instance/prod/%d", n), Active: true, Connected: true,
			Type: "m7g.large", Zone: zone, Registered: room, Remaining: room, RegisteredAt: clock.Add(-48 * time.Hour),
		})
		c.group.Members = append(c.group.Members, fleet.Member{ID: id(n), State: "InService", Type: "m7g.large", Zone: zone})
		c.group.InService = append(c.group.InService, id(n))
		c.put(n, "agent", 1)
	}
	c.put(1, "checkout", 2)
	c.put(2, "checkout", 1)
	c.put(3, "checkout", 1)
	c.put(1, "search", 1)
	c.put(2, "search", 1)
	return c
}

// put places tasks of a service on the nth instance; an empty name is a standalone task.
func (c *cluster) put(n int, s fleet.ServiceName, tasks int) {
	v, _ := fleet.Snapshot{Services: c.services}.Service(s)
	if s == "" {
		v.TaskSize = fleet.Resources{CPU: 256, Memory: 512}
	}
	i := &c.instances[n-1]
	for range tasks {
		c.tasks = append(c.tasks, fleet.Task{
			ARN:      fmt.Sprintf("arn:aws:ecs:eu-west-1:1:task/prod/%032x", len(c.tasks)+1),
			Instance: i.ID, Service: s, Daemon: v.Daemon, Size: v.TaskSize, Running: true,
		})
		i.Remaining = i.Remaining.Minus(v.TaskSize)
		i.Remaining.ENI = room.ENI - i.Tasks - 1 // as ECS lets one count them
		i.Tasks++
	}
}

// fleets are the clusters of scripts, and what is done to the one at hand.
var fleets = map[string]func(*world){
	"four":    func(w *world) { w.fleet = fourInstances() },
	"absent":  func(w *world) { w.fleet.group.Name = "another" },
	"refresh": func(w *world) { w.fleet.refreshing = true },
	"closed":  func(w *world) { w.fleet.tasksDown = errors.New("not authorized to perform: ecs:ListTasks") },
	"blind":   func(w *world) { w.fleet.metricsDown = errors.New("CloudWatch does not answer") },
	"silent":  func(w *world) { delete(w.fleet.averages, "search") },
	"deaf":    func(w *world) { w.fleet.ecsDown = errors.New("ECS does not answer") },
	"lost": func(w *world) {
		w.fleet.homesDown = errors.New("not authorized to perform: autoscaling:DescribeAutoScalingInstances")
	},
	// A 100/100 service can have no task replaced.
	"rigid": func(w *world) {
		w.fleet.services[0].Rollout = &fleet.Rollout{MinimumHealthyPercent: 100, MaximumPercent: 100}
	},
	"race":    func(w *world) { w.fleet.race = true },
	"fargate": func(w *world) { w.fleet.services[0].Compute, w.fleet.services[0].Group = fleet.Fargate, "" },
	"tracked": func(w *world) {
		w.fleet.tracking = &nativescaling.Tracking{
			Policy: "cpu", Min: 2, Max: 20, Target: 70, OutCooldown: time.Minute, Period: time.Minute, Others: []string{`scheduled action "morning"`},
		}
	},
	"standalone": func(w *world) { w.fleet.put(4, "", 1) },
	"guarded":    func(w *world) { w.fleet.tasks[0].Daemon, w.fleet.tasks[0].Guarded = false, true },
	"grown":      func(w *world) { w.fleet.services[0].Desired = 12 },
	"least":      func(w *world) { w.fleet.group.MinSize = 4 },
	"full":       full,
	"mixed":      mixed,
	"leaving":    leaving,
}

// mixed makes the instances of two types, one with GPUs, one of them unheard of, and
// one that never registered.
func mixed(w *world) {
	c := w.fleet
	gpu := &c.instances[2]
	gpu.Type, gpu.Registered.GPU, gpu.Remaining.GPU = "g5.xlarge", 1, 1
	c.group.Members[2].Type = "g5.xlarge"
	c.instances[3].Connected = false
	c.group.DesiredCapacity++
	c.group.WarmPool = &fleet.WarmPool{MinSize: 2, Ready: 2}
	c.group.Members = append(c.group.Members, fleet.Member{ID: id(5), State: "InService", Type: "m7g.large", Zone: "eu-west-1a"})
}

// full leaves no instance room for a task of checkout.
func full(w *world) {
	w.fleet.put(2, "checkout", 2)
	w.fleet.put(3, "checkout", 2)
	w.fleet.put(4, "checkout", 3)
	w.fleet.services[0].Desired, w.fleet.services[0].Running = 11, 11
}

// leaving has the second instance drain since five minutes.
func leaving(w *world) {
	w.fleet.instances[1].Active, w.fleet.instances[1].Draining = false, true
	row := drain.Row{
		Cluster: "prod", Group: "prod-m7g", Instance: id(2), Cause: drain.Consolidation, State: drain.Draining,
		Opened: clock.Add(-6 * time.Minute), Since: clock.Add(-5 * time.Minute), Deadline: clock.Add(24 * time.Minute),
		OnTimeout: spec.DrainUndo, Standalone: spec.StandaloneLeave, Because: "the pre-flight is passed: DRAINING is ordered", By: "c7",
	}
	if err := w.memory.WriteDrain(context.Background(), ledger.Drain{Row: row}); err != nil {
		panic(err) // the memory ledger has no other drain of it
	}
}

func setFleet(ts *testscript.TestScript, _ bool, args []string) {
	for _, a := range args {
		f, ok := fleets[a]
		if !ok {
			ts.Fatalf("no fleet %q", a)
		}
		f(worldOf(ts))
	}
}

// drains prints the removals that the ledger holds, one a line.
func drains(ts *testscript.TestScript, _ bool, _ []string) {
	cl, err := worldOf(ts).memory.Read(context.Background(), "prod")
	ts.Check(err)
	var b strings.Builder
	for _, d := range cl.Drains {
		fmt.Fprintf(&b, "%s %s %s %s opened %s deadline %s %s/%s unprotect=%v by %s: %s (generation %d)\n", d.Group, d.Instance, d.State, d.Cause,
			stamp(d.Opened), stamp(d.Deadline), d.OnTimeout, d.Standalone, d.Unprotect, d.By, d.Because, d.Generation)
	}
	_, err = fmt.Fprint(ts.Stdout(), b.String())
	ts.Check(err)
}

// seedGroup: at 10:10 nothing was drained yet, since the window must pass.
func seedGroup(ctx context.Context, m *ledger.Memory) error {
	in, err := fourInstances().eyes(m).See(ctx, "prod", "prod-m7g")
	if err != nil {
		return err
	}
	d := policy.Decide(clock, in).About(fleet.GroupOf("prod", "prod-m7g"))
	cl, err := m.Read(ctx, "prod")
	if err != nil {
		return err
	}
	row, g := cl.Row(fleet.GroupOf("prod", "prod-m7g")), d.Group
	rec := ledger.Record{
		Target: row.Target, At: clock, Generation: row.Generation + 1, ID: "g1", Kind: ledger.Holding, Mode: g.Mode,
		Before: g.Base, Desired: g.Desired, Rule: g.Reason, Because: g.Because,
	}
	if rec.Decision, err = json.Marshal(d); err != nil {
		return err
	}
	if rec.Input, err = json.Marshal(in); err != nil {
		return err
	}
	reason := ledger.Reason{Rule: g.Reason, Because: g.Because, Wanted: g.Desired, Desired: g.Desired, First: clock, Last: clock}
	return m.Note(ctx, ledger.Note{Target: row.Target, Generation: row.Generation, Reason: &reason, Record: &rec})
}
