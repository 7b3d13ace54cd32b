package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// pair is checkout on Fargate Spot, which has places for some of ten tasks, and its
// fallback.
func pair(placed, beside int, s *history.Shortage) policy.Input {
	live := func(n fleet.ServiceName, desired, running int) fleet.Service {
		return fleet.Service{Name: n, Compute: fleet.Fargate, Active: true, Desired: desired, Running: running}
	}
	carried := func(n fleet.ServiceName, tasks int) signal.Series {
		out := series(spec.ServiceMetric(fleet.ServiceKey{Cluster: "prod", Service: n}, "CPUUtilization", "Sum"), 60, 600*float64(tasks)/float64(max(1, placed+beside)))
		for i := range out.Points {
			out.Points[i].Samples = signal.Value(tasks)
		}
		return out
	}
	lead := live("checkout", 10, placed)
	lead.Provider = "FARGATE_SPOT"
	return policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Service: "checkout"}, Mode: spec.Act,
		Fleet: fleet.Snapshot{At: at("10:00:00"), Services: []fleet.Service{lead, live("standard", beside, beside)}},
		Services: []policy.ServiceInput{
			{Name: "checkout", Policy: spec.Service{Mode: spec.Act, MinCapacity: 2, MaxCapacity: 60, Policies: []spec.Policy{
				{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}},
			}}},
			{Name: "standard", Policy: spec.Service{Mode: spec.Act, MaxCapacity: 40, FallbackFor: &spec.FallbackFor{Service: "checkout"}}, History: history.History{Shortage: s}},
		},
		Signals: signal.Set{carried("checkout", placed), carried("standard", beside)},
	}
}

// What would change a decision about one of a pair is found with both of them, and what
// its words say is what the core decides.
func TestPairOtherwise(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) time.Time { return at("10:00:00").Add(-d) }
	tests := []struct {
		name    string
		in      policy.Input
		service fleet.ServiceName
		want    []string
	}{
		{"not called yet", pair(4, 0, &history.Shortage{Since: ago(2 * time.Minute)}), "standard", []string{
			"if fallbackFor.after were 2m (not 3m): scale out from 0 to 6 tasks",
		}},
		{"not called back yet", pair(10, 6, &history.Shortage{Counted: new(4), Above: 10, AboveSince: ago(10 * time.Minute)}), "standard", []string{
			"if fallbackFor.coolOff were 10m (not 30m): scale in from 6 to 4 tasks",
			"if the places of checkout were 3 (not 10): scale out from 6 to 7 tasks",
		}},
		{"at work", pair(4, 6, &history.Shortage{Counted: new(4)}), "standard", []string{
			"if the places of checkout were 3 (not 4): scale out from 6 to 7 tasks",
		}},
	}
	for _, tt := range tests {
		var got []string
		for _, a := range Otherwise(at("10:00:00"), tt.in, tt.service).Found {
			got = append(got, a.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := Otherwise(at("10:00:00"), pair(4, 6, nil), "neither"); len(got.Found)+len(got.Bound) != 0 {
		t.Errorf("about a service of no cell: %+v", got)
	}
}

// The demand that would change the lead is what moves its decision with the fallback's
// part beside it.
func TestLeadOtherwise(t *testing.T) {
	t.Parallel()
	in := pair(4, 6, &history.Shortage{Counted: new(4)})
	words := Decision(policy.Decide(at("10:00:00"), in), in)
	for _, want := range []string{
		"service checkout: hold at 10 tasks", "service standard: hold at 6 tasks", "a demand of 600 % (60 % on each of 10 tasks) needs 10.00 tasks",
		"fallbackFor: checkout has a place for 4 of 10 tasks: of the 10 tasks that are wanted together 4 are counted on there, wants no change",
		"if ECSServiceAverageCPUUtilization were at an average of 67.6 % (not 60 %) in the newest datapoint: scale out from 10 to 11 tasks",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("want %q in\n%s", want, words)
		}
	}
	in.Services = in.Services[1:]
	words = Decision(policy.Decide(at("10:00:00"), in), in)
	if want := "seen        fallbackFor: nothing of its lead, unusable: what checkout has is not known"; !strings.Contains(words, want) {
		t.Errorf("want %q in\n%s", want, words)
	}
}
