package asgfleet_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/aws/asgfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

var (
	_ reconcile.Activities = (*asgfleet.Activities)(nil)
	_ reconcile.Exits      = (*asgfleet.Exits)(nil)
)

func idsOf(g *asg) []fleet.InstanceID {
	var out []fleet.InstanceID
	for _, m := range g.instances {
		out = append(out, fleet.InstanceID(m.id))
	}
	return out
}

// TestExitsConform runs both forms of the termination through the suite.
func TestExitsConform(t *testing.T) {
	t.Parallel()
	for name, older := range map[string]bool{"several instances a call": false, "one instance a call": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			porttest.Exits(t, func(t *testing.T) porttest.ExitsBed {
				t.Helper()
				s := newStandin(t)
				s.older = older
				c := s.client()
				return porttest.ExitsBed{
					Exits:  asgfleet.NewExits(c),
					Groups: asgfleet.New(c),
					Create: func(_ *testing.T, name fleet.GroupName, minSize, maxSize, desired int) []fleet.InstanceID {
						return idsOf(s.create(string(name), minSize, maxSize, desired))
					},
					OneByOne: older,
					AddHook: func(_ *testing.T, g fleet.GroupName, name string, timeout time.Duration) {
						s.mu.Lock()
						defer s.mu.Unlock()
						s.groups[string(g)].hooks[name] = int(timeout / time.Second)
					},
					Waiting: func(t *testing.T, g fleet.GroupName, id fleet.InstanceID) drain.Hook {
						t.Helper()
						s.mu.Lock()
						defer s.mu.Unlock()
						group := s.groups[string(g)]
						i := group.find(string(id))
						if i < 0 || group.instances[i].token == "" {
							t.Fatalf("instance %s does not wait", id)
						}
						for name, timeout := range group.hooks {
							return drain.Hook{Name: name, Token: group.instances[i].token, Timeout: time.Duration(timeout) * time.Second}
						}
						t.Fatalf("group %s has no hook", g)
						return drain.Hook{}
					},
				}
			})
		})
	}
}

func TestActivitiesConform(t *testing.T) {
	t.Parallel()
	porttest.Activities(t, func(t *testing.T) porttest.ActivitiesBed {
		t.Helper()
		s := newStandin(t)
		return porttest.ActivitiesBed{
			Activities: asgfleet.NewActivities(s.client()),
			Create: func(_ *testing.T, name fleet.GroupName, instances int) []fleet.InstanceID {
				return idsOf(s.create(string(name), 0, instances, instances))
			},
			FailLaunch: func(_ *testing.T, g fleet.GroupName) {
				s.record(string(g), "Failed", "We currently do not have sufficient m7g.large capacity in the Availability Zone you requested (eu-west-1a).")
			},
			LaunchOne: func(_ *testing.T, g fleet.GroupName) { s.record(string(g), "Successful", "") },
			Refresh: func(_ *testing.T, g fleet.GroupName, on bool) {
				s.mu.Lock()
				defer s.mu.Unlock()
				group := s.groups[string(g)]
				if on {
					group.refreshes = append([]string{"InProgress"}, group.refreshes...)
					return
				}
				group.refreshes[0] = "Successful"
			},
			Now: func() time.Time { return s.now },
		}
	})
}
