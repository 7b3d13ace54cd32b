package ecsfleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

var _ reconcile.Services = (*ecsfleet.Services)(nil)

func TestDescribeAsksInTens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names int
		calls []int
	}{{0, nil}, {1, []int{1}}, {9, []int{9}}, {10, []int{10}}, {11, []int{10, 1}}, {20, []int{10, 10}}, {21, []int{10, 10, 1}}} {
		t.Run(fmt.Sprint(c.names), func(t *testing.T) {
			t.Parallel()
			f := serving()
			var names []fleet.ServiceName
			for i := range c.names {
				n := fmt.Sprintf("web-%02d", i)
				f.services[n] = running(n)
				names = append(names, fleet.ServiceName(n))
			}
			slices.Reverse(names)
			got, err := ecsfleet.New(f).Describe(t.Context(), prod, names)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != c.names {
				t.Fatalf("described %d services, want %d", len(got), c.names)
			}
			for i, s := range got {
				if s.Name != names[i] {
					t.Errorf("service %d is %s, want %s", i, s.Name, names[i])
				}
			}
			var calls []int
			for _, d := range f.described {
				calls = append(calls, len(d))
			}
			if diff := cmp.Diff(c.calls, calls); diff != "" {
				t.Errorf("names a call (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDescribeLeavesOutMissingAndRepeatedNames(t *testing.T) {
	t.Parallel()
	f := serving(running("web"), running("api"))
	got, err := ecsfleet.New(f).Describe(t.Context(), prod, []fleet.ServiceName{"web", "gone", "web", "api", "gone"})
	if err != nil {
		t.Fatal(err)
	}
	var names []fleet.ServiceName
	for _, s := range got {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]fleet.ServiceName{"web", "api"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestDescribeErrors(t *testing.T) {
	t.Parallel()
	throttled := &types.ServerException{Message: aws.String("busy")}
	for _, c := range []struct {
		name string
		fake *fakeECS
		want []string
	}{
		{"the call fails", &fakeECS{err: throttled}, []string{`"prod"`, "busy"}},
		{
			"a failure that is no absence",
			&fakeECS{failures: []types.Failure{{Arn: aws.String("arn/web"), Reason: aws.String("ACCESS_DENIED"), Detail: aws.String("no")}}},
			[]string{"arn/web", "ACCESS_DENIED", "no"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := ecsfleet.New(c.fake).Describe(t.Context(), prod, []fleet.ServiceName{"web"})
			if err == nil || got != nil {
				t.Fatalf("described %v, %v; want nothing and an error", got, err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not name %q", err, w)
				}
			}
		})
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	s := ecsfleet.New(&fakeECS{err: context.DeadlineExceeded})
	_, describing := s.Describe(t.Context(), prod, []fleet.ServiceName{"web"})
	_, naming := s.Names(t.Context(), prod)
	_, listing := s.Instances(t.Context(), prod)
	ordering := s.SetDesiredCount(t.Context(), fleet.ServiceKey{Cluster: prod, Service: "web"}, 1)
	for _, err := range []error{describing, naming, listing, ordering} {
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), string(prod)) {
			t.Errorf("error is %v, want the deadline with the cluster's name", err)
		}
	}
}

func TestDescribeMapsTheService(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := running("web")
	s.RunningCount, s.PendingCount = 1, 1
	s.Deployments = []types.Deployment{
		{Id: aws.String("ecs-svc/2"), Status: aws.String("PRIMARY"), RolloutState: types.DeploymentRolloutStateInProgress, DesiredCount: 2, RunningCount: 1, PendingCount: 1, FailedTasks: 3, CreatedAt: &at},
		{Id: aws.String("ecs-svc/1"), Status: aws.String("ACTIVE"), RolloutState: types.DeploymentRolloutStateCompleted, DesiredCount: 2, RunningCount: 2},
	}
	want := fleet.Service{
		Name: "web", ARN: "arn:aws:ecs:eu-west-1:123456789012:service/prod/web", Compute: fleet.Fargate,
		Active: true, Controller: "ECS", Desired: 2, Running: 1, Pending: 1, CPUSeconds: 60, MemorySeconds: 60,
		Deployments: []fleet.Deployment{
			{ID: "ecs-svc/2", Primary: true, RolloutState: "IN_PROGRESS", Desired: 2, Running: 1, Pending: 1, Failed: 3, CreatedAt: at},
			{ID: "ecs-svc/1", RolloutState: "COMPLETED", Desired: 2, Running: 2},
		},
	}
	if diff := cmp.Diff(want, one(t, serving(s))); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
}

// notActive is a service that nobody sizes: of what it runs nothing more is read.
func notActive(s *fleet.Service) { s.Active, s.CPUSeconds, s.MemorySeconds = false, 0, 0 }

func TestDescribeTellsKindsOfServiceApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*types.Service)
		want   func(*fleet.Service)
	}{
		{"daemon", func(s *types.Service) { s.SchedulingStrategy = types.SchedulingStrategyDaemon }, func(s *fleet.Service) { s.Daemon = true }},
		{"replica", func(s *types.Service) { s.SchedulingStrategy = types.SchedulingStrategyReplica }, func(*fleet.Service) {}},
		{"express mode", func(s *types.Service) { s.ResourceManagementType = types.ResourceManagementTypeEcs }, func(s *fleet.Service) { s.Managed = true }},
		{"customer's", func(s *types.Service) { s.ResourceManagementType = types.ResourceManagementTypeCustomer }, func(*fleet.Service) {}},
		{"draining", func(s *types.Service) { s.Status = aws.String("DRAINING") }, notActive},
		{"inactive", func(s *types.Service) { s.Status = aws.String("INACTIVE") }, notActive},
		{
			"blue and green",
			func(s *types.Service) {
				s.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy}
				s.TaskSets = []types.TaskSet{
					{Id: aws.String("ecs-svc/2"), Status: aws.String("ACTIVE"), ComputedDesiredCount: 2, RunningCount: 1, PendingCount: 1},
					{Id: aws.String("ecs-svc/1"), Status: aws.String("PRIMARY"), ComputedDesiredCount: 2, RunningCount: 2},
				}
			},
			func(s *fleet.Service) {
				s.Controller = "CODE_DEPLOY"
				s.Deployments = []fleet.Deployment{{ID: "ecs-svc/2", Desired: 2, Running: 1, Pending: 1}, {ID: "ecs-svc/1", Primary: true, Desired: 2, Running: 2}}
			},
		},
		{"external instances", func(s *types.Service) { s.LaunchType = types.LaunchTypeExternal }, func(s *fleet.Service) { s.Compute = fleet.External }},
		{"managed instances", func(s *types.Service) { s.LaunchType = types.LaunchTypeManagedInstances }, func(s *fleet.Service) { s.Compute = "managedInstances" }},
		{"a launch type of tomorrow", func(s *types.Service) { s.LaunchType = "LUNAR" }, func(s *fleet.Service) { s.Compute = "LUNAR" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := running("web")
			want := one(t, serving(s))
			c.change(&s)
			c.want(&want)
			if diff := cmp.Diff(want, one(t, serving(s))); diff != "" {
				t.Errorf("service (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	f := serving(running("web"), running("api"), running("jobs"))
	f.pageSize = 1
	got, err := ecsfleet.New(f).Names(t.Context(), prod)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]fleet.ServiceName{"api", "jobs", "web"}, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if f.listed != 3 {
		t.Errorf("listed %d pages, want 3", f.listed)
	}
}

func TestSetDesiredCountSendsNothingElse(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 5000} {
		f := serving()
		if err := ecsfleet.New(f).SetDesiredCount(t.Context(), fleet.ServiceKey{Cluster: prod, Service: "web"}, n); err != nil {
			t.Fatal(err)
		}
		want := []*ecs.UpdateServiceInput{{Cluster: aws.String("prod"), Service: aws.String("web"), DesiredCount: aws.Int32(int32(n))}}
		if diff := cmp.Diff(want, f.updates, cmpopts.IgnoreUnexported(ecs.UpdateServiceInput{})); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
}

func TestSetDesiredCountRefusesWhatIsNoCount(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 1 << 31} {
		f := serving()
		err := ecsfleet.New(f).SetDesiredCount(t.Context(), fleet.ServiceKey{Cluster: prod, Service: "web"}, n)
		if err == nil || !strings.Contains(err.Error(), "prod/web") || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("error is %v, want the service and %d in it", err, n)
		}
		if len(f.updates) != 0 {
			t.Errorf("%d was sent", n)
		}
	}
}
