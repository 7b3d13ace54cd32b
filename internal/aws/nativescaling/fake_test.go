package nativescaling_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// world is all three services. Each list is answered one item a page.
type world struct {
	fakeTargets
	fakeGroups
	fakeClusters

	mu  sync.Mutex
	now time.Time
}

// newWorld has the cluster "prod", the group "workers", and nobody who scales.
func newWorld() *world {
	return &world{
		now:          time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		fakeGroups:   fakeGroups{groups: []types.AutoScalingGroup{{AutoScalingGroupName: aws.String("workers")}}},
		fakeClusters: fakeClusters{clusters: []ecstypes.Cluster{{ClusterName: aws.String("prod")}}},
	}
}

func (w *world) owners() *nativescaling.Owners {
	return nativescaling.New(&w.fakeClusters, &w.fakeGroups, &w.fakeTargets, func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	})
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// calls says which operations were called, in order.
type calls struct {
	mu  sync.Mutex
	all []string
	err map[string]error // by operation
}

func (c *calls) call(operation string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, operation)
	return c.err[operation]
}

func (c *calls) fail(operation string, err error) { c.err = map[string]error{operation: err} }

// onePage cuts the item that the token names.
func onePage[T any](all []T, token *string) ([]T, *string) {
	at := 0
	if token != nil {
		if _, err := fmt.Sscan(*token, &at); err != nil {
			return nil, nil
		}
	}
	if at+1 < len(all) {
		return all[at : at+1], aws.String(fmt.Sprint(at + 1))
	}
	return all[min(at, len(all)):], nil
}

type fakeTargets struct {
	meanwhile   func() // runs once, between the look and the answer
	targetCalls calls
	targets     []aastypes.ScalableTarget
	policies    []aastypes.ScalingPolicy
	actions     []aastypes.ScheduledAction
}

func (f *fakeTargets) DescribeScalableTargets(_ context.Context, in *aas.DescribeScalableTargetsInput, _ ...func(*aas.Options)) (*aas.DescribeScalableTargetsOutput, error) {
	if err := f.targetCalls.call("targets"); err != nil {
		return nil, err
	}
	if len(in.ResourceIds) != 1 || in.ServiceNamespace != "ecs" || in.ScalableDimension != "ecs:service:DesiredCount" {
		return nil, fmt.Errorf("asked for %v, %s, %s", in.ResourceIds, in.ServiceNamespace, in.ScalableDimension)
	}
	seen := f.targets
	if then := f.meanwhile; then != nil {
		f.meanwhile = nil
		then()
	}
	return &aas.DescribeScalableTargetsOutput{ScalableTargets: seen}, nil
}

func (f *fakeTargets) DescribeScalingPolicies(_ context.Context, in *aas.DescribeScalingPoliciesInput, _ ...func(*aas.Options)) (*aas.DescribeScalingPoliciesOutput, error) {
	if err := f.targetCalls.call("policies"); err != nil {
		return nil, err
	}
	if err := about(in.ResourceId, in.ServiceNamespace, in.ScalableDimension); err != nil {
		return nil, err
	}
	page, next := onePage(f.policies, in.NextToken)
	return &aas.DescribeScalingPoliciesOutput{ScalingPolicies: page, NextToken: next}, nil
}

func (f *fakeTargets) DescribeScheduledActions(_ context.Context, in *aas.DescribeScheduledActionsInput, _ ...func(*aas.Options)) (*aas.DescribeScheduledActionsOutput, error) {
	if err := f.targetCalls.call("actions"); err != nil {
		return nil, err
	}
	if err := about(in.ResourceId, in.ServiceNamespace, in.ScalableDimension); err != nil {
		return nil, err
	}
	page, next := onePage(f.actions, in.NextToken)
	return &aas.DescribeScheduledActionsOutput{ScheduledActions: page, NextToken: next}, nil
}

func about(id *string, namespace aastypes.ServiceNamespace, dimension aastypes.ScalableDimension) error {
	if aws.ToString(id) != "service/prod/web" || namespace != "ecs" || dimension != "ecs:service:DesiredCount" {
		return fmt.Errorf("asked for %s, %s, %s", aws.ToString(id), namespace, dimension)
	}
	return nil
}

type fakeGroups struct {
	groupCalls calls
	groups     []types.AutoScalingGroup
	own        []types.ScalingPolicy
	scheduled  []types.ScheduledUpdateGroupAction
}

func (f *fakeGroups) DescribeAutoScalingGroups(_ context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	if err := f.groupCalls.call("groups"); err != nil {
		return nil, err
	}
	if !slices.Equal(in.AutoScalingGroupNames, []string{"workers"}) || aws.ToBool(in.IncludeInstances) {
		return nil, fmt.Errorf("asked for %v, instances %v", in.AutoScalingGroupNames, aws.ToBool(in.IncludeInstances))
	}
	return &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: f.groups}, nil
}

func (f *fakeGroups) DescribePolicies(_ context.Context, in *autoscaling.DescribePoliciesInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribePoliciesOutput, error) {
	if err := f.groupCalls.call("policies"); err != nil {
		return nil, err
	}
	if aws.ToString(in.AutoScalingGroupName) != "workers" {
		return nil, fmt.Errorf("asked for the policies of %q", aws.ToString(in.AutoScalingGroupName))
	}
	page, next := onePage(f.own, in.NextToken)
	return &autoscaling.DescribePoliciesOutput{ScalingPolicies: page, NextToken: next}, nil
}

func (f *fakeGroups) DescribeScheduledActions(_ context.Context, in *autoscaling.DescribeScheduledActionsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeScheduledActionsOutput, error) {
	if err := f.groupCalls.call("actions"); err != nil {
		return nil, err
	}
	if aws.ToString(in.AutoScalingGroupName) != "workers" {
		return nil, fmt.Errorf("asked for the scheduled actions of %q", aws.ToString(in.AutoScalingGroupName))
	}
	page, next := onePage(f.scheduled, in.NextToken)
	return &autoscaling.DescribeScheduledActionsOutput{ScheduledUpdateGroupActions: page, NextToken: next}, nil
}

type fakeClusters struct {
	clusterCalls calls
	clusters     []ecstypes.Cluster
	providers    map[string]ecstypes.CapacityProvider
	failures     []ecstypes.Failure
}

func (f *fakeClusters) DescribeClusters(_ context.Context, in *ecs.DescribeClustersInput, _ ...func(*ecs.Options)) (*ecs.DescribeClustersOutput, error) {
	if err := f.clusterCalls.call("clusters"); err != nil {
		return nil, err
	}
	if !slices.Equal(in.Clusters, []string{"prod"}) {
		return nil, fmt.Errorf("asked for %v", in.Clusters)
	}
	return &ecs.DescribeClustersOutput{Clusters: f.clusters}, nil
}

func (f *fakeClusters) DescribeCapacityProviders(_ context.Context, in *ecs.DescribeCapacityProvidersInput, _ ...func(*ecs.Options)) (*ecs.DescribeCapacityProvidersOutput, error) {
	if err := f.clusterCalls.call("providers"); err != nil {
		return nil, err
	}
	if len(in.CapacityProviders) == 0 || len(in.CapacityProviders) > 100 || aws.ToString(in.Cluster) != "prod" {
		return nil, fmt.Errorf("asked for %d providers of %q", len(in.CapacityProviders), aws.ToString(in.Cluster))
	}
	page, next := onePage(in.CapacityProviders, in.NextToken)
	out := &ecs.DescribeCapacityProvidersOutput{NextToken: next, Failures: f.failures}
	for _, n := range page {
		if p, ok := f.providers[n]; ok {
			out.CapacityProviders = append(out.CapacityProviders, p)
		}
	}
	return out, nil
}

// provide attaches capacity providers to the cluster.
func (f *fakeClusters) provide(ps ...ecstypes.CapacityProvider) {
	f.providers = make(map[string]ecstypes.CapacityProvider)
	for _, p := range ps {
		f.providers[aws.ToString(p.Name)] = p
		f.clusters[0].CapacityProviders = append(f.clusters[0].CapacityProviders, aws.ToString(p.Name))
	}
}

// managed is a capacity provider with managed scaling over a group.
func managed(name, group string) ecstypes.CapacityProvider {
	return ecstypes.CapacityProvider{
		Name: aws.String(name), Status: ecstypes.CapacityProviderStatusActive,
		AutoScalingGroupProvider: &ecstypes.AutoScalingGroupProvider{
			AutoScalingGroupArn: aws.String(group), ManagedScaling: &ecstypes.ManagedScaling{Status: ecstypes.ManagedScalingStatusEnabled},
		},
	}
}

func web() fleet.ServiceKey { return fleet.ServiceKey{Cluster: "prod", Service: "web"} }

// register registers the service with Application Auto Scaling.
func (f *fakeTargets) register(in, out, scheduled bool) {
	f.targets = []aastypes.ScalableTarget{{
		ResourceId: aws.String("service/prod/web"), MinCapacity: aws.Int32(2), MaxCapacity: aws.Int32(9),
		SuspendedState: &aastypes.SuspendedState{
			DynamicScalingInSuspended: aws.Bool(in), DynamicScalingOutSuspended: aws.Bool(out), ScheduledScalingSuspended: aws.Bool(scheduled),
		},
	}}
}

// wantWords fails unless every word is in the text.
func wantWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
}
