package ebnotice_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-ecs/trimtab/internal/aws/ebnotice"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

var _ reconcile.Notices = (*ebnotice.Notices)(nil)

// fakeBus takes every entry unless refuse gives a code for it at that call
// (from 1), and every call unless fail gives an error.
type fakeBus struct {
	refuse func(call int, id string) string
	fail   func(call int) error
	sent   [][]string // ids of each call
	inputs []*eventbridge.PutEventsInput
	taken  []string // ids
}

func (f *fakeBus) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	f.inputs = append(f.inputs, in)
	var ids []string
	for _, e := range in.Entries {
		ids = append(ids, idOf(e))
	}
	f.sent = append(f.sent, ids)
	call := len(f.sent)
	if f.fail != nil {
		if err := f.fail(call); err != nil {
			return nil, err
		}
	}
	out := &eventbridge.PutEventsOutput{}
	for _, id := range ids {
		if f.refuse != nil {
			if code := f.refuse(call, id); code != "" {
				out.FailedEntryCount++
				out.Entries = append(out.Entries, types.PutEventsResultEntry{ErrorCode: aws.String(code), ErrorMessage: aws.String("no")})
				continue
			}
		}
		f.taken = append(f.taken, id)
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: aws.String("event-" + id)})
	}
	return out, nil
}

func idOf(e types.PutEventsRequestEntry) string {
	var n reconcile.Notice
	if err := json.Unmarshal([]byte(aws.ToString(e.Detail)), &n); err != nil {
		return err.Error()
	}
	return n.ID
}

func notice(id, because string) reconcile.Notice {
	return reconcile.Notice{
		Target: fleet.ServiceKey{Cluster: "prod", Service: "web"}.Target(), At: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		ID: id, Mode: spec.Act, Direction: history.Out, Before: 2, Desired: 4, Rule: "targetTracking", Because: because, Outcome: "done",
	}
}

func notices(n int, because string) (ns []reconcile.Notice, ids []string) {
	for i := range n {
		id := fmt.Sprintf("d-%02d", i)
		ns, ids = append(ns, notice(id, because)), append(ids, id)
	}
	return ns, ids
}

// announcer gives Notices whose waits are written down and take no time.
func announcer(f *fakeBus) (n *ebnotice.Notices, waits *[]time.Duration) {
	waits = new([]time.Duration)
	n = ebnotice.New(f, "ops")
	n.SetSleep(func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil })
	return n, waits
}

func TestAnnounceSendsTheEvent(t *testing.T) {
	t.Parallel()
	for bus, want := range map[string]*string{"ops": aws.String("ops"), "": nil} {
		f := &fakeBus{}
		sent := notice("d-1", `cpu is over "60 %"`)
		undated := sent
		undated.At = time.Time{}
		if err := ebnotice.New(f, bus).Announce(t.Context(), []reconcile.Notice{sent, undated}); err != nil {
			t.Fatal(err)
		}
		e := f.inputs[0].Entries[0]
		wanted := types.PutEventsRequestEntry{
			Source: aws.String("trimtab"), DetailType: aws.String("Trimtab Decision"), EventBusName: want, Time: &sent.At, Detail: e.Detail,
		}
		if diff := cmp.Diff(wanted, e, cmpopts.IgnoreUnexported(types.PutEventsRequestEntry{})); diff != "" {
			t.Errorf("entry (-want +got):\n%s", diff)
		}
		var got reconcile.Notice
		if err := json.Unmarshal([]byte(aws.ToString(e.Detail)), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("notice (-want +got):\n%s", diff)
		}
		if f.inputs[0].Entries[1].Time != nil {
			t.Errorf("a notice without a time is of %s", f.inputs[0].Entries[1].Time)
		}
	}
}

func TestAnnounceSendsInTens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		notices int
		bytes   int
		calls   []int
	}{
		{0, 10, nil},
		{1, 10, []int{1}},
		{10, 10, []int{10}},
		{11, 10, []int{10, 1}},
		{21, 10, []int{10, 10, 1}},
		{5, 100 << 10, []int{2, 2, 1}},
		{3, 300 << 10, []int{1, 1, 1}}, // each larger than a call: EventBridge says what it thinks of it
	} {
		f := &fakeBus{}
		n, waits := announcer(f)
		ns, ids := notices(c.notices, strings.Repeat("x", c.bytes))
		if err := n.Announce(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
		var calls []int
		for _, s := range f.sent {
			calls = append(calls, len(s))
		}
		if diff := cmp.Diff(c.calls, calls); diff != "" {
			t.Errorf("%d notices of %d bytes: entries a call (-want +got):\n%s", c.notices, c.bytes, diff)
		}
		if !slices.Equal(f.taken, ids) || len(*waits) != 0 {
			t.Errorf("%d notices: taken are %v after waiting %v", c.notices, f.taken, *waits)
		}
	}
}

func TestAnnounceRetriesOnlyTheRefused(t *testing.T) {
	t.Parallel()
	f := &fakeBus{refuse: func(call int, id string) string {
		switch {
		case call == 1 && (id == "d-01" || id == "d-03"):
			return "ThrottlingException"
		case call == 2 && id == "d-03":
			return "InternalFailure"
		}
		return ""
	}}
	n, waits := announcer(f)
	ns, _ := notices(5, "")
	if err := n.Announce(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"d-00", "d-01", "d-02", "d-03", "d-04"}, {"d-01", "d-03"}, {"d-03"}}
	if diff := cmp.Diff(want, f.sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]time.Duration{100 * time.Millisecond, 200 * time.Millisecond}, *waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestAnnounceGivesUp(t *testing.T) {
	t.Parallel()
	f := &fakeBus{refuse: func(_ int, id string) string {
		switch id {
		case "d-02":
			return "ThrottlingException"
		case "d-05":
			return "MalformedDetail"
		case "d-10":
			return "InternalFailure"
		}
		return ""
	}}
	n, waits := announcer(f)
	ns, _ := notices(12, "")
	err := n.Announce(t.Context(), ns)
	if err == nil {
		t.Fatal("no error for three notices that were never taken")
	}
	for _, want := range []string{"3 of 12", `"ops"`, "1 InternalFailure, 1 MalformedDetail, 1 ThrottlingException"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if len(f.taken) != 9 || len(*waits) != 6 {
		t.Errorf("%d notices were taken after %d waits, want 9 after 6", len(f.taken), len(*waits))
	}
	for _, s := range f.sent[1:4] {
		if !slices.Equal(s, []string{"d-02"}) {
			t.Errorf("sent again is %v, want d-02: what is malformed stays so", s)
		}
	}
}

func TestAnnounceWhenACallFails(t *testing.T) {
	t.Parallel()
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not allowed"}
	f := &fakeBus{fail: func(call int) error {
		if call == 1 {
			return denied
		}
		return nil
	}}
	n, waits := announcer(f)
	ns, ids := notices(12, "")
	err := n.Announce(t.Context(), ns)
	if !errors.Is(err, denied) || !strings.Contains(err.Error(), "10 of 12") || !strings.Contains(err.Error(), "10 AccessDeniedException") {
		t.Errorf("error is %v, want ten denied of twelve", err)
	}
	if !slices.Equal(f.taken, ids[10:]) || len(*waits) != 0 {
		t.Errorf("taken are %v after %d waits, want the second call's", f.taken, len(*waits))
	}
}

func TestAnnounceWhenTheConnectionFails(t *testing.T) {
	t.Parallel()
	n, _ := announcer(&fakeBus{fail: func(int) error { return context.Canceled }})
	ns, _ := notices(12, "")
	err := n.Announce(t.Context(), ns)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "12 NoAnswer") {
		t.Errorf("error is %v, want twelve without an answer", err)
	}
	if strings.Count(err.Error(), context.Canceled.Error()) != 1 {
		t.Errorf("error %q repeats itself", err)
	}
}

func TestAnnounceWhenAnswersAreMissing(t *testing.T) {
	t.Parallel()
	n := ebnotice.New(short{}, "")
	n.SetSleep(func(context.Context, time.Duration) error { return nil })
	ns, _ := notices(3, "")
	if err := n.Announce(t.Context(), ns); err == nil || !strings.Contains(err.Error(), `3 of 3 notices on bus "default": 3 NoAnswer`) {
		t.Errorf("error is %v, want three without an answer", err)
	}
}

// short says that everything failed, and no more.
type short struct{}

func (short) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return &eventbridge.PutEventsOutput{FailedEntryCount: int32(len(in.Entries))}, nil
}

func TestAnnounceStopsWithItsContext(t *testing.T) {
	t.Parallel()
	f := &fakeBus{refuse: func(int, string) string { return "ThrottlingException" }}
	n := ebnotice.New(f, "ops")
	ns, _ := notices(2, "")
	brief, cancel := context.WithTimeout(t.Context(), 99*time.Millisecond) // the first wait is 100
	defer cancel()
	err := n.Announce(brief, ns)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 of 2") || len(f.sent) != 1 {
		t.Errorf("error is %v after %d calls, want the deadline after one", err, len(f.sent))
	}
	if brief.Err() != nil {
		t.Error("it waited although there was no time to")
	}
}

func TestAnnounceStopsWhenItIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := &fakeBus{refuse: func(int, string) string { cancel(); return "ThrottlingException" }}
	ns, _ := notices(1, "")
	if err := ebnotice.New(f, "ops").Announce(ctx, ns); !errors.Is(err, context.Canceled) || len(f.sent) != 1 {
		t.Errorf("error is %v after %d calls, want cancelled after one", err, len(f.sent))
	}
}

func TestAnnounceWaitsForReal(t *testing.T) {
	t.Parallel()
	f := &fakeBus{refuse: func(call int, _ string) string { return map[int]string{1: "ThrottlingException"}[call] }}
	ns, _ := notices(1, "")
	began := time.Now()
	if err := ebnotice.New(f, "ops").Announce(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 100*time.Millisecond || len(f.sent) != 2 {
		t.Errorf("%d calls took %s, want two and a wait of 100ms", len(f.sent), took)
	}
}
