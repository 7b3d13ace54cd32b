package event_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/event"
)

// lambdaGoTestdata finds the samples that AWS itself keeps for aws-lambda-go, in
// the module cache: input that we did not write.
func lambdaGoTestdata(tb testing.TB) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	if err != nil {
		tb.Fatalf("find aws-lambda-go in the module cache: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "events", "testdata")
}

// theirKinds are the kinds of AWS's samples that are for us, by file name.
var theirKinds = map[string]event.Kind{
	"cloudwatch-alarm-sns-payload-single-metric.json":    event.Alarm,
	"cloudwatch-alarm-sns-payload-multiple-metrics.json": event.Alarm,
	"autoscaling-event-terminate-action.json":            event.Lifecycle,
	"autoscaling-event-launch-successful.json":           event.Launch,
	"autoscaling-event-launch-unsuccessful.json":         event.Launch,
	"autoscaling-event-terminate-successful.json":        event.Termination,
	"autoscaling-event-terminate-unsuccessful.json":      event.Termination,
	"ecs-container-instance-state-change.json":           event.HostChange,
	"sqs-event.json": event.Batch,
}

// TestLambdaGoTestdata decodes every sample of AWS: what is no event for us is
// refused or Unknown.
func TestLambdaGoTestdata(t *testing.T) {
	t.Parallel()
	ours := 0
	for name, raw := range readDir(t, lambdaGoTestdata(t)) {
		ev, err := event.Decode(raw)
		want, isOurs := theirKinds[name]
		if err != nil {
			if ev.Kind != "" || isOurs {
				t.Errorf("%s: kind %s beside error %v", name, ev.Kind, err)
			}
			continue
		}
		checkUsable(t, name, ev)
		switch {
		case isOurs:
			ours++
			if ev.Kind != want {
				t.Errorf("%s is %s via %s, want %s", name, ev.Kind, ev.Via, want)
			}
		case ev.Kind != event.Unknown:
			t.Errorf("%s is %s, want unknown", name, ev.Kind)
		}
	}
	if ours != len(theirKinds) {
		t.Errorf("found %d samples for us, want %d: aws-lambda-go has changed", ours, len(theirKinds))
	}
}

// TestLambdaGoAlarms compares with AWS's own Go type of the same message, on
// AWS's samples and on ours.
func TestLambdaGoAlarms(t *testing.T) {
	t.Parallel()
	files := readDir(t, lambdaGoTestdata(t))
	for name := range files {
		if !strings.HasPrefix(name, "cloudwatch-alarm-sns-payload-") {
			delete(files, name)
		}
	}
	for name, raw := range readDir(t, samplesDir) {
		if strings.HasPrefix(name, "aws.sns.alarm.") {
			files[name] = raw
		}
	}
	for name, raw := range files {
		ev, err := event.Decode(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var theirs events.SNSEvent
		if err := json.Unmarshal(raw, &theirs); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		i := 0
		for _, r := range theirs.Records {
			var p events.CloudWatchAlarmSNSPayload
			if json.Unmarshal([]byte(r.SNS.Message), &p) != nil {
				continue // a message that is no alarm
			}
			a := ev.Alarms[i]
			i++
			want := []string{p.AlarmName, p.NewStateValue, p.OldStateValue}
			if diff := cmp.Diff(want, []string{a.Name, string(a.State), string(a.Previous)}); diff != "" {
				t.Errorf("%s, record %d (-theirs +ours):\n%s", name, i, diff)
			}
			if diff := cmp.Diff(identities(p.Trigger), metricIdentities(a.Metrics)); diff != "" {
				t.Errorf("%s, record %d, metrics (-theirs +ours):\n%s", name, i, diff)
			}
		}
		if i != len(ev.Alarms) || ev.ID != theirs.Records[0].SNS.MessageID {
			t.Errorf("%s: %d alarms with id %q, want %d with %q", name, len(ev.Alarms), ev.ID, i, theirs.Records[0].SNS.MessageID)
		}
	}
}

// identities names the metrics of a trigger as AWS's type reads it.
func identities(trigger events.CloudWatchAlarmTrigger) []string {
	var ids []string
	add := func(namespace, name string, dims []events.CloudWatchDimension) {
		if name == "" {
			return
		}
		m := signal.Metric{Namespace: namespace, Name: name}
		for _, d := range dims {
			m.Dimensions = append(m.Dimensions, signal.Dimension{Name: d.Name, Value: d.Value})
		}
		ids = append(ids, m.Identity())
	}
	for _, q := range trigger.Metrics {
		add(q.MetricStat.Metric.Namespace, q.MetricStat.Metric.MetricName, q.MetricStat.Metric.Dimensions)
	}
	add(trigger.Namespace, trigger.MetricName, trigger.Dimensions)
	return ids
}

func metricIdentities(metrics []signal.Metric) []string {
	var ids []string
	for _, m := range metrics {
		ids = append(ids, m.Identity())
	}
	return ids
}

// TestLambdaGoEnvelope compares what the envelope says of EventBridge events, and
// the few fields of the detail that are read, with AWS's own Go types.
func TestLambdaGoEnvelope(t *testing.T) {
	t.Parallel()
	files := readDir(t, lambdaGoTestdata(t))
	for name, raw := range readDir(t, samplesDir) {
		if strings.HasPrefix(name, "aws.autoscaling.") || strings.HasPrefix(name, "aws.ec2.") || strings.HasPrefix(name, "aws.ecs.container-instance-") {
			files[name] = raw
		}
	}
	checked := 0
	for name, raw := range files {
		if !strings.HasPrefix(name, "aws.") && !strings.HasPrefix(name, "autoscaling-event-") && !strings.HasPrefix(name, "ecs-") && !strings.HasPrefix(name, "codepipeline-execution-") {
			continue
		}
		checked++
		var theirs events.EventBridgeEvent
		if err := json.Unmarshal(raw, &theirs); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := event.Decode(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := []any{event.ViaEventBridge, theirs.ID, theirs.Time.UTC(), theirs.AccountID, theirs.Region, theirs.Source, theirs.DetailType}
		if diff := cmp.Diff(want, []any{got.Via, got.ID, got.Time, got.Account, got.Region, got.Source, got.DetailType}); diff != "" {
			t.Errorf("%s (-theirs +ours):\n%s", name, diff)
		}
		if theirs.ID == "" || theirs.Source == "" || theirs.DetailType == "" {
			t.Errorf("%s has no metadata to compare: %+v", name, theirs)
		}
		compareDetail(t, name, raw, got)
	}
	if checked < 20 {
		t.Errorf("compared %d samples, want at least 20: aws-lambda-go has changed", checked)
	}
}

// compareDetail compares the detail with AWS's types of Auto Scaling's events and
// of ECS Container Instance State Change.
func compareDetail(t *testing.T, name string, raw []byte, got event.Event) {
	t.Helper()
	switch got.Kind {
	case event.Lifecycle, event.Launch, event.Termination:
		if strings.Contains(name, "string-detail") {
			return // their type does not take a detail in a string
		}
		var theirs events.AutoScalingEvent
		if err := json.Unmarshal(raw, &theirs); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for field, ours := range map[string]string{
			"AutoScalingGroupName": string(got.Group), "EC2InstanceId": string(got.Instance), "LifecycleHookName": got.HookName, "LifecycleActionToken": got.HookToken,
		} {
			if want, given := theirs.Detail[field]; given && want != ours {
				t.Errorf("%s: %s is %q, theirs %q", name, field, ours, want)
			}
		}
		if failed := theirs.Detail["StatusCode"] == "Failed"; failed != got.Failed {
			t.Errorf("%s: failed %t, theirs %v", name, got.Failed, theirs.Detail["StatusCode"])
		}
	case event.HostChange:
		var theirs events.ECSContainerInstanceEvent
		if err := json.Unmarshal(raw, &theirs); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d := theirs.Detail
		instance := string(got.Instance)
		if !strings.HasPrefix(d.EC2InstanceID, "i-") {
			d.EC2InstanceID = ""
		}
		want := []string{d.ContainerInstanceARN, d.EC2InstanceID, d.Status, d.ClusterARN[strings.LastIndex(d.ClusterARN, "/")+1:]}
		if diff := cmp.Diff(want, []string{got.HostARN, instance, got.Name, string(got.Cluster)}); diff != "" {
			t.Errorf("%s (-theirs +ours):\n%s", name, diff)
		}
	default:
	}
}

// TestLambdaGoQueue compares batches of SQS with AWS's own types, and reads our
// answer with theirs.
func TestLambdaGoQueue(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"sqs-event.json": readDir(t, lambdaGoTestdata(t))["sqs-event.json"]}
	for name, raw := range readDir(t, samplesDir) {
		if strings.HasPrefix(name, "aws.sqs.") {
			files[name] = raw
		}
	}
	for name, raw := range files {
		var theirs events.SQSEvent
		if err := json.Unmarshal(raw, &theirs); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ev, err := event.Decode(raw)
		if err != nil || len(theirs.Records) != len(ev.Batch) || ev.ID != theirs.Records[0].MessageId || ev.Region != theirs.Records[0].AWSRegion {
			t.Errorf("%s: %d events, id %q, region %q (%v); theirs %+v", name, len(ev.Batch), ev.ID, ev.Region, err, theirs)
			continue
		}
		all := events.SQSEventResponse{}
		for i, r := range theirs.Records {
			all.BatchItemFailures = append(all.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
			if got := ev.Batch[i].MessageID; got != r.MessageId {
				t.Errorf("%s, record %d: message %q, theirs %q", name, i, got, r.MessageId)
			}
		}
		var heard events.SQSEventResponse
		answer := mustJSON(t, ev.EachMessage(func(event.Event) error { return errors.New("no") }))
		if err := json.Unmarshal(answer, &heard); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all, heard); diff != "" {
			t.Errorf("%s: %s (-want +heard):\n%s", name, answer, diff)
		}
	}
}
