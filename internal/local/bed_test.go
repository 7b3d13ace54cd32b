package local_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/logging"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

func TestBed(t *testing.T) {
	t.Parallel()
	localtest.Require(t, local.ToolJava, local.ToolDynamoDB, local.ToolMoto)
	var seeded local.Endpoints
	bed := localtest.Bed(t, local.BedOptions{
		Functions: []local.Function{{
			Name: "echo", Bootstrap: localtest.BuildBootstrap(t, "./testdata/echo"), Env: map[string]string{"TRIMTAB_MODE": "observe"},
		}},
		Services: []local.ServiceSeed{{Name: "checkout", DesiredCount: 4}, {Name: "worker", DesiredCount: 2, EC2: true}, {Name: "idle"}},
		Group:    &local.GroupSeed{Name: "prod-m5", DesiredCapacity: 2},
		Metrics:  []local.Metric{local.ECSUtilization("prod", "checkout", "CPUUtilization", 50, 4, 3)},
		Seed: func(_ context.Context, e local.Endpoints) error {
			seeded = e
			return nil
		},
	})
	e := bed.Endpoints()
	if seeded.DynamoDB == "" || seeded.DynamoDB != e.DynamoDB || seeded.Table != e.Table {
		t.Errorf("seed saw %+v, want the bed's endpoints", seeded)
	}
	if calls := bed.AWS.Calls(""); len(calls) != 0 {
		t.Errorf("seeding was recorded: %+v", calls)
	}
	t.Run("services", func(t *testing.T) {
		t.Parallel()
		client := ecs.NewFromConfig(e.Config(e.MotoDirect))
		out, err := client.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: &e.Cluster, Services: []string{"checkout", "worker", "idle"}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range out.Services {
			got = append(got, fmt.Sprintf("%s %s %d/%d/%d %s", *s.ServiceName, s.LaunchType, s.DesiredCount, s.RunningCount, s.PendingCount, s.Deployments[0].RolloutState))
		}
		want := []string{"checkout FARGATE 4/4/0 COMPLETED", "worker EC2 2/2/0 COMPLETED", "idle FARGATE 0/0/0 COMPLETED"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("services (-want +got):\n%s", diff)
		}
	})
	t.Run("queues", func(t *testing.T) {
		t.Parallel()
		client := sqs.NewFromConfig(e.Config(e.AWS))
		out, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("checkout-jobs")})
		if err != nil {
			t.Fatal(err)
		}
		state, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: out.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages},
		})
		if err != nil || state.Attributes["ApproximateNumberOfMessages"] != "0" {
			t.Errorf("attributes %+v, %v: want an empty queue", state, err)
		}
		if calls := bed.AWS.Calls("GetQueueAttributes"); len(calls) != 1 {
			t.Errorf("%d calls were recorded, want one", len(calls))
		}
		if diff := cmp.Diff([]string{"checkout-jobs"}, e.Queues); diff != "" {
			t.Errorf("queues (-want +got):\n%s", diff)
		}
	})
	t.Run("group", func(t *testing.T) {
		t.Parallel()
		checkGroup(t, e)
	})
	t.Run("table", func(t *testing.T) {
		t.Parallel()
		client := local.NewDynamoDBClient(e.DynamoDB)
		out, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &e.Table})
		if err != nil || aws.ToString(out.TimeToLiveDescription.AttributeName) != "expiresAt" {
			t.Errorf("time to live %+v, %v: want it on expiresAt", out, err)
		}
	})
	t.Run("function environment", func(t *testing.T) {
		t.Parallel()
		res, err := bed.Lambda.Invoke(t.Context(), "echo", []byte(`{"do":"echo"}`))
		if err != nil {
			t.Fatal(err)
		}
		env := decode[echoAnswer](t, res.Payload).Env
		want := bed.Env()
		want["TRIMTAB_MODE"] = "observe"
		delete(want, "AWS_ENDPOINT_URL_LAMBDA")
		for name, value := range want {
			if env[name] != value {
				t.Errorf("%s = %q, want %q", name, env[name], value)
			}
		}
	})
}

func checkGroup(t *testing.T, e local.Endpoints) {
	t.Helper()
	groups := autoscaling.NewFromConfig(e.Config(e.MotoDirect))
	g, err := groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"prod-m5"}})
	if err != nil || len(g.AutoScalingGroups) != 1 || len(g.AutoScalingGroups[0].Instances) != 2 {
		t.Fatalf("groups %+v, %v: want prod-m5 with two instances", g, err)
	}
	client := ecs.NewFromConfig(e.Config(e.MotoDirect))
	list, err := client.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Cluster: &e.Cluster})
	if err != nil || len(list.ContainerInstanceArns) != 2 {
		t.Fatalf("container instances %+v, %v: want two", list, err)
	}
	out, err := client.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
		Cluster: &e.Cluster, ContainerInstances: list.ContainerInstanceArns,
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, i := range g.AutoScalingGroups[0].Instances {
		ids[*i.InstanceId] = true
	}
	for _, i := range out.ContainerInstances {
		if !ids[aws.ToString(i.Ec2InstanceId)] {
			t.Errorf("container instance of %s, which is not in the group", aws.ToString(i.Ec2InstanceId))
		}
	}
	providers, err := client.DescribeCapacityProviders(t.Context(), &ecs.DescribeCapacityProvidersInput{CapacityProviders: []string{"prod-m5"}})
	if err != nil || len(providers.CapacityProviders) != 1 ||
		providers.CapacityProviders[0].AutoScalingGroupProvider.ManagedScaling.Status != ecstypes.ManagedScalingStatusDisabled {
		t.Errorf("capacity providers %+v, %v: want prod-m5 without managed scaling", providers, err)
	}
}

// recordDynamoDB serves a recorder in front of the shared DynamoDB Local.
func recordDynamoDB(t *testing.T) *local.Recorder {
	t.Helper()
	r, err := local.StartRecorder(t.Context(), localtest.DynamoDB(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// The reply of a conditional write is lost: the write is there, and the client's retry sees its own condition fail.
func TestLostReplyFromDynamoDB(t *testing.T) {
	t.Parallel()
	client, table := localtest.Table(t)
	r := recordDynamoDB(t)
	text := func(s string) dynamotypes.AttributeValue { return &dynamotypes.AttributeValueMemberS{Value: s} }
	put := &dynamodb.PutItemInput{
		TableName: &table, Item: map[string]dynamotypes.AttributeValue{"pk": text("a"), "sk": text("b")},
		ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}
	r.Fail(local.Fault{Op: "PutItem", CutReply: true})
	_, err := local.NewDynamoDBClient(r.URL()).PutItem(t.Context(), put)
	if _, failed := errors.AsType[*dynamotypes.ConditionalCheckFailedException](err); !failed {
		t.Errorf("error %v, want ConditionalCheckFailedException of the retry", err)
	}
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil || out.Count != 1 {
		t.Errorf("scan %+v, %v: want the one item", out, err)
	}
}

// Functions use a plain client, and its warnings about DynamoDB Local's wrong checksums would drown their logs.
func TestRecorderKeepsChecksumWarningsAway(t *testing.T) {
	t.Parallel()
	_, table := localtest.Table(t)
	r := recordDynamoDB(t)
	warnings := func(endpoint string) string {
		var log bytes.Buffer
		cfg := local.Endpoints{Region: "us-east-1"}.Config(endpoint)
		cfg.Logger = logging.NewStandardLogger(&log)
		_, err := dynamodb.NewFromConfig(cfg).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
			TableName: &table, ConditionExpression: aws.String("attribute_exists(pk)"),
			Key: map[string]dynamotypes.AttributeValue{
				"pk": &dynamotypes.AttributeValueMemberS{Value: "a"}, "sk": &dynamotypes.AttributeValueMemberS{Value: "b"},
			},
		})
		if _, failed := errors.AsType[*dynamotypes.ConditionalCheckFailedException](err); !failed {
			t.Errorf("error %v, want ConditionalCheckFailedException", err)
		}
		return log.String()
	}
	if got := warnings(localtest.DynamoDB(t).URL()); !strings.Contains(got, "checksum") {
		t.Errorf("DynamoDB Local's checksums seem to be right now (log %q): drop this care", got)
	}
	if got := warnings(r.URL()); got != "" {
		t.Errorf("log through the recorder %q, want none", got)
	}
}

func TestServersEndWithClose(t *testing.T) {
	t.Parallel()
	tools := localtest.Require(t, local.ToolMoto)
	s, err := local.StartMoto(t.Context(), tools, 1, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL())
	if err != nil || u.Hostname() != "127.0.0.1" {
		t.Errorf("URL %s, %v: want it on 127.0.0.1", s.URL(), err)
	}
	s.Close()
	var d net.Dialer
	if conn, err := d.DialContext(t.Context(), "tcp", u.Host); err == nil {
		_ = conn.Close()
		t.Errorf("%s still answers", u.Host)
	}
	if exists("/proc/self") && exists("/proc/"+strconv.Itoa(s.PID())) {
		t.Errorf("process %d is still there", s.PID())
	}
}

func TestServerThatCannotStart(t *testing.T) {
	t.Parallel()
	tools := local.Tools{Dir: t.TempDir()}
	_, err := local.StartMoto(t.Context(), tools, 1, nil)
	missing, ok := errors.AsType[*local.MissingToolError](err)
	if !ok || missing.Tool != local.ToolMoto || !strings.Contains(err.Error(), "run `make tools`") {
		t.Errorf("error %v, want the missing tool and its remedy", err)
	}
	script := filepath.Join(tools.Dir, "bin", local.ToolMoto)
	if err := os.MkdirAll(filepath.Dir(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho no such port in town\nexit 9\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = local.StartMoto(t.Context(), tools, 1, nil)
	if err == nil || !strings.Contains(err.Error(), "exit status 9") || !strings.Contains(err.Error(), "no such port in town") {
		t.Errorf("error %v, want the exit and the last words", err)
	}
}

func TestTools(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("TRIMTAB_TOOLS", "")
	root, err := local.ModuleRoot("")
	if err != nil || !exists(filepath.Join(root, "go.mod")) {
		t.Errorf("module root %s, %v: want the folder of go.mod", root, err)
	}
	tools, err := local.FindTools(filepath.Join(root, "internal"))
	if err != nil || tools.Dir != filepath.Join(root, ".tools") {
		t.Errorf("tools in %s, %v: want .tools of %s", tools.Dir, err, root)
	}
	if _, err := local.FindTools(string(filepath.Separator)); err == nil || !strings.Contains(err.Error(), "inside a clone") {
		t.Errorf("error %v outside a module, want its remedy", err)
	}
	t.Setenv("TRIMTAB_TOOLS", "/shared/tools")
	if tools, err := local.FindTools(""); err != nil || tools.Dir != "/shared/tools" {
		t.Errorf("tools in %s, %v: want the folder of the variable", tools.Dir, err)
	}
}

func TestBuildFunctionThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	err := local.BuildFunction(t.Context(), "", "./testdata/none", filepath.Join(t.TempDir(), "bootstrap"))
	if err == nil || !strings.Contains(err.Error(), "build ./testdata/none") || !strings.Contains(err.Error(), "directory not found") {
		t.Errorf("error %v, want the compiler's words", err)
	}
}
