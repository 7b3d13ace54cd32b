// Package nativescaling gives the answer to "who else writes here" behind
// reconcile's Owners port: Application Auto Scaling for a service; ECS managed
// scaling, scaling policies and scheduled actions for an Auto Scaling group.
//
// It is the one package over three AWS clients, because the answer lies in
// three places. What it finds comes with the commands that hand the target over.
package nativescaling

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

// Kinds of policy.Owner.
const (
	KindApplicationAutoScaling = "ApplicationAutoScaling"
	KindManagedScaling         = "ManagedScaling"
	KindScalingPolicy          = "ScalingPolicy"
	KindScheduledAction        = "ScheduledAction"
)

// keep is how long an answer is good for. Handing a target over is a person's
// act: a quarter of an hour is soon enough to notice it, and the answer is read
// anew before the first order of an evaluation in any case.
const keep = 15 * time.Minute

// maxKept bounds the answers kept, one a target.
const maxKept = 10_000

// ecsAPI is what Owners needs of *ecs.Client.
type ecsAPI interface {
	DescribeClusters(context.Context, *ecs.DescribeClustersInput, ...func(*ecs.Options)) (*ecs.DescribeClustersOutput, error)
	DescribeCapacityProviders(context.Context, *ecs.DescribeCapacityProvidersInput, ...func(*ecs.Options)) (*ecs.DescribeCapacityProvidersOutput, error)
}

// groupAPI is what Owners needs of *autoscaling.Client.
type groupAPI interface {
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
	DescribePolicies(context.Context, *autoscaling.DescribePoliciesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribePoliciesOutput, error)
	DescribeScheduledActions(context.Context, *autoscaling.DescribeScheduledActionsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeScheduledActionsOutput, error)
}

// targetAPI is what Owners needs of *applicationautoscaling.Client.
type targetAPI interface {
	DescribeScalableTargets(context.Context, *applicationautoscaling.DescribeScalableTargetsInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScalableTargetsOutput, error)
	DescribeScalingPolicies(context.Context, *applicationautoscaling.DescribeScalingPoliciesInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScalingPoliciesOutput, error)
	DescribeScheduledActions(context.Context, *applicationautoscaling.DescribeScheduledActionsInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScheduledActionsOutput, error)
}

// Owners tells who else writes a target. It keeps answers for a quarter of an
// hour; losing them costs reads and nothing else. It is safe for concurrent use.
type Owners struct {
	clusters ecsAPI
	groups   groupAPI
	targets  targetAPI
	now      func() time.Time

	mu   sync.Mutex
	kept map[fleet.Target]answer
}

type answer struct {
	owner policy.Owner
	at    time.Time
}

// New makes Owners over the clients of ECS, EC2 Auto Scaling and Application
// Auto Scaling. now is the clock by which answers age. Whoever asks of groups alone
// gives no client of the last.
func New(clusters ecsAPI, groups groupAPI, targets targetAPI, now func() time.Time) *Owners {
	return &Owners{clusters: clusters, groups: groups, targets: targets, now: now, kept: make(map[fleet.Target]answer)}
}

// Service tells who else writes the desired count of the service: the zero
// Owner if nobody does, Kind empty with a Detail if somebody could again
// (a scalable target that is suspended or has nothing to act on). If that
// cannot be told, the Owner is Unknown and the error says why. fresh asks past
// what is kept.
func (o *Owners) Service(ctx context.Context, k fleet.ServiceKey, fresh bool) (policy.Owner, error) {
	return o.answer(k.Target(), fresh, func(now time.Time) (policy.Owner, error) { return o.serviceOwner(ctx, k, now) })
}

// Group tells who else writes the desired capacity of a group of the cluster:
// the zero Owner if nobody does or there is no such group. fresh and what
// cannot be told are as with Service.
func (o *Owners) Group(ctx context.Context, c fleet.ClusterName, g fleet.GroupName, fresh bool) (policy.Owner, error) {
	return o.answer(fleet.GroupOf(c, g), fresh, func(now time.Time) (policy.Owner, error) { return o.groupOwner(ctx, c, g, now) })
}

func (o *Owners) answer(t fleet.Target, fresh bool, find func(time.Time) (policy.Owner, error)) (policy.Owner, error) {
	now := o.now()
	if !fresh {
		if owner, ok := o.recall(t, now); ok {
			return owner, nil
		}
	}
	owner, err := find(now)
	if err != nil {
		err = fmt.Errorf("find out who else scales %s: %w", t, err)
		return policy.Owner{Unknown: true, Detail: err.Error()}, err
	}
	o.remember(t, answer{owner: owner, at: now})
	return owner, nil
}

func (o *Owners) recall(t fleet.Target, now time.Time) (policy.Owner, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a, ok := o.kept[t]
	if age := now.Sub(a.at); !ok || age < 0 || age >= keep {
		return policy.Owner{}, false
	}
	return a.owner, true
}

// remember keeps an answer unless a concurrent reader kept a newer one.
func (o *Owners) remember(t fleet.Target, a answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if old, ok := o.kept[t]; ok && old.at.After(a.at) {
		return
	}
	if len(o.kept) >= maxKept {
		clear(o.kept)
	}
	o.kept[t] = a
}
