package event_test

import (
	"encoding/json"
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

// TestLambdaGoTestdata decodes every sample of AWS: our four kinds are not among
// them but for the alarms, and what is no event for us is refused or Unknown.
func TestLambdaGoTestdata(t *testing.T) {
	t.Parallel()
	alarms := 0
	for name, raw := range readDir(t, lambdaGoTestdata(t)) {
		ev, err := event.Decode(raw)
		if err != nil {
			if ev.Kind != "" {
				t.Errorf("%s: kind %s beside error %v", name, ev.Kind, err)
			}
			continue
		}
		checkUsable(t, name, ev)
		switch {
		case strings.HasPrefix(name, "cloudwatch-alarm-sns-payload-"):
			alarms++
			if ev.Kind != event.Alarm || ev.Via != event.ViaSNS {
				t.Errorf("%s is %s via %s, want an alarm via SNS", name, ev.Kind, ev.Via)
			}
		case ev.Kind != event.Unknown:
			t.Errorf("%s is %s, want unknown", name, ev.Kind)
		}
	}
	if alarms != 2 {
		t.Errorf("found %d alarm samples, want 2: aws-lambda-go has changed", alarms)
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

// TestLambdaGoUnknown compares the metadata of EventBridge events that are not
// for us with AWS's own Go type of the envelope.
func TestLambdaGoUnknown(t *testing.T) {
	t.Parallel()
	checked := 0
	for name, raw := range readDir(t, lambdaGoTestdata(t)) {
		if !strings.HasPrefix(name, "autoscaling-event-") && !strings.HasPrefix(name, "ecs-") && !strings.HasPrefix(name, "codepipeline-execution-") {
			continue
		}
		checked++
		var theirs events.EventBridgeEvent
		if err := json.Unmarshal(raw, &theirs); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := event.Event{
			Kind: event.Unknown, Via: event.ViaEventBridge, ID: theirs.ID, Time: theirs.Time, Account: theirs.AccountID,
			Region: theirs.Region, Source: theirs.Source, DetailType: theirs.DetailType,
		}
		got, err := event.Decode(raw)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if want.ID == "" || want.Source == "" || want.DetailType == "" {
			t.Errorf("%s has no metadata to compare: %+v", name, want)
		}
	}
	if checked < 8 {
		t.Errorf("compared %d samples, want at least 8: aws-lambda-go has changed", checked)
	}
}
