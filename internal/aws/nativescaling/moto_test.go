package nativescaling_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

// TestMoto runs against moto, which takes our requests for what AWS would.
func TestMoto(t *testing.T) {
	t.Parallel()
	server, err := local.StartMoto(t.Context(), localtest.Require(t, local.ToolMoto), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	var used atomic.Int64
	open := func(t *testing.T) account {
		t.Helper()
		return newAccount(t, server.URL(), used.Add(1))
	}
	t.Run("conformance", func(t *testing.T) {
		porttest.Owners(t, func(t *testing.T) porttest.OwnersBed {
			t.Helper()
			a := open(t)
			return porttest.OwnersBed{
				Owners: a.owners(), Cluster: "prod", Own: a.own, Release: a.release, Group: "workers",
				OwnGroup: func(t *testing.T) { t.Helper(); a.manage(t) },
			}
		})
	})
	t.Run("a suspended service", func(t *testing.T) {
		t.Parallel()
		a := open(t)
		a.own(t, web())
		a.suspend(t, web())
		got, err := a.owners().Service(t.Context(), web(), false)
		if err != nil || got.Kind != "" || got.Detail == "" {
			t.Errorf("the owner is %+v, %v; want none, with a detail", got, err)
		}
	})
	t.Run("the group's own policy", func(t *testing.T) {
		t.Parallel()
		groupWriter(t, open(t), "ScalingPolicy", "AlarmNotification", account.policy)
	})
	t.Run("the group's own scheduled action", func(t *testing.T) {
		t.Parallel()
		groupWriter(t, open(t), "ScheduledAction", "ScheduledActions", account.schedule)
	})
}

// groupWriter expects what makes the group write to be found, and to be gone
// once the process that carries it out is suspended, as the remedy says.
func groupWriter(t *testing.T, a account, kind, process string, write func(account, *testing.T)) {
	t.Helper()
	write(a, t)
	got, err := a.owners().Group(t.Context(), "prod", "workers", false)
	if err != nil || got.Kind != kind {
		t.Fatalf("the owner is %+v, %v; want %s", got, err, kind)
	}
	if _, err := a.groups.SuspendProcesses(t.Context(), &autoscaling.SuspendProcessesInput{
		AutoScalingGroupName: aws.String("workers"), ScalingProcesses: []string{process},
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := a.owners().Group(t.Context(), "prod", "workers", false); err != nil || got.Kind != "" {
		t.Errorf("the owner is %+v, %v after suspending %s", got, err, process)
	}
}

// account is an account of its own in moto, with the cluster "prod", the
// services "web" and "web-2" and the group "workers".
type account struct {
	ecs     *ecs.Client
	groups  *autoscaling.Client
	targets *aas.Client
}

func newAccount(t *testing.T, url string, n int64) account {
	t.Helper()
	cfg := local.Endpoints{Region: "eu-west-1"}.Config(url)
	cfg.APIOptions = []func(*middleware.Stack) error{smithyhttp.AddHeaderValue("x-moto-account-id", fmt.Sprintf("%012d", n))}
	a := account{ecs: ecs.NewFromConfig(cfg), groups: autoscaling.NewFromConfig(cfg), targets: aas.NewFromConfig(cfg)}
	if _, err := a.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("prod")}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family:               aws.String("web"),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("app:local"), Memory: aws.Int32(64)}},
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web", "web-2"} {
		if _, err := a.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
			Cluster: aws.String("prod"), ServiceName: aws.String(name), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2),
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.groups.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("workers"), ImageId: aws.String("ami-12c6146b"), InstanceType: aws.String("m5.large"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.groups.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("workers"), LaunchConfigurationName: aws.String("workers"), AvailabilityZones: []string{"eu-west-1a"},
		MinSize: aws.Int32(0), MaxSize: aws.Int32(4), DesiredCapacity: aws.Int32(1),
	}); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a account) owners() *nativescaling.Owners {
	return nativescaling.New(a.ecs, a.groups, a.targets, time.Now)
}

func target(k fleet.ServiceKey) *aas.RegisterScalableTargetInput {
	return &aas.RegisterScalableTargetInput{
		ServiceNamespace: aastypes.ServiceNamespaceEcs, ScalableDimension: aastypes.ScalableDimensionECSServiceDesiredCount,
		ResourceId: aws.String("service/" + k.String()), MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(9),
	}
}

func (a account) own(t *testing.T, k fleet.ServiceKey) {
	t.Helper()
	in := target(k)
	if _, err := a.targets.RegisterScalableTarget(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := a.targets.PutScalingPolicy(t.Context(), &aas.PutScalingPolicyInput{
		ServiceNamespace: in.ServiceNamespace, ScalableDimension: in.ScalableDimension, ResourceId: in.ResourceId,
		PolicyName: aws.String("cpu60"), PolicyType: aastypes.PolicyTypeTargetTrackingScaling,
		TargetTrackingScalingPolicyConfiguration: &aastypes.TargetTrackingScalingPolicyConfiguration{
			TargetValue: aws.Float64(60),
			PredefinedMetricSpecification: &aastypes.PredefinedMetricSpecification{
				PredefinedMetricType: aastypes.MetricTypeECSServiceAverageCPUUtilization,
			},
		},
	}); err != nil {
		t.Fatal(err)
	}
}

// suspend does what the remedy says, with our own words for it.
func (a account) suspend(t *testing.T, k fleet.ServiceKey) {
	t.Helper()
	in := target(k)
	in.MinCapacity, in.MaxCapacity = nil, nil
	in.SuspendedState = &aastypes.SuspendedState{
		DynamicScalingInSuspended: aws.Bool(true), DynamicScalingOutSuspended: aws.Bool(true), ScheduledScalingSuspended: aws.Bool(true),
	}
	if _, err := a.targets.RegisterScalableTarget(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func (a account) release(t *testing.T, k fleet.ServiceKey) {
	t.Helper()
	in := target(k)
	if _, err := a.targets.DeregisterScalableTarget(t.Context(), &aas.DeregisterScalableTargetInput{
		ServiceNamespace: in.ServiceNamespace, ScalableDimension: in.ScalableDimension, ResourceId: in.ResourceId,
	}); err != nil {
		t.Fatal(err)
	}
}

// manage puts a capacity provider with managed scaling over the group.
func (a account) manage(t *testing.T) {
	t.Helper()
	out, err := a.groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"workers"}})
	if err != nil || len(out.AutoScalingGroups) != 1 {
		t.Fatalf("describe the group: %v", err)
	}
	p := managed("m5", aws.ToString(out.AutoScalingGroups[0].AutoScalingGroupARN))
	if _, err := a.ecs.CreateCapacityProvider(t.Context(), &ecs.CreateCapacityProviderInput{
		Name: p.Name, AutoScalingGroupProvider: p.AutoScalingGroupProvider,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ecs.PutClusterCapacityProviders(t.Context(), &ecs.PutClusterCapacityProvidersInput{
		Cluster: aws.String("prod"), CapacityProviders: []string{"FARGATE", "m5"}, DefaultCapacityProviderStrategy: []ecstypes.CapacityProviderStrategyItem{},
	}); err != nil {
		t.Fatal(err)
	}
}

func (a account) policy(t *testing.T) {
	t.Helper()
	if _, err := a.groups.PutScalingPolicy(t.Context(), &autoscaling.PutScalingPolicyInput{
		AutoScalingGroupName: aws.String("workers"), PolicyName: aws.String("more"), PolicyType: aws.String("SimpleScaling"),
		AdjustmentType: aws.String("ChangeInCapacity"), ScalingAdjustment: aws.Int32(1),
	}); err != nil {
		t.Fatal(err)
	}
}

func (a account) schedule(t *testing.T) {
	t.Helper()
	if _, err := a.groups.PutScheduledUpdateGroupAction(t.Context(), &autoscaling.PutScheduledUpdateGroupActionInput{
		AutoScalingGroupName: aws.String("workers"), ScheduledActionName: aws.String("morning"), Recurrence: aws.String("0 8 * * *"), MinSize: aws.Int32(2),
	}); err != nil {
		t.Fatal(err)
	}
}
