package event

import (
	"fmt"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// groupDetail is what is read of the events of EC2 Auto Scaling, and of the
// notification that a lifecycle hook sends to a queue itself: it has the same
// fields at its top. NotificationMetadata is not among them: it is free text of
// whoever may write the hook, and nothing here takes orders from it.
type groupDetail struct {
	Group       string `json:"AutoScalingGroupName"`
	Instance    string `json:"EC2InstanceId"` // empty for a launch that failed
	Hook        string `json:"LifecycleHookName"`
	Token       string `json:"LifecycleActionToken"`
	Transition  string `json:"LifecycleTransition"`
	Origin      string `json:"Origin"`
	Destination string `json:"Destination"`
	Message     string `json:"StatusMessage"`
	Description string `json:"Description"`
	Account     string `json:"AccountId"` // this and Time: of a hook's own notification
	Time        stamp  `json:"Time"`
}

const (
	terminating = "autoscaling:EC2_INSTANCE_TERMINATING"
	warmPool    = "WarmPool" // as Origin or Destination
	tokenLength = 36         // of a lifecycle action: it is a UUID
)

// lifecycleFromDetail reads the wait of a hook before an instance is terminated.
func lifecycleFromDetail(env envelope, ev *Event) error {
	var d groupDetail
	if err := readDetail(env.detail, &d); err != nil {
		return err
	}
	return d.lifecycle("detail.", ev)
}

// lifecycle gives the wait. From or to the warm pool it is no removal and makes
// the event Unknown: in the pool an instance runs no task, and one that goes back
// to the pool to be used again would come out of it still draining. The launch
// of an instance is Unknown as well: its hook waits for those who set the
// instance up, and ECS tells when tasks can be placed.
func (d groupDetail) lifecycle(where string, ev *Event) error {
	if d.Transition != terminating || d.Origin == warmPool || d.Destination == warmPool {
		ev.Kind = Unknown
		return nil
	}
	if err := d.name(where, ev); err != nil {
		return err
	}
	if !isHookName(d.Hook) {
		return fmt.Errorf("%sLifecycleHookName is %q, no name of a lifecycle hook; it must be 1 to 255 letters, digits, hyphens, underscores and slashes", where, clip(d.Hook, 64))
	}
	ev.HookName = d.Hook
	if len(d.Token) == tokenLength && isECSName(d.Token) {
		ev.HookToken = d.Token
	}
	return nil
}

// activityFromDetail reads a launch or a termination that succeeded.
func activityFromDetail(env envelope, ev *Event) error {
	var d groupDetail
	if err := readDetail(env.detail, &d); err != nil {
		return err
	}
	ev.Reason = d.Message
	return d.name("detail.", ev)
}

// failureFromDetail reads one that failed. A launch that EC2 refused has no
// instance.
func failureFromDetail(env envelope, ev *Event) error {
	var d groupDetail
	if err := readDetail(env.detail, &d); err != nil {
		return err
	}
	ev.Failed, ev.Reason = true, firstOf(d.Message, d.Description)
	if ev.Kind == Launch && d.Instance == "" {
		return d.nameGroup("detail.", ev)
	}
	return d.name("detail.", ev)
}

// name gives the group and its instance.
func (d groupDetail) name(where string, ev *Event) error {
	if err := checkInstance(where+"EC2InstanceId", d.Instance); err != nil {
		return err
	}
	ev.Instance = fleet.InstanceID(d.Instance)
	return d.nameGroup(where, ev)
}

func (d groupDetail) nameGroup(where string, ev *Event) error {
	if !isGroupName(d.Group) {
		return fmt.Errorf("%sAutoScalingGroupName is %q, no name of an Auto Scaling group; it must be 1 to 255 characters without a colon", where, clip(d.Group, 64))
	}
	ev.Group = fleet.GroupName(d.Group)
	return nil
}

// ec2Detail is what the events of EC2 about one instance say.
type ec2Detail struct {
	Instance string `json:"instance-id"`
	Action   string `json:"instance-action"` // of a Spot interruption: terminate, stop or hibernate
	State    string `json:"state"`           // of a state change
}

// instanceFromDetail reads a Spot interruption, a rebalance recommendation or a
// state change. EC2 does not say whose instance it is: Auto Scaling knows.
func instanceFromDetail(env envelope, ev *Event) error {
	var d ec2Detail
	if err := readDetail(env.detail, &d); err != nil {
		return err
	}
	if err := checkInstance("detail.instance-id", d.Instance); err != nil {
		return err
	}
	ev.Instance, ev.Name = fleet.InstanceID(d.Instance), firstOf(d.Action, d.State)
	return nil
}

func checkInstance(where, id string) error {
	if isInstanceID(id) {
		return nil
	}
	return fmt.Errorf("%s is %q, no id of an EC2 instance; it must be i- and 17 hexadecimal digits (8 for the oldest)", where, clip(id, 64))
}
