package event_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/event"
)

// samplesDir is the folder of sample events at the top of the repository.
const samplesDir = "../../events"

// expectations says what a sample must decode to, by the start of its file name:
// <source>.<detail-type>. of <source>.<detail-type>.<case>.json.
var expectations = []struct {
	prefix string
	kind   event.Kind
	via    event.Via
}{
	{"aws.cloudwatch.alarm-state-change.", event.Alarm, event.ViaEventBridge},
	{"aws.cloudwatch.alarm-action.", event.Alarm, event.ViaAlarmAction},
	{"aws.cloudwatch.alarm-configuration-change.", event.Unknown, event.ViaEventBridge},
	{"aws.cloudwatch.alarm-contributor-state-change.", event.Unknown, event.ViaEventBridge},
	{"aws.sns.alarm.", event.Alarm, event.ViaSNS},
	{"aws.sns.message.", event.Unknown, event.ViaSNS},
	{"aws.ecs.service-action.", event.ServiceAction, event.ViaEventBridge},
	{"aws.ecs.deployment-state-change.", event.Deployment, event.ViaEventBridge},
	{"aws.ecs.task-state-change.", event.Unknown, event.ViaEventBridge},
	{"aws.ecs.task-state-change-on-instance.", event.TaskChange, event.ViaEventBridge},
	{"aws.ecs.container-instance-state-change.", event.HostChange, event.ViaEventBridge},
	{"aws.autoscaling.terminate-lifecycle-action.", event.Lifecycle, event.ViaEventBridge},
	{"aws.autoscaling.terminate-lifecycle-action-warm-pool.", event.Unknown, event.ViaEventBridge},
	{"aws.autoscaling.launch-lifecycle-action.", event.Unknown, event.ViaEventBridge},
	{"aws.autoscaling.launch-successful.", event.Launch, event.ViaEventBridge},
	{"aws.autoscaling.launch-unsuccessful.", event.Launch, event.ViaEventBridge},
	{"aws.autoscaling.terminate-successful.", event.Termination, event.ViaEventBridge},
	{"aws.autoscaling.terminate-unsuccessful.", event.Termination, event.ViaEventBridge},
	{"aws.ec2.spot-interruption-warning.", event.Spot, event.ViaEventBridge},
	{"aws.ec2.rebalance-recommendation.", event.Rebalance, event.ViaEventBridge},
	{"aws.ec2.instance-state-change.", event.InstanceState, event.ViaEventBridge},
	{"aws.sqs.batch.", event.Batch, event.ViaSQS},
	{"aws.events.scheduled-event.", event.Tick, event.ViaEventBridge},
	{"aws.scheduler.scheduled-event.", event.Tick, event.ViaScheduler},
	{"com.example.orders.order-placed.", event.Unknown, event.ViaEventBridge},
	{"trimtab.evaluate.", event.Evaluate, event.ViaInvoke},
	{"trimtab.tick.", event.TickAll, event.ViaInvoke},
	{"trimtab.pause.", event.Override, event.ViaInvoke},
	{"trimtab.suspend-in.", event.Override, event.ViaInvoke},
	{"trimtab.suspend-out.", event.Override, event.ViaInvoke},
	{"trimtab.hold.", event.Override, event.ViaInvoke},
	{"trimtab.min.", event.Override, event.ViaInvoke},
	{"trimtab.max.", event.Override, event.ViaInvoke},
	{"trimtab.resume.", event.Resume, event.ViaInvoke},
	{"trimtab.stop.", event.Stop, event.ViaInvoke},
	{"trimtab.start.", event.Start, event.ViaInvoke},
	{"trimtab.drain.", event.Drain, event.ViaInvoke},
}

func readDir(tb testing.TB, dir string) map[string][]byte {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("no samples in %s (%v)", dir, err)
	}
	files := make(map[string][]byte, len(names))
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		files[filepath.Base(name)] = raw
	}
	return files
}

func readSample(tb testing.TB, name string) []byte {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(samplesDir, name))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// TestSamples decodes every sample to the kind its file name says, and sees
// that every expectation has a sample.
func TestSamples(t *testing.T) {
	t.Parallel()
	used := map[string]int{}
	for name, raw := range readDir(t, samplesDir) {
		ev, err := event.Decode(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		known := false
		for _, want := range expectations {
			if !strings.HasPrefix(name, want.prefix) {
				continue
			}
			known = true
			used[want.prefix]++
			if ev.Kind != want.kind || ev.Via != want.via {
				t.Errorf("%s is %s via %q, want %s via %q", name, ev.Kind, ev.Via, want.kind, want.via)
			}
		}
		if !known {
			t.Errorf("%s: no expectation starts its name; add one", name)
		}
		checkUsable(t, name, ev)
		checkOurs(t, name, ev)
	}
	for _, want := range expectations {
		if used[want.prefix] == 0 {
			t.Errorf("no sample is named %s<case>.json", want.prefix)
		}
	}
}

// checkOurs sees that a sample uses the account, region, cluster and service of
// the local bed, so that it can be sent there.
func checkOurs(t *testing.T, name string, ev event.Event) {
	t.Helper()
	if ev.Via != event.ViaInvoke && (ev.Account != "123456789012" || ev.Region != "us-east-1" || ev.Time.IsZero()) {
		t.Errorf("%s: account %q, region %q, time %s", name, ev.Account, ev.Region, ev.Time)
	}
	switch ev.Kind {
	case event.ServiceAction, event.Deployment, event.Evaluate:
		if got := ev.Service.String(); got != "prod/checkout" {
			t.Errorf("%s: service %s, want prod/checkout", name, got)
		}
	case event.Override, event.Resume:
		want := "prod/service/checkout"
		if strings.Contains(name, ".group.") {
			want = "prod/group/prod-m7g"
		}
		if got := ev.Request.Target.String(); got != want {
			t.Errorf("%s: target %s, want %s", name, got, want)
		}
	case event.Stop, event.Start:
		if got := ev.Request.Target.Cluster; got != "prod" {
			t.Errorf("%s: cluster %s, want prod", name, got)
		}
	case event.Lifecycle, event.Launch, event.Termination:
		if ev.Group != "prod-m7g" {
			t.Errorf("%s: group %s, want prod-m7g", name, ev.Group)
		}
	case event.TaskChange, event.HostChange, event.Drain:
		if ev.Cluster != "prod" {
			t.Errorf("%s: cluster %s, want prod", name, ev.Cluster)
		}
	case event.Batch:
		for i, one := range ev.Batch {
			checkOurs(t, fmt.Sprintf("%s, record %d", name, i), one)
		}
	case event.Alarm, event.Tick, event.TickAll, event.Spot, event.Rebalance, event.InstanceState, event.Unknown:
	}
	if ev.Instance != "" && ev.Instance != ourInstance {
		t.Errorf("%s: instance %s, want %s", name, ev.Instance, ourInstance)
	}
}

// ourInstance is the instance of every sample that names one.
const ourInstance = "i-0a1b2c3d4e5f60718"

// badCase is what a sample of events/bad must be refused with.
type badCase struct{ kind, id, problem string }

const (
	ecsAction   = "aws.ecs ECS Service Action"
	alarmChange = "aws.cloudwatch CloudWatch Alarm State Change"
	alarmAction = "aws.cloudwatch alarm action"
	groupHook   = "aws.autoscaling EC2 Instance-terminate Lifecycle Action"
	hostChange  = "aws.ecs ECS Container Instance State Change"
	anyID       = "7b1f6c1e-0000-4000-8000-" // the start of every id in our samples
	highCPU     = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:trimtab-checkout-high-cpu"
)

var badCases = map[string]badCase{
	"truncated":                  {ecsAction, anyID, "not valid JSON: unexpected end of JSON input"},
	"empty":                      {"", "", "not valid JSON: unexpected end of JSON input"},
	"null":                       {"", "", "is null; it must be an object"},
	"array":                      {"", "", "the document is a JSON array; it must be an object"},
	"number":                     {"", "", "the document is a JSON number; it must be an object"},
	"trailing-garbage":           {"evaluate", "", "invalid character 'a' after top-level value"},
	"two-documents":              {"evaluate", "", "invalid character '{' after top-level value"},
	"too-deep":                   {ecsAction, anyID, "nests 101 levels deep; the limit is 64"},
	"too-deep-in-string":         {ecsAction, anyID, "detail is a string that holds no object: the document nests 100 levels deep"},
	"source-number":              {"ECS Service Action", anyID, "source is a JSON number; it must be a string"},
	"resources-string":           {ecsAction, anyID, "resources is a JSON string; it must be an array"},
	"resources-empty":            {ecsAction, anyID, "resources is empty; it must hold the ARN of the service"},
	"no-service-arn":             {ecsAction, anyID, "is no service ARN; it must be arn:PARTITION:ecs:"},
	"service-name-invalid":       {ecsAction, anyID, "service/prod/check out\" has no valid cluster and service name"},
	"older-arn-without-cluster":  {"aws.ecs ECS Deployment State Change", anyID, "has the older ARN form without the cluster"},
	"detail-number":              {ecsAction, anyID, "detail is a JSON number; it must be an object"},
	"detail-missing":             {ecsAction, anyID, "detail is missing; it must be an object"},
	"detail-text":                {ecsAction, anyID, "detail is a string that holds no object"},
	"event-name-object":          {ecsAction, anyID, "detail.eventName is a JSON object; it must be a string"},
	"alarm-name-missing":         {alarmChange, anyID, "detail.alarmName is missing"},
	"alarm-name-number":          {alarmChange, anyID, "detail.alarmName is a JSON number; it must be a string"},
	"alarm-name-too-long":        {alarmChange, anyID, "it must be 1 to 255 characters"},
	"alarm-state-text":           {alarmChange, anyID, "detail.state is a JSON string; it must be an object"},
	"dimensions-number":          {alarmChange, anyID, "detail.configuration.metrics.metricStat.metric.dimensions is a JSON number; it must be an object"},
	"timestamp-number":           {alarmChange, anyID, "detail.state.timestamp is a JSON number; it must be a string"},
	"alarm-data-text":            {alarmAction, highCPU, "alarmData is a JSON string; it must be an object"},
	"alarm-data-without-name":    {alarmAction, highCPU, "alarmData.alarmName is missing"},
	"records-object":             {"Records", "", "Records is a JSON object; it must be an array"},
	"sns-alarm-name-number":      {"aws:sns alarm", anyID, "Records[0].Sns.Message: AlarmName is a JSON number; it must be a string"},
	"sns-alarm-name-empty":       {"aws:sns alarm", anyID, "Records[0].Sns.Message: AlarmName is missing"},
	"manual-unknown-kind":        {"scale", "", `kind "scale" is unknown; the known kinds are evaluate, tick, pause, suspendIn, suspendOut, hold, min, max, resume, stop, start, drain`},
	"manual-kind-capital":        {"Evaluate", "", `kind "Evaluate" is unknown (did you mean "evaluate"?); the known kinds are evaluate`},
	"manual-kind-number":         {"", "", `field "kind" is 1; it must be a string, and the known kinds are evaluate`},
	"manual-kind-misspelled":     {"", "", `field "Kind" is unknown (did you mean "kind"?); field "kind" is missing`},
	"manual-no-kind":             {"", "", `field "kind" is missing, and this is no AWS event`},
	"manual-empty-object":        {"", "", `field "kind" is missing, and this is no AWS event`},
	"manual-unknown-field":       {"evaluate", "", `field "desiredCount" is unknown; the fields of evaluate are kind, cluster, service, dryRun`},
	"manual-misspelled-field":    {"evaluate", "", `field "Cluster" is unknown (did you mean "cluster"?); the fields of evaluate are kind, cluster, service, dryRun; field "dry-run" is unknown (did you mean "dryRun"?); the fields of evaluate are kind, cluster, service, dryRun; field "cluster" is missing`},
	"manual-field-of-other-kind": {"tick", "", `field "cluster" is unknown; the fields of tick are kind, dryRun`},
	"manual-duplicate-field":     {"evaluate", "", `field "dryRun" is given twice; give it once`},
	"manual-dry-run-text":        {"evaluate", "", `field "dryRun" is "false"; it must be true or false`},
	"manual-dry-run-null":        {"evaluate", "", `field "dryRun" is null; it must be true or false`},
	"manual-cluster-missing":     {"evaluate", "", `field "cluster" is missing; the fields of evaluate are kind, cluster, service, dryRun`},
	"manual-service-number":      {"evaluate", "", `field "service" is 9; it must be the name of the service as a string`},
	"manual-service-empty":       {"evaluate", "", `field "service" is "", no name ECS allows`},
	"manual-cluster-arn":         {"evaluate", "", `give the name "prod"`},
	"manual-service-arn":         {"evaluate", "", `give the name "checkout"`},
	"manual-detail-beside":       {"evaluate", "", `field "detail" is unknown; the fields of evaluate are`},
	"manual-several-faults":      {"evaluate", "", "; and 2 more"},
	"lifecycle-without-group":    {groupHook, anyID, `detail.AutoScalingGroupName is "", no name of an Auto Scaling group`},
	"lifecycle-hook-name":        {groupHook, anyID, `detail.LifecycleHookName is "a hook", no name of a lifecycle hook`},
	"lifecycle-without-instance": {groupHook, anyID, `detail.EC2InstanceId is "", no id of an EC2 instance; it must be i- and 17 hexadecimal digits`},
	"launch-instance-number":     {"aws.autoscaling EC2 Instance Launch Successful", anyID, "detail.EC2InstanceId is a JSON number; it must be a string"},
	"launch-group-arn":           {"aws.autoscaling EC2 Instance Launch Unsuccessful", anyID, `detail.AutoScalingGroupName is "arn:aws:autoscaling:x"`},
	"spot-instance-capital":      {"aws.ec2 EC2 Spot Instance Interruption Warning", anyID, `detail.instance-id is "i-0A1B2C3D4E5F60718", no id`},
	"rebalance-without-instance": {"aws.ec2 EC2 Instance Rebalance Recommendation", anyID, `detail.instance-id is ""`},
	"state-change-instance-cut":  {"aws.ec2 EC2 Instance State-change Notification", anyID, `detail.instance-id is "i-0a1b2c3d4e5f6071"`},
	"task-host-no-arn":           {"aws.ecs ECS Task State Change", anyID, `detail.containerInstanceArn "2dd1b186f39845a584488d2ef155c131" is no ARN of a container instance`},
	"host-without-cluster":       {hostChange, anyID, `detail.clusterArn "prod" names no cluster, and detail.containerInstanceArn "arn:aws:ecs:`},
	"host-status-number":         {hostChange, anyID, "detail.status is a JSON number; it must be a string"},
	"sqs-body-object":            {"aws:sqs", "", "Records.body is a JSON object; it must be a string"},
	"drain-no-reason":            {"drain", "", `field "why" is missing; give the reason why the instance goes`},
	"drain-instance-arn":         {"drain", "", `give the id of the EC2 instance, as i-0123456789abcdef0`},
	"drain-instance-cut":         {"drain", "", `field "instance" is "i-0a1b2c3d4e5f6071", no id of an EC2 instance; give i- and 17 hexadecimal digits (8 for the oldest)`},
	"drain-everything-wrong": {"drain", "", `field "force" is unknown; the fields of drain are kind, cluster, instance, undo, why, by, dryRun; ` +
		`field "cluster" is 9; it must be the name of the cluster as a string; field "undo" is "yes"; it must be true or false; ` +
		`field "why" is empty; give the reason: whoever meets this next has nothing else to go by; ` +
		`field "instance" is 7; it must be the id of the EC2 instance as a string`},
	"request-no-end":      {"pause", "", `field "for" or "until" is missing; every override ends, after 1m to 30d`},
	"request-no-reason":   {"pause", "", `field "why" is missing; the fields of pause are kind, cluster, service, group, for, until, why, by, dryRun`},
	"request-kind-hyphen": {"suspend-in", "", `kind "suspend-in" is unknown (did you mean "suspendIn"?)`},
	"request-no-count":    {"hold", "", `field "count" is missing; the fields of hold are kind, cluster, service, group, count, for, until, why, by, dryRun`},
	"request-no-unit":     {"hold", "", `field "for" is "2"; give a duration with its unit, as 90m, 2h or 3d`},
	"request-everything-wrong": {"max", "", `field "By" is unknown (did you mean "by"?); the fields of max are kind, cluster, service, group, count, for, until, why, by, dryRun; ` +
		`field "by" is missing; the fields of max are kind, cluster, service, group, count, for, until, why, by, dryRun; ` +
		`field "count" is "many"; it must be a whole number of tasks from 0 to 5000; field "for" is 7200; it must be a string; ` +
		`field "why" is empty; give the reason: whoever meets this next has nothing else to go by`},
}

// TestBadSamples sees that every file of events/bad does what the first word of
// its name says: error, or the kind it decodes to.
func TestBadSamples(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name, raw := range readDir(t, filepath.Join(samplesDir, "bad")) {
		expected, fault, _ := strings.Cut(strings.TrimSuffix(name, ".json"), ".")
		ev, err := event.Decode(raw)
		if expected != "error" {
			if err != nil || string(ev.Kind) != expected {
				t.Errorf("%s: %s, %v; want %s", name, ev.Kind, err, expected)
			}
			for i, one := range ev.Batch {
				if one.Kind != event.Unknown || !one.Failed || !strings.Contains(one.Reason, "a manual payload is not obeyed from a queue") {
					t.Errorf("%s, record %d: %s, %s; want it refused", name, i, one.Kind, one.Reason)
				}
			}
			continue
		}
		want, ok := badCases[fault]
		if !ok {
			t.Errorf("%s: no entry in badCases; add one", name)
			continue
		}
		seen[fault] = true
		if ev.Kind != "" {
			t.Errorf("%s: an event of kind %s beside the error", name, ev.Kind)
		}
		checkRefused(t, name, err, want)
	}
	for fault := range badCases {
		if !seen[fault] {
			t.Errorf("badCases has %s, but there is no file error.%s.json", fault, fault)
		}
	}
}

func checkRefused(t *testing.T, name string, err error, want badCase) {
	t.Helper()
	var refused *event.Error
	if !errors.As(err, &refused) {
		t.Errorf("%s: error %v is no *event.Error", name, err)
		return
	}
	if refused.Kind != want.kind || !strings.HasPrefix(refused.ID, want.id) || (want.id == "") != (refused.ID == "") {
		t.Errorf("%s: refused as kind %q, id %q; want %q, %q", name, refused.Kind, refused.ID, want.kind, want.id)
	}
	if !strings.Contains(refused.Problem, want.problem) {
		t.Errorf("%s: problem\n  %s\nwant in it\n  %s", name, refused.Problem, want.problem)
	}
	for _, part := range []string{want.kind, want.id, want.problem} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: message %q does not say %q", name, err, part)
		}
	}
}
