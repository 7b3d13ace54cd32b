package sqssignal_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/sqssignal"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

var _ reconcile.Queues = (*sqssignal.Queues)(nil)

// fakeSQS answers from maps and keeps what was asked.
type fakeSQS struct {
	attributes map[string]map[string]string // by URL
	errs       map[string]error             // by name or URL
	asked      []string
	want       []types.QueueAttributeName
}

const host = "https://sqs.eu-west-1.amazonaws.com/123456789012/"

func (f *fakeSQS) GetQueueUrl(_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	name := aws.ToString(in.QueueName)
	f.asked = append(f.asked, "url "+name)
	if err := f.errs[name]; err != nil {
		return nil, err
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String(host + name)}, nil
}

func (f *fakeSQS) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	url := aws.ToString(in.QueueUrl)
	f.asked, f.want = append(f.asked, "attributes "+url), in.AttributeNames
	if err := f.errs[url]; err != nil {
		return nil, err
	}
	return &sqs.GetQueueAttributesOutput{Attributes: f.attributes[url]}, nil
}

func counts(visible, inFlight, delayed string) map[string]string {
	return map[string]string{
		"ApproximateNumberOfMessages": visible, "ApproximateNumberOfMessagesNotVisible": inFlight, "ApproximateNumberOfMessagesDelayed": delayed,
	}
}

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func TestStatesAskWhatIsNeeded(t *testing.T) {
	t.Parallel()
	f := &fakeSQS{attributes: map[string]map[string]string{host + "jobs": counts("7", "2", "1"), host + "mail": counts("0", "0", "0")}}
	q := sqssignal.New(f)
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
		"url jobs", "attributes " + host + "jobs", "attributes " + host + "mail", "attributes " + host + "jobs", "attributes " + host + "mail",
	}
	if diff := cmp.Diff(want, f.asked); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if len(f.want) != 3 {
		t.Errorf("the attributes %v were asked for, want three", f.want)
	}
}

func TestOneBadQueueBlindsNoOther(t *testing.T) {
	t.Parallel()
	gone := &types.QueueDoesNotExist{Message: aws.String("The specified queue does not exist.")}
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	slow := &types.RequestThrottled{Message: aws.String("slow down")}
	for _, c := range []struct {
		name string
		fake fakeSQS
		why  []string
	}{
		{"a name that SQS does not know", fakeSQS{errs: map[string]error{"bad": gone}}, []string{`"bad"`, "does not exist", "account and region"}},
		{"a URL that leads nowhere", fakeSQS{errs: map[string]error{host + "bad": gone}}, []string{`"bad"`, "does not exist", "account and region"}},
		{"denied", fakeSQS{errs: map[string]error{host + "bad": denied}}, []string{"AccessDenied", "allow sqs:GetQueueUrl and sqs:GetQueueAttributes"}},
		{"throttled", fakeSQS{errs: map[string]error{host + "bad": slow}}, []string{"slow down"}},
		{"lost", fakeSQS{errs: map[string]error{"bad": context.DeadlineExceeded}}, []string{"deadline"}},
		{"no number", fakeSQS{attributes: map[string]map[string]string{host + "bad": counts("7", "many", "0")}}, []string{"NotVisible", `"many"`}},
		{"below zero", fakeSQS{attributes: map[string]map[string]string{host + "bad": counts("7", "0", "-1")}}, []string{"Delayed", `"-1"`}},
		{"not there", fakeSQS{attributes: map[string]map[string]string{host + "bad": {"ApproximateNumberOfMessages": "7"}}}, []string{"NotVisible"}},
	} {
		f := c.fake
		if f.attributes = maps.Clone(f.attributes); f.attributes == nil {
			f.attributes = map[string]map[string]string{}
		}
		f.attributes[host+"good"] = counts("1", "0", "0")
		got, err := sqssignal.New(&f).States(t.Context(), noon(), []string{"bad", "good"})
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
	slow, gone := &types.RequestThrottled{Message: aws.String("slow down")}, &types.QueueDoesNotExist{}
	for _, c := range []struct {
		name    string
		errs    map[string]error
		wantErr error
	}{
		{"nobody answers", map[string]error{"a": context.DeadlineExceeded, "b": context.Canceled}, context.DeadlineExceeded},
		{"SQS has no time", map[string]error{"a": slow, "b": slow}, slow},
		{"it knows neither", map[string]error{"a": gone, "b": gone}, nil},
		{"one is unknown, one lost", map[string]error{"a": gone, "b": context.Canceled}, nil},
	} {
		got, err := sqssignal.New(&fakeSQS{errs: c.errs}).States(t.Context(), noon(), []string{"a", "b", "a"})
		if (err == nil) != (c.wantErr == nil) || !errors.Is(err, c.wantErr) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.wantErr)
		}
		if err != nil && (got != nil || !strings.Contains(err.Error(), "2 SQS queues")) {
			t.Errorf("%s: %v, %v; want no states and how many queues", c.name, got, err)
		}
		if err == nil && slices.ContainsFunc(got, func(q signal.Queue) bool { return q.Status != signal.Failed }) {
			t.Errorf("%s: states %+v, want all failed", c.name, got)
		}
	}
	if got, err := sqssignal.New(&fakeSQS{}).States(t.Context(), noon(), nil); err != nil || len(got) != 0 {
		t.Errorf("no queues give %v, %v", got, err)
	}
}

// A queue may be deleted and made again: the URL is asked for anew.
func TestAURLThatFailedIsForgotten(t *testing.T) {
	t.Parallel()
	f := &fakeSQS{attributes: map[string]map[string]string{host + "jobs": counts("1", "0", "0")}, errs: map[string]error{}}
	q := sqssignal.New(f)
	for _, err := range []error{nil, &types.QueueDoesNotExist{}, nil} {
		f.errs[host+"jobs"] = err
		got, err2 := q.States(t.Context(), noon(), []string{"jobs"})
		if err2 != nil || got[0].Known() != (err == nil) {
			t.Errorf("state %+v, %v after %v", got, err2, err)
		}
	}
	if n := len(slices.DeleteFunc(f.asked, func(s string) bool { return !strings.HasPrefix(s, "url ") })); n != 2 {
		t.Errorf("the URL was asked for %d times, want 2", n)
	}
}
