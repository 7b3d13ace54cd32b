package asgfleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// What Auto Scaling allows in one call.
const (
	exitsPerCall       = 100
	protectionsPerCall = 50
)

// validationError is the code by which Auto Scaling refuses a request for what is
// in it, whatever that is: only the message tells.
const validationError = "ValidationError"

// defaultHeartbeat is a hook's timeout where it states none.
const defaultHeartbeat = time.Hour

// continueResult ends the wait of a hook. An instance that terminates does so
// whatever the result; ABANDON would skip the hooks that remain.
const continueResult = "CONTINUE"

// exitAPI is what Exits needs of *autoscaling.Client.
type exitAPI interface {
	TerminateInstanceInAutoScalingGroup(context.Context, *autoscaling.TerminateInstanceInAutoScalingGroupInput, ...func(*autoscaling.Options)) (*autoscaling.TerminateInstanceInAutoScalingGroupOutput, error)
	SetInstanceProtection(context.Context, *autoscaling.SetInstanceProtectionInput, ...func(*autoscaling.Options)) (*autoscaling.SetInstanceProtectionOutput, error)
	DescribeLifecycleHooks(context.Context, *autoscaling.DescribeLifecycleHooksInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeLifecycleHooksOutput, error)
	RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error)
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
}

// Exits ends the membership of instances in Auto Scaling groups. It is safe for
// concurrent use.
type Exits struct {
	client exitAPI
}

// NewExits makes Exits over the client of EC2 Auto Scaling.
func NewExits(client exitAPI) *Exits { return &Exits{client: client} }

// Terminate ends the instances, a hundred a call, and lowers the group's desired
// capacity by as many. A call for several has been there since August 2026: where
// Auto Scaling answers that it does not know it, or one of the ids, they are ended
// one by one. No reply, or a fault of its own, is never answered by a second call:
// the first may have been carried out.
//
// An error after some were ended carries no code: it is no refusal of the whole.
func (e *Exits) Terminate(ctx context.Context, g fleet.GroupName, ids []fleet.InstanceID) error {
	all := distinct(ids)
	done := 0
	for batch := range slices.Chunk(all, exitsPerCall) {
		ended, err := e.terminateBatch(ctx, g, batch)
		done += ended
		if err == nil {
			continue
		}
		if done > 0 {
			err = errors.New(err.Error())
		}
		return fmt.Errorf("terminate %d instances of Auto Scaling group %q, of which %d are ordered: %w", len(all), g, done, err)
	}
	return nil
}

// terminateBatch gives how many terminations Auto Scaling accepted.
func (e *Exits) terminateBatch(ctx context.Context, g fleet.GroupName, batch []string) (int, error) {
	if len(batch) > 1 {
		err := e.terminate(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{AutoScalingGroupName: aws.String(string(g)), InstanceIds: batch})
		if err == nil {
			return len(batch), nil
		}
		if !refuses(err, "instanceid", "notpartof", "notinautoscalinggroup") {
			return 0, err
		}
	}
	done := 0
	for _, id := range batch {
		err := e.terminate(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{InstanceId: aws.String(id)})
		switch {
		case err == nil:
			done++
		case refuses(err, "notfound", "nomanagedinstance", "notpartof"):
		default:
			return done, fmt.Errorf("instance %s: %w", id, err)
		}
	}
	return done, nil
}

// terminate makes one attempt. The SDK's own retries would repeat an order whose
// reply was lost, and each lowers the desired capacity.
func (e *Exits) terminate(ctx context.Context, in *autoscaling.TerminateInstanceInAutoScalingGroupInput) error {
	in.ShouldDecrementDesiredCapacity = aws.Bool(true)
	_, err := e.client.TerminateInstanceInAutoScalingGroup(ctx, in, func(o *autoscaling.Options) { o.Retryer = aws.NopRetryer{} })
	return err
}

// Protect sets or removes scale-in protection, fifty instances a call.
func (e *Exits) Protect(ctx context.Context, g fleet.GroupName, ids []fleet.InstanceID, on bool) error {
	for batch := range slices.Chunk(distinct(ids), protectionsPerCall) {
		if _, err := e.client.SetInstanceProtection(ctx, &autoscaling.SetInstanceProtectionInput{
			AutoScalingGroupName: aws.String(string(g)), InstanceIds: batch, ProtectedFromScaleIn: aws.Bool(on),
		}); err != nil {
			return fmt.Errorf("set scale-in protection of %s in Auto Scaling group %q to %v: %w", strings.Join(batch, ", "), g, on, err)
		}
	}
	return nil
}

// Hooks gives the lifecycle hooks of the group that hold a termination.
func (e *Exits) Hooks(ctx context.Context, g fleet.GroupName) ([]drain.Hook, error) {
	out, err := e.client.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: aws.String(string(g))})
	if err != nil {
		return nil, fmt.Errorf("describe the lifecycle hooks of Auto Scaling group %q: %w", g, err)
	}
	var hooks []drain.Hook
	for _, h := range out.LifecycleHooks {
		if aws.ToString(h.LifecycleTransition) != terminating {
			continue
		}
		timeout := defaultHeartbeat
		if h.HeartbeatTimeout != nil {
			timeout = time.Duration(*h.HeartbeatTimeout) * time.Second
		}
		hooks = append(hooks, drain.Hook{Name: aws.ToString(h.LifecycleHookName), Timeout: timeout})
	}
	return hooks, nil
}

// terminating is the transition of a hook that holds a termination.
const terminating = "autoscaling:EC2_INSTANCE_TERMINATING"

// Heartbeat prolongs the wait of a hook by its timeout, from now. A wait that is
// over is success: there is nothing left to prolong.
func (e *Exits) Heartbeat(ctx context.Context, g fleet.GroupName, id fleet.InstanceID, h drain.Hook) error {
	_, err := e.client.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: aws.String(string(g)), LifecycleHookName: aws.String(h.Name),
		InstanceId: aws.String(string(id)), LifecycleActionToken: token(h),
	})
	if err != nil && !over(err) {
		return fmt.Errorf("record heartbeat of lifecycle hook %q for %s in Auto Scaling group %q: %w", h.Name, id, g, err)
	}
	return nil
}

// Complete ends the wait of a hook. A wait that is over is success.
func (e *Exits) Complete(ctx context.Context, g fleet.GroupName, id fleet.InstanceID, h drain.Hook) error {
	_, err := e.client.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: aws.String(string(g)), LifecycleHookName: aws.String(h.Name),
		InstanceId: aws.String(string(id)), LifecycleActionToken: token(h), LifecycleActionResult: aws.String(continueResult),
	})
	if err != nil && !over(err) {
		return fmt.Errorf("complete lifecycle hook %q for %s in Auto Scaling group %q: %w", h.Name, id, g, err)
	}
	return nil
}

// token gives the token of a wait, nil where only the instance names it.
func token(h drain.Hook) *string {
	if h.Token == "" {
		return nil
	}
	return aws.String(h.Token)
}

// over tells whether Auto Scaling answered that no such wait is going on.
func over(err error) bool { return refuses(err, "noactivelifecycleaction") }

// refuses tells whether Auto Scaling refused the request for what is in it with
// one of these in its message, spaces and capitals aside.
func refuses(err error, fragments ...string) bool {
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok || answer.ErrorCode() != validationError {
		return false
	}
	said := strings.ToLower(strings.ReplaceAll(answer.ErrorMessage(), " ", ""))
	return slices.ContainsFunc(fragments, func(f string) bool { return strings.Contains(said, f) })
}
