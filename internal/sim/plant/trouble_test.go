package plant_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

func (b *bed) describe() fleet.Service {
	b.t.Helper()
	got, err := b.Services().Describe(b.t.Context(), "demo", []fleet.ServiceName{"web"})
	b.must(err)
	return got[0]
}

// listen keeps the names of the events that the decoder makes of the plant's.
func listen(t *testing.T, names *[]string) func([]byte) {
	t.Helper()
	return func(raw []byte) {
		ev, err := event.Decode(raw)
		if err != nil || ev.Service != (fleet.ServiceKey{Cluster: "demo", Service: "web"}) {
			t.Errorf("an event decodes to %+v (%v)", ev, err)
		}
		*names = append(*names, ev.Name)
	}
}

// Fargate has room for five tasks: further ones are neither running nor
// pending, ECS says so again and again, and starts them once there is room.
func TestFargateQuota(t *testing.T) {
	t.Parallel()
	var events []string
	b := newBed(t, plant.Options{FargateTasks: 5, Emit: listen(t, &events)}, plant.Service{Load: constant(10), Desired: 3, Start: sim.Fixed(30 * time.Second)})
	b.must(b.SetDesired("web", 9))
	if v := b.to(29 * time.Second); v.Running != 3 || v.Pending != 2 || v.Unplaced != 4 {
		t.Errorf("9 desired of 5: %+v, want 3 running, 2 pending and 4 not placed", v)
	}
	if v := b.to(5 * time.Minute); v.Running != 5 || v.Pending != 0 || v.Unplaced != 4 || v.Desired != 9 {
		t.Errorf("five minutes later: %+v, want 5 running and 4 not placed", v)
	}
	got := b.describe()
	if got.Running != 5 || got.Pending != 0 || len(got.Troubles) != 1 || got.Troubles[0].Kind != fleet.PlacementFailure ||
		begin().Add(5*time.Minute).Sub(got.Troubles[0].At) > time.Minute || !strings.Contains(got.Troubles[0].Words, "unable to place a task") {
		t.Errorf("ECS shows %+v", got)
	}
	if n := len(events); n < 5 || n > 7 || slices.ContainsFunc(events, func(n string) bool { return n != "SERVICE_TASK_PLACEMENT_FAILURE" }) {
		t.Errorf("the events are %v, want about one a minute", events)
	}
	b.Finish()
	if cost := b.Tally("web").TaskSeconds; cost != 300*5 {
		t.Errorf("%v task-seconds are paid for in 300 s, want those of the 5 that were placed", cost)
	}
	b.SetQuota(7)
	if v := b.to(6 * time.Minute); v.Running != 7 || v.Unplaced != 2 {
		t.Errorf("with room for seven: %+v", v)
	}
	b.must(b.SetDesired("web", 6))
	if v := b.to(7 * time.Minute); v.Running != 6 || v.Unplaced != 0 {
		t.Errorf("6 desired: %+v, want what was not placed and one more gone", v)
	}
	at := b.describe().Troubles[0].At
	if b.to(20 * time.Minute); !b.describe().Troubles[0].At.Equal(at) {
		t.Error("ECS reports a trouble that is over")
	}
}

// A task of another service that stops makes room.
func TestFargateQuotaIsShared(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{FargateTasks: 4}, plant.Service{Load: constant(10), Desired: 2})
	b.must(b.AddService(plant.Service{Name: "jobs", Load: constant(1), Capacity: 1, Desired: 3}))
	if v := b.View("jobs"); v.Running != 2 || v.Unplaced != 1 {
		t.Errorf("3 desired beside 2 of 4: %+v", v)
	}
	b.must(b.SetDesired("web", 1))
	b.to(time.Minute)
	if v := b.View("jobs"); v.Running != 3 {
		t.Errorf("with one task less beside it: %+v, want 3 running", v)
	}
}

// Tasks that cannot start are pending, then gone, and others come after pauses
// that grow; ECS counts them and from the third on calls the service impaired.
func TestStartsFail(t *testing.T) {
	t.Parallel()
	var events []string
	b := newBed(t, plant.Options{Emit: listen(t, &events)}, plant.Service{Load: constant(10), Desired: 2, Start: sim.Fixed(30 * time.Second)})
	b.must(b.FailStarts("web", begin(), begin().Add(time.Hour)))
	b.must(b.SetDesired("web", 3))
	if v := b.to(29 * time.Second); v.Pending != 1 || b.describe().Deployments[0].Pending != 1 {
		t.Errorf("before it fails: %+v", v)
	}
	if v := b.to(31 * time.Second); v.Pending != 0 || v.Unplaced != 1 || v.Running != 2 {
		t.Errorf("after it failed: %+v, want it neither running nor pending for 10 s", v)
	}
	if v := b.to(45 * time.Second); v.Pending != 1 {
		t.Errorf("after the pause: %+v, want the next one pending", v)
	}
	b.to(time.Hour)
	got := b.describe()
	if d := got.Deployments[0]; d.Failed < 6 || d.Failed > 12 || got.Running != 2 {
		t.Errorf("after an hour %+v, want six to twelve failures, since the pauses double", got)
	}
	if len(got.Troubles) != 1 || got.Troubles[0].Kind != fleet.StartImpaired || !slices.Contains(events, "SERVICE_TASK_START_IMPAIRED") {
		t.Errorf("ECS shows %+v and sent %v", got.Troubles, events)
	}
	if v := b.to(90 * time.Minute); v.Running != 3 {
		t.Errorf("half an hour after it would start again: %+v, want 3 running", v)
	}
	b.must(b.Deploy("web", 0))
	if b.to(92 * time.Minute); b.describe().Deployments[0].Failed != 0 {
		t.Error("a new deployment counts the failures of the old one")
	}
}

// On EC2, too: a start that failed leaves its room, and the pause holds.
func TestStartsFailOnInstances(t *testing.T) {
	t.Parallel()
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{})
	b := &bed{t: t, clock: clock, Plant: p}
	b.must(err)
	b.must(p.AddGroup(plant.Group{Name: "hosts", Max: 4, Desired: 1, Size: fleet.Resources{CPU: 2048, Memory: 3900}}))
	b.must(p.AddService(plant.Service{
		Name: "web", Compute: fleet.EC2, Group: "hosts", Size: fleet.Resources{CPU: 512, Memory: 900}, Desired: 2, Load: constant(30), Capacity: 10,
	}))
	b.must(b.FailStarts("web", begin(), begin().Add(10*time.Minute)))
	b.must(b.SetDesired("web", 4))
	if v := b.to(5 * time.Minute); v.Running != 2 || v.Unplaced == 0 {
		t.Errorf("while starts fail: %+v, want some held back", v)
	}
	if v := b.to(45 * time.Minute); v.Running != 4 || v.Pending+v.Unplaced != 0 {
		t.Errorf("half an hour after: %+v, want 4 running", v)
	}
	b.must(b.SetDesired("web", 6))
	b.to(50 * time.Minute)
	if got := b.describe(); got.Pending != 0 || b.View("web").Unplaced != 2 || len(got.Troubles) != 1 && len(got.Troubles) != 2 || got.Troubles[len(got.Troubles)-1].Kind != fleet.PlacementFailure {
		t.Errorf("without room: %+v, want 2 without a place and the trouble named", got)
	}
}

func TestCrash(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(10), Desired: 10, Start: sim.Fixed(30 * time.Second)})
	b.must(b.Crash("web", begin().Add(time.Minute), 0.45, 2*time.Minute))
	if v := b.to(time.Minute); v.Running != 5 || v.Pending != 0 || v.Unplaced != 5 || v.Desired != 10 {
		t.Errorf("as 45 %% of 10 die: %+v, want 5 running and nothing pending", v)
	}
	if v := b.to(3*time.Minute + 5*time.Second); v.Running != 5 || v.Pending != 5 {
		t.Errorf("after the pause: %+v, want 5 pending", v)
	}
	if v := b.to(3*time.Minute + 30*time.Second); v.Running != 10 {
		t.Errorf("after the start: %+v, want 10 running", v)
	}
}

// A stack update that has a count written in it orders that count, whatever
// ran, with a new deployment, which is the evidence of who it was.
func TestUpdateStack(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(10), Desired: 20, Stack: "checkout-prod"})
	b.to(time.Hour)
	b.must(b.UpdateStack("web", 2))
	got := b.describe()
	if d, _ := got.Primary(); got.Desired != 2 || got.Stack != "checkout-prod" || !got.Deploying() || !d.CreatedAt.Equal(begin().Add(time.Hour)) {
		t.Errorf("after the update ECS shows %+v", got)
	}
	if v := b.to(65 * time.Minute); v.Running != 2 || v.Deploying {
		t.Errorf("five minutes later: %+v, want 2 running", v)
	}
	plain := newBed(t, plant.Options{}, plant.Service{Load: constant(10), Desired: 20})
	if err := plain.UpdateStack("web", 2); err == nil || plain.View("web").Desired != 20 {
		t.Errorf("a service without a stack was updated by one: %v", err)
	}
}

// Blue/green: twice the tasks until the shift, then the old ones go at once.
// Half of them being idle, the Sum of their CPU is what it was.
func TestBlueGreen(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{Lag: sim.Fixed(time.Second)}, plant.Service{Load: constant(20), Desired: 4})
	b.to(time.Minute)
	b.must(b.BlueGreen("web", 10*time.Minute))
	if v := b.to(5 * time.Minute); v.Running != 8 || v.Desired != 4 || !v.Deploying {
		t.Errorf("while both run: %+v, want 8 running of 4 desired", v)
	}
	got := b.describe()
	if len(got.Deployments) != 2 || got.Deployments[0].Running != 4 || got.Deployments[1].Running != 4 || !got.Deploying() {
		t.Errorf("the deployments are %+v", got.Deployments)
	}
	b.must(b.SetDesired("web", 6))
	if v := b.to(9 * time.Minute); v.Running != 10 {
		t.Errorf("scaled out meanwhile: %+v, want 6 new beside 4 old ones", v)
	}
	if v := b.to(11 * time.Minute); v.Running != 6 || v.Deploying {
		t.Errorf("after the shift: %+v, want 6 running", v)
	}
	b.to(12*time.Minute + time.Second)
	// In minute 5 tasks joined, in minute 10 the old ones went with their samples.
	for i, p := range b.fetch("Sum", time.Minute, 12*time.Minute) {
		if i > 1 && i != 5 && i != 10 && math.Abs(float64(p.Value)-200) > 1 {
			t.Errorf("the demand of minute %d is %+v, want 200", i, p)
		}
	}
	b.must(b.BlueGreen("web", 72*time.Hour)) // somebody paused it and forgot
	if v := b.to(60 * time.Hour); v.Running != 12 || !v.Deploying {
		t.Errorf("two days later: %+v, want 12 running, still deploying", v)
	}
}

// Datapoints that are dropped, late or not a number.
func TestDistort(t *testing.T) {
	t.Parallel()
	distort := func(m signal.Metric, start time.Time) plant.Distortion {
		if m.Name != "CPUUtilization" {
			return plant.Distortion{}
		}
		return []plant.Distortion{{}, {Drop: true}, {NaN: true}, {Late: time.Hour}}[start.Minute()%4]
	}
	b := newBed(t, plant.Options{Lag: sim.Fixed(time.Second), Distort: distort}, plant.Service{Load: constant(50), Desired: 10})
	b.to(4*time.Minute + time.Second)
	got := b.fetch("Average", time.Minute, time.Hour)
	if len(got) != 2 || got[0].Value != 50 || got[1].Value.OK() {
		t.Errorf("of a good, a dropped, a broken and a late datapoint: %+v, want the good and the broken one", got)
	}
	b.to(64*time.Minute + 2*time.Second)
	if got := b.fetch("Average", time.Minute, 2*time.Hour); len(got) != 3*16-15 {
		t.Errorf("an hour later there are %d datapoints, want the late one, too", len(got))
	}
}

// At zero tasks ECS publishes nothing of a service.
func TestNoTaskNoMetric(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{Lag: sim.Fixed(time.Second)}, plant.Service{Load: constant(10), Desired: 1, Start: sim.Fixed(30 * time.Second), CPUSeconds: 20})
	b.to(2 * time.Minute)
	b.must(b.SetDesired("web", 0))
	b.to(10*time.Minute + time.Second)
	k := fleet.ServiceKey{Cluster: "demo", Service: "web"}
	for _, name := range []string{"CPUUtilization", "MemoryUtilization"} {
		m := signal.Metric{Namespace: "AWS/ECS", Name: name, Statistic: "SampleCount", Period: time.Minute, Dimensions: []signal.Dimension{
			{Name: "ClusterName", Value: string(k.Cluster)}, {Name: "ServiceName", Value: string(k.Service)},
		}}
		if got := b.read(m, time.Hour).Points; len(got) != 2 {
			t.Errorf("%s has %+v, want two datapoints before the last task went and none after", name, got)
		}
	}
	b.must(b.SetDesired("web", 1))
	b.to(12*time.Minute + time.Second)
	if got := b.fetch("SampleCount", time.Minute, 2*time.Minute); len(got) == 0 {
		t.Error("with a task there is no metric")
	}
}
