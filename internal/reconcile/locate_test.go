package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

func TestWhereAnAlarmLeads(t *testing.T) {
	t.Parallel()
	dims := func(kv ...string) []signal.Dimension {
		var out []signal.Dimension
		for i := 0; i < len(kv); i += 2 {
			out = append(out, signal.Dimension{Name: kv[i], Value: kv[i+1]})
		}
		return out
	}
	tests := []struct {
		name  string
		alarm event.AlarmChange
		found string
	}{
		{"by the dimensions of its metric", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Namespace: "AWS/ECS", Name: "MemoryUtilization", Dimensions: dims("ClusterName", "prod", "ServiceName", "checkout")}}}, "checkout"},
		{"by a metric that a policy reads", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Namespace: "App", Name: "InFlight", Dimensions: dims("Zone", "eu", "App", "shop")}}}, "queue"},
		{"not by the same metric of other dimensions", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Namespace: "App", Name: "InFlight", Dimensions: dims("App", "shop")}}}, ""},
		{"by an input of a policy's metric math", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Namespace: "App", Name: "Busy"}}}, "queue"},
		{"by another metric of a policy's queue", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesNotVisible", Dimensions: dims("QueueName", "jobs")}}}, "queue"},
		{"not by a metric of another queue", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Namespace: "AWS/SQS", Name: "ApproximateAgeOfOldestMessage", Dimensions: dims("QueueName", "mails")}}}, ""},
		{"by a metric that vetoes", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Namespace: "App", Name: "Latency"}}}, "queue"},
		{"by its name in a policy", event.AlarmChange{Name: "shop-latency"}, "queue"},
		{"by its tag", event.AlarmChange{Name: "a", Tags: map[string]string{reconcile.TargetTag: "prod/checkout"}}, "checkout"},
		{"not to a service without a policy", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Dimensions: dims("ClusterName", "prod", "ServiceName", "other")}}}, ""},
		{"not to another cluster", event.AlarmChange{Name: "a", Metrics: []signal.Metric{{Dimensions: dims("ClusterName", "dev", "ServiceName", "checkout")}}}, ""},
		{"not while its actions are suppressed", event.AlarmChange{Name: "shop-latency", SuppressedBy: "Alarm"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.services = append(w.services, steady("queue", 2))
			p := servicePolicy(spec.Act)
			p.Alarms = []string{"shop-latency"}
			p.Policies = []spec.Policy{{TargetTracking: &spec.TargetTracking{TargetPerTask: 5, Metric: &spec.Metric{
				Namespace: "App", Name: "InFlight", Dimensions: map[string]string{"App": "shop", "Zone": "eu"},
			}}}, {TargetTracking: &spec.TargetTracking{TargetValue: 50, Metric: &spec.Metric{
				Expression: "100 * busy / 4", Metrics: map[string]spec.MathInput{"busy": {Namespace: "App", Name: "Busy"}},
			}}}, {Backlog: &spec.Backlog{Queue: "jobs", AcceptableLatency: spec.Duration(time.Minute)}}}
			p.Vetoes = []spec.Veto{{Name: "latency", Metric: spec.Metric{Namespace: "App", Name: "Latency"}, Above: new(1.0)}}
			w.apply(t, "queue", p)
			rep := w.mustRun(t, event.Event{Kind: event.Alarm, Alarms: []event.AlarmChange{tt.alarm}})
			found := ""
			for _, c := range rep.Cells {
				found += string(c.Cell.Service)
			}
			if found != tt.found || (found == "") != (len(rep.Unmatched) == 1) {
				t.Errorf("led to %q, unmatched %q, want %q", found, rep.Unmatched, tt.found)
			}
		})
	}
}

func TestOtherEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rep := w.mustRun(t, event.Event{Kind: event.ServiceAction, Service: checkout, Name: "SERVICE_TASK_PLACEMENT_FAILURE"})
	if len(rep.Cells) != 1 {
		t.Errorf("a placement failure evaluated %d cells", len(rep.Cells))
	}
	rep = w.mustRun(t, event.Event{Kind: event.Deployment, Service: fleet.ServiceKey{Cluster: "prod", Service: "other"}})
	if len(rep.Cells) != 0 || strings.Join(rep.Unmatched, "") != "prod/other" {
		t.Errorf("report %+v", rep)
	}
	rep = w.mustRun(t, event.Event{Kind: event.Unknown, Source: "aws.ec2", DetailType: "EC2 Spot Instance Interruption Warning"})
	if len(rep.Cells) != 0 || len(rep.Unmatched) != 1 {
		t.Errorf("report %+v", rep)
	}
}

// One service that ECS does not know does not stop the others.
func TestMissingServiceDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(t, "gone", servicePolicy(spec.Act))
	w.cpu["checkout"] = 90
	rep := w.mustRun(t, event.Event{Kind: event.TickAll})
	wantCalls(t, w, "service checkout 6")
	if len(rep.Cells) != 2 || rep.Cells[0].Cell.Service != "checkout" {
		t.Errorf("cells %+v, want the order first", rep.Cells)
	}
	if o := rep.Cells[1].Outcomes[0]; o.Reason != history.NotFound {
		t.Errorf("outcome %+v", o)
	}
}
