package event_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/event"
)

// TestPrefixes cuts every sample at every byte: a document that breaks off is
// an error, wherever it breaks off.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	for name, raw := range readDir(t, samplesDir) {
		end := len(raw)
		for end > 0 && raw[end-1] != '}' {
			end--
		}
		for n := range end {
			if ev, err := event.Decode(raw[:n]); err == nil {
				t.Errorf("%s cut after %d of %d bytes is %s", name, n, end, ev.Kind)
			}
		}
	}
}

// TestDetailAsString packs every sample's detail in a string, as EventBridge
// Scheduler does: the event is the same, whatever its kind.
func TestDetailAsString(t *testing.T) {
	t.Parallel()
	packed := 0
	for name, raw := range readDir(t, samplesDir) {
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		if detail := doc["detail"]; len(detail) == 0 || detail[0] != '{' {
			continue
		}
		packed++
		want, err := event.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		doc["detail"] = mustJSON(t, string(doc["detail"]))
		got, err := event.Decode(mustJSON(t, doc))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-object +string):\n%s", name, err, diff)
		}
	}
	if packed < 20 {
		t.Errorf("packed %d details, want at least 20", packed)
	}
}

// TestUnknownFields puts fields that nobody knows into the objects of AWS's
// events, and shuffles what the encoder sorts: the event is the same.
func TestUnknownFields(t *testing.T) {
	t.Parallel()
	files := readDir(t, samplesDir)
	names := slices.Sorted(maps.Keys(files))
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "sample")
		want, err := event.Decode(files[name])
		if err != nil {
			rt.Fatal(err)
		}
		if want.Via == event.ViaInvoke {
			return
		}
		var doc any
		if err := json.Unmarshal(files[name], &doc); err != nil {
			rt.Fatal(err)
		}
		raw, err := json.Marshal(grow(rt, doc, ""))
		if err != nil {
			rt.Fatal(err)
		}
		got, err := event.Decode(raw)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			rt.Fatalf("%s: %v (-want +got):\n%s\n%s", name, err, diff, raw)
		}
	})
}

// grow adds fields to the objects of a document, but for those whose fields are
// data: dimensions and tags.
func grow(rt *rapid.T, doc any, under string) any {
	switch v := doc.(type) {
	case map[string]any:
		for k, member := range v {
			v[k] = grow(rt, member, k)
		}
		if under == "dimensions" || under == "alarmTags" {
			return v
		}
		for range rapid.IntRange(0, 2).Draw(rt, "fields") {
			key := "x-" + rapid.StringMatching(`[a-zA-Z]{1,8}`).Draw(rt, "field")
			v[key] = rapid.SampledFrom([]any{nil, true, 1.5, "text", []any{1, "2"}, map[string]any{"kind": "evaluate"}}).Draw(rt, "value")
		}
		return v
	case []any:
		for i := range v {
			v[i] = grow(rt, v[i], under)
		}
		return v
	}
	return doc
}

// TestManualOnlyBare wraps manual payloads in every envelope there is: none is
// obeyed.
func TestManualOnlyBare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		payload := rapid.SampledFrom([]string{
			`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`, `{"kind":"tick","dryRun":false}`,
			`{"kind":"pause","cluster":"prod","service":"checkout","for":"2h","why":"forged","by":"mallory"}`,
			`{"kind":"hold","cluster":"prod","service":"checkout","count":1,"for":"2h","why":"forged","by":"mallory"}`,
			`{"kind":"resume","cluster":"prod","service":"checkout","by":"mallory"}`,
			`{"kind":"stop","cluster":"prod","why":"forged","by":"mallory"}`, `{"kind":"start","cluster":"prod","by":"mallory"}`,
			`{"kind":"drain","cluster":"prod","instance":"i-0a1b2c3d4e5f60718","why":"forged","by":"mallory","dryRun":false}`,
			`{"kind":"drain","cluster":"prod","instance":"i-0a1b2c3d4e5f60718","undo":true,"by":"mallory"}`,
		}).Draw(rt, "payload")
		var doc map[string]any
		if err := json.Unmarshal([]byte(payload), &doc); err != nil {
			rt.Fatal(err)
		}
		source := rapid.SampledFrom([]string{"", "aws.events", "aws.scheduler", "aws.ecs", "aws.cloudwatch", "trimtab", "com.example"}).Draw(rt, "source")
		detailType := rapid.SampledFrom([]string{"", "Scheduled Event", "ECS Service Action", "CloudWatch Alarm State Change", "evaluate"}).Draw(rt, "detail-type")
		var envelope any
		switch rapid.IntRange(0, 6).Draw(rt, "envelope") {
		case 0:
			envelope = map[string]any{"source": source, "detail-type": detailType, "detail": doc}
		case 1:
			envelope = map[string]any{"source": source, "detail-type": detailType, "detail": payload}
		case 2:
			envelope = map[string]any{"Records": []any{map[string]any{"EventSource": "aws:sns", "Sns": map[string]any{"Message": payload}}}}
		case 3:
			envelope = map[string]any{"Records": []any{map[string]any{"eventSource": "aws:sqs", "body": payload}}}
		case 4:
			note := map[string]any{"Type": "Notification", "TopicArn": "t", "Message": payload}
			envelope = map[string]any{"Records": []any{map[string]any{"eventSource": "aws:sqs", "body": string(mustJSON(t, note))}}}
		case 5:
			hook := map[string]any{
				"LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "AutoScalingGroupName": "g", "LifecycleHookName": "h",
				"EC2InstanceId": "i-0123456789abcdef0", "NotificationMetadata": payload,
			}
			envelope = map[string]any{"source": "aws.autoscaling", "detail-type": "EC2 Instance-terminate Lifecycle Action", "detail": hook}
		default:
			doc[rapid.SampledFrom([]string{"source", "detail-type", "Records", "alarmData", "detail"}).Draw(rt, "beside")] = nil
			envelope = doc
		}
		raw, err := json.Marshal(envelope)
		if err != nil {
			rt.Fatal(err)
		}
		ev, _ := event.Decode(raw)
		for _, one := range append(ev.Batch, ev) {
			if one.Kind == event.Evaluate || one.Kind == event.TickAll || one.Kind == event.Drain || one.Request != nil || one.Via == event.ViaInvoke {
				rt.Fatalf("%s is obeyed: %s via %s", raw, one.Kind, one.Via)
			}
		}
	})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
