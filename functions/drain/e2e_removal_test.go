package main

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local"
)

// settle has the scheduler do what it was kept from.
func (s stage) settle(t *testing.T) {
	t.Helper()
	s.Standin.Hold(false)
	if err := s.Standin.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// An instance with a task whose task fits on the other is drained. The drain waits
// for the task over ticks, and the event of its end goes on at once.
func TestBusyInstanceGoes(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 5)
	s.wantGroup(t, 2, 4, 1)
	full, lone := s.hosts(t)[0], s.hosts(t)[1]
	s.Standin.Hold(true)
	if _, err := s.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("prod"), Service: aws.String(service), DesiredCount: aws.Int32(3)}); err != nil {
		t.Fatal(err)
	}
	list, err := s.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), ContainerInstance: &full.arn})
	if err != nil || len(list.TaskArns) != 4 {
		t.Fatalf("tasks of %+v: %+v, %v", full, list, err)
	}
	for _, arn := range list.TaskArns[:2] {
		if _, err := s.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("prod"), Task: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	s.load(t, 45, 3, 1)
	s.invoke(t, "reconcile", []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`))
	s.wantDrain(t, lone.id, drain.Consolidation, drain.Candidate)
	s.tick(t, "drain")
	s.wantDrain(t, lone.id, drain.Consolidation, drain.Draining)
	s.wantWritten(t, setDraining("DRAINING", lone))
	s.tick(t, "drain")
	s.wantWritten(t)
	s.wantGroup(t, 2, 2, 1)

	s.settle(t)
	s.invoke(t, "drain", bytesOf(t, "aws.ecs.task-state-change-on-instance.stopped", lone.arn))
	s.wantDrain(t, lone.id, drain.Consolidation, drain.Terminated)
	s.wantWritten(t, terminate(lone))
	s.wantGroup(t, 1, 3)
	if r := s.record(t); r.Kind != ledger.Ordered || r.Before != 2 || r.Desired != 1 {
		t.Errorf("record %s of %d to %d because %s, want the end of %s", r.Kind, r.Before, r.Desired, r.Because, lone.id)
	}
}

// bytesOf is a sample about a container instance.
func bytesOf(t *testing.T, name, arn string) []byte {
	t.Helper()
	const there = "arn:aws:ecs:us-east-1:123456789012:container-instance/prod/2dd1b186f39845a584488d2ef155c131"
	out := strings.ReplaceAll(string(sample(t, name)), there, arn)
	if !strings.Contains(out, arn) {
		t.Fatalf("sample %s names no container instance %s", name, there)
	}
	return []byte(out)
}

// EC2 takes an instance back, or warns that it may: other capacity is ordered at
// once, the tasks go there, and the group is as large as before.
func TestSpotIsReplacedAndDrained(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]drain.Cause{
		"aws.ec2.spot-interruption-warning.terminate": drain.Spot,
		"aws.ec2.rebalance-recommendation.early":      drain.Rebalance,
	} {
		t.Run(string(cause), func(t *testing.T) {
			t.Parallel()
			s := play(t, 1, 3)
			s.load(t, 45, 3, 1)
			taken := s.hosts(t)[0]
			notice := about(t, name, taken.id, 2*time.Second)
			s.invoke(t, "reconcile", notice)
			s.wantWritten(t, setCapacity(2))
			s.wantGroup(t, 2, 3, 0)
			s.invoke(t, "drain", notice)
			d := s.wantDrain(t, taken.id, cause, drain.Terminated)
			if cause == drain.Spot && d.Deadline.Sub(d.Opened) > 2*time.Minute {
				t.Errorf("row %+v, want a deadline within the notice", d)
			}
			s.wantWritten(t, setDraining("DRAINING", taken), terminate(taken))
			s.wantGroup(t, 1, 3)
			if left := s.hosts(t)[0]; left.id == taken.id {
				t.Errorf("%s is still there", taken.id)
			}
		})
	}
}

// One message of a batch that cannot be read does not keep the other from its end.
func TestBatchWithOneRefused(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 3)
	empty := s.hosts(t)[1]
	raw := strings.ReplaceAll(string(about(t, "aws.sqs.batch.one-refused", empty.id, 0)),
		`2026-11-23T10:05:12Z`, time.Now().UTC().Format(time.RFC3339))
	res, err := s.Lambda.Invoke(t.Context(), "drain", []byte(raw))
	if err != nil || res.FunctionError != "" {
		t.Fatalf("%v, function error %s", err, res.Payload)
	}
	want := `{"batchItemFailures":[{"itemIdentifier":"7b1f6c1e-0000-4000-8000-000000000137"}]}`
	if string(res.Payload) != want {
		t.Errorf("answer %s, want %s", res.Payload, want)
	}
	s.wantDrain(t, empty.id, drain.Spot, drain.Terminated)
	s.wantWritten(t, setDraining("DRAINING", empty), terminate(empty))
}

// A notice that comes minutes late is believed, as far as that is of use. One that
// comes hours late is of an instance that EC2 did not take.
func TestLateNotice(t *testing.T) {
	t.Parallel()
	s := play(t, 3, 3)
	late, tooLate := s.hosts(t)[1], s.hosts(t)[2]
	rep := s.invoke(t, "drain", about(t, "aws.ec2.spot-interruption-warning.terminate", tooLate.id, 3*time.Hour))
	if len(rep.Unmatched) != 1 || !strings.Contains(rep.Unmatched[0], string(tooLate.id)) {
		t.Errorf("report %+v, want the notice unmatched", rep)
	}
	s.wantWritten(t)
	if d := s.drain(t, tooLate.id); d.Generation != 0 {
		t.Errorf("the notice opened %+v", d)
	}
	s.invoke(t, "drain", about(t, "aws.ec2.spot-interruption-warning.terminate", late.id, 3*time.Minute))
	s.wantDrain(t, late.id, drain.Spot, drain.Terminated)
	s.wantWritten(t, setDraining("DRAINING", late), terminate(late))
}

// The time of an event is a hint: one of another century does not keep a removal open.
func TestNoticeOfTheFuture(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 3)
	busy := s.hosts(t)[0]
	s.Standin.Hold(true)
	s.invoke(t, "drain", about(t, "aws.ec2.spot-interruption-warning.terminate", busy.id, -100*365*24*time.Hour))
	if d := s.wantDrain(t, busy.id, drain.Spot, drain.Draining); d.Deadline.Sub(d.Opened) > 2*time.Minute {
		t.Errorf("row %+v, want a deadline two minutes from now", d)
	}
}

// A person drains an instance: a dry run tells and does nothing, the word itself
// waits for the tasks, and taken back it leaves the instance as it was.
func TestPersonDrainsAndTakesItBack(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 3)
	busy := s.hosts(t)[0]
	s.Standin.Hold(true)
	rep := s.invoke(t, "drain", about(t, "trimtab.drain.default", busy.id, 0)) // a dry run unless told otherwise
	if len(rep.Drains) != 1 || !slices.Equal(rep.Drains[0].Acts, []drain.Act{drain.SetDraining}) || !rep.DryRun {
		t.Errorf("report %+v, want a dry run that would order DRAINING", rep)
	}
	s.wantWritten(t)
	if d := s.drain(t, busy.id); d.Generation != 0 {
		t.Errorf("the dry run wrote %+v", d)
	}

	s.invoke(t, "drain", about(t, "trimtab.drain.act", busy.id, 0))
	if d := s.wantDrain(t, busy.id, drain.Manual, drain.Draining); d.By != "ann" {
		t.Errorf("row %+v, want it ann's", d)
	}
	s.wantWritten(t, setDraining("DRAINING", busy))
	s.invoke(t, "drain", about(t, "trimtab.drain.undo", busy.id, 0))
	d := s.wantDrain(t, busy.id, drain.Manual, drain.Undoing)
	s.wantWritten(t, setDraining("ACTIVE", busy))
	time.Sleep(time.Until(d.Ordered.Add(drain.Again + time.Second))) // an order may take its time, on the real clock
	s.tick(t, "drain")
	s.wantDrain(t, busy.id, drain.Manual, drain.Undone)
	s.wantWritten(t)
	s.wantGroup(t, 2, 3, 0)
	if got := s.hosts(t)[0]; got.status != "ACTIVE" {
		t.Errorf("instance %+v, want it ACTIVE", got)
	}
	res, err := s.Lambda.Invoke(t.Context(), "drain", about(t, "trimtab.drain.undo", busy.id, 0))
	if err != nil || res.FunctionError == "" || !strings.Contains(string(res.Payload), "it is not being drained") {
		t.Errorf("a second undo answered %v %s, want a refusal", err, res.Payload)
	}
}

// The reply of a termination is lost: the group shows that it was carried out, and
// it is not ordered again.
func TestLostReplyIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := play(t, 3, 3)
	empty := s.hosts(t)[1]
	s.AWS.Fail(local.Fault{Op: "TerminateInstanceInAutoScalingGroup", CutReply: true})
	res, err := s.Lambda.Invoke(t.Context(), "drain", about(t, "trimtab.drain.act", empty.id, 0))
	var rep struct{ Error string }
	if err != nil || json.Unmarshal(res.Payload, &rep) != nil || rep.Error == "" {
		t.Errorf("answer %s, %v; want a report with the error", res.Payload, err)
	}
	d := s.wantDrain(t, empty.id, drain.Manual, drain.Terminating)
	if d.Before != 3 || d.After != 2 {
		t.Errorf("row %+v, want 3 instances before and 2 after", d)
	}
	s.tick(t, "drain")
	s.wantDrain(t, empty.id, drain.Manual, drain.Terminated)
	s.wantWritten(t, setDraining("DRAINING", empty), terminate(empty))
	s.wantGroup(t, 2, 3, 0)
}

// Several empty instances end by one request, and the least size holds.
func TestSeveralEndTogether(t *testing.T) {
	t.Parallel()
	s := play(t, 4, 3, func(g *spec.Group) {
		g.ScaleIn.EmptyBudget = []spec.InstanceLimit{{Percent: 100, Period: spec.Duration(time.Minute)}}
	})
	s.load(t, 45, 3, 1)
	s.invoke(t, "reconcile", []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`))
	s.wantWritten(t)
	s.tick(t, "drain")
	calls := s.AWS.Calls("TerminateInstanceInAutoScalingGroup")
	if len(calls) != 1 {
		t.Fatalf("%d terminations were asked for, want one of three", len(calls))
	}
	form, err := url.ParseQuery(calls[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Action", "AutoScalingGroupName", "InstanceIds.member.1", "InstanceIds.member.2", "InstanceIds.member.3", "ShouldDecrementDesiredCapacity", "Version"}
	var got []string
	for k := range form {
		got = append(got, k)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	s.wantGroup(t, 1, 3)
}

// What may pass by itself keeps a person's drain waiting, with nothing disrupted; the
// drain goes on at the next tick after it has passed.
func TestDrainWaitsForWhatPasses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin, end func(t *testing.T, s stage, h host)
		says       string
	}{
		"an instance refresh": {
			func(_ *testing.T, s stage, _ host) { s.Standin.Refresh(group, "InProgress") },
			func(_ *testing.T, s stage, _ host) { s.Standin.Refresh(group, "Successful") },
			"an instance refresh of the group prod-m7g is in progress",
		},
		"a protected task": {
			func(t *testing.T, s stage, h host) { t.Helper(); s.protect(t, h, true) },
			func(t *testing.T, s stage, h host) { t.Helper(); s.protect(t, h, false) },
			"under task scale-in protection",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := play(t, 2, 3)
			busy := s.hosts(t)[0]
			c.begin(t, s, busy)
			rep := s.invoke(t, "drain", about(t, "trimtab.drain.act", busy.id, 0))
			if n := len(rep.Drains); n != 1 || !strings.Contains(rep.Drains[0].Now, c.says) {
				t.Errorf("report %+v, want it to say %q", rep, c.says)
			}
			s.wantDrain(t, busy.id, drain.Manual, drain.Candidate)
			s.wantWritten(t)
			c.end(t, s, busy)
			s.tick(t, "drain")
			s.wantDrain(t, busy.id, drain.Manual, drain.Terminated)
			s.wantWritten(t, setDraining("DRAINING", busy), terminate(busy))
			s.wantGroup(t, 1, 3)
		})
	}
}

// protect sets the protection of the tasks on an instance.
func (s stage) protect(t *testing.T, h host, on bool) {
	t.Helper()
	list, err := s.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("prod"), ContainerInstance: &h.arn})
	if err != nil || len(list.TaskArns) == 0 {
		t.Fatalf("tasks of %+v: %+v, %v", h, list, err)
	}
	for _, arn := range list.TaskArns {
		s.Standin.Protect(arn, on)
	}
}

// The protection from scale-in is kept on the instances with tasks, and taken from
// one before it ends.
func TestProtectionIsKept(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 3, func(g *spec.Group) { g.ScaleIn.ManageProtection = true })
	busy, everything := s.hosts(t)[0], sample(t, "trimtab.tick.act") // the minute's tick looks every fifth time
	protection := func(on string) string {
		return "SetInstanceProtection AutoScalingGroupName=" + group + "&InstanceIds.member.1=" + string(busy.id) + "&ProtectedFromScaleIn=" + on
	}
	s.invoke(t, "drain", everything)
	s.wantWritten(t, protection("true"))
	s.invoke(t, "drain", everything)
	s.wantWritten(t)
	s.invoke(t, "drain", about(t, "trimtab.drain.act", busy.id, 0))
	s.wantWritten(t, setDraining("DRAINING", busy), protection("false"), terminate(busy))
	s.wantDrain(t, busy.id, drain.Manual, drain.Terminated)
}

// Two ticks at once, both of which have read before either writes, drain and end an
// instance once.
func TestTwoTicksOneTermination(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 3)
	empty := s.hosts(t)[1]
	s.load(t, 45, 3, 1)
	s.invoke(t, "reconcile", []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`))
	s.wantDrain(t, empty.id, drain.Empty, drain.Candidate)
	s.AWS.Fail(local.Fault{Op: "DescribeInstanceRefreshes", Count: 2, DelayMs: 1500})
	var wg sync.WaitGroup
	told := make([]int, 2) // how often each says that it ordered DRAINING
	for i := range told {
		wg.Go(func() {
			res, err := s.Lambda.Invoke(context.WithoutCancel(t.Context()), "drain", sample(t, "aws.events.scheduled-event.minute"))
			if err != nil || res.FunctionError != "" {
				t.Errorf("tick: %v %s", err, res.Payload)
				return
			}
			told[i] = strings.Count(string(res.Payload), `"acts":["setDraining"]`)
		})
	}
	wg.Wait()
	if told[0]+told[1] != 1 {
		t.Errorf("the runs say %d times that DRAINING was ordered, want once", told[0]+told[1])
	}
	s.tick(t, "drain")
	s.wantDrain(t, empty.id, drain.Empty, drain.Terminated)
	s.wantWritten(t, setDraining("DRAINING", empty), terminate(empty))
	s.wantGroup(t, 1, 3)
}

// In observe mode nothing is opened, drained or ended, and a person is told.
func TestObserveModeMovesNothing(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 3, func(g *spec.Group) { g.Mode = spec.Observe })
	empty := s.hosts(t)[1]
	s.load(t, 45, 3, 1)
	s.invoke(t, "reconcile", []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`))
	res, err := s.Lambda.Invoke(t.Context(), "drain", about(t, "trimtab.drain.act", empty.id, 0))
	if err != nil || !strings.Contains(string(res.Payload), "is in observe mode") {
		t.Errorf("a drain answered %v %s, want that nothing is moved", err, res.Payload)
	}
	s.invoke(t, "drain", about(t, "aws.ec2.spot-interruption-warning.terminate", empty.id, 0))
	s.tick(t, "drain")
	if d := s.drain(t, empty.id); d.Generation != 0 {
		t.Errorf("row %+v, want none", d)
	}
	s.wantWritten(t)
}

// What ECS refused was written down before: a later tick orders it again.
func TestRefusedOrderIsGivenAgain(t *testing.T) {
	t.Parallel()
	s := play(t, 2, 3)
	empty := s.hosts(t)[1]
	s.AWS.Fail(local.Fault{Op: "UpdateContainerInstancesState", Code: "AccessDeniedException", Message: "no", Count: 1})
	res, err := s.Lambda.Invoke(t.Context(), "drain", about(t, "trimtab.drain.act", empty.id, 0))
	if err != nil || !strings.Contains(string(res.Payload), "AccessDeniedException") {
		t.Errorf("answer %s, %v; want a report with the refusal", res.Payload, err)
	}
	d := s.wantDrain(t, empty.id, drain.Manual, drain.Draining)
	s.AWS.Reset()
	s.tick(t, "drain")
	s.wantWritten(t) // it may have been carried out after all
	time.Sleep(time.Until(d.Ordered.Add(drain.Again + time.Second)))
	s.tick(t, "drain")
	s.wantDrain(t, empty.id, drain.Manual, drain.Terminated)
	s.wantWritten(t, setDraining("DRAINING", empty), terminate(empty))
}

// An instance that disappears while it drains closes its row, and nothing is ended
// in its place.
func TestInstanceThatDisappears(t *testing.T) {
	t.Parallel()
	s := play(t, 3, 3)
	busy := s.hosts(t)[0]
	s.Standin.Hold(true)
	s.invoke(t, "drain", about(t, "trimtab.drain.act", busy.id, 0))
	s.wantWritten(t, setDraining("DRAINING", busy))
	if _, err := s.Standin.Leave(t.Context(), string(busy.id)); err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	s.invoke(t, "drain", about(t, "aws.ec2.instance-state-change.terminated", busy.id, 0))
	s.wantDrain(t, busy.id, drain.Manual, drain.Gone)
	s.wantWritten(t)
	s.wantGroup(t, 2, 3, 0)
}
