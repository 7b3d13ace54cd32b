package asgfleet_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/asgfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// codeOf gives the code of an answer of Auto Scaling, empty for an error without one.
func codeOf(err error) string {
	answer, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	if !ok {
		return ""
	}
	return answer.ErrorCode()
}

func TestTerminateAsksOnceForSeveral(t *testing.T) {
	t.Parallel()
	s := newStandin(t)
	ids := idsOf(s.create("workers", 0, 200, 102))
	e := asgfleet.NewExits(s.client())
	if err := e.Terminate(t.Context(), "workers", append(ids[:101:101], ids[0])); err != nil {
		t.Fatal(err)
	}
	asked := s.asked("TerminateInstanceInAutoScalingGroup")
	if len(asked) != 2 || len(members(asked[0], "InstanceIds")) != 100 {
		t.Fatalf("%d requests, the first for %d instances, want 2 and 100", len(asked), len(members(asked[0], "InstanceIds")))
	}
	want := url.Values{
		"Action": {"TerminateInstanceInAutoScalingGroup"}, "Version": {"2011-01-01"}, "ShouldDecrementDesiredCapacity": {"true"},
		"InstanceId": {"i-workers-100"},
	}
	if diff := cmp.Diff(want, asked[1]); diff != "" {
		t.Errorf("request for one (-want +got):\n%s", diff)
	}
	if asked[0].Get("AutoScalingGroupName") != "workers" || asked[0].Has("InstanceId") {
		t.Errorf("request for several is %v, want it for the group", asked[0])
	}
}

func TestTerminateOneByOneOnlyWhereAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		spoil    func(*standin)
		requests int
		code     string
		desired  int // afterwards
	}{
		{"the call for several is not known", func(s *standin) { s.older = true }, 4, "", 0},
		{"an instance is gone", func(s *standin) { s.groups["workers"].instances[0].state = "Terminating" }, 4, "", 1},
		{"the least size", func(s *standin) { s.groups["workers"].min = 1 }, 1, "ValidationError", 3},
		{"throttled", func(s *standin) { s.fault = "Throttling" }, 1, "Throttling", 3},
		{"a fault of its own", func(s *standin) { s.fault = "InternalFailure" }, 1, "InternalFailure", 3},
		{"a lost reply", func(s *standin) { s.lose = "TerminateInstanceInAutoScalingGroup" }, 1, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStandin(t)
			g := s.create("workers", 0, 9, 3)
			c.spoil(s)
			err := asgfleet.NewExits(s.client()).Terminate(t.Context(), "workers", idsOf(g))
			if wanted := c.code != "" || s.lose != ""; (err != nil) != wanted || codeOf(err) != c.code {
				t.Errorf("error is %v with code %q, want code %q", err, codeOf(err), c.code)
			}
			if got := len(s.asked("TerminateInstanceInAutoScalingGroup")); got != c.requests || g.desired != c.desired {
				t.Errorf("%d requests leave %d instances wanted, want %d and %d", got, g.desired, c.requests, c.desired)
			}
		})
	}
}

// A refusal means that nothing was done. After some instances were ended it is none.
func TestTerminateThatEndsSomeIsNoRefusal(t *testing.T) {
	t.Parallel()
	s := newStandin(t)
	g := s.create("workers", 2, 9, 3)
	s.older = true
	err := asgfleet.NewExits(s.client()).Terminate(t.Context(), "workers", idsOf(g))
	if err == nil || codeOf(err) != "" || g.desired != 2 {
		t.Fatalf("error is %v with code %q and %d instances wanted, want an open one and 2", err, codeOf(err), g.desired)
	}
	for _, w := range []string{`"workers"`, "3 instances", "1 are ordered", "i-workers-001", "min size"} {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func TestProtectInFifties(t *testing.T) {
	t.Parallel()
	s := newStandin(t)
	ids := idsOf(s.create("workers", 0, 200, 101))
	if err := asgfleet.NewExits(s.client()).Protect(t.Context(), "workers", ids, true); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, in := range s.asked("SetInstanceProtection") {
		sizes = append(sizes, len(members(in, "InstanceIds")))
	}
	if diff := cmp.Diff([]int{50, 50, 1}, sizes); diff != "" {
		t.Errorf("instances a call (-want +got):\n%s", diff)
	}
}

func TestHookRequests(t *testing.T) {
	t.Parallel()
	s := newStandin(t)
	g := s.create("workers", 0, 9, 1)
	g.hooks["drain"] = 600
	g.instances[0].state, g.instances[0].token = "Terminating:Wait", "token-1"
	e := asgfleet.NewExits(s.client())
	withToken, without := drain.Hook{Name: "drain", Token: "token-1"}, drain.Hook{Name: "drain"}
	for _, h := range []drain.Hook{withToken, without} {
		if err := e.Heartbeat(t.Context(), "workers", "i-workers-000", h); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Complete(t.Context(), "workers", "i-workers-000", withToken); err != nil || len(g.instances) != 0 {
		t.Fatalf("%d instances are left, %v", len(g.instances), err)
	}
	one := url.Values{
		"Action": {"RecordLifecycleActionHeartbeat"}, "Version": {"2011-01-01"}, "AutoScalingGroupName": {"workers"},
		"LifecycleHookName": {"drain"}, "InstanceId": {"i-workers-000"}, "LifecycleActionToken": {"token-1"},
	}
	beats := s.asked("RecordLifecycleActionHeartbeat")
	if diff := cmp.Diff(one, beats[0]); diff != "" {
		t.Errorf("heartbeat (-want +got):\n%s", diff)
	}
	if beats[1].Has("LifecycleActionToken") {
		t.Errorf("heartbeat without a token has %v", beats[1])
	}
	if got := s.asked("CompleteLifecycleAction")[0].Get("LifecycleActionResult"); got != "CONTINUE" {
		t.Errorf("the result is %q, want CONTINUE", got)
	}
}

func TestExitsErrorsNameTheGroup(t *testing.T) {
	t.Parallel()
	e := asgfleet.NewExits(newStandin(t).client()) // it has no groups
	hooks, hook := e.Hooks(t.Context(), "workers")
	for name, err := range map[string]error{
		"hook":      hook,
		"protect":   e.Protect(t.Context(), "workers", []fleet.InstanceID{"i-1"}, true),
		"heartbeat": e.Heartbeat(t.Context(), "workers", "i-1", drain.Hook{Name: "drain"}),
		"complete":  e.Complete(t.Context(), "workers", "i-1", drain.Hook{Name: "drain"}),
	} {
		if err == nil || len(hooks) > 0 || codeOf(err) != "ValidationError" || !strings.Contains(err.Error(), `"workers"`) {
			t.Errorf("%s: error is %v with code %q, want a refusal that names the group", name, err, codeOf(err))
		}
	}
}

func TestFailuresTellWhatAutoScalingSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ words, want string }{
		{"We currently do not have sufficient m7g.large capacity in the Availability Zone you requested (eu-west-1a). Our system will be working on it.", "m7g.large"},
		{"Your requested instance type (u7i-12tb.224xlarge) is not supported in your requested Availability Zone (eu-west-1a).", "u7i-12tb.224xlarge"},
		{"We do not have sufficient c7i-flex.xlarge capacity.", "c7i-flex.xlarge"},
		{"There is no Spot capacity available that matches your request.", ""},
		{"You have requested more vCPU capacity than your current limit of 32 allows. See http://aws.amazon.com/contact-us/ec2-request.", ""},
	} {
		s := newStandin(t)
		s.create("workers", 0, 9, 0)
		s.record("workers", "Failed", c.words)
		got, _, err := asgfleet.NewActivities(s.client()).Failures(t.Context(), "workers", s.now)
		want := []fleet.LaunchFailure{{At: s.now, Zone: "eu-west-1a", Type: c.want, Words: c.words}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("failures, %v (-want +got):\n%s", err, diff)
		}
	}
}

func TestFailuresArePagedAndBounded(t *testing.T) {
	t.Parallel()
	s := newStandin(t)
	g := s.create("workers", 0, 9, 0)
	since := s.now
	for i := range 250 {
		s.record("workers", "Failed", fmt.Sprint("failure ", i))
		s.record("workers", "Successful", "")
	}
	g.activities[0].description = "Terminating EC2 instance: i-1"
	g.activities = append(g.activities, activity{description: "Launching a new EC2 instance: i-1", status: "Failed", words: strings.Repeat("é", 400), start: since.Add(-time.Minute), end: since})
	got, launched, err := asgfleet.NewActivities(s.client()).Failures(t.Context(), "workers", since)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 100 || got[0].Words != "failure 150" || got[99].Words != "failure 249" || !launched.IsZero() {
		t.Errorf("%d failures from %q to %q with a success at %v, want the newest hundred", len(got), got[0].Words, got[len(got)-1].Words, launched)
	}
	// Pages, not requests: the SDK now and then loses a long reply to the closing of
	// the request's body ("use of closed network connection"), and asks again.
	pages := make(map[string]bool)
	for _, in := range s.asked("DescribeScalingActivities") {
		pages[in.Get("NextToken")] = true
	}
	if len(pages) != 2 {
		t.Errorf("%d pages were read, want 2", len(pages))
	}
	// It began before the time and failed at it.
	g.activities = g.activities[len(g.activities)-1:]
	got, _, err = asgfleet.NewActivities(s.client()).Failures(t.Context(), "workers", since)
	if err != nil || len(got) != 1 || got[0].Zone != "" || len(got[0].Words) != 300 {
		t.Errorf("failures are %v, %v; want one of 300 bytes without a zone", got, err)
	}
}

func TestRefreshStatuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{
		"Pending": true, "InProgress": true, "Cancelling": true, "Baking": true, "RollbackInProgress": true, "SomethingNew": true,
		"Successful": false, "Failed": false, "Cancelled": false, "RollbackFailed": false, "RollbackSuccessful": false,
	} {
		s := newStandin(t)
		s.create("workers", 0, 9, 0).refreshes = []string{status, "Successful"}
		if got, err := asgfleet.NewActivities(s.client()).Refreshing(t.Context(), "workers"); got != want || err != nil {
			t.Errorf("%s is under way: %v, %v; want %v", status, got, err, want)
		}
	}
}

func TestActivitiesErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := asgfleet.NewActivities(newStandin(t).client())
	_, homes := a.Homes(ctx, []fleet.InstanceID{"i-1"})
	_, refreshing := a.Refreshing(ctx, "workers")
	_, _, failures := a.Failures(ctx, "workers", time.Time{})
	for name, err := range map[string]error{"i-1": homes, `refreshes of Auto Scaling group "workers"`: refreshing, `activities of Auto Scaling group "workers"`: failures} {
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, want the cancellation with %s", err, name)
		}
	}
}
