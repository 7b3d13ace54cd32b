package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// book is a drainage that notes what it is asked and fails for some kinds.
type book struct {
	ran  []event.Kind
	fail event.Kind
	told bool
}

func (b *book) Run(_ context.Context, ev event.Event) (reconcile.Report, error) {
	b.ran = append(b.ran, ev.Kind)
	rep := reconcile.Report{Event: string(ev.Kind), Cells: []reconcile.CellReport{}}
	if b.told {
		rep.Drains = []reconcile.DrainReport{{}}
	}
	if ev.Kind == b.fail {
		rep.Error = "no"
		return rep, errors.New("no")
	}
	return rep, nil
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// An event that fails fails the invocation, so that Lambda tries again; a person
// who had something done gets the report with the error in it.
func TestInvoke(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sample string
		told   bool
		fail   event.Kind
		ran    event.Kind
		answer string
		err    string
	}{
		"a hook":              {sample: "aws.autoscaling.terminate-lifecycle-action.scale-in", ran: event.Lifecycle, answer: `"event":"lifecycle"`},
		"a hook that fails":   {sample: "aws.autoscaling.terminate-lifecycle-action.scale-in", ran: event.Lifecycle, told: true, fail: event.Lifecycle, err: "no"},
		"a drain":             {sample: "trimtab.drain.act", ran: event.Drain, answer: `"event":"drain"`},
		"a drain that fails":  {sample: "trimtab.drain.act", ran: event.Drain, fail: event.Drain, err: "no"},
		"a drain half done":   {sample: "trimtab.drain.act", ran: event.Drain, fail: event.Drain, told: true, answer: `"error":"no"`},
		"a tick by hand":      {sample: "trimtab.tick", ran: event.TickAll, answer: `"event":"tickAll"`},
		"a pause":             {sample: "trimtab.pause", err: "send override to the reconcile function"},
		"what is no document": {sample: "bad/error.truncated", err: "decode event"},
	} {
		b := &book{fail: c.fail, told: c.told}
		out, err := reconcile.Handler{Run: b.Run, Refuses: refuses, Log: slog.New(slog.DiscardHandler)}.Invoke(t.Context(), sample(t, c.sample))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", name, err, c.err)
		}
		if !strings.Contains(string(out), c.answer) || c.answer == "" && out != nil {
			t.Errorf("%s: answer %s, want %q in it", name, out, c.answer)
		}
		want := []event.Kind{c.ran}
		if c.ran == "" {
			want = nil
		}
		if diff := cmp.Diff(want, b.ran); diff != "" {
			t.Errorf("%s (-want +ran):\n%s", name, diff)
		}
	}
}

// A message that fails is named alone, with its reason in the log: the others of
// its batch are done.
func TestInvokeBatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sample string
		fail   event.Kind
		ran    []event.Kind
		again  int // index of the message in the batch, -1 for none
		said   string
	}{
		"all well":    {"aws.sqs.batch.events", "", []event.Kind{event.Lifecycle, event.Spot, event.TaskChange}, -1, ""},
		"one fails":   {"aws.sqs.batch.events", event.Spot, []event.Kind{event.Lifecycle, event.Spot, event.TaskChange}, 1, "message failed"},
		"one refused": {"aws.sqs.batch.one-refused", "", []event.Kind{event.Spot}, 0, "message refused"},
	} {
		raw := sample(t, c.sample)
		ev, err := event.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		b := &book{fail: c.fail}
		out, err := reconcile.Handler{Run: b.Run, Refuses: refuses, Log: slog.New(slog.NewTextHandler(&log, nil))}.Invoke(t.Context(), raw)
		want := `{"batchItemFailures":[]}`
		if c.again >= 0 {
			want = `{"batchItemFailures":[{"itemIdentifier":"` + ev.Batch[c.again].MessageID + `"}]}`
		}
		if string(out) != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", name, out, err, want)
		}
		if diff := cmp.Diff(c.ran, b.ran); diff != "" {
			t.Errorf("%s (-want +ran):\n%s", name, diff)
		}
		if !strings.Contains(log.String(), c.said) || c.said == "" && log.Len() > 0 {
			t.Errorf("%s: logged %q, want %q", name, log.String(), c.said)
		}
	}
}
