package report

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// A record of the ledger becomes a decision with what was seen and each clause,
// about its own target alone.
func TestFromRecord(t *testing.T) {
	t.Parallel()
	web := fleet.ServiceKey{Cluster: "c", Service: "web"}.Target()
	rec := ledger.Record{
		Target: web, At: start(), Before: 37, Desired: 33, Rule: "ScaleInRateLimit", Because: "at most 10 % in 1m are removed: 4 of 37",
		Decision: json.RawMessage(`{"cell":{"cluster":"c"},"services":[
			{"service":"api","base":1,"clauses":[{"rule":"Paused"}]},
			{"service":"web","base":37,"running":36,"min":2,"max":60,
			 "policies":[{"policy":"cpu","type":"TargetTracking","verdict":"in","count":16,"demand":909.6,"target":60,"unit":" %","tasks":42,"datapoint":"1998-06-23T16:27:00Z"}],
			 "clauses":[{"rule":"TargetTracking","before":37,"after":16,"because":"needs 15.16"},{"rule":"ScaleInRateLimit","before":16,"after":33,"because":"at most 10 %","binding":true}]}]}`),
	}
	got, err := FromRecord(rec)
	if err != nil {
		t.Fatal(err)
	}
	want := Decision{
		At: start(), Before: 37, Desired: 33, Rule: "ScaleInRateLimit", Because: "at most 10 % in 1m are removed: 4 of 37",
		Inputs: []Fact{
			{"desired, running", "37, 36"},
			{"bounds", "2 to 60"},
			{"cpu", "demand 909.6 % of 42 tasks at 1998-06-23T16:27:00Z, target 60 % a task, wants 16 tasks (scale in)"},
		},
		Clauses: []Clause{
			{Rule: "TargetTracking", Before: 37, After: 16, Because: "needs 15.16"},
			{Rule: "ScaleInRateLimit", Before: 16, After: 33, Because: "at most 10 %", Binding: true},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("decision (-want +got):\n%s", d)
	}

	rec.Decision = nil
	if got, err := FromRecord(rec); err != nil || got.Desired != 33 || got.Clauses != nil {
		t.Errorf("a record without its decision gives %+v, %v", got, err)
	}
	rec.Decision = json.RawMessage(`{`)
	if _, err := FromRecord(rec); err == nil {
		t.Error("half a decision was taken")
	}

	group := ledger.Record{Target: fleet.GroupOf("c", "asg"), Before: 3, Desired: 5, Decision: json.RawMessage(
		`{"cell":{"cluster":"c"},"group":{"group":"asg","base":3,"waiting":7,"unplaced":2,"clauses":[{"rule":"Unplaced","before":3,"after":5,"because":"2 fit nowhere","binding":true}]}}`)}
	got, err = FromRecord(group)
	if err != nil {
		t.Fatal(err)
	}
	want = Decision{
		Before: 3, Desired: 5,
		Inputs:  []Fact{{"desired capacity", "3"}, {"waiting", "7 tasks, 2 of them fit on no instance, here or on the way"}},
		Clauses: []Clause{{Rule: "Unplaced", Before: 3, After: 5, Because: "2 fit nowhere", Binding: true}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("decision about a group (-want +got):\n%s", d)
	}
}
