package sqssignal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/sqssignal"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

var _ reconcile.Queues = (*sqssignal.Queues)(nil)

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// A thousand queues one after the other would take longer than a read of the
// world may; all at once would be a burst.
func TestStatesAreReadSideBySide(t *testing.T) {
	t.Parallel()
	f := &fakeSQS{attributes: map[string]map[string]string{}, each: time.Millisecond}
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("%sq%03d", host, i))
		f.attributes[names[i]] = counts(strconv.Itoa(i), "0", "0")
	}
	got, err := f.queues().States(t.Context(), noon(), names)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range got {
		if q.Name != names[i] || q.Visible != i {
			t.Fatalf("the answer at %d is %+v", i, q)
		}
	}
	if f.atOnce < 2 || f.atOnce > 16 {
		t.Errorf("%d are read at once, want 2 to 16", f.atOnce)
	}
}

func TestStatesAskWhatIsNeeded(t *testing.T) {
	t.Parallel()
	f := &fakeSQS{attributes: map[string]map[string]string{host + "jobs": counts("7", "2", "1"), host + "mail": counts("0", "0", "0")}}
	q := f.queues()
	jobs := signal.Queue{Name: "jobs", At: noon(), Visible: 7, InFlight: 2, Delayed: 1, Status: signal.Complete}
	mail := signal.Queue{Name: host + "mail", At: noon(), Status: signal.Complete}
	for range 2 {
		got, err := q.States(t.Context(), noon(), []string{"jobs", host + "mail", "jobs"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]signal.Queue{jobs, mail, jobs}, got); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	}
	want := []string{ // a URL is kept, a state never
		"GetQueueUrl jobs", "GetQueueAttributes " + host + "jobs", "GetQueueAttributes " + host + "mail",
		"GetQueueAttributes " + host + "jobs", "GetQueueAttributes " + host + "mail",
	}
	slices.Sort(want) // several are asked at once
	slices.Sort(f.asked)
	if diff := cmp.Diff(want, f.asked); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if len(f.wanted) != 3 {
		t.Errorf("the attributes %v were asked for, want three", f.wanted)
	}
}

func TestOneBadQueueBlindsNoOther(t *testing.T) {
	t.Parallel()
	const gone = "QueueDoesNotExist"
	for _, c := range []struct {
		name string
		fake *fakeSQS
		why  []string
	}{
		{"a name that SQS does not know", &fakeSQS{refused: map[string]string{"bad": gone}}, []string{`"bad"`, "NonExistentQueue", "account and region"}},
		{"a URL that leads nowhere", &fakeSQS{refused: map[string]string{host + "bad": gone}}, []string{`"bad"`, "NonExistentQueue", "account and region"}},
		{"denied", &fakeSQS{refused: map[string]string{host + "bad": "AccessDeniedException"}}, []string{"AccessDeniedException", "allow sqs:GetQueueUrl and sqs:GetQueueAttributes"}},
		{"throttled", &fakeSQS{refused: map[string]string{host + "bad": "RequestThrottled"}}, []string{"RequestThrottled"}},
		{"lost", &fakeSQS{lost: map[string]error{"bad": context.DeadlineExceeded}}, []string{"deadline"}},
		{"no number", &fakeSQS{attributes: map[string]map[string]string{host + "bad": counts("7", "many", "0")}}, []string{"NotVisible", `"many"`}},
		{"below zero", &fakeSQS{attributes: map[string]map[string]string{host + "bad": counts("7", "0", "-1")}}, []string{"Delayed", `"-1"`}},
		{"not there", &fakeSQS{attributes: map[string]map[string]string{host + "bad": {"ApproximateNumberOfMessages": "7"}}}, []string{"NotVisible"}},
	} {
		f := c.fake
		if f.attributes = maps.Clone(f.attributes); f.attributes == nil {
			f.attributes = map[string]map[string]string{}
		}
		f.attributes[host+"good"] = counts("1", "0", "0")
		got, err := f.queues().States(t.Context(), noon(), []string{"bad", "good"})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if bad := got[0]; bad.Status != signal.Failed || bad.Known() || bad.Name != "bad" || bad.Visible+bad.InFlight+bad.Delayed != 0 {
			t.Errorf("%s: the bad queue is %+v, want failed and no counts", c.name, bad)
		}
		for _, w := range c.why {
			if !strings.Contains(got[0].Why, w) {
				t.Errorf("%s: the reason %q does not say %q", c.name, got[0].Why, w)
			}
		}
		if !got[1].Known() || got[1].Visible != 1 {
			t.Errorf("%s: the good queue is %+v", c.name, got[1])
		}
	}
}

func TestStatesFailsOnlyIfNothingWasAnswered(t *testing.T) {
	t.Parallel()
	const slow, gone = "RequestThrottled", "QueueDoesNotExist"
	for _, c := range []struct {
		name    string
		refused map[string]string
		lost    map[string]error
		want    string // in the error
	}{
		{"nobody answers", nil, map[string]error{"a": context.DeadlineExceeded, "b": errors.New("reset")}, "deadline"},
		{"SQS has no time", map[string]string{"a": slow, "b": slow}, nil, slow},
		{"it knows neither", map[string]string{"a": gone, "b": gone}, nil, ""},
		{"one is unknown, one lost", map[string]string{"a": gone}, map[string]error{"b": errors.New("reset")}, ""},
	} {
		f := &fakeSQS{refused: c.refused, lost: c.lost}
		got, err := f.queues().States(t.Context(), noon(), []string{"a", "b", "a"})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
		if err != nil && (got != nil || !strings.Contains(err.Error(), "2 SQS queues")) {
			t.Errorf("%s: %v, %v; want no states and how many queues", c.name, got, err)
		}
		if err == nil && slices.ContainsFunc(got, func(q signal.Queue) bool { return q.Status != signal.Failed }) {
			t.Errorf("%s: states %+v, want all failed", c.name, got)
		}
	}
	if got, err := (&fakeSQS{}).queues().States(t.Context(), noon(), nil); err != nil || len(got) != 0 {
		t.Errorf("no queues give %v, %v", got, err)
	}
}

// A queue may be deleted and made again: the URL is asked for anew.
func TestAURLThatFailedIsForgotten(t *testing.T) {
	t.Parallel()
	f := &fakeSQS{attributes: map[string]map[string]string{host + "jobs": counts("1", "0", "0")}, refused: map[string]string{}}
	q := f.queues()
	for _, refused := range []string{"", "QueueDoesNotExist", ""} {
		f.refused[host+"jobs"] = refused
		got, err := q.States(t.Context(), noon(), []string{"jobs"})
		if err != nil || got[0].Known() != (refused == "") {
			t.Errorf("state %+v, %v after %q", got, err, refused)
		}
	}
	if n := len(slices.DeleteFunc(f.asked, func(s string) bool { return !strings.HasPrefix(s, "GetQueueUrl ") })); n != 2 {
		t.Errorf("the URL was asked for %d times, want 2", n)
	}
}
