package ecsfleet_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

var _ reconcile.Hosts = (*ecsfleet.Hosts)(nil)

// TestMotoHosts runs against moto, behind the local bed's stand-in, which answers
// for the task protection that moto does not know.
func TestMotoHosts(t *testing.T) {
	t.Parallel()
	server, err := local.StartMoto(t.Context(), localtest.Require(t, local.ToolMoto), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	standin, err := local.StartStandin(t.Context(), server.URL(), "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standin.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{url: standin.URL()}
	porttest.Hosts(t, func(t *testing.T) porttest.HostsBed {
		t.Helper()
		a := w.account(t)
		small, arns := a.small(t), make(map[fleet.InstanceID]string)
		return porttest.HostsBed{
			Hosts:    ecsfleet.NewHosts(a.ecs),
			Services: ecsfleet.New(a.ecs),
			Cluster:  prod,
			AddInstance: func(t *testing.T) fleet.InstanceID {
				t.Helper()
				id := a.instance(t)
				arns[id] = a.arnOf(t, id)
				return id
			},
			CreateService: func(t *testing.T, name fleet.ServiceName, daemon bool) { t.Helper(); a.onHosts(t, small, name, daemon) },
			RunTask: func(t *testing.T, on fleet.InstanceID, s fleet.ServiceName) string {
				t.Helper()
				return a.start(t, small, arns[on], s)
			},
			StopTask: func(t *testing.T, arn string) {
				t.Helper()
				if _, err := a.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String(string(prod)), Task: &arn}); err != nil {
					t.Fatal(err)
				}
			},
			Protect: func(_ *testing.T, arn string, on bool) { standin.Protect(arn, on) },
			Remove: func(t *testing.T, id fleet.InstanceID) {
				t.Helper()
				if _, err := a.ecs.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{
					Cluster: aws.String(string(prod)), ContainerInstance: aws.String(arns[id]), Force: aws.Bool(true),
				}); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// small registers a task definition of which a hundred fit on an instance of moto's.
func (a account) small(t *testing.T) string {
	t.Helper()
	out, err := a.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("small"), NetworkMode: types.NetworkModeBridge, Cpu: aws.String("32"), Memory: aws.String("64"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("app:local"), Cpu: 32, Memory: aws.Int32(64)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.TaskDefinition.TaskDefinitionArn)
}

func (a account) onHosts(t *testing.T, definition string, name fleet.ServiceName, daemon bool) {
	t.Helper()
	strategy := types.SchedulingStrategyReplica
	if daemon {
		strategy = types.SchedulingStrategyDaemon
	}
	if _, err := a.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String(string(prod)), ServiceName: aws.String(string(name)), DesiredCount: aws.Int32(0),
		TaskDefinition: aws.String(definition), LaunchType: types.LaunchTypeEc2, SchedulingStrategy: strategy,
	}); err != nil {
		t.Fatal(err)
	}
}

// start starts a task as the scheduler of the service does: moto's services start none.
func (a account) start(t *testing.T, definition, host string, service fleet.ServiceName) string {
	t.Helper()
	in := &ecs.StartTaskInput{Cluster: aws.String(string(prod)), TaskDefinition: aws.String(definition), ContainerInstances: []string{host}}
	if service != "" {
		in.Group, in.StartedBy = aws.String("service:"+string(service)), aws.String("ecs-svc/1")
	}
	out, err := a.ecs.StartTask(t.Context(), in)
	if err != nil || len(out.Tasks) != 1 {
		t.Fatalf("start a task: %v, %v", out, err)
	}
	return aws.ToString(out.Tasks[0].TaskArn)
}

func (a account) arnOf(t *testing.T, id fleet.InstanceID) string {
	t.Helper()
	is, err := ecsfleet.New(a.ecs).Instances(t.Context(), prod)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range is {
		if i.ID == id {
			return i.ARN
		}
	}
	t.Fatalf("instance %s is not in the cluster", id)
	return ""
}
