package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/local"
)

// hook gives the group a lifecycle hook of the functions' own.
func (s stage) hook(t *testing.T, timeout int32) {
	t.Helper()
	if _, err := s.groups.PutLifecycleHook(t.Context(), &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: aws.String(group), LifecycleHookName: aws.String("trimtab-drain"),
		LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_TERMINATING"), HeartbeatTimeout: &timeout,
	}); err != nil {
		t.Fatal(err)
	}
}

// hookEvent is the event of a wait that began so long ago.
func hookEvent(t *testing.T, id fleet.InstanceID, w local.Wait, ago time.Duration) []byte {
	t.Helper()
	return about(t, "aws.autoscaling.terminate-lifecycle-action.scale-in", id, ago, "4c7f1a60-5d3e-4b8a-9f21-0e6d8c7b5a43", w.Token)
}

// hookCall is a request about a wait.
func hookCall(op string, h host, w local.Wait, result string) string {
	form := url.Values{
		"AutoScalingGroupName": {group}, "InstanceId": {string(h.id)}, "LifecycleHookName": {w.Hook},
	}
	if w.Token != "" {
		form.Set("LifecycleActionToken", w.Token)
	}
	if result != "" {
		form.Set("LifecycleActionResult", result)
	}
	return op + " " + form.Encode()
}

// Auto Scaling ends an instance with a task, and our hook waits: the wait is
// prolonged, and ended once the task is elsewhere. A hook of another name is left alone.
func TestHookWaitsForTheTasks(t *testing.T) {
	t.Parallel()
	s := play(t, 3, 5)
	s.wantGroup(t, 3, 4, 1, 0)
	leaver := s.hosts(t)[1]
	s.hook(t, 600)
	s.Standin.Hold(true)
	w, err := s.Standin.Leave(t.Context(), string(leaver.id))
	if err != nil || w.Hook != "trimtab-drain" {
		t.Fatalf("wait %+v, %v", w, err)
	}
	rep := s.invoke(t, "drain", []byte(strings.Replace(string(hookEvent(t, leaver.id, w, 0)), `"trimtab-drain"`, `"backup"`, 1)))
	if want := []string{"hook backup of group prod-m7g"}; !slices.Equal(rep.Unmatched, want) {
		t.Errorf("report %+v, want %q unmatched", rep, want)
	}
	s.wantWritten(t)

	s.invoke(t, "drain", hookEvent(t, leaver.id, w, 400*time.Second)) // past half of its timeout
	s.wantDrain(t, leaver.id, drain.Lifecycle, drain.Draining)
	s.wantWritten(t, setDraining("DRAINING", leaver), hookCall("RecordLifecycleActionHeartbeat", leaver, w, ""))
	s.tick(t, "drain")
	s.wantWritten(t)
	if now, _ := s.Standin.Waiting(string(leaver.id)); now.Beats != 1 {
		t.Errorf("the hook waits as %+v, want it prolonged once", now)
	}

	s.settle(t)
	s.tick(t, "drain")
	s.wantDrain(t, leaver.id, drain.Lifecycle, drain.Terminated)
	s.wantWritten(t, hookCall("CompleteLifecycleAction", leaver, w, "CONTINUE"))
	s.wantGroup(t, 2, 4, 1)
}

// The group's hook waits for the instances that we end, too, which is empty then: its
// event ends the wait at once.
func TestHookOfAnInstanceThatWeEnd(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 3)
	empty := s.hosts(t)[1]
	s.hook(t, 600)
	s.invoke(t, "drain", about(t, "trimtab.drain.act", empty.id, 0))
	s.wantWritten(t, setDraining("DRAINING", empty), terminate(empty))
	w, ok := s.Standin.Waiting(string(empty.id))
	if d := s.wantDrain(t, empty.id, drain.Manual, drain.Terminated); d.By != "ann" || !ok {
		t.Fatalf("row %+v, want it ann's; the hook waits: %t", d, ok)
	}
	s.invoke(t, "drain", hookEvent(t, empty.id, w, 0))
	s.wantWritten(t, hookCall("CompleteLifecycleAction", empty, w, "CONTINUE"))
	s.tick(t, "drain")
	s.wantWritten(t)
	s.wantDrain(t, empty.id, drain.Lifecycle, drain.Terminated)
	s.wantGroup(t, 1, 3)
}

// The event of a wait is lost. A look at everything finds the instance, and its wait
// is ended without the token that only the event knew.
func TestHookWithoutItsEvent(t *testing.T) {
	t.Parallel()
	s := play(t, 3, 5)
	leaver := s.hosts(t)[1]
	s.hook(t, 600)
	w, err := s.Standin.Leave(t.Context(), string(leaver.id))
	if err != nil || w.Token == "" {
		t.Fatalf("wait %+v, %v", w, err)
	}
	s.invoke(t, "drain", sample(t, "trimtab.tick.act"))
	s.wantDrain(t, leaver.id, drain.Lifecycle, drain.Terminated)
	w.Token = ""
	s.wantWritten(t, setDraining("DRAINING", leaver), hookCall("CompleteLifecycleAction", leaver, w, "CONTINUE"))
	s.wantGroup(t, 2, 4, 1)
}
