package event_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
)

var ecsName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// FuzzDecode holds Decode to its promise on any bytes: an error or a usable
// event, never both and never neither, and a manual kind from the bare document
// only.
func FuzzDecode(f *testing.F) {
	for _, dir := range []string{samplesDir, filepath.Join(samplesDir, "bad"), lambdaGoTestdata(f)} {
		for _, raw := range readDir(f, dir) {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ev, err := event.Decode(raw)
		if err != nil {
			var refused *event.Error
			if !errors.As(err, &refused) || refused.Problem == "" || len(err.Error()) > 8<<10 {
				t.Fatalf("error %v is no clear *event.Error", err)
			}
			if diff := cmp.Diff(event.Event{}, ev); diff != "" {
				t.Fatalf("an event beside the error:\n%s", diff)
			}
			return
		}
		checkUsable(t, "input", ev)
		again, err := event.Decode(raw)
		if diff := cmp.Diff(ev, again); diff != "" || err != nil {
			t.Fatalf("decoded twice, not the same (%v):\n%s", err, diff)
		}
	})
}

// checkUsable sees that an event keeps the promises of its type.
func checkUsable(t *testing.T, name string, ev event.Event) {
	t.Helper()
	named, alarms := false, false
	switch ev.Kind {
	case event.Alarm:
		alarms = true
	case event.ServiceAction, event.Deployment:
		named = true
	case event.Evaluate:
		named = true
		fallthrough
	case event.TickAll, event.Override, event.Resume, event.Stop, event.Start, event.Drain:
		if ev.Via != event.ViaInvoke {
			t.Errorf("%s: manual kind %s via %s", name, ev.Kind, ev.Via)
		}
	case event.Tick, event.Unknown, event.Batch, event.Lifecycle, event.Launch, event.Termination, event.Spot, event.Rebalance,
		event.InstanceState, event.TaskChange, event.HostChange:
		if ev.Via == event.ViaInvoke {
			t.Errorf("%s: kind %s via invoke", name, ev.Kind)
		}
	default:
		t.Errorf("%s: kind %q", name, ev.Kind)
	}
	if ev.Time.Location() != time.UTC {
		t.Errorf("%s: time %s is not UTC", name, ev.Time)
	}
	if ev.DryRun && ev.Via != event.ViaInvoke {
		t.Errorf("%s: dry run via %s", name, ev.Via)
	}
	if alarms != (len(ev.Alarms) > 0) {
		t.Errorf("%s: %s with %d alarms", name, ev.Kind, len(ev.Alarms))
	}
	if named && (!ecsName.MatchString(string(ev.Service.Cluster)) || !ecsName.MatchString(string(ev.Service.Service))) {
		t.Errorf("%s: service %q in cluster %q", name, ev.Service.Service, ev.Service.Cluster)
	}
	if !named && ev.Service != (fleet.ServiceKey{}) {
		t.Errorf("%s: %s names service %s", name, ev.Kind, ev.Service)
	}
	checkRequest(t, name, ev)
	checkPlace(t, name, ev)
	checkBatch(t, name, ev)
	checkTexts(t, name, ev.HostARN, ev.HookName, ev.HookToken, string(ev.Group), ev.MessageID, ev.ID, ev.Account, ev.Region, ev.Source, ev.DetailType, ev.Name, ev.Reason)
	for _, a := range ev.Alarms {
		checkAlarm(t, name, a)
	}
}

var instanceID = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

// checkPlace sees that instance, group, cluster and hook are there for the kinds
// that have them, well formed, and for no other.
func checkPlace(t *testing.T, name string, ev event.Event) {
	t.Helper()
	kinds := func(ks ...event.Kind) bool { return slices.Contains(ks, ev.Kind) }
	must := kinds(event.Lifecycle, event.Launch, event.Termination, event.Spot, event.Rebalance, event.InstanceState, event.Drain)
	may := kinds(event.HostChange) || ev.Kind == event.Launch && ev.Failed
	if !instanceID.MatchString(string(ev.Instance)) && (ev.Instance != "" || must && !may) || ev.Instance != "" && !must && !may {
		t.Errorf("%s: %s of instance %q", name, ev.Kind, ev.Instance)
	}
	if inGroup := kinds(event.Lifecycle, event.Launch, event.Termination); inGroup != (ev.Group != "") || strings.Contains(string(ev.Group), ":") {
		t.Errorf("%s: %s of group %q", name, ev.Kind, ev.Group)
	}
	onHost := kinds(event.TaskChange, event.HostChange)
	if onHost != (ev.HostARN != "") || onHost && !strings.Contains(ev.HostARN, ":container-instance/") {
		t.Errorf("%s: %s of container instance %q", name, ev.Kind, ev.HostARN)
	}
	if inCluster := onHost || ev.Kind == event.Drain; inCluster != (ev.Cluster != "") || inCluster && !ecsName.MatchString(string(ev.Cluster)) {
		t.Errorf("%s: %s of cluster %q", name, ev.Kind, ev.Cluster)
	}
	if (ev.Kind == event.Lifecycle) != (ev.HookName != "") || ev.HookName == "" && ev.HookToken != "" {
		t.Errorf("%s: %s with hook %q, token %q", name, ev.Kind, ev.HookName, ev.HookToken)
	}
	if ev.Failed && !kinds(event.Launch, event.Termination, event.Unknown) || ev.Failed && ev.Kind == event.Unknown && ev.Reason == "" {
		t.Errorf("%s: %s failed, reason %q", name, ev.Kind, ev.Reason)
	}
}

// checkBatch sees that the events of a batch are usable each, that none is manual
// or a batch again, and that only a batch has any.
func checkBatch(t *testing.T, name string, ev event.Event) {
	t.Helper()
	if ev.Kind != event.Batch && ev.Batch != nil || ev.Kind == event.Batch && ev.Via != event.ViaSQS {
		t.Errorf("%s: %s via %s with %d events", name, ev.Kind, ev.Via, len(ev.Batch))
	}
	if ev.MessageID != "" || ev.Kind == event.Unknown && ev.Failed {
		t.Errorf("%s: %s with message %q outside a batch, or refused", name, ev.Kind, ev.MessageID)
	}
	for i, one := range ev.Batch {
		if one.Via == event.ViaInvoke || one.Kind == event.Batch || one.Request != nil {
			t.Errorf("%s, record %d: %s via %s in a batch", name, i, one.Kind, one.Via)
		}
		checkTexts(t, name, one.MessageID)
		one.MessageID = ""
		if one.Kind == event.Unknown && one.Failed && one.Reason != "" {
			one.Failed = false
		}
		checkUsable(t, fmt.Sprintf("%s, record %d", name, i), one)
	}
	answer := ev.EachMessage(func(event.Event) error { return errors.New("no") })
	if len(answer.Failures) != len(ev.Batch) {
		t.Errorf("%s: %d failures of %d messages that all fail", name, len(answer.Failures), len(ev.Batch))
	}
}

// checkRequest sees that a request is there where the kind says so, and complete.
func checkRequest(t *testing.T, name string, ev event.Event) {
	t.Helper()
	r := ev.Request
	asks := ev.Kind == event.Override || ev.Kind == event.Resume || ev.Kind == event.Stop || ev.Kind == event.Start || ev.Kind == event.Drain
	if asks != (r != nil) {
		t.Errorf("%s: %s with request %+v", name, ev.Kind, r)
	}
	if r == nil {
		return
	}
	if !ecsName.MatchString(string(r.Target.Cluster)) {
		t.Errorf("%s: cluster %q", name, r.Target.Cluster)
	}
	aimed := ev.Kind == event.Override || ev.Kind == event.Resume
	if aimed != (r.Target.Kind != "") || aimed != (r.Target.Name != "") {
		t.Errorf("%s: %s of target %+v", name, ev.Kind, r.Target)
	}
	if err := spec.CheckBy(r.By); err != nil {
		t.Errorf("%s: by %v", name, err)
	}
	needsWhy := ev.Kind == event.Override || ev.Kind == event.Stop || ev.Kind == event.Drain && !r.Undo
	if r.Undo && ev.Kind != event.Drain || ev.Kind == event.Drain && r.Target.Cluster != ev.Cluster {
		t.Errorf("%s: %s in cluster %q, undo %t of cluster %q", name, ev.Kind, ev.Cluster, r.Undo, r.Target.Cluster)
	}
	if err := spec.CheckWhy(r.Why); err != nil && (needsWhy || r.Why != "") {
		t.Errorf("%s: why %v", name, err)
	}
	if (ev.Kind == event.Override) != slices.Contains(spec.OverrideKinds(), r.Override) || r.Count < 0 || r.Count > spec.MaxTasks || r.Count > 0 && !r.Override.Counted() {
		t.Errorf("%s: override %q with count %d", name, r.Override, r.Count)
	}
	if (ev.Kind == event.Override) != (r.For != 0 || !r.Until.IsZero()) || r.For != 0 && spec.CheckLife(r.For) != nil || r.Until.Location() != time.UTC {
		t.Errorf("%s: for %s, until %s", name, r.For, r.Until)
	}
}

func checkAlarm(t *testing.T, name string, a event.AlarmChange) {
	t.Helper()
	if a.Name == "" || utf8.RuneCountInString(a.Name) > 255 || strings.ContainsFunc(a.Name, unicode.IsControl) {
		t.Errorf("%s: alarm name %q", name, a.Name)
	}
	if a.At.Location() != time.UTC {
		t.Errorf("%s: time %s is not UTC", name, a.At)
	}
	checkTexts(t, name, a.ARN, string(a.State), string(a.Previous), a.EvaluationState, a.SuppressedBy)
	checkTexts(t, name, a.Children...)
	for _, arn := range append([]string{a.ARN}, a.Children...) {
		if arn != "" && (!strings.HasPrefix(arn, "arn:") || !strings.Contains(arn, ":alarm:")) {
			t.Errorf("%s: alarm ARN %q", name, arn)
		}
	}
	for k, v := range a.Tags {
		checkTexts(t, name, k, v)
	}
	for _, m := range a.Metrics {
		checkMetric(t, name, m)
	}
}

func checkMetric(t *testing.T, name string, m signal.Metric) {
	t.Helper()
	if m.Name == "" || m.Period < 0 || len(m.Dimensions) > 30 {
		t.Errorf("%s: metric %+v", name, m)
	}
	checkTexts(t, name, m.Namespace, m.Name, m.Statistic)
	for i, d := range m.Dimensions {
		checkTexts(t, name, d.Name, d.Value)
		if d.Name == "" || i > 0 && d.Name < m.Dimensions[i-1].Name {
			t.Errorf("%s: dimensions %v are not sorted or not named", name, m.Dimensions)
		}
	}
}

func checkTexts(t *testing.T, name string, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if len(s) > event.MaxText || !utf8.ValidString(s) {
			t.Errorf("%s: text of %d bytes or not UTF-8: %.80q", name, len(s), s)
		}
	}
}
