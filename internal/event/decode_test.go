package event_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
)

func alarmARN(name string) string {
	return "arn:aws:cloudwatch:us-east-1:123456789012:alarm:" + name
}

var (
	changedAt   = time.Date(2026, 11, 23, 10, 4, 40, 617_000_000, time.UTC)
	compositeAt = time.Date(2026, 11, 23, 10, 4, 41, 20_000_000, time.UTC)
	checkout    = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}
	m7g         = fleet.GroupOf("prod", "prod-m7g")
	ofCheckout  = []signal.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "checkout"}}
	cpu         = signal.Metric{Namespace: "AWS/ECS", Name: "CPUUtilization", Dimensions: ofCheckout, Statistic: "Average", Period: time.Minute}
	tasks       = signal.Metric{Namespace: "AWS/ECS", Name: "CPUUtilization", Dimensions: ofCheckout, Statistic: "SampleCount", Period: time.Minute}
	ofBalancer  = []signal.Dimension{{Name: "LoadBalancer", Value: "app/prod/50dc6c495c0c9188"}, {Name: "TargetGroup", Value: "targetgroup/checkout/6d0ecf831eec9f09"}}
	requests    = signal.Metric{Namespace: "AWS/ApplicationELB", Name: "RequestCount", Dimensions: ofBalancer, Statistic: "Sum", Period: time.Minute}
	queue       = signal.Metric{Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesVisible", Dimensions: []signal.Dimension{{Name: "QueueName", Value: "checkout-jobs"}}, Statistic: "Maximum", Period: time.Minute}
)

// high is the change that the high-cpu samples of every shape carry.
func high() event.AlarmChange {
	return event.AlarmChange{
		Name: "trimtab-checkout-high-cpu", ARN: alarmARN("trimtab-checkout-high-cpu"), State: event.StateAlarm, Previous: event.StateOK,
		At: changedAt, Metrics: []signal.Metric{cpu},
	}
}

// TestAlarms sees that every shape of an alarm gives the same hint.
func TestAlarms(t *testing.T) {
	t.Parallel()
	with := func(edit func(*event.AlarmChange)) event.AlarmChange {
		a := high()
		edit(&a)
		return a
	}
	named := func(name string, edit func(*event.AlarmChange)) event.AlarmChange {
		return with(func(a *event.AlarmChange) {
			a.Name, a.ARN, a.Metrics = name, alarmARN(name), nil
			edit(a)
		})
	}
	math := named("trimtab-checkout-requests-per-task", func(a *event.AlarmChange) { a.Metrics = []signal.Metric{requests, tasks} })
	first := with(func(a *event.AlarmChange) { a.Previous = event.StateInsufficientData })
	busy := func(edit func(*event.AlarmChange)) event.AlarmChange {
		return named("trimtab-checkout-busy", func(a *event.AlarmChange) {
			a.At = compositeAt
			a.Children = []string{alarmARN("trimtab-checkout-high-cpu"), alarmARN("trimtab-checkout-queue-deep")}
			edit(a)
		})
	}
	tagged := func(tags map[string]string) event.AlarmChange {
		return named("trimtab-checkout-queue-deep", func(a *event.AlarmChange) { a.Metrics, a.Tags = []signal.Metric{queue}, tags })
	}
	low := named("trimtab-checkout-low-cpu", func(a *event.AlarmChange) { a.Metrics = []signal.Metric{cpu} })
	tests := map[string][]event.AlarmChange{
		"aws.cloudwatch.alarm-state-change.high-cpu":          {high()},
		"aws.cloudwatch.alarm-state-change.low-cpu":           {low},
		"aws.cloudwatch.alarm-state-change.back-to-ok":        {with(func(a *event.AlarmChange) { a.State, a.Previous = event.StateOK, event.StateAlarm })},
		"aws.cloudwatch.alarm-state-change.insufficient-data": {with(func(a *event.AlarmChange) { a.State = event.StateInsufficientData })},
		"aws.cloudwatch.alarm-state-change.initial-creation": {with(func(a *event.AlarmChange) {
			a.State, a.Previous = event.StateInsufficientData, event.StateInsufficientData
		})},
		"aws.cloudwatch.alarm-state-change.partial-data":    {with(func(a *event.AlarmChange) { a.EvaluationState = "PARTIAL_DATA" })},
		"aws.cloudwatch.alarm-state-change.bad-reason-data": {high()},
		"aws.cloudwatch.alarm-state-change.string-detail":   {high()},
		"aws.cloudwatch.alarm-state-change.metric-math": {named(math.Name, func(a *event.AlarmChange) {
			a.Metrics, a.Previous = math.Metrics, first.Previous
		})},
		"aws.cloudwatch.alarm-state-change.anomaly":              {named("trimtab-checkout-cpu-anomaly", func(a *event.AlarmChange) { a.Metrics = []signal.Metric{cpu} })},
		"aws.cloudwatch.alarm-state-change.metrics-insights":     {named("trimtab-prod-any-high-cpu", func(*event.AlarmChange) {})},
		"aws.cloudwatch.alarm-state-change.composite":            {busy(func(*event.AlarmChange) {})},
		"aws.cloudwatch.alarm-state-change.composite-suppressed": {busy(func(a *event.AlarmChange) { a.SuppressedBy = "WaitPeriod" })},
		"aws.cloudwatch.alarm-state-change.tagged-queue":         {tagged(map[string]string{"trimtab:target": "prod/checkout", "team": "payments"})},
		"aws.cloudwatch.alarm-action.high-cpu":                   {high()},
		"aws.cloudwatch.alarm-action.low-cpu":                    {low},
		"aws.cloudwatch.alarm-action.metric-math":                {math},
		"aws.cloudwatch.alarm-action.composite":                  {busy(func(*event.AlarmChange) {})},
		"aws.cloudwatch.alarm-action.tagged-queue":               {tagged(map[string]string{"trimtab:target": "prod/checkout"})},
		"aws.sns.alarm.high-cpu":                                 {high()},
		"aws.sns.alarm.metric-math":                              {math},
		"aws.sns.alarm.tagged-queue":                             {tagged(map[string]string{"trimtab:target": "prod/checkout"})},
		"aws.sns.alarm.composite": {named("trimtab-checkout-busy", func(a *event.AlarmChange) {
			a.Children = []string{alarmARN("trimtab-checkout-high-cpu")}
		})},
		"aws.sns.alarm.percentile": {named("trimtab-checkout-slow", func(a *event.AlarmChange) {
			a.Metrics = []signal.Metric{{Namespace: "AWS/ApplicationELB", Name: "TargetResponseTime", Dimensions: ofBalancer, Statistic: "p99", Period: time.Minute}}
		})},
		"aws.sns.alarm.batch": {high(), with(func(a *event.AlarmChange) {
			*a = low
			a.State, a.Previous = event.StateOK, event.StateAlarm
		})},
	}
	for name, want := range tests {
		ev, err := event.Decode(readSample(t, name+".json"))
		if diff := cmp.Diff(want, ev.Alarms); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for name := range readDir(t, samplesDir) {
		name = strings.TrimSuffix(name, ".json")
		isAlarm := strings.HasPrefix(name, "aws.sns.alarm.") || strings.HasPrefix(name, "aws.cloudwatch.alarm-state-change.") || strings.HasPrefix(name, "aws.cloudwatch.alarm-action.")
		if _, ok := tests[name]; isAlarm && !ok {
			t.Errorf("%s is in no test", name)
		}
	}
}

// TestEvents compares whole events, one of each kind and way in.
func TestEvents(t *testing.T) {
	t.Parallel()
	at := func(hour, minute, second int) time.Time {
		return time.Date(2026, 11, 23, hour, minute, second, 0, time.UTC)
	}
	placement := event.Event{
		Kind: event.ServiceAction, Via: event.ViaEventBridge, Time: at(10, 5, 12), Account: "123456789012", Region: "us-east-1",
		Source: "aws.ecs", DetailType: "ECS Service Action", Service: checkout, Name: "SERVICE_TASK_PLACEMENT_FAILURE", Reason: "RESOURCE:CPU",
	}
	tests := map[string]event.Event{
		"aws.cloudwatch.alarm-state-change.high-cpu": {
			Kind: event.Alarm, Via: event.ViaEventBridge, Time: at(10, 4, 40), Account: "123456789012", Region: "us-east-1",
			Source: "aws.cloudwatch", DetailType: "CloudWatch Alarm State Change", Alarms: []event.AlarmChange{high()},
		},
		"aws.cloudwatch.alarm-action.high-cpu": {
			Kind: event.Alarm, Via: event.ViaAlarmAction, Time: changedAt, Account: "123456789012", Region: "us-east-1",
			Source: "aws.cloudwatch", Alarms: []event.AlarmChange{high()},
		},
		// The region is the ARN's: SNS's own is "US East (N. Virginia)".
		"aws.sns.alarm.high-cpu": {
			Kind: event.Alarm, Via: event.ViaSNS, Time: time.Date(2026, 11, 23, 10, 4, 40, 702_000_000, time.UTC), Account: "123456789012", Region: "us-east-1",
			Source: "aws:sns", Alarms: []event.AlarmChange{high()},
		},
		"aws.ecs.service-action.placement-failure": placement,
		"aws.ecs.service-action.older-arn":         placement,
		"aws.ecs.service-action.string-detail":     placement,
		"aws.ecs.deployment-state-change.failed": {
			Kind: event.Deployment, Via: event.ViaEventBridge, Time: at(10, 5, 12), Account: "123456789012", Region: "us-east-1",
			Source: "aws.ecs", DetailType: "ECS Deployment State Change", Service: checkout,
			Name: "SERVICE_DEPLOYMENT_FAILED", Reason: "ECS deployment circuit breaker: task failed to start.",
		},
		"aws.events.scheduled-event.minute": {
			Kind: event.Tick, Via: event.ViaEventBridge, Time: at(10, 6, 0), Account: "123456789012", Region: "us-east-1",
			Source: "aws.events", DetailType: "Scheduled Event",
		},
		"aws.scheduler.scheduled-event.string-detail": {
			Kind: event.Tick, Via: event.ViaScheduler, Time: at(10, 6, 0), Account: "123456789012", Region: "us-east-1",
			Source: "aws.scheduler", DetailType: "Scheduled Event",
		},
		"aws.ecs.task-state-change.stopped": {
			Kind: event.Unknown, Via: event.ViaEventBridge, Time: at(10, 5, 12), Account: "123456789012", Region: "us-east-1",
			Source: "aws.ecs", DetailType: "ECS Task State Change",
		},
		"trimtab.evaluate.dry-run": {Kind: event.Evaluate, Via: event.ViaInvoke, Service: checkout, DryRun: true},
		"trimtab.evaluate.default": {Kind: event.Evaluate, Via: event.ViaInvoke, Service: checkout, DryRun: true},
		"trimtab.evaluate.act":     {Kind: event.Evaluate, Via: event.ViaInvoke, Service: checkout},
		"trimtab.tick":             {Kind: event.TickAll, Via: event.ViaInvoke, DryRun: true},
		"trimtab.tick.act":         {Kind: event.TickAll, Via: event.ViaInvoke},
		"trimtab.pause": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: checkout.Target(), Override: spec.Pause, For: 2 * time.Hour, Why: "database migration", By: "ann",
		}},
		"trimtab.pause.dry-run": {Kind: event.Override, Via: event.ViaInvoke, DryRun: true, Request: &event.Request{
			Target: checkout.Target(), Override: spec.Pause, For: 2 * time.Hour, Why: "database migration", By: "ann",
		}},
		"trimtab.suspend-in": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: checkout.Target(), Override: spec.SuspendIn, For: 24 * time.Hour, Why: "load test until tomorrow", By: "ann",
		}},
		"trimtab.suspend-out": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: checkout.Target(), Override: spec.SuspendOut, For: 30 * time.Minute, Why: "the database is at its connection limit", By: "ann",
		}},
		"trimtab.hold": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: checkout.Target(), Override: spec.HoldAt, Count: 12, For: 2 * time.Hour, Why: "incident 4711", By: "ann",
		}},
		"trimtab.min": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: checkout.Target(), Override: spec.MinAt, Count: 8, For: 72 * time.Hour, Why: "sale", By: "ann",
		}},
		"trimtab.max": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: checkout.Target(), Override: spec.MaxAt, Count: 16, For: 90 * time.Minute, Why: "the payment provider throttles us", By: "ann",
		}},
		"trimtab.suspend-in.group": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: m7g, Override: spec.SuspendIn, For: 4 * time.Hour, Why: "a batch job must not move", By: "ann",
		}},
		"trimtab.hold.group": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: m7g, Override: spec.HoldAt, Count: 6, For: 2 * time.Hour, Why: "incident 4711", By: "ann",
		}},
		"trimtab.min.group": {Kind: event.Override, Via: event.ViaInvoke, Request: &event.Request{
			Target: m7g, Override: spec.MinAt, Count: 12, Until: time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC), Why: "sale", By: "ann",
		}},
		"trimtab.resume": {Kind: event.Resume, Via: event.ViaInvoke, Request: &event.Request{
			Target: checkout.Target(), Why: "the migration is done", By: "ann",
		}},
		"trimtab.resume.only": {Kind: event.Resume, Via: event.ViaInvoke, Request: &event.Request{Target: checkout.Target(), Only: spec.SuspendIn, By: "ann"}},
		"trimtab.stop": {Kind: event.Stop, Via: event.ViaInvoke, Request: &event.Request{
			Target: fleet.Target{Cluster: "prod"}, Why: "nobody touches production during the move", By: "ann",
		}},
		"trimtab.start": {Kind: event.Start, Via: event.ViaInvoke, Request: &event.Request{Target: fleet.Target{Cluster: "prod"}, By: "ann"}},
	}
	for name, want := range tests {
		ev, err := event.Decode(readSample(t, name+".json"))
		hasID := ev.Via != event.ViaInvoke && ev.Via != event.ViaAlarmAction
		if strings.HasPrefix(ev.ID, anyID) != hasID {
			t.Errorf("%s: id %q", name, ev.ID)
		}
		ev.ID = ""
		if diff := cmp.Diff(want, ev); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestLimits walks over the edges of size and depth, at the top and inside a
// detail that is a string.
func TestLimits(t *testing.T) {
	t.Parallel()
	const frame = `{"source":"aws.ecs","detail-type":"ECS Service Action","id":"e-1","detail":%s}`
	nested := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	sized := func(total int) string {
		unknown := `{"source":"a","detail-type":"b","id":"e-2","x":"%s"}`
		return fmt.Sprintf(unknown, strings.Repeat("x", total-len(unknown)+len("%s")))
	}
	tests := map[string]struct{ doc, problem string }{
		"depth 64":           {fmt.Sprintf(`{"source":"a","detail":%s}`, nested(event.MaxDepth-1)), ""},
		"depth 65":           {fmt.Sprintf(frame, nested(event.MaxDepth)), "nests 65 levels deep; the limit is 64"},
		"depth in text":      {`{"source":"a","detail":"` + strings.Repeat(`[{\"`, 200) + `"}`, ""},
		"size 1 MB":          {sized(event.MaxBytes), ""},
		"size 1 MB and 1":    {sized(event.MaxBytes + 1), "the document is 1048577 bytes long; the limit is 1048576"},
		"ten million levels": {strings.Repeat("[", 10_000_000), "is 10000000 bytes long"},
	}
	for name, test := range tests {
		ev, err := event.Decode([]byte(test.doc))
		switch {
		case test.problem == "" && (err != nil || ev.Kind != event.Unknown):
			t.Errorf("%s: %s, %v; want unknown", name, ev.Kind, err)
		case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)):
			t.Errorf("%s: %v; want %s", name, err, test.problem)
		}
	}
	_, err := event.Decode([]byte(sized(event.MaxBytes + 1)))
	if want := `decode event "a b" with id "e-2": the document is`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("a document too large is refused with %v, want it to start %s", err, want)
	}
}

// TestHints reads alarms whose hints are odd: each is an alarm all the same.
func TestHints(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	metrics := func(stats string) string { return `"configuration":{"metrics":[` + stats + `]}` }
	stat := func(s string) string { return `{"metricStat":{"metric":` + s + `,"period":60.0,"stat":"Sum"}}` }
	sum := func(d ...signal.Dimension) []signal.Metric {
		return []signal.Metric{{Namespace: "N", Name: "M", Dimensions: d, Statistic: "Sum", Period: time.Minute}}
	}
	tests := map[string]struct {
		detail string
		want   event.AlarmChange
	}{
		"name only":                {``, event.AlarmChange{}},
		"nulls":                    {`"state":null,"previousState":null,"configuration":null,"alarmTags":null`, event.AlarmChange{}},
		"null metric":              {metrics(`null,{"metricStat":null},` + stat(`null`)), event.AlarmChange{}},
		"new state":                {`"state":{"value":"MUTED"}`, event.AlarmChange{State: "MUTED"}},
		"long state":               {`"state":{"value":"` + long + `"}`, event.AlarmChange{State: event.AlarmState(long[:event.MaxText])}},
		"cut inside a character":   {`"state":{"value":"` + long[:event.MaxText-1] + `é"}`, event.AlarmChange{State: event.AlarmState(long[:event.MaxText-1])}},
		"no time":                  {`"state":{"timestamp":"yesterday"}`, event.AlarmChange{}},
		"time with Z":              {`"state":{"timestamp":"2026-11-23T10:04:40.617Z"}`, event.AlarmChange{At: changedAt}},
		"time with colon":          {`"state":{"timestamp":"2026-11-23T11:04:40.617+01:00"}`, event.AlarmChange{At: changedAt}},
		"time without colon":       {`"state":{"timestamp":"2026-11-23T05:04:40.617-0500"}`, event.AlarmChange{At: changedAt}},
		"dimensions as an array":   {metrics(stat(`{"namespace":"N","name":"M","dimensions":[{"name":"b","value":"2"},{"name":"a","value":"1"}]}`)), event.AlarmChange{Metrics: sum(signal.Dimension{Name: "a", Value: "1"}, signal.Dimension{Name: "b", Value: "2"})}},
		"one dimension twice":      {metrics(stat(`{"namespace":"N","name":"M","dimensions":[{"name":"a","value":"2"},{"name":"a","value":"1"}]}`)), event.AlarmChange{Metrics: sum(signal.Dimension{Name: "a", Value: "1"}, signal.Dimension{Name: "a", Value: "2"})}},
		"no dimensions":            {metrics(stat(`{"namespace":"N","name":"M","dimensions":null}`)), event.AlarmChange{Metrics: sum()}},
		"dimension without name":   {metrics(stat(`{"namespace":"N","name":"M","dimensions":{"":"1"}}`)), event.AlarmChange{}},
		"dimension too long":       {metrics(stat(`{"namespace":"N","name":"M","dimensions":{"a":"` + long + `"}}`)), event.AlarmChange{}},
		"dimensions too many":      {metrics(stat(`{"namespace":"N","name":"M","dimensions":[` + strings.Repeat(`{"name":"a"},`, 30) + `{"name":"a"}]}`)), event.AlarmChange{}},
		"metric name too long":     {metrics(stat(`{"namespace":"N","name":"` + long + `"}`)), event.AlarmChange{}},
		"period of nothing":        {metrics(`{"metricStat":{"metric":{"namespace":"N","name":"M"},"period":-60,"stat":"SAMPLE_COUNT"}}`), event.AlarmChange{Metrics: []signal.Metric{{Namespace: "N", Name: "M", Statistic: "SampleCount"}}}},
		"period of ages":           {metrics(`{"metricStat":{"metric":{"namespace":"N","name":"M"},"period":1e300,"stat":"tm99"}}`), event.AlarmChange{Metrics: []signal.Metric{{Namespace: "N", Name: "M", Statistic: "tm99"}}}},
		"reason data not JSON":     {`"state":{"reasonData":"no, thanks"}`, event.AlarmChange{}},
		"reason data too deep":     {`"state":{"reasonData":"` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `"}`, event.AlarmChange{}},
		"children of another kind": {`"state":{"reasonData":"{\"triggeringAlarms\":7}"}`, event.AlarmChange{}},
		"children without alarms":  {`"state":{"reasonData":"{\"triggeringAlarms\":[{\"arn\":\"arn:aws:sns:r:1:topic\"},{\"arn\":\"x\"},{}]}"}`, event.AlarmChange{}},
		"tags as a list":           {`"alarmTags":[{"Key":"a","Value":"1"},{"key":"b","value":"2"}]`, event.AlarmChange{Tags: map[string]string{"a": "1", "b": "2"}}},
		"tags of another shape":    {`"alarmTags":"a=1"`, event.AlarmChange{}},
		"tags too long":            {`"alarmTags":{"a":"1","b":"` + long + `","":"3"}`, event.AlarmChange{Tags: map[string]string{"a": "1"}}},
	}
	for name, test := range tests {
		detail := strings.TrimSuffix(`{"alarmName":"N",`+test.detail, ",") + "}"
		test.want.Name = "N"
		ev, err := event.Decode([]byte(`{"source":"aws.cloudwatch","detail-type":"CloudWatch Alarm State Change","detail":` + detail + `}`))
		if diff := cmp.Diff([]event.AlarmChange{test.want}, ev.Alarms); diff != "" || err != nil {
			t.Errorf("%s through EventBridge: %v (-want +got):\n%s", name, err, diff)
		}
		ev, err = event.Decode([]byte(`{"source":"aws.cloudwatch","alarmArn":"no arn","alarmData":` + detail + `}`))
		if diff := cmp.Diff([]event.AlarmChange{test.want}, ev.Alarms); diff != "" || err != nil {
			t.Errorf("%s as a direct action: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestShapes tells the shapes apart where they overlap.
func TestShapes(t *testing.T) {
	t.Parallel()
	long, name := strings.Repeat("x", 3000), strings.Repeat("n", 255)
	cut := long[:event.MaxText]
	alarm := `{\"AlarmName\":\"N\",\"NewStateValue\":\"OK\"}`
	tests := map[string]struct {
		doc  string
		want event.Event
	}{
		"no records":          {`{"Records":[]}`, event.Event{Kind: event.Unknown}},
		"null records":        {`{"Records":null}`, event.Event{Kind: event.Unknown}},
		"records of Kinesis":  {`{"Records":[{"eventSource":"aws:kinesis","body":"` + alarm + `"}]}`, event.Event{Kind: event.Unknown, Source: "aws:kinesis"}},
		"alarm behind SES":    {`{"Records":[{"eventSource":"aws:ses"},{"EventSource":"aws:sns","Sns":{"MessageId":"m","Message":"` + alarm + `","Timestamp":"2026-11-23T10:04:40.617Z"}}]}`, event.Event{Kind: event.Alarm, Via: event.ViaSNS, Source: "aws:sns", ID: "m", Time: changedAt, Alarms: []event.AlarmChange{{Name: "N", State: event.StateOK, At: changedAt}}}},
		"message elsewhere":   {`{"Records":[{"eventSource":"aws:other","Sns":{"Message":"` + alarm + `"}}]}`, event.Event{Kind: event.Unknown, Source: "aws:other"}},
		"region of alarm":     {`{"Records":[{"EventSource":"aws:sns","Sns":{"TopicArn":"arn:aws:sns:eu-west-1:42:t","Message":"{\"AlarmName\":\"N\",\"NewStateValue\":\"OK\",\"AWSAccountId\":\"43\",\"Region\":\"EU (Paris)\",\"AlarmArn\":\"arn:aws:cloudwatch:eu-west-3:43:alarm:N\"}"}}]}`, event.Event{Kind: event.Alarm, Via: event.ViaSNS, Source: "aws:sns", Account: "43", Region: "eu-west-3", Alarms: []event.AlarmChange{{Name: "N", ARN: "arn:aws:cloudwatch:eu-west-3:43:alarm:N", State: event.StateOK}}}},
		"time of event":       {`{"source":"aws.cloudwatch","detail-type":"CloudWatch Alarm State Change","time":"2026-11-23T10:04:40.617Z","resources":["arn:aws:sns:r:1:topic","` + alarmARN("N") + `"],"detail":{"alarmName":"N"}}`, event.Event{Kind: event.Alarm, Via: event.ViaEventBridge, Source: "aws.cloudwatch", DetailType: "CloudWatch Alarm State Change", Time: changedAt, Alarms: []event.AlarmChange{{Name: "N", ARN: alarmARN("N"), At: changedAt}}}},
		"time of action":      {`{"source":"aws.cloudwatch","time":"2026-11-23T10:04:40.617+0000","alarmArn":"` + alarmARN(strings.Repeat("x", event.MaxText)) + `","alarmData":{"alarmName":"N"}}`, event.Event{Kind: event.Alarm, Via: event.ViaAlarmAction, Source: "aws.cloudwatch", Time: changedAt, Alarms: []event.AlarmChange{{Name: "N", At: changedAt}}}},
		"long texts":          {`{"source":"` + long + `","detail-type":"` + long + `","id":"` + long + `","account":"` + long + `","region":"` + long + `"}`, event.Event{Kind: event.Unknown, Via: event.ViaEventBridge, Source: cut, DetailType: cut, ID: cut, Account: cut, Region: cut}},
		"longest names":       {`{"source":"aws.ecs","detail-type":"ECS Service Action","resources":["arn:aws:ecs:r:1:service/` + name + `/` + name + `"],"detail":{"reason":"` + long + `"}}`, event.Event{Kind: event.ServiceAction, Via: event.ViaEventBridge, Source: "aws.ecs", DetailType: "ECS Service Action", Reason: cut, Service: fleet.ServiceKey{Cluster: fleet.ClusterName(name), Service: fleet.ServiceName(name)}}},
		"account of topic":    {`{"Records":[{"EventSource":"aws:sns","Sns":{"TopicArn":"arn:aws-cn:sns:cn-north-1:42:t","Message":"` + alarm + `"}}]}`, event.Event{Kind: event.Alarm, Via: event.ViaSNS, Source: "aws:sns", Account: "42", Region: "cn-north-1", Alarms: []event.AlarmChange{{Name: "N", State: event.StateOK}}}},
		"half an alarm":       {`{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"{\"AlarmName\":\"N\"}"}}]}`, event.Event{Kind: event.Unknown, Via: event.ViaSNS, Source: "aws:sns"}},
		"alarm data of other": {`{"source":"com.example","region":"r","accountId":"1","alarmData":{"alarmName":"N"}}`, event.Event{Kind: event.Unknown, Via: event.ViaAlarmAction, Source: "com.example", Region: "r", Account: "1"}},
		"only a source":       {`{"source":"aws.ecs"}`, event.Event{Kind: event.Unknown, Via: event.ViaEventBridge, Source: "aws.ecs"}},
		"only a detail type":  {`{"detail-type":"ECS Service Action"}`, event.Event{Kind: event.Unknown, Via: event.ViaEventBridge, DetailType: "ECS Service Action"}},
		"case of detail type": {`{"source":"aws.ecs","detail-type":"ecs service action"}`, event.Event{Kind: event.Unknown, Via: event.ViaEventBridge, Source: "aws.ecs", DetailType: "ecs service action"}},
		"tick of anything":    {`{"source":"aws.events","detail-type":"Scheduled Event","time":"?","detail":[7]}`, event.Event{Kind: event.Tick, Via: event.ViaEventBridge, Source: "aws.events", DetailType: "Scheduled Event"}},
		"second resource":     {`{"source":"aws.ecs","detail-type":"ECS Service Action","resources":["x","arn:aws-us-gov:servicediscovery:r:1:service/srv/a","arn:aws-us-gov:ecs:r:1:service/c_1/s-2"],"detail":{}}`, event.Event{Kind: event.ServiceAction, Via: event.ViaEventBridge, Source: "aws.ecs", DetailType: "ECS Service Action", Service: fleet.ServiceKey{Cluster: "c_1", Service: "s-2"}}},
	}
	for name, test := range tests {
		ev, err := event.Decode([]byte(test.doc))
		if diff := cmp.Diff(test.want, ev); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestRefused covers what no sample file shows.
func TestRefused(t *testing.T) {
	t.Parallel()
	ecs := `{"source":"aws.ecs","detail-type":"ECS Service Action","resources":["arn:aws:ecs:r:1:service/%s"],"detail":{"clusterArn":"%s"}}`
	tests := map[string]struct{ doc, problem string }{
		"name of 256":       {fmt.Sprintf(ecs, "c/"+strings.Repeat("n", 256), ""), "has no valid cluster and service name"},
		"cluster of blanks": {fmt.Sprintf(ecs, "a b/s", ""), "has no valid cluster and service name"},
		"three parts":       {fmt.Sprintf(ecs, "c/s/t", ""), "has no valid cluster and service name"},
		"cluster of EKS":    {fmt.Sprintf(ecs, "s", "arn:aws:eks:r:1:cluster/c"), "detail.clusterArn names none"},
		"two wrong types":   {`{"source":1,"detail-type":2}`, "source is a JSON number; it must be a string"},
		"period as text":    {`{"source":"aws.cloudwatch","alarmData":{"alarmName":"N","configuration":{"metrics":[{"metricStat":{"period":"60"}}]}}}`, "alarmData.configuration.metrics.metricStat.period is a JSON string; it must be a number"},
		"alarm with a bell": {`{"source":"aws.cloudwatch","alarmData":{"alarmName":"a\u0007b"}}`, `alarmData.alarmName "a\ab" is no alarm name`},
		"kind with escape":  {`{"kind":"evaluate","cluster":"prod","service":"check\u0000out"}`, `field "service" is "check\x00out", no name ECS allows`},
	}
	for name, test := range tests {
		if _, err := event.Decode([]byte(test.doc)); err == nil || !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s: %v; want %s", name, err, test.problem)
		}
	}
}

// TestErrorsAreBounded sends texts as long as a document may be: whoever sends
// them must not choose how long our log line is.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100_000)
	for _, doc := range []string{
		`{"kind":"` + long + `"}`,
		`{"kind":["` + long + `"]}`,
		`{"` + long + `":1}`,
		`{"kind":"evaluate","` + long + `":1,"` + long + `":2}`,
		`{"kind":"evaluate","cluster":"arn:` + long + `/` + long + `","service":"` + long + `","dryRun":"` + long + `"}`,
		`{"source":"aws.ecs","detail-type":"ECS Service Action","id":"` + long + `","resources":["` + long + `"],"detail":{}}`,
		`{"source":"aws.ecs","detail-type":"ECS Service Action","detail":{"clusterArn":"arn:aws:ecs:r:1:cluster/` + long + `"},"resources":["arn:aws:ecs:r:1:service/s"]}`,
		`{"source":"` + long + `","detail-type":7}`,
		`{"source":"aws.cloudwatch","detail-type":"CloudWatch Alarm State Change","detail":{"alarmName":"` + long + `"}}`,
		`{"source":"aws.cloudwatch","alarmArn":"` + long + `","alarmData":{}}`,
	} {
		_, err := event.Decode([]byte(doc))
		if err == nil || len(err.Error()) > 2048 {
			t.Errorf("%.60s: error %.200v", doc, err)
		}
	}
}
