package spec_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	key  = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}
)

func TestLeast(t *testing.T) {
	t.Parallel()
	tests := []struct{ a, b, want spec.Mode }{
		{spec.Act, spec.Act, spec.Act},
		{spec.Act, spec.Observe, spec.Observe},
		{spec.Observe, spec.Act, spec.Observe},
		{spec.Observe, spec.Observe, spec.Observe},
		{spec.Act, "", spec.Observe},
		{"", spec.Act, spec.Observe},
		{"", "", spec.Observe},
		{spec.Act, "ACT", spec.Observe},
	}
	for _, tt := range tests {
		if got := spec.Least(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: got %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

// A target's own mode narrows the document's and never widens it.
func TestRowsFoldTheMode(t *testing.T) {
	t.Parallel()
	tests := []struct{ doc, own, want spec.Mode }{
		{spec.Act, spec.Act, spec.Act},
		{spec.Act, "", spec.Act},
		{spec.Act, spec.Observe, spec.Observe},
		{spec.Observe, spec.Act, spec.Observe},
		{spec.Observe, "", spec.Observe},
		{spec.Observe, spec.Observe, spec.Observe},
		{"", spec.Act, spec.Observe},
		{"", "", spec.Observe},
	}
	for _, tt := range tests {
		s := service()
		s.Mode = tt.own
		d := spec.Document{
			Cluster: "prod", Mode: tt.doc, Services: map[fleet.ServiceName]spec.Service{"checkout": s},
			Groups: map[fleet.GroupName]spec.Group{"m7g": {Mode: tt.own}},
		}
		services, groups := d.Rows()
		s.Mode = tt.want
		if diff := cmp.Diff(map[fleet.ServiceName]spec.Service{"checkout": s}, services); diff != "" {
			t.Errorf("%q over %q, services (-want +got):\n%s", tt.doc, tt.own, diff)
		}
		if diff := cmp.Diff(map[fleet.GroupName]spec.Group{"m7g": {Mode: tt.want}}, groups); diff != "" {
			t.Errorf("%q over %q, groups (-want +got):\n%s", tt.doc, tt.own, diff)
		}
		if d.Services["checkout"].Mode != tt.own || d.Groups["m7g"].Mode != tt.own {
			t.Errorf("%q over %q: the document was changed", tt.doc, tt.own)
		}
	}
}

func TestRowsOfNothing(t *testing.T) {
	t.Parallel()
	if services, groups := (spec.Document{}).Rows(); services == nil || groups == nil || len(services)+len(groups) != 0 {
		t.Errorf("got %v and %v, want two empty maps", services, groups)
	}
}

func TestOverrideLive(t *testing.T) {
	t.Parallel()
	o := spec.Override{Kind: spec.Pause, Until: noon}
	tests := []struct {
		name string
		now  time.Time
		want bool
	}{
		{"a nanosecond before", noon.Add(-1), true},
		{"at its end", noon, false},
		{"after", noon.Add(time.Hour), false},
		{"at its end, told in another zone", noon.In(time.FixedZone("CET", 3600)), false},
	}
	for _, tt := range tests {
		if got := o.Live(tt.now); got != tt.want {
			t.Errorf("%s: got %t", tt.name, got)
		}
	}
}
