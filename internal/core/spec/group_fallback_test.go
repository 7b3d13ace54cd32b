package spec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestValidateFallbacks(t *testing.T) {
	t.Parallel()
	of := func(fallbacks map[fleet.GroupName]fleet.GroupName) spec.Document {
		d := spec.Document{Cluster: "prod", Groups: map[fleet.GroupName]spec.Group{}}
		for n, f := range fallbacks {
			d.Groups[n] = spec.Group{ScaleOut: spec.GroupScaleOut{Fallback: f}}
		}
		return d
	}
	for _, tt := range []struct {
		name string
		d    spec.Document
		want []spec.Problem
	}{
		{"a pair", of(map[fleet.GroupName]fleet.GroupName{"spot": "standby", "standby": ""}), nil},
		{"two pairs", of(map[fleet.GroupName]fleet.GroupName{"a": "b", "b": "", "c": "d", "d": ""}), nil},
		{"itself", of(map[fleet.GroupName]fleet.GroupName{"spot": "spot"}), []spec.Problem{
			problem("groups spot scaleOut fallback", "group spot is its own fallback", "name another group, or remove the line"),
		}},
		{"none of the document", of(map[fleet.GroupName]fleet.GroupName{"spot": "standby"}), []spec.Problem{
			problem("groups spot scaleOut fallback", `the document has no group "standby"`, `add "standby" to groups, or name one that is there`),
		}},
		{"a chain", of(map[fleet.GroupName]fleet.GroupName{"a": "b", "b": "c", "c": ""}), []spec.Problem{
			problem("groups a scaleOut fallback", "fallback b has the fallback c", "let the groups have one last fallback: a fallback has none of its own"),
		}},
		{"a circle", of(map[fleet.GroupName]fleet.GroupName{"a": "b", "b": "a"}), []spec.Problem{
			problem("groups a scaleOut fallback", "fallback b has the fallback a", "let the groups have one last fallback: a fallback has none of its own"),
			problem("groups b scaleOut fallback", "fallback a has the fallback b", "let the groups have one last fallback: a fallback has none of its own"),
		}},
		{"shared by two", of(map[fleet.GroupName]fleet.GroupName{"a": "c", "b": "c", "c": ""}), []spec.Problem{
			problem("groups b scaleOut fallback", "c is the fallback of a already", "give each group a fallback of its own"),
		}},
		{"an ARN", of(map[fleet.GroupName]fleet.GroupName{"spot": "arn:aws:x"}), []spec.Problem{
			problem("groups spot scaleOut fallback", `"arn:aws:x" is not an Auto Scaling group name`, "give the name of the Auto Scaling group, not its ARN"),
			problem("groups spot scaleOut fallback", `the document has no group "arn:aws:x"`, `add "arn:aws:x" to groups, or name one that is there`),
		}},
	} {
		if diff := cmp.Diff(tt.want, tt.d.Validate()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestValidateFallbackCoolOff(t *testing.T) {
	t.Parallel()
	const hour = 60 * minute
	for d, ok := range map[spec.Duration]bool{5*minute - 1: false, 5 * minute: true, 24 * hour: true, 24*hour + 1: false} {
		g := spec.Group{ScaleOut: spec.GroupScaleOut{FallbackCoolOff: &d}}
		if got := len(g.Validate()) == 0; got != ok {
			t.Errorf("fallbackCoolOff %s: %v, want %v", d, got, ok)
		}
	}
}
