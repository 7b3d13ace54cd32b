package ecsfleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

// TestMoto runs against moto, which takes our requests for what AWS would: it
// checks their form and answers with AWS's own kinds of error.
func TestMoto(t *testing.T) {
	t.Parallel()
	server, err := local.StartMoto(t.Context(), localtest.Require(t, local.ToolMoto), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	w := &world{url: server.URL()}
	t.Run("conformance", func(t *testing.T) {
		porttest.Services(t, func(t *testing.T) porttest.ServicesBed {
			t.Helper()
			a := w.account(t)
			return porttest.ServicesBed{
				Services:    ecsfleet.New(a.ecs),
				Cluster:     prod,
				Create:      func(t *testing.T, name fleet.ServiceName, desired int) { t.Helper(); a.fargate(t, name, desired) },
				AddInstance: func(t *testing.T) fleet.InstanceID { t.Helper(); return a.instance(t) },
			}
		})
	})
	t.Run("a service on a group", func(t *testing.T) {
		t.Parallel()
		onGroupInMoto(t, w.account(t))
	})
	t.Run("typed errors", func(t *testing.T) {
		t.Parallel()
		typedErrors(t, w.account(t))
	})
}

func onGroupInMoto(t *testing.T, a account) {
	t.Helper()
	arn := a.group(t, "prod-m7g")
	if _, err := a.ecs.CreateCapacityProvider(t.Context(), &ecs.CreateCapacityProviderInput{
		Name: aws.String("m7g"), AutoScalingGroupProvider: &types.AutoScalingGroupProvider{AutoScalingGroupArn: aws.String(arn)},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String(string(prod)), ServiceName: aws.String("web"), TaskDefinition: aws.String(a.definition(t, types.LaunchTypeEc2)),
		DesiredCount: aws.Int32(2), LaunchType: types.LaunchTypeEc2,
	}); err != nil {
		t.Fatal(err)
	}
	got, err := ecsfleet.New(strategist{Client: a.ecs, provider: "m7g"}).Describe(t.Context(), prod, []fleet.ServiceName{"web"})
	if err != nil || len(got) != 1 {
		t.Fatalf("described %v, %v", got, err)
	}
	if s := got[0]; s.Group != "prod-m7g" || s.Provider != "m7g" || s.Compute != fleet.EC2 || s.TaskSize != (fleet.Resources{CPU: 256, Memory: 512}) {
		t.Errorf("described %+v, want it on prod-m7g with 256 CPU units and 512 MiB a task", s)
	}
}

// strategist gives the services the strategy that moto forgets.
type strategist struct {
	*ecs.Client
	provider string
}

func (s strategist) DescribeServices(ctx context.Context, in *ecs.DescribeServicesInput, opts ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	out, err := s.Client.DescribeServices(ctx, in, opts...)
	if err != nil {
		return nil, err
	}
	for i := range out.Services {
		out.Services[i].LaunchType = ""
		out.Services[i].CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String(s.provider), Weight: 1}}
	}
	return out, nil
}

func typedErrors(t *testing.T, a account) {
	t.Helper()
	s := ecsfleet.New(a.ecs)
	_, err := s.Describe(t.Context(), "nowhere", []fleet.ServiceName{"web"})
	if cluster, ok := errors.AsType[*types.ClusterNotFoundException](err); !ok {
		t.Errorf("describing services of an unknown cluster fails with %v (%v)", err, cluster)
	}
	err = s.SetDesiredCount(t.Context(), fleet.ServiceKey{Cluster: prod, Service: "nobody"}, 1)
	if service, ok := errors.AsType[*types.ServiceNotFoundException](err); !ok {
		t.Errorf("ordering for an unknown service fails with %v (%v)", err, service)
	}
}

// world is one moto server, which keeps accounts apart.
type world struct {
	url  string
	used atomic.Int64
}

// account is an account of its own with the empty cluster "prod".
type account struct {
	ecs    *ecs.Client
	groups *autoscaling.Client
	task   string // ARN of a task definition for Fargate
}

func (w *world) account(t *testing.T) account {
	t.Helper()
	id := fmt.Sprintf("%012d", w.used.Add(1))
	cfg := local.Endpoints{Region: "eu-west-1"}.Config(w.url)
	a := account{
		ecs: ecs.NewFromConfig(cfg, func(o *ecs.Options) {
			o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("x-moto-account-id", id))
		}),
		groups: autoscaling.NewFromConfig(cfg, func(o *autoscaling.Options) {
			o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("x-moto-account-id", id))
		}),
	}
	if _, err := a.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String(string(prod))}); err != nil {
		t.Fatal(err)
	}
	a.task = a.definition(t, types.LaunchTypeFargate)
	return a
}

// definition registers a task definition of 256 CPU units and 512 MiB.
func (a account) definition(t *testing.T, launch types.LaunchType) string {
	t.Helper()
	out, err := a.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeBridge,
		RequiresCompatibilities: []types.Compatibility{types.Compatibility(launch)},
		ContainerDefinitions:    []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("app:local"), Cpu: 256, Memory: aws.Int32(512)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.TaskDefinition.TaskDefinitionArn)
}

// fargate makes a service on Fargate. moto does not ask it for a network.
func (a account) fargate(t *testing.T, name fleet.ServiceName, desired int) {
	t.Helper()
	if _, err := a.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String(string(prod)), ServiceName: aws.String(string(name)), DesiredCount: aws.Int32(int32(desired)),
		TaskDefinition: aws.String(a.task), LaunchType: types.LaunchTypeFargate,
	}); err != nil {
		t.Fatal(err)
	}
}

// group makes a group of one instance and gives its ARN.
func (a account) group(t *testing.T, name string) string {
	t.Helper()
	if _, err := a.groups.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String(name), ImageId: aws.String("ami-12c6146b"), InstanceType: aws.String("m5.large"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.groups.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String(name), LaunchConfigurationName: aws.String(name), AvailabilityZones: []string{"eu-west-1a"},
		MinSize: aws.Int32(0), MaxSize: aws.Int32(4), DesiredCapacity: aws.Int32(1),
	}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(a.described(t, name).AutoScalingGroups[0].AutoScalingGroupARN)
}

func (a account) described(t *testing.T, name string) *autoscaling.DescribeAutoScalingGroupsOutput {
	t.Helper()
	out, err := a.groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil || len(out.AutoScalingGroups) != 1 {
		t.Fatalf("describe group %s: %v", name, err)
	}
	return out
}

// instance starts an EC2 instance, by way of a group, and registers it in the cluster.
func (a account) instance(t *testing.T) fleet.InstanceID {
	t.Helper()
	name := "host-" + strings.ReplaceAll(fmt.Sprint(len(a.all(t))), " ", "")
	a.group(t, name)
	id := aws.ToString(a.described(t, name).AutoScalingGroups[0].Instances[0].InstanceId)
	if _, err := a.ecs.RegisterContainerInstance(t.Context(), &ecs.RegisterContainerInstanceInput{
		Cluster: aws.String(string(prod)), InstanceIdentityDocument: aws.String(fmt.Sprintf(`{"instanceId":%q,"region":"eu-west-1"}`, id)),
	}); err != nil {
		t.Fatal(err)
	}
	return fleet.InstanceID(id)
}

// all gives the container instances there are.
func (a account) all(t *testing.T) []string {
	t.Helper()
	out, err := a.ecs.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Cluster: aws.String(string(prod))})
	if err != nil {
		t.Fatal(err)
	}
	return out.ContainerInstanceArns
}
