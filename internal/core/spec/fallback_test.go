package spec_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// standIn is a fallback for checkout without fault.
func standIn() spec.Service {
	return spec.Service{MaxCapacity: 60, FallbackFor: &spec.FallbackFor{Service: "checkout"}}
}

func TestValidateFallback(t *testing.T) {
	t.Parallel()
	span := func(d time.Duration) *spec.Duration { return new(spec.Duration(d)) }
	tests := []struct {
		name string
		edit func(*spec.Service)
		want *spec.Problem
	}{
		{"as it is", func(*spec.Service) {}, nil},
		{"a floor", func(s *spec.Service) { s.MinCapacity = 2 }, nil},
		{"a window to zero", func(s *spec.Service) {
			s.MinCapacity, s.Scheduled = 2, []spec.Scheduled{{Name: "night", From: "22:00", To: "06:00", MinCapacity: new(0)}}
		}, nil},
		{"after 0s", func(s *spec.Service) { s.FallbackFor.After = span(0) }, nil},
		{"after 1h", func(s *spec.Service) { s.FallbackFor.After = span(time.Hour) }, nil},
		{"after more", func(s *spec.Service) { s.FallbackFor.After = span(time.Hour + 1) }, new(problem("fallbackFor after", "after 1h0m0.000000001s is out of range", "use 0s to 1h"))},
		{"after less", func(s *spec.Service) { s.FallbackFor.After = span(-time.Second) }, new(problem("fallbackFor after", "after -1s is out of range", "use 0s to 1h"))},
		{"coolOff 1m", func(s *spec.Service) { s.FallbackFor.CoolOff = span(time.Minute) }, nil},
		{"coolOff 24h", func(s *spec.Service) { s.FallbackFor.CoolOff = span(24 * time.Hour) }, nil},
		{"coolOff less", func(s *spec.Service) { s.FallbackFor.CoolOff = span(59 * time.Second) }, new(problem("fallbackFor coolOff", "coolOff 59s is out of range", "use 1m to 24h"))},
		{"coolOff more", func(s *spec.Service) { s.FallbackFor.CoolOff = span(24*time.Hour + time.Second) }, new(problem("fallbackFor coolOff", "coolOff 24h0m1s is out of range", "use 1m to 24h"))},
		{"no service", func(s *spec.Service) { s.FallbackFor.Service = "" }, new(problem("fallbackFor service", `"" is not an ECS service name`, "give the short name of the ECS service, not its ARN"))},
		{"policies", func(s *spec.Service) { s.Policies = []spec.Policy{cpu(60), cpu(70)}; named(s.Policies) }, new(problem(
			"policies", "a fallback has no policies of its own, and there are 2", "leave them out: the policies of the service named in fallbackFor tell what is wanted"))},
		{"activation", func(s *spec.Service) { s.Activation = &spec.Activation{} }, new(problem(
			"activation", "a fallback has no activation", "remove it: a fallback goes to and from zero with what the other service lacks"))},
		{"neither", func(s *spec.Service) { s.FallbackFor, s.MinCapacity = nil, 1 }, new(problem("policies", "the service has no scaling policy", "add a targetTracking policy"))},
	}
	for _, tt := range tests {
		s := standIn()
		tt.edit(&s)
		var want []spec.Problem
		if tt.want != nil {
			want = []spec.Problem{*tt.want}
		}
		if diff := cmp.Diff(want, s.Validate()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestValidatePairs(t *testing.T) {
	t.Parallel()
	at := func(name, message, remedy string) spec.Problem {
		return spec.Problem{Path: []string{"services", name, "fallbackFor", "service"}, Message: message, Remedy: remedy}
	}
	stand := func(n fleet.ServiceName) spec.Service {
		s := standIn()
		s.FallbackFor.Service = n
		return s
	}
	tests := []struct {
		name  string
		extra map[fleet.ServiceName]spec.Service
		want  []spec.Problem
	}{
		{"a pair", map[fleet.ServiceName]spec.Service{"standard": stand("checkout")}, nil},
		{"itself", map[fleet.ServiceName]spec.Service{"standard": stand("standard")}, []spec.Problem{
			at("standard", `"standard" cannot be its own fallback`, "name the service that runs on Fargate Spot"),
		}},
		{"misspelt", map[fleet.ServiceName]spec.Service{"standard": stand("chekout")}, []spec.Problem{
			at("standard", `"chekout" is no service of this document`, `name a service of this document, as "checkout"`),
		}},
		{"elsewhere", map[fleet.ServiceName]spec.Service{"standard": stand("orders")}, []spec.Problem{
			at("standard", `"orders" is no service of this document`, "name a service of this document"),
		}},
		{"two for one", map[fleet.ServiceName]spec.Service{"a": stand("checkout"), "b": stand("checkout")}, []spec.Problem{
			at("b", `"a" is the fallback for "checkout" already`, "keep one of the two"),
		}},
		{"in a row", map[fleet.ServiceName]spec.Service{"a": stand("checkout"), "b": stand("a")}, []spec.Problem{
			at("b", `"a" is a fallback itself`, "name a service with policies: a fallback has no fallback"),
		}},
		{"for each other", map[fleet.ServiceName]spec.Service{"a": stand("b"), "b": stand("a")}, []spec.Problem{
			at("a", `"b" is a fallback itself`, "name a service with policies: a fallback has no fallback"),
			at("b", `"a" is a fallback itself`, "name a service with policies: a fallback has no fallback"),
		}},
	}
	for _, tt := range tests {
		d := document()
		maps.Copy(d.Services, tt.extra)
		if diff := cmp.Diff(tt.want, d.Validate()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTimesOfAFallback(t *testing.T) {
	t.Parallel()
	if f := (spec.FallbackFor{}); f.AfterTime() != 3*time.Minute || f.CoolOffTime() != 30*time.Minute {
		t.Errorf("by default %s and %s", f.AfterTime(), f.CoolOffTime())
	}
	f := spec.FallbackFor{After: new(spec.Duration(0)), CoolOff: new(spec.Duration(time.Hour))}
	if f.AfterTime() != 0 || f.CoolOffTime() != time.Hour {
		t.Errorf("of its own %s and %s", f.AfterTime(), f.CoolOffTime())
	}
}
