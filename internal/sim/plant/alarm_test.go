package plant_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/sim"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// stepAt is a load that goes from low to high at a second.
func stepAt(second int, low, high float64) func(int) float64 {
	return func(s int) float64 {
		if s < second {
			return low
		}
		return high
	}
}

func TestAlarmFiresOncePerTransition(t *testing.T) {
	t.Parallel()
	// 30 % until 00:10, 90 % until 00:20, then 30 % again.
	load := func(s int) float64 {
		if s >= 600 && s < 1200 {
			return 90
		}
		return 30
	}
	var got []plant.Change
	repeats := 0
	b := newBed(t, plant.Options{Lag: sim.Fixed(90 * time.Second)}, plant.Service{Load: load, Desired: 10})
	b.must(b.AddAlarm(plant.Alarm{
		Name: "high", Service: "web", Threshold: 60, Periods: 3, Breaching: 3,
		Notify: func(c plant.Change) { got = append(got, c) },
		Repeat: func() { repeats++ },
	}))
	b.to(time.Hour)
	type step struct{ From, To event.AlarmState }
	var steps []step
	for _, c := range got {
		steps = append(steps, step{c.From, c.To})
	}
	want := []step{
		{event.StateInsufficientData, event.StateOK}, {event.StateOK, event.StateAlarm}, {event.StateAlarm, event.StateOK},
	}
	if d := cmp.Diff(want, steps); d != "" {
		t.Fatalf("transitions (-want +got):\n%s", d)
	}
	// Three minutes of high load are whole at 00:13; the datapoint of the last comes 90 s later.
	if at := got[1].At.Sub(begin()); at < 14*time.Minute+30*time.Second || at >= 15*time.Minute+30*time.Second {
		t.Errorf("the alarm came at %s, want within a minute from 14m30s", at)
	}
	// In ALARM until the first low minute, 00:20, is known at 00:22:30: eight evaluations.
	if repeats != 8 {
		t.Errorf("the Auto Scaling action ran %d times, want 8", repeats)
	}
}

func TestAlarmWithoutData(t *testing.T) {
	t.Parallel()
	var got []event.AlarmState
	b := newBed(t, plant.Options{Lag: sim.Fixed(90 * time.Second)}, plant.Service{Load: constant(30), Desired: 10})
	b.Mute("", begin().Add(10*time.Minute), begin().Add(30*time.Minute))
	b.must(b.AddAlarm(plant.Alarm{
		Name: "low", Service: "web", Below: true, Threshold: 40, Periods: 3, Breaching: 2,
		Notify: func(c plant.Change) { got = append(got, c.To) },
	}))
	b.to(20 * time.Minute)
	if s := b.AlarmState("low"); s != event.StateInsufficientData {
		t.Errorf("ten minutes into the gap the state is %s", s)
	}
	b.to(time.Hour)
	// The first datapoint alone is too little for an alarm and enough for OK.
	want := []event.AlarmState{event.StateOK, event.StateAlarm, event.StateInsufficientData, event.StateOK, event.StateAlarm}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("states (-want +got):\n%s", d)
	}
	if s := b.AlarmState("none"); s != "" {
		t.Errorf("an unknown alarm is %q", s)
	}
}

// AWS reports 363 s from the rise of the load to the trigger of its one-minute
// target tracking alarm and 86 s with 20-second metrics (peers.md:
// containers-roadmap 2113). How high the load rose it does not say: here to 5 %
// above the threshold, so that a datapoint breaches once nine tenths of it are high.
// The plant's means over rises at every second of a minute, each with several
// seeds, are within 5 % of both.
func TestAlarmTimingIsCalibrated(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		seconds int
		want    float64
	}{{60, 363}, {20, 86}} {
		sum, n := 0.0, 0
		for seed := range 600 {
			rise := 600 + seed*7%60
			var at time.Time
			b := newBed(t, plant.Options{Seed: uint64(seed)}, plant.Service{Load: stepAt(rise, 30, 63), Desired: 10, CPUSeconds: tc.seconds})
			b.must(b.AddAlarm(plant.Alarm{
				Name: "high", Service: "web", Threshold: 60, Period: time.Duration(tc.seconds) * time.Second, Periods: 3, Breaching: 3,
				Notify: func(c plant.Change) {
					if c.To == event.StateAlarm {
						at = c.At
					}
				},
			}))
			b.to(20 * time.Minute)
			sum, n = sum+at.Sub(begin()).Seconds()-float64(rise), n+1
		}
		if mean := sum / float64(n); math.Abs(mean-tc.want) > 0.05*tc.want {
			t.Errorf("%d s: mean time to trigger is %.1f s, AWS measured %.0f s", tc.seconds, mean, tc.want)
		} else {
			t.Logf("%d s: mean time to trigger %.1f s, AWS measured %.0f s", tc.seconds, mean, tc.want)
		}
	}
}

// An alarm on short datapoints is evaluated each ten seconds, and Auto Scaling's
// action is taken again each minute all the same; 10 s is for metrics that an
// application publishes.
func TestAlarmOnShortPeriods(t *testing.T) {
	t.Parallel()
	requests := signal.Metric{Namespace: "app", Name: "requests", Statistic: "Sum", Period: 10 * time.Second}
	b := newBed(t, plant.Options{FastLag: sim.Fixed(5 * time.Second)}, plant.Service{
		Load: stepAt(600, 30, 90), Desired: 10, CPUSeconds: 20, Measures: []plant.Measure{{Kind: plant.Requests, Metric: requests}},
	})
	var fired, repeats []time.Duration
	fire := func(c plant.Change) {
		if c.To == event.StateAlarm {
			fired = append(fired, c.At.Sub(begin()))
		}
	}
	b.must(b.AddAlarm(plant.Alarm{
		Name: "cpu", Service: "web", Threshold: 60, Period: 20 * time.Second, Periods: 3, Breaching: 3, Notify: fire,
		Repeat: func() { repeats = append(repeats, b.clock.Now().Sub(begin())) },
	}))
	b.must(b.AddAlarm(plant.Alarm{
		Name: "requests", Service: "web", Metric: requests, Threshold: 600, Period: 10 * time.Second, Periods: 1, Breaching: 1, Notify: fire,
	}))
	b.to(15 * time.Minute)
	if len(fired) != 2 || fired[0] < 615*time.Second || fired[0] >= 625*time.Second || fired[1] < 665*time.Second || fired[1] >= 675*time.Second {
		t.Fatalf("alarms came at %v, want one of a 10 s datapoint within 10 s from 10m15s and one of three of 20 s from 11m5s", fired)
	}
	if len(repeats) != 4 || repeats[0] != fired[1] || repeats[3]-repeats[0] != 3*time.Minute {
		t.Errorf("the action was taken at %v, want at %s and each minute", repeats, fired[1])
	}
	for _, wrong := range []plant.Alarm{
		{Name: "a", Service: "web", Period: 10 * time.Second, Periods: 1, Breaching: 1},
		{Name: "b", Service: "web", Period: 30 * time.Second, Periods: 1, Breaching: 1},
		{Name: "c", Service: "web", Metric: requests, Period: 5 * time.Second, Periods: 1, Breaching: 1},
	} {
		if b.AddAlarm(wrong) == nil {
			t.Errorf("a period of %s was taken", wrong.Period)
		}
	}
}

// The newest datapoint tells its tasks and their work, whatever the resolution.
func TestNewestUtilization(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		resolution int
		period     time.Duration
		end        time.Duration
	}{{60, time.Minute, 8 * time.Minute}, {20, time.Minute, 10 * time.Minute}, {20, 20 * time.Second, 580 * time.Second}} {
		b := newBed(t, plant.Options{Lag: sim.Fixed(100 * time.Second), FastLag: sim.Fixed(15 * time.Second)}, plant.Service{
			Load: constant(40), Desired: 10, CPUSeconds: tc.resolution,
		})
		b.to(10*time.Minute - time.Second)
		u, ok := b.Newest("web", tc.period)
		want := plant.Utilization{Average: 40, Tasks: 10, Load: 4, Start: begin().Add(tc.end - tc.period), End: begin().Add(tc.end)}
		if d := cmp.Diff(want, u, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })); !ok || d != "" {
			t.Errorf("%d s in periods of %s: %v (-want +got):\n%s", tc.resolution, tc.period, ok, d)
		}
		if r := b.Resolution("web"); r != time.Duration(tc.resolution)*time.Second {
			t.Errorf("the resolution is %s", r)
		}
	}
	b := newBed(t, plant.Options{}, plant.Service{Load: constant(40), Desired: 10})
	b.to(10 * time.Minute)
	if _, ok := b.Newest("web", 20*time.Second); ok || b.Resolution("none") != 0 {
		t.Error("a one-minute metric has a datapoint of 20 s, or an unknown service a resolution")
	}
}

// The bytes that the plant sends decode to what it meant.
func TestEventsDecode(t *testing.T) {
	t.Parallel()
	c := plant.Change{
		Alarm:   plant.Alarm{Name: "web-cpu \"high\"", Service: "web", Threshold: 60, Periods: 1, Breaching: 1},
		Cluster: "demo", From: event.StateOK, To: event.StateAlarm, ID: "id-1",
		At: begin().Add(time.Hour + 123*time.Millisecond), Since: begin(),
		Points: []signal.Point{{Start: begin(), Value: 91.25, Samples: 4}},
	}
	metric := signal.Metric{
		Namespace: "AWS/ECS", Name: "CPUUtilization", Statistic: "Average", Period: time.Minute,
		Dimensions: []signal.Dimension{{Name: "ClusterName", Value: "demo"}, {Name: "ServiceName", Value: "web"}},
	}
	for name, tc := range map[string]struct {
		raw []byte
		via event.Via
	}{"EventBridge": {c.EventBridge(), event.ViaEventBridge}, "direct": {c.Direct(), event.ViaAlarmAction}} {
		ev, err := event.Decode(tc.raw)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, tc.raw)
			continue
		}
		if ev.Kind != event.Alarm || ev.Via != tc.via || len(ev.Alarms) != 1 {
			t.Errorf("%s: decoded as %+v", name, ev)
			continue
		}
		a := ev.Alarms[0]
		if a.Name != c.Alarm.Name || a.State != c.To || a.Previous != c.From || !a.At.Equal(c.At) || len(a.Metrics) != 1 {
			t.Errorf("%s: alarm is %+v", name, a)
			continue
		}
		if d := cmp.Diff(metric, a.Metrics[0]); d != "" {
			t.Errorf("%s: metric (-want +got):\n%s", name, d)
		}
	}
	ev, err := event.Decode(plant.Tick(begin(), "id-2"))
	if err != nil || ev.Kind != event.Tick || ev.ID != "id-2" || !ev.Time.Equal(begin()) {
		t.Errorf("tick decoded as %+v (%v)", ev, err)
	}
}

func TestECSEventsDecode(t *testing.T) {
	t.Parallel()
	var raws [][]byte
	clock := sim.NewClock(begin())
	p, err := plant.New(clock, plant.Options{Emit: func(raw []byte) {
		if !strings.Contains(string(raw), "ECS Task State Change") { // told apart in TestHostEvents
			raws = append(raws, raw)
		}
	}})
	b := &bed{t: t, clock: clock, Plant: p}
	b.must(err)
	b.must(p.AddGroup(plant.Group{Name: "hosts", Min: 1, Max: 2, Desired: 1, Size: fleet.Resources{CPU: 2048, Memory: 3900}}))
	b.must(p.AddService(plant.Service{
		Name: "web", Compute: fleet.EC2, Group: "hosts", Size: fleet.Resources{CPU: 1024, Memory: 900}, Desired: 2, Load: constant(1), Capacity: 10,
	}))
	b.must(p.SetDesired("web", 4))
	b.must(p.SetDesired("web", 1))
	b.must(p.Deploy("web", 0))
	b.to(5 * time.Minute)
	want := []struct {
		kind event.Kind
		name string
	}{{event.ServiceAction, "SERVICE_TASK_PLACEMENT_FAILURE"}, {event.Deployment, "SERVICE_DEPLOYMENT_COMPLETED"}}
	if len(raws) != len(want) {
		t.Fatalf("%d events: %s", len(raws), raws)
	}
	for i, w := range want {
		ev, err := event.Decode(raws[i])
		if err != nil || ev.Kind != w.kind || ev.Name != w.name || ev.Service != (fleet.ServiceKey{Cluster: "demo", Service: "web"}) {
			t.Errorf("event %d decoded as %+v (%v), want %s %s", i, ev, err, w.kind, w.name)
		}
	}
}

func TestCourier(t *testing.T) {
	t.Parallel()
	run := func(seed uint64, d plant.Delivery) (order []string) {
		clock := sim.NewClock(begin())
		c := plant.NewCourier(clock, seed, d, func(raw []byte) {
			order = append(order, string(raw))
		})
		for i := range 200 {
			clock.After(time.Duration(i)*time.Second, sim.Events, func() { c.Send([]byte{byte('A' + i%26)}) })
		}
		clock.RunUntil(begin().Add(time.Hour))
		return order
	}
	plain := run(1, plant.Delivery{Delay: sim.Fixed(time.Second)})
	if got := strings.Join(plain[:26], ""); len(plain) != 200 || got != "ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		t.Errorf("a faultless courier with a fixed delay brought %d events: %s", len(plain), got)
	}
	if got := run(1, plant.Delivery{Lose: 1}); len(got) != 0 {
		t.Errorf("a courier that loses all brought %d", len(got))
	}
	if got := run(1, plant.Delivery{Lose: 0.5}); len(got) < 70 || len(got) > 130 {
		t.Errorf("a courier that loses half brought %d of 200", len(got))
	}
	if got := run(1, plant.Delivery{Duplicate: 1}); len(got) != 400 {
		t.Errorf("a courier that doubles all brought %d", len(got))
	}
	shuffled := run(1, plant.Delivery{Delay: sim.Spread{High: 20 * time.Second}})
	if len(shuffled) != 200 || cmp.Equal(plain, shuffled) {
		t.Errorf("a wide spread of delays brought %d events in the order sent", len(shuffled))
	}
	again := run(1, plant.Delivery{Delay: sim.Spread{High: 20 * time.Second}})
	if !cmp.Equal(shuffled, again) {
		t.Error("the same seed shuffled differently")
	}
	kept := run(1, plant.Delivery{Drop: func(raw []byte) bool { return raw[0] == 'A' }})
	if strings.Contains(strings.Join(kept, ""), "A") || len(kept) != 192 {
		t.Errorf("dropping each A left %d events", len(kept))
	}
}

func TestReasonDataIsAString(t *testing.T) {
	t.Parallel()
	var v struct {
		Detail struct {
			State struct {
				ReasonData string `json:"reasonData"`
			} `json:"state"`
		} `json:"detail"`
	}
	c := plant.Change{Alarm: plant.Alarm{Name: "a", Service: "web", Periods: 1, Breaching: 1}, To: event.StateInsufficientData, At: begin(), Since: begin()}
	if err := json.Unmarshal(c.EventBridge(), &v); err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(v.Detail.State.ReasonData)) {
		t.Errorf("reasonData %q is no JSON document in a string", v.Detail.State.ReasonData)
	}
}
