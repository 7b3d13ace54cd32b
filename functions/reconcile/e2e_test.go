package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

const events = "../../events/"

// e2e is the compiled bootstrap under the Runtime API host, with DynamoDB
// Local behind its ledger and moto behind ECS, Auto Scaling and EventBridge.
type e2e struct {
	*local.Bed
	ledger *dynamoledger.Ledger
}

func start(t *testing.T, policy spec.Service, opts local.BedOptions) e2e {
	t.Helper()
	opts.Functions = append(opts.Functions, local.Function{Name: "reconcile", Bootstrap: localtest.BuildBootstrap(t, ".")})
	bed := localtest.Bed(t, opts)
	t.Cleanup(func() {
		if err := bed.AWS.CheckShapes(); err != nil {
			t.Error(err)
		}
	})
	e := e2e{Bed: bed}
	e.ledger = dynamoledger.New(local.NewDynamoDBClient(bed.Endpoints().DynamoDBDirect), bed.Endpoints().Table)
	e.apply(t, ledger.Edit{
		Target: fleet.ServiceKey{Cluster: "prod", Service: "checkout"}.Target(),
		Policy: &ledger.Policy{Service: &policy, Version: 1, Author: "e2e", At: time.Now()},
	})
	return e
}

func (e e2e) apply(t *testing.T, edits ...ledger.Edit) {
	t.Helper()
	if err := e.ledger.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: edits}); err != nil {
		t.Fatal(err)
	}
}

func checkoutPolicy() spec.Service {
	return spec.Service{
		Mode: spec.Act, MinCapacity: 2, MaxCapacity: 20,
		Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}},
		ScaleIn:  spec.ScaleIn{StabilizationWindow: new(spec.Duration(0)), Cooldown: new(spec.Duration(10 * time.Minute))},
	}
}

// cpu publishes a CPU average over tasks, minute by minute, up to the minute
// that began so many minutes before the present one.
func (e e2e) cpu(t *testing.T, average float64, tasks, upTo int) {
	t.Helper()
	m := local.ECSUtilization("prod", "checkout", "CPUUtilization", average, tasks, 30)
	m.Repeat = false
	var kept []local.Point
	for _, p := range m.Points {
		if p.MinutesAgo >= float64(upTo) {
			kept = append(kept, p)
		}
	}
	m.Points = kept
	if err := e.CloudWatch.Set(m); err != nil {
		t.Fatal(err)
	}
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(events, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withID is the same event delivered under another id.
func withID(t *testing.T, raw []byte, id string) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc["id"] == nil || doc["id"] == id {
		t.Fatalf("the sample has id %v, which cannot be replaced", doc["id"])
	}
	doc["id"] = id
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (e e2e) invoke(t *testing.T, payload []byte) reconcile.Report {
	t.Helper()
	res, err := e.Lambda.Invoke(t.Context(), "reconcile", payload)
	if err != nil {
		t.Fatal(err)
	}
	if res.FunctionError != "" {
		t.Fatalf("function error: %s", res.Payload)
	}
	var rep reconcile.Report
	if err := json.Unmarshal(res.Payload, &rep); err != nil {
		t.Fatalf("read the report: %v in %s", err, res.Payload)
	}
	return rep
}

func (e e2e) desired(t *testing.T) int {
	t.Helper()
	out, err := ecs.NewFromConfig(e.Endpoints().Config(e.Endpoints().MotoDirect)).DescribeServices(t.Context(),
		&ecs.DescribeServicesInput{Cluster: aws.String("prod"), Services: []string{"checkout"}})
	if err != nil || len(out.Services) != 1 {
		t.Fatalf("describe checkout in moto: %v, %+v", err, out)
	}
	return int(out.Services[0].DesiredCount)
}

func (e e2e) row(t *testing.T) ledger.Row {
	t.Helper()
	c, err := e.ledger.Read(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	return c.Row(fleet.ServiceKey{Cluster: "prod", Service: "checkout"}.Target())
}

func (e e2e) wantUpdates(t *testing.T, n int) {
	t.Helper()
	if got := len(e.AWS.Calls("UpdateService")); got != n {
		t.Fatalf("%d UpdateService calls, want %d", got, n)
	}
}

func outcome(t *testing.T, rep reconcile.Report) reconcile.Outcome {
	t.Helper()
	if len(rep.Cells) != 1 || len(rep.Cells[0].Outcomes) != 1 {
		t.Fatalf("report %+v, want one cell with one outcome", rep)
	}
	return rep.Cells[0].Outcomes[0]
}

const highCPU = "aws.cloudwatch.alarm-state-change.high-cpu.json"

// The main job: an alarm arrives and the service is scaled, once.
func TestAlarmScalesTheService(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{})
	e.cpu(t, 90, 4, 3) // published up to three minutes ago, as ECS does
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Done != reconcile.OrderDone || o.Desired != 6 {
		t.Fatalf("outcome %+v, want 6 ordered: 4 tasks at 90 %% of target 60", o)
	}
	e.wantUpdates(t, 1)
	if got := e.desired(t); got != 6 {
		t.Fatalf("moto holds desired count %d, want 6", got)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(e.AWS.Calls("UpdateService")[0].Body), &body); err != nil || len(body) != 3 {
		t.Errorf("UpdateService carried %v (%v), want cluster, service and desiredCount and nothing else", body, err)
	}
	if got := len(e.AWS.Calls("PutEvents")); got != 1 {
		t.Errorf("%d PutEvents calls, want one decision announced", got)
	}

	// The same alarm, the same under a new id, two ticks: the metrics stand, nothing more is ordered.
	e.invoke(t, sample(t, highCPU))
	e.invoke(t, withID(t, sample(t, highCPU), "00000000-0000-4000-8000-000000000002"))
	e.invoke(t, sample(t, "aws.events.scheduled-event.minute.json"))
	e.invoke(t, sample(t, "aws.events.scheduled-event.minute.json"))
	e.wantUpdates(t, 1)

	// Low within the cooldown: hold, and say so.
	e.cpu(t, 20, 6, 1)
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Done != reconcile.Held || o.Reason != history.ScaleInCooldown {
		t.Errorf("outcome %+v, want a hold by the cooldown", o)
	}
	// The metric gone: hold.
	e.CloudWatch.Clear()
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Done != reconcile.Held || o.Reason != history.MissingData {
		t.Errorf("outcome %+v, want a hold for missing data", o)
	}
	e.wantUpdates(t, 1)
	if row := e.row(t); row.Intent != nil || row.Reason.Rule != history.MissingData || len(row.History.Orders) != 1 {
		t.Errorf("row %+v", row)
	}
}

func TestManualEvaluate(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{})
	e.cpu(t, 90, 4, 1)
	rep := e.invoke(t, []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":true}`))
	if o := outcome(t, rep); o.Done != reconcile.WouldDo || o.Desired != 6 || rep.Cells[0].Input == nil || len(rep.Cells[0].Decision.Services[0].Clauses) == 0 {
		t.Errorf("report %+v", rep)
	}
	e.wantUpdates(t, 0)
	if o := outcome(t, e.invoke(t, []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`))); o.Done != reconcile.OrderDone {
		t.Errorf("outcome %+v", o)
	}
	e.wantUpdates(t, 1)
}

func TestTwoConcurrentInvokesOneWriter(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{})
	e.cpu(t, 90, 4, 1)
	e.CloudWatch.Barrier(2, 20*time.Second) // both have read before either decides
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			res, err := e.Lambda.Invoke(context.WithoutCancel(t.Context()), "reconcile", sample(t, highCPU))
			if err != nil || res.FunctionError != "" {
				t.Errorf("invoke: %v %s", err, res.Payload)
			}
		})
	}
	wg.Wait()
	e.wantUpdates(t, 1)
	if got := e.desired(t); got != 6 {
		t.Errorf("desired %d, want 6", got)
	}
}

// A panic after the claim is a function error and leaves an intent; once it is
// free the next event drops it and decides anew.
func TestPanicAfterTheClaimHeals(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{
		Functions: []local.Function{{Name: "panics", Bootstrap: localtest.BuildBootstrap(t, "./testdata/panics")}},
	})
	e.cpu(t, 90, 4, 3)
	res, err := e.Lambda.Invoke(t.Context(), "panics", sample(t, highCPU))
	if err != nil || res.FunctionError == "" || !strings.Contains(string(res.Payload), "the hand fell off") {
		t.Fatalf("error %v, function error %q, %s: want the panic", err, res.FunctionError, res.Payload)
	}
	row := e.row(t)
	if row.Intent == nil || row.Intent.Desired != 6 {
		t.Fatalf("row %+v, want the open intent", row)
	}
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Reason != history.OrderInFlight {
		t.Errorf("outcome %+v, want the lease respected", o)
	}
	e.wantUpdates(t, 0)
	time.Sleep(time.Until(row.Intent.Free()) + 100*time.Millisecond) // a lease runs on the real clock
	e.cpu(t, 90, 4, 1)
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Done != reconcile.OrderDone || o.Desired != 6 {
		t.Errorf("outcome %+v, want the order decided anew", o)
	}
	e.wantUpdates(t, 1)
	recs, err := e.ledger.Records(t.Context(), row.Target, time.Time{}, 10)
	if err != nil || len(recs) < 2 || recs[0].Kind != ledger.Ordered || recs[1].Kind != ledger.Dropped {
		t.Errorf("records %+v (%v), want the drop and the order", recs, err)
	}
}

func TestOwnedByApplicationAutoScalingIsRefused(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{})
	e.cpu(t, 90, 4, 1)
	client := applicationautoscaling.NewFromConfig(e.Endpoints().Config(e.Endpoints().MotoDirect))
	id, dimension := aws.String("service/prod/checkout"), aastypes.ScalableDimensionECSServiceDesiredCount
	if _, err := client.RegisterScalableTarget(t.Context(), &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: aastypes.ServiceNamespaceEcs, ResourceId: id, ScalableDimension: dimension,
		MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(10), RoleARN: aws.String("arn:aws:iam::123456789012:role/aas"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutScalingPolicy(t.Context(), &applicationautoscaling.PutScalingPolicyInput{
		PolicyName: aws.String("cpu60"), ServiceNamespace: aastypes.ServiceNamespaceEcs, ResourceId: id, ScalableDimension: dimension,
		PolicyType: aastypes.PolicyTypeTargetTrackingScaling,
		TargetTrackingScalingPolicyConfiguration: &aastypes.TargetTrackingScalingPolicyConfiguration{
			TargetValue:                   aws.Float64(60),
			PredefinedMetricSpecification: &aastypes.PredefinedMetricSpecification{PredefinedMetricType: aastypes.MetricTypeECSServiceAverageCPUUtilization},
		},
	}); err != nil {
		t.Fatal(err)
	}
	o := outcome(t, e.invoke(t, sample(t, highCPU)))
	if o.Done != reconcile.Held || o.Reason != history.OwnedByAnother || !strings.Contains(o.Because, "ApplicationAutoScaling") || !strings.Contains(o.Because, "cpu60") {
		t.Errorf("outcome %+v, want a refusal that names the owner", o)
	}
	e.wantUpdates(t, 0)
}

func TestObserveModeRecordsOnly(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{
		Functions: []local.Function{{Name: "observer", Bootstrap: localtest.BuildBootstrap(t, "."), Env: map[string]string{"TRIMTAB_MODE": "observe"}}},
	})
	e.cpu(t, 90, 4, 1)
	res, err := e.Lambda.Invoke(t.Context(), "observer", sample(t, highCPU))
	if err != nil || res.FunctionError != "" {
		t.Fatalf("invoke: %v %s", err, res.Payload)
	}
	e.wantUpdates(t, 0)
	recs, err := e.ledger.Records(t.Context(), e.row(t).Target, time.Time{}, 1)
	if err != nil || len(recs) != 1 || recs[0].Desired != 6 || recs[0].Mode != spec.Observe {
		t.Errorf("records %+v (%v), want the decision for 6 in observe mode", recs, err)
	}
}

// Tasks and instances in one decision: six more tasks of 2 vCPU, two of which
// fit on the one instance of 4096 CPU units, need two more instances.
func TestServiceAndGroupTogether(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{
		Group:    &local.GroupSeed{Name: "prod-m5", DesiredCapacity: 1, MaxSize: 10},
		Services: []local.ServiceSeed{{Name: "checkout", DesiredCount: 4, CPU: 2048, Memory: 1024, EC2: true}},
	})
	e.apply(t, ledger.Edit{
		Target: fleet.GroupOf("prod", "prod-m5"),
		Policy: &ledger.Policy{Group: &spec.Group{Mode: spec.Act}, Version: 1, Author: "e2e", At: time.Now()},
	})
	e.cpu(t, 150, 4, 1)
	rep := e.invoke(t, sample(t, highCPU))
	if len(rep.Cells) != 1 || len(rep.Cells[0].Outcomes) != 2 {
		t.Fatalf("report %+v, want one cell with the service and the group", rep)
	}
	if got := e.desired(t); got != 10 {
		t.Errorf("desired count %d, want 10", got)
	}
	out, err := autoscaling.NewFromConfig(e.Endpoints().Config(e.Endpoints().MotoDirect)).DescribeAutoScalingGroups(t.Context(),
		&autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"prod-m5"}})
	if err != nil || len(out.AutoScalingGroups) != 1 || *out.AutoScalingGroups[0].DesiredCapacity != 3 {
		t.Errorf("group %+v (%v), want desired capacity 3", out, err)
	}
	up, outCalls := e.AWS.Calls("SetDesiredCapacity"), e.AWS.Calls("UpdateService")
	if len(up) != 1 || len(outCalls) != 1 || !up[0].At.Before(outCalls[0].At) {
		t.Errorf("orders %v and %v, want the group raised first", up, outCalls)
	}
}

// ECS that does not answer is a hold with its reason, well before the
// invocation's own deadline; once it answers again nobody has to help.
func TestHangingECSHolds(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{})
	e.cpu(t, 90, 4, 1)
	e.AWS.Fail(local.Fault{Op: "DescribeServices", Count: 20, DelayMs: 40_000, Status: 500})
	began := time.Now()
	o := outcome(t, e.invoke(t, []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`)))
	if o.Done != reconcile.Held || o.Reason != history.Unreadable || time.Since(began) > 30*time.Second {
		t.Errorf("after %s: %+v, want a hold that says ECS could not be read", time.Since(began), o)
	}
	e.AWS.Fail()
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Done != reconcile.OrderDone {
		t.Errorf("outcome %+v, want the order once ECS answers", o)
	}
}

// Every sample goes through the compiled function: good ones without an error,
// bad ones, and those for the drain function, with one clear message.
func TestEverySample(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{Group: &local.GroupSeed{Name: "prod-m7g", DesiredCapacity: 1}})
	e.cpu(t, 50, 4, 1)
	e.apply(t, ledger.Edit{
		Target: fleet.GroupOf("prod", "prod-m7g"), Policy: &ledger.Policy{Group: &spec.Group{}, Version: 1, Author: "e2e", At: time.Now()},
	})
	files, err := filepath.Glob(events + "*.json")
	bad, err2 := filepath.Glob(events + "bad/*.json")
	if err != nil || err2 != nil || len(files) < 10 || len(bad) < 10 {
		t.Fatalf("%d samples and %d bad ones (%v, %v)", len(files), len(bad), err, err2)
	}
	for _, f := range append(files, bad...) {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		res, err := e.Lambda.Invoke(t.Context(), "reconcile", raw)
		wantError := strings.HasPrefix(filepath.Base(f), "error.") || strings.HasPrefix(filepath.Base(f), "trimtab.drain.")
		if err != nil || (res.FunctionError != "") != wantError {
			t.Errorf("%s: function error %q, want one: %t (%v) %s", filepath.Base(f), res.FunctionError, wantError, err, res.Payload)
		}
	}
	res, err := e.Lambda.Invoke(t.Context(), "reconcile", []byte(`{"kind":"restart","cluster":"prod"}`))
	if err != nil || res.FunctionError == "" || !strings.Contains(string(res.Payload), "evaluate") {
		t.Errorf("an unknown kind answered %q %s (%v), want an error that lists the known ones", res.FunctionError, res.Payload, err)
	}
}

// A person's word by invoke: a pause stops the alarm's order, a resume gives it
// in its own invocation, and the stop holds for every run that begins after it.
func TestOverridesByInvoke(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{})
	e.cpu(t, 90, 4, 1)
	rep := e.invoke(t, sample(t, "trimtab.pause.json"))
	if rep.Override == nil || !rep.Override.Written || rep.Override.Override.Kind != spec.Pause {
		t.Fatalf("report %+v, want the pause written", rep)
	}
	if o := outcome(t, rep); o.Done != reconcile.Held || o.Reason != history.Paused || !strings.Contains(o.Because, "database migration") {
		t.Errorf("outcome %+v, want the pause at once", o)
	}
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Reason != history.Paused {
		t.Errorf("outcome %+v, want the pause to stop the alarm's order", o)
	}
	e.wantUpdates(t, 0)

	// A redeploy brings the policy anew; the pause stays.
	row, p := e.row(t), checkoutPolicy()
	p.MaxCapacity = 30
	e.apply(t, ledger.Edit{Target: row.Target, Generation: row.Generation, Policy: &ledger.Policy{Service: &p, Version: 2, Author: "e2e", At: time.Now()}})
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Reason != history.Paused {
		t.Errorf("outcome %+v, want the pause to survive a new policy", o)
	}

	if rep = e.invoke(t, sample(t, "trimtab.stop.json")); rep.Control == nil || !rep.Control.Written || !rep.Control.Control.Stop {
		t.Fatalf("report %+v, want the stop written", rep)
	}
	if o := outcome(t, e.invoke(t, sample(t, "trimtab.resume.json"))); o.Reason != history.GlobalStop {
		t.Errorf("outcome %+v, want the stop to outlast the pause", o)
	}
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Reason != history.GlobalStop {
		t.Errorf("outcome %+v, want the stop", o)
	}
	e.wantUpdates(t, 0)
	if rep = e.invoke(t, sample(t, "trimtab.start.json")); !rep.Control.Written || rep.Control.Control.Stop {
		t.Errorf("report %+v, want the stop lifted", rep)
	}
	if o := outcome(t, e.invoke(t, sample(t, highCPU))); o.Done != reconcile.OrderDone || o.Desired != 6 {
		t.Errorf("outcome %+v, want the order once nothing holds it", o)
	}
	e.wantUpdates(t, 1)
}

func TestHoldByInvokeActsAtOnce(t *testing.T) {
	t.Parallel()
	e := start(t, checkoutPolicy(), local.BedOptions{})
	e.cpu(t, 60, 4, 1)
	hold := []byte(`{"kind":"hold","cluster":"prod","service":"checkout","count":5,"for":"1h","why":"sale","by":"ann"}`)
	if o := outcome(t, e.invoke(t, []byte(strings.Replace(string(hold), `}`, `,"dryRun":true}`, 1)))); o.Done != reconcile.WouldDo || o.Desired != 5 {
		t.Errorf("dry run: %+v", o)
	}
	if row := e.row(t); len(row.Overrides) != 0 {
		t.Errorf("the dry run wrote %+v", row.Overrides)
	}
	if o := outcome(t, e.invoke(t, hold)); o.Done != reconcile.OrderDone || o.Desired != 5 {
		t.Errorf("outcome %+v, want 5 ordered in the same invocation", o)
	}
	if got := e.desired(t); got != 5 {
		t.Errorf("moto holds desired count %d, want 5", got)
	}
	recs, err := e.ledger.Records(t.Context(), e.row(t).Target, time.Time{}, 1)
	if err != nil || len(recs) != 1 || !strings.Contains(string(recs[0].Input), `"why":"sale"`) {
		t.Errorf("records %+v (%v), want the override in the order's input", recs, err)
	}
	res, err := e.Lambda.Invoke(t.Context(), "reconcile", []byte(strings.Replace(string(hold), `:5`, `:21`, 1)))
	if err != nil || res.FunctionError == "" || !strings.Contains(string(res.Payload), "hold 21 is above maxCapacity 20") {
		t.Errorf("hold 21 answered %q %s (%v), want the refusal", res.FunctionError, res.Payload, err)
	}
}
