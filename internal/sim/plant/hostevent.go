package plant

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

func (p *Plant) clusterARN() string { return arn("ecs", "cluster/"+string(p.opt.Cluster)) }

func (g *group) arn() string {
	return arn("autoscaling", "autoScalingGroup:0:autoScalingGroupName/"+string(g.cfg.Name))
}

// announce sends an event about hosts. Its id comes from a stream of its own.
func (p *Plant) announce(source, detailType, resource string, detail any) {
	if p.deaf {
		return
	}
	p.emit(envelope{
		ID: p.news.uuid(), DetailType: detailType, Source: source, Resources: []string{resource}, Detail: detail,
	}.bytes(p.clock.Now()))
}

// scaling is what differs between the launch and terminate events of Auto Scaling.
type scaling struct {
	Instance            fleet.InstanceID
	Code, Message, Zone string
	Origin, Destination string
}

// emitScaling sends "EC2 Instance <what>" (Auto Scaling's guide, event reference).
func (p *Plant) emitScaling(g *group, what string, s scaling) {
	now := p.clock.Now().UTC().Format(time.RFC3339Nano)
	p.announce("aws.autoscaling", "EC2 Instance "+what, g.arn(), map[string]any{
		"StatusCode": s.Code, "StatusMessage": s.Message, "Cause": "At " + now + " the group's capacity was brought to its desired capacity.",
		"Description": what, "ActivityId": p.news.uuid(), "RequestId": p.news.uuid(), "AutoScalingGroupName": g.cfg.Name,
		"EC2InstanceId": s.Instance, "StartTime": now, "EndTime": now, "Origin": s.Origin, "Destination": s.Destination,
		"Details": map[string]string{"Availability Zone": s.Zone, "Subnet ID": "subnet-" + s.Zone},
	})
}

func (p *Plant) emitHook(i *instance) {
	p.announce("aws.autoscaling", "EC2 Instance-terminate Lifecycle Action", i.group.arn(), map[string]any{
		"LifecycleActionToken": i.wait.token, "AutoScalingGroupName": i.group.cfg.Name, "LifecycleHookName": i.wait.hook.Name,
		"EC2InstanceId": i.id, "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "Origin": "AutoScalingGroup", "Destination": "EC2",
	})
}

func (p *Plant) emitLaunchHook(i *instance, origin string) {
	p.announce("aws.autoscaling", "EC2 Instance-launch Lifecycle Action", i.group.arn(), map[string]any{
		"LifecycleActionToken": p.news.uuid(), "AutoScalingGroupName": i.group.cfg.Name, "LifecycleHookName": i.group.cfg.LaunchHook.Name,
		"EC2InstanceId": i.id, "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "Origin": origin, "Destination": "AutoScalingGroup",
	})
}

func (i *instance) ec2ARN() string { return arn("ec2", "instance/"+string(i.id)) }

// emitSpot sends a warning of EC2 about a Spot instance. Its resource has no
// account, unlike those of other events (EC2's guide, interruption notices).
func (p *Plant) emitSpot(i *instance, detailType string) {
	detail := map[string]any{"instance-id": i.id}
	if detailType == "EC2 Spot Instance Interruption Warning" {
		detail["instance-action"] = "terminate"
	}
	p.announce("aws.ec2", detailType, "arn:aws:ec2:"+i.zone+":instance/"+string(i.id), detail)
}

func (p *Plant) emitState(i *instance, state string) {
	p.announce("aws.ec2", "EC2 Instance State-change Notification", i.ec2ARN(), map[string]any{"instance-id": i.id, "state": state})
}

type hostResource struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Integer int    `json:"integerValue"`
}

func hostResources(r fleet.Resources) []hostResource {
	out := []hostResource{{Name: "CPU", Type: "INTEGER", Integer: r.CPU}, {Name: "MEMORY", Type: "INTEGER", Integer: r.Memory}}
	if r.GPU > 0 {
		out = append(out, hostResource{Name: "GPU", Type: "INTEGER", Integer: r.GPU})
	}
	return out
}

// emitHost sends the state of a container instance. ECS sends it with every task
// that starts or stops; of an ACTIVE one the plant sends changes of status and of
// the agent alone, since the template's rule passes nothing else.
func (p *Plant) emitHost(i *instance) {
	type attribute struct {
		Name  string `json:"name"`
		Value string `json:"value,omitempty"`
	}
	var attributes []attribute
	for _, n := range slices.Sorted(maps.Keys(i.attributes)) {
		attributes = append(attributes, attribute{Name: n, Value: i.attributes[n]})
	}
	running, pending := i.counts()
	p.announce("aws.ecs", "ECS Container Instance State Change", i.arn, map[string]any{
		"clusterArn": p.clusterARN(), "containerInstanceArn": i.arn, "ec2InstanceId": i.id, "agentConnected": i.connected,
		"status": i.status(), "version": 1, "versionInfo": map[string]string{}, "attributes": attributes,
		"registeredResources": hostResources(i.shape.Size), "remainingResources": hostResources(i.remaining),
		"runningTasksCount": running, "pendingTasksCount": pending, "registeredAt": i.registered.UTC().Format(time.RFC3339Nano),
		"updatedAt": p.clock.Now().UTC().Format(time.RFC3339Nano),
	})
}

func (i *instance) status() string {
	switch {
	case i.gone:
		return "INACTIVE"
	case i.draining:
		return "DRAINING"
	default:
		return "ACTIVE"
	}
}

func (i *instance) counts() (running, pending int) {
	for _, t := range i.on {
		running += number(t.running)
		pending += number(!t.running && !t.leaving)
	}
	return running, pending
}

// emitTask sends the end of a task on an instance. Its other changes of state
// wake nobody and are left out.
func (p *Plant) emitTask(t *task, code string) {
	now := p.clock.Now().UTC().Format(time.RFC3339Nano)
	size := t.size()
	detail := map[string]any{
		"taskArn": t.arn, "clusterArn": p.clusterARN(), "containerInstanceArn": t.host.arn, "group": t.family(), "lastStatus": "STOPPED",
		"desiredStatus": "STOPPED", "launchType": "EC2", "availabilityZone": t.host.zone, "cpu": strconv.Itoa(size.CPU), "memory": strconv.Itoa(size.Memory),
		"stopCode": code, "stoppedReason": "The task was stopped: " + code, "createdAt": t.created.UTC().Format(time.RFC3339Nano),
		"updatedAt": now, "stoppedAt": now, "version": 3,
	}
	if !t.started.IsZero() {
		detail["startedAt"] = t.started.UTC().Format(time.RFC3339Nano)
	}
	p.announce("aws.ecs", "ECS Task State Change", t.arn, detail)
}
