package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// policies is the policy of checkout with these scaling policies in place of its own.
func policies(ps ...spec.Policy) spec.Service {
	s := checkoutPolicy()
	s.Policies = ps
	return s
}

// publish publishes one value for each of the last minutes, the present one excluded.
func (e e2e) publish(t *testing.T, namespace, name string, dimensions map[string]string, value float64) {
	t.Helper()
	m := local.Metric{Namespace: namespace, Name: name, Dimensions: dimensions}
	for ago := 30; ago >= 1; ago-- {
		m.Points = append(m.Points, local.Point{MinutesAgo: float64(ago), Value: &value})
	}
	if err := e.CloudWatch.Set(m); err != nil {
		t.Fatal(err)
	}
}

// enqueue puts messages into the bed's queue.
func (e e2e) enqueue(t *testing.T, messages int) {
	t.Helper()
	client := sqs.NewFromConfig(e.Endpoints().Config(e.Endpoints().MotoDirect))
	queue, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("checkout-jobs")})
	if err != nil {
		t.Fatal(err)
	}
	for sent := 0; sent < messages; sent += 10 {
		in := &sqs.SendMessageBatchInput{QueueUrl: queue.QueueUrl}
		for i := range min(10, messages-sent) {
			in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String("work")})
		}
		if _, err := client.SendMessageBatch(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

// wantOrder evaluates checkout as a person would and expects so many tasks to be ordered.
func (e e2e) wantOrder(t *testing.T, tasks int) reconcile.Outcome {
	t.Helper()
	o := outcome(t, e.invoke(t, []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`)))
	if o.Done != reconcile.OrderDone || o.Desired != tasks {
		t.Fatalf("outcome %+v, want %d ordered", o, tasks)
	}
	if got := e.desired(t); got != tasks {
		t.Fatalf("moto holds desired count %d, want %d", got, tasks)
	}
	return o
}

func backlog(latency time.Duration) spec.Policy {
	second := spec.Duration(time.Second)
	return spec.Policy{Backlog: &spec.Backlog{Queue: "checkout-jobs", AcceptableLatency: spec.Duration(latency), ProcessingTime: &second}}
}

// 300 messages to work off in 60 s and 2 a second on top, at 1 a second a task,
// need 7 tasks.
func TestBacklogPolicyScalesOut(t *testing.T) {
	t.Parallel()
	e := start(t, policies(backlog(time.Minute)), local.BedOptions{})
	queue := map[string]string{"QueueName": "checkout-jobs"}
	e.publish(t, "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, 300)
	e.publish(t, "AWS/SQS", "NumberOfMessagesSent", queue, 120)
	e.publish(t, "AWS/SQS", "NumberOfMessagesDeleted", queue, 120)
	e.publish(t, "AWS/SQS", "ApproximateAgeOfOldestMessage", queue, 30)
	e.enqueue(t, 1)
	e.wantOrder(t, 7)
	if got := len(e.AWS.Calls("GetQueueAttributes")); got == 0 {
		t.Error("the queue's own state was not read")
	}
}

// After idle hours the metrics of a queue are silent: its own state speaks. 80
// messages to work off in 10 s, at 1 a second a task, need 8 tasks.
func TestQueueStateScalesOutWhereMetricsAreSilent(t *testing.T) {
	t.Parallel()
	e := start(t, policies(backlog(10*time.Second)), local.BedOptions{})
	e.enqueue(t, 80)
	e.wantOrder(t, 8)
}

// A queue that is not there is no reason to do anything, and is said.
func TestUnknownQueueHolds(t *testing.T) {
	t.Parallel()
	e := start(t, policies(backlog(time.Minute)), local.BedOptions{Queues: []string{"another"}})
	rep := e.invoke(t, []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":true}`))
	if o := outcome(t, rep); o.Done != reconcile.Held {
		t.Errorf("outcome %+v, want a hold", o)
	}
	if got := fmt.Sprintf("%+v", rep.Cells[0].Input.Queues); !strings.Contains(got, "account and region") {
		t.Errorf("the input holds the queues %s, want one that failed with its remedy", got)
	}
	e.wantUpdates(t, 0)
}

func requests(expression string) spec.Policy {
	return spec.Policy{TargetTracking: &spec.TargetTracking{TargetPerTask: 100, Metric: &spec.Metric{
		Expression: expression,
		Metrics: map[string]spec.MathInput{
			"ok":  {Namespace: "Shop", Name: "Served", Statistic: "Sum", Dimensions: map[string]string{"App": "checkout"}},
			"bad": {Namespace: "Shop", Name: "Refused", Statistic: "Sum", Dimensions: map[string]string{"App": "checkout"}},
		},
	}}}
}

// 600 served and half of 600 refused, at 100 a task, need 9 tasks.
func TestExpressionScalesOut(t *testing.T) {
	t.Parallel()
	e := start(t, policies(requests("ok + bad / 2")), local.BedOptions{})
	e.publish(t, "Shop", "Served", map[string]string{"App": "checkout"}, 600)
	e.publish(t, "Shop", "Refused", map[string]string{"App": "checkout"}, 600)
	e.wantOrder(t, 9)
}

// An expression that CloudWatch refuses says so, and the CPU of the same
// service is read all the same: 4 tasks at 90 % of target 60.
func TestRefusedExpressionBlindsNothing(t *testing.T) {
	t.Parallel()
	cpu := spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}
	e := start(t, policies(requests("SINE(ok) + bad"), cpu), local.BedOptions{})
	e.cpu(t, 90, 4, 1)
	e.wantOrder(t, 6)
	rep := e.invoke(t, []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":true}`))
	if got := fmt.Sprintf("%+v", rep.Cells[0].Input.Signals); !strings.Contains(got, "Function 'SINE' not found") {
		t.Errorf("the input holds %s, want CloudWatch's words on the expression", got)
	}
}

// Four tasks at 90 % of target 60 in the newest 20 seconds need six.
func TestTwentySecondMetricScalesOut(t *testing.T) {
	t.Parallel()
	e := start(t, policies(spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilizationHighRes, TargetValue: 60}}), local.BedOptions{})
	m := local.ECSUtilization("prod", "checkout", "CPUUtilization", 90, 4, 1)
	m.Repeat, m.Points = false, nil
	newest := time.Now().Truncate(20 * time.Second).Add(-20 * time.Second)
	for i := range 60 {
		m.Points = append(m.Points, local.Point{Time: newest.Add(-time.Duration(i) * 20 * time.Second), Value: aws.Float64(90), SampleCount: aws.Float64(4)})
	}
	if err := e.CloudWatch.Set(m); err != nil {
		t.Fatal(err)
	}
	e.wantOrder(t, 6)
}
