package event_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/event"
)

// sent is when the queue got the messages of the samples.
var sent = time.Date(2026, 11, 23, 10, 5, 12, 87_000_000, time.UTC)

// inQueue is what the event has that the message carries, with the ids left out.
func inQueue(kind event.Kind, via event.Via, source string) event.Event {
	return event.Event{Kind: kind, Via: via, Time: sent, Account: "123456789012", Region: "us-east-1", Source: source}
}

// TestBatches compares the events of every sample of a queue. An event is the
// same whether it comes by itself, in a message, or in SNS in a message.
func TestBatches(t *testing.T) {
	t.Parallel()
	spot := with(eventOf(event.Spot, "aws.ec2", "EC2 Spot Instance Interruption Warning"), func(ev *event.Event) {
		ev.Instance, ev.Name = ourInstance, "terminate"
	})
	hook := with(inQueue(event.Lifecycle, event.ViaSQS, "aws:sqs"), func(ev *event.Event) {
		ev.Instance, ev.Group, ev.HookName, ev.HookToken = ourInstance, "prod-m7g", "trimtab-drain", ourToken
	})
	alarm := with(inQueue(event.Alarm, event.ViaSQS, "aws:sqs"), func(ev *event.Event) {
		ev.Time, ev.Alarms = changedAt, []event.AlarmChange{high()}
	})
	throughSNS := func(ev event.Event) event.Event {
		ev.Via, ev.Source = event.ViaSNS, "aws:sns"
		return ev
	}
	tests := map[string][]event.Event{
		"aws.sqs.batch.events": {
			with(eventOf(event.Lifecycle, "aws.autoscaling", "EC2 Instance-terminate Lifecycle Action"), func(ev *event.Event) {
				ev.Instance, ev.Group, ev.HookName, ev.HookToken = ourInstance, "prod-m7g", "trimtab-drain", ourToken
			}),
			spot,
			with(eventOf(event.TaskChange, "aws.ecs", "ECS Task State Change"), func(ev *event.Event) {
				ev.Cluster, ev.HostARN, ev.Name, ev.Reason = "prod", ourHost, "STOPPED", "Scaling activity initiated by deployment ecs-svc/8312945871203844"
			}),
		},
		// The second is the test notification that Auto Scaling sends when a hook is made.
		"aws.sqs.batch.lifecycle-hook": {hook, inQueue(event.Unknown, event.ViaSQS, "aws:sqs")},
		"aws.sqs.batch.through-sns":    {spot, throughSNS(alarm), throughSNS(hook), inQueue(event.Unknown, event.ViaSNS, "aws:sns")},
		"aws.sqs.batch.raw-alarm":      {alarm},
		"aws.sqs.batch.one-refused": {with(inQueue(event.Unknown, event.ViaSQS, "aws:sqs"), func(ev *event.Event) {
			ev.Failed, ev.Reason = true, "Records[0]: body: the document is not valid JSON: unexpected end of JSON input"
		}), spot},
	}
	for name := range readDir(t, samplesDir) {
		name = strings.TrimSuffix(name, ".json")
		want, tested := tests[name]
		if !strings.HasPrefix(name, "aws.sqs.") {
			continue
		}
		if !tested {
			t.Errorf("%s is in no test", name)
			continue
		}
		ev, err := event.Decode(readSample(t, name+".json"))
		for i := range ev.Batch {
			if !strings.HasPrefix(ev.Batch[i].MessageID, anyID) || ev.ID != ev.Batch[0].MessageID && i == 0 {
				t.Errorf("%s, record %d: message %q in batch %q", name, i, ev.Batch[i].MessageID, ev.ID)
			}
			ev.Batch[i].MessageID, ev.Batch[i].ID = "", ""
		}
		if diff := cmp.Diff(want, ev.Batch); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		ev.ID, ev.Batch = "", nil
		if diff := cmp.Diff(inQueue(event.Batch, event.ViaSQS, "aws:sqs"), ev); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestBodies reads bodies that are odd: each is refused by itself, or harmless.
func TestBodies(t *testing.T) {
	t.Parallel()
	refused := func(reason string) event.Event {
		return event.Event{Kind: event.Unknown, Failed: true, Via: event.ViaSQS, Source: "aws:sqs", Reason: "Records[0]: " + reason}
	}
	harmless := event.Event{Kind: event.Unknown, Via: event.ViaSQS, Source: "aws:sqs"}
	noted := event.Event{Kind: event.Unknown, Via: event.ViaSNS, Source: "aws:sns", ID: "n"}
	const note = `{"Type":"Notification","TopicArn":"t","MessageId":"n","Message":`
	for body, want := range map[string]event.Event{
		``:                 refused("body: the document is not valid JSON: unexpected end of JSON input"),
		`hello`:            refused("body: the document is not valid JSON: invalid character 'h' looking for beginning of value"),
		`[]`:               refused("body: the document is a JSON array; it must be an object"),
		`null`:             refused("body: the document is null; it must be an object"),
		`{}`:               refused("body: this is no AWS event (no source, detail-type, AlarmName or LifecycleTransition)"),
		`{"kind":"tick"}`:  refused("body: a manual payload is not obeyed from a queue; invoke the function with it"),
		`{"kind":"drain"}`: refused("body: a manual payload is not obeyed from a queue; invoke the function with it"),
		`{"source":"aws.ec2","detail-type":"EC2 Instance Rebalance Recommendation","id":"e","detail":{}}`: refused(
			`body: decode event "aws.ec2 EC2 Instance Rebalance Recommendation" with id "e": detail.instance-id is "", no id of an EC2 instance; it must be i- and 17 hexadecimal digits (8 for the oldest)`),
		`{"AlarmName":"","NewStateValue":"OK"}`: refused("body: AlarmName is missing; it must name the alarm"),
		`{"LifecycleTransition":7}`:             refused("body: LifecycleTransition is a JSON number; it must be a string"),
		`{"LifecycleTransition":"autoscaling:EC2_INSTANCE_TERMINATING","EC2InstanceId":"i-1"}`: refused(
			`body: EC2InstanceId is "i-1", no id of an EC2 instance; it must be i- and 17 hexadecimal digits (8 for the oldest)`),
		strings.Repeat("[", 100) + strings.Repeat("]", 100): refused("body: the document nests 100 levels deep; the limit is 64"),
		note + `7}`:                     refused("body.Message is a JSON number; it must be a string"),
		note + `"{\"kind\":\"tick\"}"}`: refused("body.Message: a manual payload is not obeyed from a queue; invoke the function with it"),
		note + `"{\"Type\":\"Notification\",\"TopicArn\":\"t\",\"Message\":\"x\"}"}`: refused(
			"body.Message: this is no AWS event (no source, detail-type, AlarmName or LifecycleTransition)"),
		note + `"disk full"}`: noted,
		note + `"7"}`:         noted,

		`{"Records":[{"eventSource":"aws:s3"}]}`:                                             harmless,
		`{"Records":[{"eventSource":"aws:sqs","body":"{\"kind\":\"tick\"}"}]}`:               harmless,
		`{"alarmData":{"alarmName":"N"}}`:                                                    harmless,
		`{"Event":"autoscaling:TEST_NOTIFICATION","Service":"AWS Auto Scaling"}`:             harmless,
		`{"Event":"autoscaling:EC2_INSTANCE_LAUNCH","EC2InstanceId":"i-1"}`:                  harmless,
		`{"LifecycleTransition":"autoscaling:EC2_INSTANCE_LAUNCHING"}`:                       harmless,
		`{"LifecycleTransition":"autoscaling:EC2_INSTANCE_TERMINATING","Origin":"WarmPool"}`: harmless,
	} {
		raw := mustJSON(t, map[string]any{"Records": []any{map[string]any{"eventSource": "aws:sqs", "messageId": "m", "body": body}}})
		ev, err := event.Decode(raw)
		want.MessageID = "m"
		whole := event.Event{Kind: event.Batch, Via: event.ViaSQS, Source: "aws:sqs", ID: "m", Batch: []event.Event{want}}
		if diff := cmp.Diff(whole, ev); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", body, err, diff)
		}
	}
}

// A batch answers with what is to be delivered again: what failed, and what was
// refused without a run. An answer without failures is an empty list.
func TestEachMessage(t *testing.T) {
	t.Parallel()
	batch := event.Event{Kind: event.Batch, Batch: []event.Event{
		{Kind: event.Spot, MessageID: "a"},
		{Kind: event.Unknown, Failed: true, MessageID: "b"},
		{Kind: event.Launch, Failed: true, MessageID: "c"},
		{Kind: event.Unknown, MessageID: "d"},
		{Kind: event.TaskChange, MessageID: "e"},
	}}
	var ran []string
	run := func(failing string) func(event.Event) error {
		return func(ev event.Event) error {
			ran = append(ran, ev.MessageID)
			if strings.Contains(failing, ev.MessageID) {
				return errors.New("no")
			}
			return nil
		}
	}
	for failing, want := range map[string]string{
		"":   `{"batchItemFailures":[{"itemIdentifier":"b"}]}`,
		"ae": `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"},{"itemIdentifier":"e"}]}`,
	} {
		ran = nil
		if got := string(mustJSON(t, batch.EachMessage(run(failing)))); got != want {
			t.Errorf("failing %q: %s, want %s", failing, got, want)
		}
		if got := strings.Join(ran, ""); got != "acde" {
			t.Errorf("failing %q: ran %q, want acde", failing, got)
		}
	}
	none := event.Event{}
	if got := string(mustJSON(t, none.EachMessage(run("")))); got != `{"batchItemFailures":[]}` {
		t.Errorf("no batch answers %s", got)
	}
}
