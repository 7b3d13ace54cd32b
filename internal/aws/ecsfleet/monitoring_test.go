package ecsfleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// monitoring is a configuration of so many seconds for each metric, 0 for none.
func monitoring(cpu, memory int32) *types.MonitoringConfiguration {
	m := &types.MonitoringConfiguration{}
	for name, seconds := range map[string]int32{"CPUUtilization": cpu, "MemoryUtilization": memory} {
		if seconds > 0 {
			m.MetricConfigurations = append(m.MetricConfigurations, types.MetricConfiguration{MetricNames: []string{name}, ResolutionSeconds: &seconds})
		}
	}
	return m
}

// revised is a running service with these revisions.
func revised(name string, arns ...string) types.Service {
	s := running(name)
	for _, arn := range arns {
		s.CurrentServiceRevisions = append(s.CurrentServiceRevisions, types.ServiceCurrentRevisionSummary{Arn: &arn})
	}
	return s
}

func TestResolutionComesFromTheRevisions(t *testing.T) {
	t.Parallel()
	both := &types.MonitoringConfiguration{MetricConfigurations: []types.MetricConfiguration{
		{MetricNames: []string{"MemoryUtilization", "CPUUtilization"}, ResolutionSeconds: aws.Int32(20)},
	}}
	for _, c := range []struct {
		name        string
		revisions   []*types.MonitoringConfiguration
		cpu, memory int
		unknown     string
	}{
		{"no revision", nil, 60, 60, ""},
		{"no configuration", []*types.MonitoringConfiguration{nil}, 60, 60, ""},
		{"an empty one", []*types.MonitoringConfiguration{{}}, 60, 60, ""},
		{"CPU alone", []*types.MonitoringConfiguration{monitoring(20, 0)}, 20, 60, ""},
		{"memory alone", []*types.MonitoringConfiguration{monitoring(0, 20)}, 60, 20, ""},
		{"60 by name", []*types.MonitoringConfiguration{monitoring(60, 60)}, 60, 60, ""},
		{"both in one", []*types.MonitoringConfiguration{both}, 20, 20, ""},
		{"no seconds", []*types.MonitoringConfiguration{{MetricConfigurations: []types.MetricConfiguration{{MetricNames: []string{"CPUUtilization"}}}}}, 60, 60, ""},
		{"a deployment that keeps it", []*types.MonitoringConfiguration{monitoring(20, 0), monitoring(20, 60)}, 20, 60, ""},
		{"a deployment that changes it", []*types.MonitoringConfiguration{monitoring(20, 0), nil}, 0, 0, "CPU 20 s and 60 s, memory 60 s and 60 s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := serving()
			f.revisions = make(map[string]*types.MonitoringConfiguration)
			var arns []string
			for i, m := range c.revisions {
				arns = append(arns, fmt.Sprintf("revision/%d", i))
				f.revisions[arns[i]] = m
			}
			f.services["web"] = revised("web", arns...)
			got := one(t, f)
			if got.CPUSeconds != c.cpu || got.MemorySeconds != c.memory || !strings.Contains(got.MonitoringUnknown, c.unknown) ||
				(got.MonitoringUnknown == "") != (c.unknown == "") {
				t.Errorf("CPU every %d s, memory every %d s, unknown because %q", got.CPUSeconds, got.MemorySeconds, got.MonitoringUnknown)
			}
		})
	}
}

func TestARevisionIsReadOnce(t *testing.T) {
	t.Parallel()
	f := serving()
	f.revisions = map[string]*types.MonitoringConfiguration{}
	var names []fleet.ServiceName
	for i := range 25 {
		n, arn := fmt.Sprintf("web-%02d", i), fmt.Sprintf("revision/%02d", i)
		f.services[n], f.revisions[arn] = revised(n, arn), monitoring(20, 0)
		names = append(names, fleet.ServiceName(n))
	}
	s := ecsfleet.New(f)
	calls := func() (sizes []int) {
		for _, arns := range f.revisionsAsked {
			sizes = append(sizes, len(arns))
		}
		return sizes
	}
	for range 2 {
		got, err := s.Describe(t.Context(), prod, names)
		if err != nil || slices.ContainsFunc(got, func(s fleet.Service) bool { return s.CPUSeconds != 20 || s.MemorySeconds != 60 }) {
			t.Fatalf("described %+v, %v", got, err)
		}
		if diff := cmp.Diff([]int{20, 5}, calls()); diff != "" {
			t.Errorf("revisions a call (-want +got):\n%s", diff)
		}
	}
	// A deployment brings a revision that is not known.
	f.services["web-00"], f.revisions["revision/new"] = revised("web-00", "revision/00", "revision/new"), monitoring(20, 60)
	if _, err := s.Describe(t.Context(), prod, names); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{20, 5, 1}, calls()); diff != "" {
		t.Errorf("revisions a call after a deployment (-want +got):\n%s", diff)
	}
}

func TestRevisionsOfInactiveServicesAreNotAskedFor(t *testing.T) {
	t.Parallel()
	gone := revised("web", "revision/0")
	gone.Status = aws.String("INACTIVE")
	f := serving(gone)
	if got := one(t, f); got.CPUSeconds != 0 || got.MonitoringUnknown != "" || len(f.revisionsAsked) != 0 {
		t.Errorf("described %+v after asking for %v", got, f.revisionsAsked)
	}
}

// A resolution that cannot be read is unknown and says so; the service is
// described all the same.
func TestUnreadableRevisionsBlindNothing(t *testing.T) {
	t.Parallel()
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized to perform: ecs:DescribeServiceRevisions" + strings.Repeat(" on it", 100)}
	for _, c := range []struct {
		name    string
		err     error
		bad     string // the revision whose batch fails, "" for all
		unknown []fleet.ServiceName
		calls   int
		why     string
	}{
		{"denied", denied, "", []fleet.ServiceName{"web-0", "web-1", "web-2", "web-3"}, 1, "not authorized"},
		{"slow", context.DeadlineExceeded, "", []fleet.ServiceName{"web-0", "web-1", "web-2", "web-3"}, 1, "deadline"},
		{"one is refused", &types.InvalidParameterException{Message: aws.String("INACTIVE")}, "revision/1", []fleet.ServiceName{"web-1"}, 5, "INACTIVE"},
		{"one is missing", nil, "revision/2", []fleet.ServiceName{"web-2"}, 1, "MISSING"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := serving()
			f.revisions = map[string]*types.MonitoringConfiguration{}
			var names []fleet.ServiceName
			for i := range 4 {
				n, arn := fmt.Sprintf("web-%d", i), fmt.Sprintf("revision/%d", i)
				f.services[n] = revised(n, arn)
				names = append(names, fleet.ServiceName(n))
				if c.err != nil || arn != c.bad {
					f.revisions[arn] = monitoring(20, 20)
				}
			}
			f.revisionErr = func(arns []string) error {
				if c.bad == "" || slices.Contains(arns, c.bad) {
					return c.err
				}
				return nil
			}
			s := ecsfleet.New(f)
			got, err := s.Describe(t.Context(), prod, names)
			if err != nil || len(got) != 4 {
				t.Fatalf("described %v, %v", got, err)
			}
			var unknown []fleet.ServiceName
			for _, v := range got {
				if v.MonitoringUnknown == "" {
					if v.CPUSeconds != 20 || v.MemorySeconds != 20 {
						t.Errorf("%s sends every %d and %d s, want 20", v.Name, v.CPUSeconds, v.MemorySeconds)
					}
					continue
				}
				unknown = append(unknown, v.Name)
				if v.CPUSeconds != 0 || v.MemorySeconds != 0 || !strings.Contains(v.MonitoringUnknown, c.why) || len(v.MonitoringUnknown) > 300 {
					t.Errorf("%s sends every %d and %d s, unknown because %q", v.Name, v.CPUSeconds, v.MemorySeconds, v.MonitoringUnknown)
				}
			}
			if diff := cmp.Diff(c.unknown, unknown); diff != "" {
				t.Errorf("unknown (-want +got):\n%s", diff)
			}
			if len(f.revisionsAsked) != c.calls {
				t.Errorf("asked for %v, want %d calls", f.revisionsAsked, c.calls)
			}
			// What failed is not kept: the next reading asks again.
			f.revisionErr, f.revisions[c.bad] = nil, monitoring(20, 20)
			got, err = s.Describe(t.Context(), prod, names)
			if err != nil || slices.ContainsFunc(got, func(v fleet.Service) bool { return v.CPUSeconds != 20 }) {
				t.Errorf("described %+v, %v once ECS answers", got, err)
			}
		})
	}
}

func TestFailingRevisionsAreGivenUp(t *testing.T) {
	t.Parallel()
	f := serving()
	var names []fleet.ServiceName
	for i := range 60 {
		n := fmt.Sprintf("web-%02d", i)
		f.services[n] = revised(n, "revision/"+n)
		names = append(names, fleet.ServiceName(n))
	}
	f.revisionErr = func([]string) error { return errors.New("no route") }
	if _, err := ecsfleet.New(f).Describe(t.Context(), prod, names); err != nil || len(f.revisionsAsked) != 1 {
		t.Errorf("%d calls, %v; want one, since the others would fail too", len(f.revisionsAsked), err)
	}
	f.revisionErr, f.revisionsAsked = func([]string) error { return &types.InvalidParameterException{} }, nil
	if _, err := ecsfleet.New(f).Describe(t.Context(), prod, names); err != nil || len(f.revisionsAsked) > 3+2*10 {
		t.Errorf("%d calls, %v; want the splitting bounded", len(f.revisionsAsked), err)
	}
}
