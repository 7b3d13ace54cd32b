package event_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/event"
)

const (
	ourHost  = "arn:aws:ecs:us-east-1:123456789012:container-instance/prod/2dd1b186f39845a584488d2ef155c131"
	oldHost  = "arn:aws:ecs:us-east-1:123456789012:container-instance/2dd1b186-f398-45a5-8448-8d2ef155c131"
	ourToken = "4c7f1a60-5d3e-4b8a-9f21-0e6d8c7b5a43"
)

// eventOf is an event of the samples at 10:05:12, as EventBridge sends it.
func eventOf(kind event.Kind, source, detailType string) event.Event {
	return event.Event{
		Kind: kind, Via: event.ViaEventBridge, Time: time.Date(2026, 11, 23, 10, 5, 12, 0, time.UTC), Account: "123456789012", Region: "us-east-1",
		Source: source, DetailType: detailType,
	}
}

func with(ev event.Event, edit func(*event.Event)) event.Event {
	edit(&ev)
	return ev
}

// TestInstanceEvents compares whole events of the kinds about instances.
func TestInstanceEvents(t *testing.T) {
	t.Parallel()
	instance := func(ev *event.Event) { ev.Instance = ourInstance }
	member := func(reason string, failed bool) func(*event.Event) {
		return func(ev *event.Event) {
			ev.Instance, ev.Group, ev.Reason, ev.Failed = ourInstance, "prod-m7g", reason, failed
		}
	}
	hook := with(eventOf(event.Lifecycle, "aws.autoscaling", "EC2 Instance-terminate Lifecycle Action"), func(ev *event.Event) {
		ev.Instance, ev.Group, ev.HookName, ev.HookToken = ourInstance, "prod-m7g", "trimtab-drain", ourToken
	})
	pooled := eventOf(event.Unknown, "aws.autoscaling", hook.DetailType)
	host := func(status, reason string, id fleet.InstanceID) event.Event {
		return with(eventOf(event.HostChange, "aws.ecs", "ECS Container Instance State Change"), func(ev *event.Event) {
			ev.Cluster, ev.HostARN, ev.Instance, ev.Name, ev.Reason = "prod", ourHost, id, status, reason
		})
	}
	task := func(arn, reason string) event.Event {
		return with(eventOf(event.TaskChange, "aws.ecs", "ECS Task State Change"), func(ev *event.Event) {
			ev.Cluster, ev.HostARN, ev.Name, ev.Reason = "prod", arn, "STOPPED", reason
		})
	}
	const noCapacity = "We currently do not have sufficient m7g.large capacity in the Availability Zone you requested (us-east-1b). " +
		"Our system will be working on provisioning additional capacity. Launching EC2 instance failed."
	failed := eventOf(event.Launch, "aws.autoscaling", "EC2 Instance Launch Unsuccessful")
	ec2 := func(kind event.Kind, detailType, name string) event.Event {
		return with(eventOf(kind, "aws.ec2", detailType), func(ev *event.Event) { ev.Instance, ev.Name = ourInstance, name })
	}
	for name, want := range map[string]event.Event{
		"aws.autoscaling.terminate-lifecycle-action.scale-in":       hook,
		"aws.autoscaling.terminate-lifecycle-action.string-detail":  hook,
		"aws.autoscaling.terminate-lifecycle-action-warm-pool.from": pooled,
		"aws.autoscaling.terminate-lifecycle-action-warm-pool.to":   pooled,
		"aws.autoscaling.launch-lifecycle-action.boot":              eventOf(event.Unknown, "aws.autoscaling", "EC2 Instance-launch Lifecycle Action"),
		"aws.autoscaling.launch-successful.scale-out":               with(eventOf(event.Launch, "aws.autoscaling", "EC2 Instance Launch Successful"), member("", false)),
		"aws.autoscaling.launch-unsuccessful.no-capacity": with(failed, func(ev *event.Event) {
			ev.Group, ev.Failed, ev.Reason = "prod-m7g", true, noCapacity
		}),
		"aws.autoscaling.launch-unsuccessful.abandoned": with(failed,
			member("Launching a new EC2 instance: "+ourInstance+". Status Reason: the lifecycle hook set-up was abandoned.", true)),
		"aws.autoscaling.terminate-successful.scale-in": with(eventOf(event.Termination, "aws.autoscaling", "EC2 Instance Terminate Successful"), member("", false)),
		"aws.autoscaling.terminate-unsuccessful.protected": with(eventOf(event.Termination, "aws.autoscaling", "EC2 Instance Terminate Unsuccessful"),
			member("The instance cannot be terminated. Its disableApiTermination attribute is set.", true)),
		"aws.ec2.spot-interruption-warning.terminate":      ec2(event.Spot, "EC2 Spot Instance Interruption Warning", "terminate"),
		"aws.ec2.spot-interruption-warning.hibernate":      ec2(event.Spot, "EC2 Spot Instance Interruption Warning", "hibernate"),
		"aws.ec2.rebalance-recommendation.early":           with(eventOf(event.Rebalance, "aws.ec2", "EC2 Instance Rebalance Recommendation"), instance),
		"aws.ec2.instance-state-change.shutting-down":      ec2(event.InstanceState, "EC2 Instance State-change Notification", "shutting-down"),
		"aws.ec2.instance-state-change.terminated":         ec2(event.InstanceState, "EC2 Instance State-change Notification", "terminated"),
		"aws.ec2.instance-state-change.stopped":            ec2(event.InstanceState, "EC2 Instance State-change Notification", "stopped"),
		"aws.ecs.task-state-change-on-instance.stopped":    task(ourHost, "Scaling activity initiated by deployment ecs-svc/8312945871203844"),
		"aws.ecs.task-state-change-on-instance.older-arn":  task(oldHost, "Your Spot Task was interrupted."),
		"aws.ecs.container-instance-state-change.active":   host("ACTIVE", "", ourInstance),
		"aws.ecs.container-instance-state-change.external": host("ACTIVE", "", ""),
		"aws.ecs.container-instance-state-change.draining": host("DRAINING", "", ourInstance),
		"aws.ecs.container-instance-state-change.inactive": host("INACTIVE", "The EC2 instance was terminated.", ourInstance),
		"trimtab.drain.act":                                drainOf(false, event.Request{Why: "its disk is failing"}),
		"trimtab.drain.dry-run":                            drainOf(true, event.Request{Why: "its disk is failing"}),
		"trimtab.drain.default":                            drainOf(true, event.Request{Why: "its disk is failing"}),
		"trimtab.drain.undo":                               drainOf(false, event.Request{Undo: true}),
	} {
		ev, err := event.Decode(readSample(t, name+".json"))
		if hasID := ev.Via == event.ViaEventBridge; strings.HasPrefix(ev.ID, anyID) != hasID {
			t.Errorf("%s: id %q", name, ev.ID)
		}
		ev.ID = ""
		if diff := cmp.Diff(want, ev); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func drainOf(dryRun bool, r event.Request) event.Event {
	r.Target, r.By = fleet.Target{Cluster: "prod"}, "ann"
	return event.Event{Kind: event.Drain, Via: event.ViaInvoke, Cluster: "prod", Instance: ourInstance, DryRun: dryRun, Request: &r}
}

// TestInstanceEdges walks over the edges of what events about instances may say.
func TestInstanceEdges(t *testing.T) {
	t.Parallel()
	lifecycle := func(fields string) string {
		return `{"source":"aws.autoscaling","detail-type":"EC2 Instance-terminate Lifecycle Action","detail":{"EC2InstanceId":"i-0a1b2c3d",` +
			`"AutoScalingGroupName":"prod/m7g","LifecycleTransition":"autoscaling:EC2_INSTANCE_TERMINATING",` + fields + `}}`
	}
	ecs := func(kind, detail string) string {
		return fmt.Sprintf(`{"source":"aws.ecs","detail-type":"ECS %s State Change","detail":{%s}}`, kind, detail)
	}
	base := event.Event{Kind: event.Lifecycle, Via: event.ViaEventBridge, Source: "aws.autoscaling", DetailType: "EC2 Instance-terminate Lifecycle Action", Instance: "i-0a1b2c3d", Group: "prod/m7g", HookName: "a/b_c-d"}
	unknown := event.Event{Kind: event.Unknown, Via: event.ViaEventBridge, Source: "aws.autoscaling", DetailType: base.DetailType}
	host := event.Event{Kind: event.HostChange, Via: event.ViaEventBridge, Source: "aws.ecs", DetailType: "ECS Container Instance State Change", Cluster: "prod", HostARN: ourHost}
	long := strings.Repeat("x", 3000)
	for name, c := range map[string]struct {
		doc     string
		want    event.Event
		problem string
	}{
		"a token":              {lifecycle(`"LifecycleHookName":"a/b_c-d","LifecycleActionToken":"` + ourToken + `"`), with(base, func(ev *event.Event) { ev.HookToken = ourToken }), ""},
		"a token too short":    {lifecycle(`"LifecycleHookName":"a/b_c-d","LifecycleActionToken":"` + ourToken[1:] + `"`), base, ""},
		"a token of blanks":    {lifecycle(`"LifecycleHookName":"a/b_c-d","LifecycleActionToken":"` + strings.Repeat(" ", 36) + `"`), base, ""},
		"no hook":              {lifecycle(`"LifecycleHookName":""`), event.Event{}, `detail.LifecycleHookName is "", no name of a lifecycle hook`},
		"hook of 256":          {lifecycle(`"LifecycleHookName":"` + long[:256] + `"`), event.Event{}, "no name of a lifecycle hook"},
		"launch as a removal":  {lifecycle(`"LifecycleHookName":"h","LifecycleTransition":"autoscaling:EC2_INSTANCE_LAUNCHING"`), unknown, ""},
		"to the warm pool":     {lifecycle(`"LifecycleHookName":"h","Destination":"WarmPool"`), unknown, ""},
		"from the warm pool":   {lifecycle(`"LifecycleHookName":"h","Origin":"WarmPool"`), unknown, ""},
		"host without id":      {ecs("Container Instance", `"containerInstanceArn":"`+ourHost+`","clusterArn":"?"`), host, ""},
		"host in another":      {ecs("Container Instance", `"containerInstanceArn":"`+oldHost+`","clusterArn":"arn:aws-cn:ecs:r:1:cluster/prod"`), with(host, func(ev *event.Event) { ev.HostARN = oldHost }), ""},
		"host without cluster": {ecs("Container Instance", `"containerInstanceArn":"`+oldHost+`"`), event.Event{}, "names no cluster"},
		"host that is none":    {ecs("Container Instance", `"clusterArn":"arn:aws:ecs:r:1:cluster/prod"`), event.Event{}, `detail.containerInstanceArn "" is no ARN`},
		"host of EKS":          {ecs("Container Instance", `"containerInstanceArn":"arn:aws:eks:r:1:container-instance/prod/x"`), event.Event{}, "is no ARN of a container instance"},
		"host too long":        {ecs("Container Instance", `"containerInstanceArn":"`+ourHost+long+`"`), event.Event{}, "is no ARN of a container instance"},
		"task on a task":       {ecs("Task", `"containerInstanceArn":"arn:aws:ecs:r:1:task/prod/x"`), event.Event{}, "is no ARN of a container instance"},
		"task on Fargate":      {ecs("Task", `"lastStatus":"STOPPED","containerInstanceArn":null`), event.Event{Kind: event.Unknown, Via: event.ViaEventBridge, Source: "aws.ecs", DetailType: "ECS Task State Change"}, ""},
		"group of 256":         {`{"source":"aws.autoscaling","detail-type":"EC2 Instance Launch Unsuccessful","detail":{"AutoScalingGroupName":"` + long[:256] + `"}}`, event.Event{}, "no name of an Auto Scaling group"},
		"failed without words": {`{"source":"aws.autoscaling","detail-type":"EC2 Instance Launch Unsuccessful","detail":{"AutoScalingGroupName":"g"}}`, event.Event{Kind: event.Launch, Via: event.ViaEventBridge, Source: "aws.autoscaling", DetailType: "EC2 Instance Launch Unsuccessful", Group: "g", Failed: true}, ""},
		"end without instance": {`{"source":"aws.autoscaling","detail-type":"EC2 Instance Terminate Unsuccessful","detail":{"AutoScalingGroupName":"g"}}`, event.Event{}, `detail.EC2InstanceId is ""`},
		"spot of long words":   {`{"source":"aws.ec2","detail-type":"EC2 Spot Instance Interruption Warning","detail":{"instance-id":"i-0a1b2c3d","instance-action":"` + long + `"}}`, event.Event{Kind: event.Spot, Via: event.ViaEventBridge, Source: "aws.ec2", DetailType: "EC2 Spot Instance Interruption Warning", Instance: "i-0a1b2c3d", Name: long[:event.MaxText]}, ""},
		"spot of nobody":       {`{"source":"com.example","detail-type":"EC2 Spot Instance Interruption Warning","detail":{"instance-id":"i-0a1b2c3d"}}`, event.Event{Kind: event.Unknown, Via: event.ViaEventBridge, Source: "com.example", DetailType: "EC2 Spot Instance Interruption Warning"}, ""},
	} {
		ev, err := event.Decode([]byte(c.doc))
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %v; want %s", name, err, c.problem)
			}
			continue
		}
		if diff := cmp.Diff(c.want, ev); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// A drain is strict in every field; what it asks for and whether it is dry by
// default depends on undo.
func TestDrainFields(t *testing.T) {
	t.Parallel()
	const at = `"kind":"drain","cluster":"prod","instance":"` + ourInstance + `"`
	for name, c := range map[string]struct {
		doc     string
		want    event.Event
		problem string
	}{
		"drain":              {at + `,"why":"w","by":"ann"`, drainOf(true, event.Request{Why: "w"}), ""},
		"drain, act":         {at + `,"why":"w","by":"ann","dryRun":false`, drainOf(false, event.Request{Why: "w"}), ""},
		"not undone":         {at + `,"why":"w","by":"ann","undo":false`, drainOf(true, event.Request{Why: "w"}), ""},
		"undo":               {at + `,"by":"ann","undo":true`, drainOf(false, event.Request{Undo: true}), ""},
		"undo, dry":          {at + `,"by":"ann","undo":true,"dryRun":true`, drainOf(true, event.Request{Undo: true}), ""},
		"undo with a reason": {at + `,"by":"ann","undo":true,"why":"mended"`, drainOf(false, event.Request{Undo: true, Why: "mended"}), ""},
		"undo as text":       {at + `,"why":"w","by":"ann","undo":"true"`, event.Event{}, `field "undo" is "true"; it must be true or false`},
		"by nobody":          {at + `,"why":"w"`, event.Event{}, `field "by" is missing; the fields of drain are kind, cluster, instance, undo, why, by, dryRun`},
		"of a group":         {at + `,"why":"w","by":"ann","group":"prod-m7g"`, event.Event{}, `field "group" is unknown`},
		"no instance":        {`"kind":"drain","cluster":"prod","why":"w","by":"ann"`, event.Event{}, `field "instance" is missing`},
		"no cluster":         {`"kind":"drain","instance":"` + ourInstance + `","why":"w","by":"ann"`, event.Event{}, `field "cluster" is missing`},
		"instance misspelled": {
			`"kind":"drain","cluster":"prod","Instance":"` + ourInstance + `","why":"w","by":"ann"`,
			event.Event{},
			`field "Instance" is unknown (did you mean "instance"?)`,
		},
		"undo of a stop": {`"kind":"stop","cluster":"prod","undo":true,"why":"w","by":"ann"`, event.Event{}, `field "undo" is unknown; the fields of stop are`},
	} {
		ev, err := event.Decode([]byte("{" + c.doc + "}"))
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %+v, %v; want %s", name, ev, err, c.problem)
			}
			continue
		}
		if diff := cmp.Diff(c.want, ev); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}
