package plant_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// heard is an event as a rule sees it.
type heard struct {
	DetailType string         `json:"detail-type"`
	Source     string         `json:"source"`
	Resources  []string       `json:"resources"`
	Detail     map[string]any `json:"detail"`
}

// eavesdrop gives a yard whose events are kept.
func eavesdrop(t *testing.T, g plant.Group, o plant.Options) (*bed, func(detailType string) []heard) {
	t.Helper()
	var all []heard
	o.Emit = func(raw []byte) {
		var h heard
		if err := json.Unmarshal(raw, &h); err != nil {
			t.Errorf("event %s: %v", raw, err)
		}
		all = append(all, h)
	}
	return yard(t, g, o), func(detailType string) []heard {
		return slices.DeleteFunc(slices.Clone(all), func(h heard) bool { return h.DetailType != detailType })
	}
}

func (b *bed) doomed() fleet.InstanceID {
	b.t.Helper()
	return b.instances()[0].ID
}

func TestLaunchesFail(t *testing.T) {
	t.Parallel()
	b, events := eavesdrop(t, plant.Group{Desired: 1, Zones: []string{"a", "b"}, Shapes: []plant.Shape{
		{Type: "small", Size: fleet.Resources{CPU: 1024, Memory: 2048}}, {Type: "large", Size: fleet.Resources{CPU: 2048, Memory: 4096}},
	}}, plant.Options{})
	ctx := t.Context()
	until := begin().Add(8 * time.Hour)
	b.must(b.FailLaunches("hosts", plant.Outage{Zone: "a", From: begin(), To: until}))
	b.must(b.FailLaunches("hosts", plant.Outage{Type: "large", From: begin(), To: until}))
	b.must(b.Groups().SetDesiredCapacity(ctx, "hosts", 3))
	b.to(10 * time.Minute)
	for _, i := range b.instances()[1:] {
		if i.Type != "small" || i.Zone != "b" {
			t.Errorf("launched %s in %s, want what EC2 has: small in b", i.Type, i.Zone)
		}
	}
	b.must(b.FailLaunches("hosts", plant.Outage{From: begin().Add(10 * time.Minute), To: until}))
	b.must(b.Groups().SetDesiredCapacity(ctx, "hosts", 4))
	b.to(8 * time.Hour)
	failed, launched, err := b.ScalingActivities().Failures(ctx, "hosts", begin().Add(10*time.Minute))
	b.must(err)
	// Four ways to launch fail, after 1, 2, 4 and then every 5 minutes.
	if v := b.GroupView("hosts"); v.InService != 3 || len(failed) < 4*90 || len(failed) > 4*100 || !launched.IsZero() {
		t.Errorf("after 8 h without capacity %+v, %d failures and a launch at %s", v, len(failed), launched)
	}
	f := failed[0]
	if f.Zone != "a" || f.Type != "large" || !strings.Contains(f.Words, "sufficient large capacity") {
		t.Errorf("the first failure is %+v", f)
	}
	b.to(8*time.Hour + 8*time.Minute)
	_, launched, err = b.ScalingActivities().Failures(ctx, "hosts", begin())
	b.must(err)
	if v := b.GroupView("hosts"); v.InService != 4 || launched.Before(until) {
		t.Errorf("after it %+v, launched at %s; want Auto Scaling to have gone on by itself", v, launched)
	}
	h := events("EC2 Instance Launch Unsuccessful")
	if len(h) < len(failed) || h[0].Detail["StatusCode"] != "Failed" || h[0].Detail["AutoScalingGroupName"] != "hosts" || !strings.HasPrefix(h[0].Resources[0], "arn:aws:autoscaling:") {
		t.Errorf("%d events of failures, the first %+v", len(h), h[0])
	}
	if h := events("EC2 Instance Launch Successful"); len(h) != 3 || h[0].Detail["EC2InstanceId"] != string(b.instances()[1].ID) {
		t.Errorf("events of launches are %+v", h)
	}
}

func TestLifecycleHook(t *testing.T) {
	t.Parallel()
	b, events := eavesdrop(t, plant.Group{Desired: 3, Hook: &plant.Hook{Name: "bye", Timeout: 10 * time.Minute}}, plant.Options{})
	ctx, is := t.Context(), b.instances()
	b.must(b.Exits().Terminate(ctx, "hosts", []fleet.InstanceID{is[0].ID}))
	b.to(9 * time.Minute)
	g, _, err := b.Groups().Describe(ctx, "hosts")
	b.must(err)
	if m, _ := g.Member(is[0].ID); m.State != "Terminating:Wait" || g.DesiredCapacity != 2 || len(g.InService) != 2 || len(b.instances()) != 3 {
		t.Errorf("waiting for the hook: %+v, %+v; want it in the cluster and not in service", m, g)
	}
	h := events("EC2 Instance-terminate Lifecycle Action")
	if len(h) != 1 || h[0].Detail["LifecycleHookName"] != "bye" || h[0].Detail["EC2InstanceId"] != string(is[0].ID) || h[0].Detail["LifecycleTransition"] != "autoscaling:EC2_INSTANCE_TERMINATING" {
		t.Fatalf("lifecycle events are %+v", h)
	}
	token, _ := h[0].Detail["LifecycleActionToken"].(string)
	hook := drain.Hook{Name: "bye", Token: token}
	hooks, err := b.Exits().Hooks(ctx, "hosts")
	if err != nil || len(hooks) != 1 || hooks[0].Name != "bye" || hooks[0].Timeout != 10*time.Minute {
		t.Errorf("the hooks are %+v (%v)", hooks, err)
	}
	b.must(b.Exits().Heartbeat(ctx, "hosts", is[0].ID, hook))
	b.to(18 * time.Minute)
	b.must(b.Exits().Complete(ctx, "hosts", is[0].ID, drain.Hook{Name: "bye", Token: "another"}))
	if len(b.instances()) != 3 {
		t.Error("prolonged by a heartbeat it is gone after 18 min, or by another's token")
	}
	b.must(b.Exits().Complete(ctx, "hosts", is[0].ID, hook))
	b.must(b.Exits().Complete(ctx, "hosts", is[0].ID, hook))
	b.must(b.Exits().Heartbeat(ctx, "hosts", is[0].ID, hook))
	if len(b.instances()) != 2 {
		t.Error("completed it is still there")
	}
	// Without an answer the wait ends after its timeout, with heartbeats after 100 of them.
	b.must(b.Exits().Terminate(ctx, "hosts", []fleet.InstanceID{is[1].ID, is[2].ID}))
	b.to(18*time.Minute + time.Second)
	h = events("EC2 Instance-terminate Lifecycle Action")
	token, _ = h[2].Detail["LifecycleActionToken"].(string)
	began := 18 * time.Minute
	for at := began; at < began+20*time.Hour && len(b.instances()) > 0; at += 9 * time.Minute {
		b.to(at)
		if is := b.instances(); at > began+10*time.Minute && len(is) > 1 {
			t.Fatalf("after %s %+v are there, want one with heartbeats", at, is)
		}
		b.must(b.Exits().Heartbeat(ctx, "hosts", is[2].ID, drain.Hook{Name: "bye", Token: token}))
	}
	gone := events("EC2 Instance Terminate Successful")
	if len(gone) != 3 {
		t.Fatalf("%d instances are gone, want 3", len(gone))
	}
	if end := gone[2].Detail["EndTime"]; end != begin().Add(began+1000*time.Minute).Format(time.RFC3339Nano) {
		t.Errorf("the wait with heartbeats ended at %v, want after 1000 minutes", end)
	}
}

func TestSpot(t *testing.T) {
	t.Parallel()
	b, events := eavesdrop(t, plant.Group{Desired: 2}, plant.Options{})
	b.onHosts(plant.Service{Desired: 8})
	id := b.doomed()
	b.must(b.Recommend(id))
	b.must(b.Interrupt(id))
	b.must(b.Interrupt(id))
	if v := b.to(119 * time.Second); v.Running != 8 || len(b.instances()) != 2 {
		t.Errorf("before the notice is over %+v", v)
	}
	if v := b.to(120 * time.Second); v.Running != 4 || v.Unplaced != 4 || len(b.instances()) != 1 {
		t.Errorf("after the notice %+v, want four tasks lost", v)
	}
	if got := b.Tally("web"); got.Interrupted != 4 || got.Killed != 0 {
		t.Errorf("the tally is %+v, want four interrupted and none killed", got)
	}
	// Auto Scaling replaces it; then somebody ends one that is busy.
	if v := b.to(5 * time.Minute); v.Running != 8 {
		t.Errorf("three minutes later %+v, want 8 running", v)
	}
	b.must(b.SetDesired("web", 7))
	b.must(b.SetDesired("web", 8)) // one of them is pending again
	for _, id := range b.GroupView("hosts").Hosts {
		b.must(b.Exits().Terminate(t.Context(), "hosts", []fleet.InstanceID{id}))
	}
	if got := b.Tally("web"); got.Interrupted != 4 || got.Killed != 7 || b.Killed() != 7 {
		t.Errorf("the tally is %+v, want the seven that ran killed", got)
	}
	b.must(b.Resize("hosts", 2))
	b.to(8 * time.Minute)
	b.must(b.Lose(b.doomed()))
	if err := b.Interrupt("i-none"); !errors.Is(err, plant.ErrInstanceNotFound) {
		t.Errorf("an unknown instance answered %v", err)
	}
	b.to(9 * time.Minute)
	warning := events("EC2 Spot Instance Interruption Warning")
	if len(warning) != 1 || warning[0].Source != "aws.ec2" || !cmp.Equal(warning[0].Detail, map[string]any{"instance-id": string(id), "instance-action": "terminate"}) {
		t.Errorf("warnings are %+v", warning)
	}
	advice := events("EC2 Instance Rebalance Recommendation")
	if len(advice) != 1 || !cmp.Equal(advice[0].Detail, map[string]any{"instance-id": string(id)}) {
		t.Errorf("recommendations are %+v", advice)
	}
	var inactive []any
	for _, h := range events("ECS Container Instance State Change") {
		if h.Detail["status"] == "INACTIVE" {
			inactive = append(inactive, h.Detail["ec2InstanceId"])
		}
	}
	if len(inactive) != 4 || inactive[0] != string(id) {
		t.Errorf("the cluster lost %v, want each instance that went", inactive)
	}
	states := events("EC2 Instance State-change Notification")
	if len(states) != 8 || states[1].Detail["state"] != "terminated" || states[1].Detail["instance-id"] != string(id) {
		t.Errorf("state changes are %+v", states)
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 3}, plant.Options{})
	ctx, old := t.Context(), b.instances()
	b.must(b.Exits().Protect(ctx, "hosts", []fleet.InstanceID{old[1].ID}, true))
	b.must(b.Refresh("hosts", time.Minute))
	if on, err := b.ScalingActivities().Refreshing(ctx, "hosts"); err != nil || !on {
		t.Errorf("refreshing: %t, %v", on, err)
	}
	least := 3
	for sec := range 1200 {
		b.to(time.Duration(sec) * time.Second)
		least = min(least, b.GroupView("hosts").InService)
	}
	if is := b.instances(); least != 2 || is[0].ID != old[1].ID || !b.GroupView("hosts").Refreshing {
		t.Errorf("at least %d in service, now %+v; want one at a time and the protected one waited for", least, is)
	}
	b.must(b.Exits().Protect(ctx, "hosts", []fleet.InstanceID{old[1].ID}, false))
	b.to(30 * time.Minute)
	begun := b.GroupView("hosts").Hosts
	b.must(b.Refresh("hosts", time.Minute))
	b.must(b.CancelRefresh("hosts"))
	b.to(50 * time.Minute)
	if d := cmp.Diff(begun[1:], b.GroupView("hosts").Hosts[:2]); d != "" {
		t.Errorf("a refresh that was cancelled went on (-want +got):\n%s", d)
	}
	on, err := b.ScalingActivities().Refreshing(ctx, "hosts")
	if err != nil || on || slices.ContainsFunc(b.instances(), func(i fleet.Instance) bool { return i.ID == old[1].ID }) {
		t.Errorf("refreshing: %t, %v; instances %+v", on, err, b.instances())
	}
	homes, err := b.ScalingActivities().Homes(ctx, []fleet.InstanceID{b.doomed(), old[1].ID})
	if d := cmp.Diff(map[fleet.InstanceID]fleet.GroupName{b.doomed(): "hosts"}, homes); err != nil || d != "" {
		t.Errorf("homes (%v, -want +got):\n%s", err, d)
	}
}

func TestDisconnectedAgents(t *testing.T) {
	t.Parallel()
	b, events := eavesdrop(t, plant.Group{Desired: 4}, plant.Options{})
	b.must(b.AddDaemon(plant.Daemon{Name: "logs", Size: fleet.Resources{Memory: 64}}))
	b.must(b.Disconnect("hosts", 0.5))
	b.onHosts(plant.Service{Desired: 10})
	if v := b.to(time.Minute); v.Running != 8 || v.Unplaced != 2 {
		t.Errorf("two of four instances are connected: %+v, want 8 running", v)
	}
	if is := b.instances(); is[0].Connected || is[1].Connected || !is[2].Connected || !is[0].Active {
		t.Errorf("instances are %+v", is)
	}
	b.must(b.Disconnect("hosts", 0))
	if v := b.to(2 * time.Minute); v.Running != 10 {
		t.Errorf("connected again: %+v, want 10 running", v)
	}
	b.must(b.SetUnhealthy("hosts", 0.5))
	g, _, err := b.Groups().Describe(t.Context(), "hosts")
	b.must(err)
	if sick := slices.DeleteFunc(g.Members, func(m fleet.Member) bool { return !m.Unhealthy }); len(sick) != 2 || len(g.InService) != 4 {
		t.Errorf("members are %+v, want two unhealthy", g.Members)
	}
	h := events("ECS Container Instance State Change")
	if len(h) != 4 || h[0].Detail["agentConnected"] != false || h[0].Detail["status"] != "ACTIVE" || h[3].Detail["agentConnected"] != true {
		t.Errorf("events are %+v", h)
	}
	b.drain(b.instances()[3], true)
	b.to(4 * time.Minute)
	if n := len(events("ECS Container Instance State Change")); n != 4+1+4+1 {
		t.Errorf("%d events, want one of the drain and one of each task that left, the daemon's last", n)
	}
	h = events("ECS Container Instance State Change")
	if h[4].Detail["status"] != "DRAINING" || h[4].Detail["ec2InstanceId"] != string(b.instances()[3].ID) || h[4].Resources[0] != b.instances()[3].ARN {
		t.Errorf("the drain's event is %+v", h[4])
	}
	tasks := events("ECS Task State Change")
	if len(tasks) != 5 || tasks[4].Detail["group"] != "service:logs" || tasks[0].Detail["lastStatus"] != "STOPPED" || tasks[0].Detail["group"] != "service:web" || tasks[0].Detail["containerInstanceArn"] != b.instances()[3].ARN {
		t.Errorf("the tasks' events are %+v", tasks)
	}
}

// Managed draining empties an instance before Auto Scaling ends it.
func TestManagedDraining(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 3, Managed: &plant.Managed{Draining: true}}, plant.Options{})
	b.onHosts(plant.Service{Desired: 6})
	b.must(b.Resize("hosts", 2))
	if v := b.GroupView("hosts"); v.Leaving != 1 || v.Draining != 1 {
		t.Errorf("at once %+v, want one draining", v)
	}
	if v := b.to(5 * time.Minute); v.Running != 6 || len(b.instances()) != 2 || b.Tally("web").Killed != 0 {
		t.Errorf("after it %+v, %+v on %d instances, want six running and none killed", v, b.Tally("web"), len(b.instances()))
	}
}

// Under managed scaling a hundred tasks are PROVISIONING, which counts as pending,
// and stop after 10 to 30 minutes; the service tries again.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 1, Managed: &plant.Managed{}}, plant.Options{})
	b.onHosts(plant.Service{Desired: 4})
	b.must(b.SetDesired("web", 150))
	b.to(time.Minute)
	ss, err := b.Services().Describe(t.Context(), "demo", []fleet.ServiceName{"web"})
	b.must(err)
	wanted := b.Provider("hosts").Wanted
	if ss[0].Pending != 100 || len(wanted) != 1 || wanted[0].Tasks != 100 {
		t.Errorf("%d pending and %+v wanted, want 100", ss[0].Pending, wanted)
	}
	b.to(10 * time.Minute)
	if got := b.Tally("web").Stopped; got != 0 {
		t.Errorf("after 10 min %d tasks were stopped", got)
	}
	b.to(30*time.Minute + time.Second)
	if got := b.Tally("web").Stopped; got < 100 {
		t.Errorf("after 30 min %d tasks were stopped, want each of the first hundred", got)
	}
}

// A standalone task without room is refused where nobody adds instances, and PROVISIONING
// with managed scaling: counted among what is wanted, run as soon as there is room, and
// given up after 10 to 30 minutes.
func TestStandaloneProvisioning(t *testing.T) {
	t.Parallel()
	job := plant.Single{Group: "hosts", Size: fleet.Resources{CPU: 1024, Memory: 1024}, For: 5 * time.Minute}
	b := yard(t, plant.Group{}, plant.Options{})
	if err := b.RunTask(job); err == nil {
		t.Error("it was accepted without managed scaling")
	}
	b = yard(t, plant.Group{Managed: &plant.Managed{}}, plant.Options{})
	for range 3 {
		b.must(b.RunTask(job))
	}
	want := []plant.Wanted{{Size: job.Size, Tasks: 3}}
	if d := cmp.Diff(want, b.Provider("hosts").Wanted); d != "" || b.GroupView("hosts").Waiting != 3 {
		t.Errorf("wanted (-want +got):\n%s", d)
	}
	b.must(b.Resize("hosts", 1))
	b.to(3 * time.Minute)
	if n := len(b.tasksOn(b.instances()...)); n != 2 {
		t.Errorf("%d tasks on the instance, want the two that fit", n)
	}
	b.to(8 * time.Minute)
	if got := b.Standalone(); got.Started != 3 || got.Stopped != 2 || len(b.tasksOn(b.instances()...)) != 1 {
		t.Errorf("after the end of two %+v, want the third to run", got)
	}
	b.must(b.Resize("hosts", 0))
	for range 101 {
		_ = b.RunTask(job)
	}
	if n := b.Provider("hosts").Wanted[0].Tasks; n != 100 {
		t.Errorf("%d tasks are PROVISIONING, want 100 at most", n)
	}
	b.to(8*time.Minute + 30*time.Minute)
	if got := b.Standalone(); got.Started != got.Stopped || len(b.Provider("hosts").Wanted) != 0 {
		t.Errorf("after half an hour %+v, want all given up", got)
	}
}

func TestHandsFaults(t *testing.T) {
	t.Parallel()
	b := yard(t, plant.Group{Desired: 1}, plant.Options{Fault: plant.Always(plant.ErrThrottled)})
	ctx := t.Context()
	_, tasks := b.Hosts().Tasks(ctx, "demo", nil)
	_, homes := b.ScalingActivities().Homes(ctx, nil)
	_, refreshing := b.ScalingActivities().Refreshing(ctx, "hosts")
	_, _, failures := b.ScalingActivities().Failures(ctx, "hosts", begin())
	_, hook := b.Exits().Hooks(ctx, "hosts")
	one := []fleet.InstanceID{"i-1"}
	for name, err := range map[string]error{
		"tasks": tasks, "homes": homes, "refreshing": refreshing, "failures": failures, "hook": hook,
		"draining":  b.Hosts().SetDraining(ctx, "demo", []fleet.Instance{{ID: "i-1"}}, true),
		"terminate": b.Exits().Terminate(ctx, "hosts", one), "protect": b.Exits().Protect(ctx, "hosts", one, true),
		"heartbeat": b.Exits().Heartbeat(ctx, "hosts", "i-1", drain.Hook{}), "complete": b.Exits().Complete(ctx, "hosts", "i-1", drain.Hook{}),
	} {
		var coded interface{ ErrorCode() string }
		if !errors.Is(err, plant.ErrThrottled) || !errors.As(err, &coded) || coded.ErrorCode() != "ThrottlingException" {
			t.Errorf("throttled %s answered %v", name, err)
		}
	}
}

func TestSameSeedSameInstances(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (out []string) {
		clock := []string{}
		b := yard(t, plant.Group{Desired: 3, Zones: []string{"a", "b"}, Pool: &plant.Pool{Size: 1}}, plant.Options{Seed: seed, Emit: func(raw []byte) { clock = append(clock, string(raw)) }})
		b.onHosts(plant.Service{Desired: 6, Rules: fleet.Rules{Strategies: []fleet.Strategy{{Type: fleet.Random}}}})
		b.must(b.Interrupt(b.doomed()))
		b.must(b.Resize("hosts", 6))
		b.to(3 * time.Minute)
		b.drain(b.instances()[1], true)
		b.to(10 * time.Minute)
		return clock
	}
	if d := cmp.Diff(run(1), run(1)); d != "" {
		t.Errorf("the same seed (-want +got):\n%s", d)
	}
	if cmp.Equal(run(1), run(2)) {
		t.Error("another seed gave the same events")
	}
}
