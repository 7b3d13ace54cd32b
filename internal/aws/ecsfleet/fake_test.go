package ecsfleet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

const prod = fleet.ClusterName("prod")

// fakeECS answers from maps, in pages of pageSize, and keeps the requests. Like
// ECS it refuses what is too large, empty or asked for twice.
type fakeECS struct {
	services    map[string]types.Service
	failures    []types.Failure // of DescribeServices, beside the missing ones
	providers   map[string]types.CapacityProvider
	definitions map[string]*types.TaskDefinition
	instances   map[string]types.ContainerInstance
	gone        []types.Failure // of DescribeContainerInstances
	tagsErr     error           // of DescribeServices with tags
	revisions   map[string]*types.MonitoringConfiguration
	revisionErr func(arns []string) error
	pageSize    int
	err         error

	described        [][]string // names of each DescribeServices call
	untagged         int        // those of them that did not ask for tags
	revisionsAsked   [][]string
	providersAsked   [][]string
	definitionsAsked []string
	instancesAsked   []int
	updates          []*ecs.UpdateServiceInput
	listed           int
}

func (f *fakeECS) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput, _ ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	f.described = append(f.described, in.Services)
	if err := f.check(in.Cluster, in.Services, 10); err != nil {
		return nil, err
	}
	if len(in.Include) == 0 {
		f.untagged++
	} else if f.tagsErr != nil {
		return nil, f.tagsErr
	}
	out := &ecs.DescribeServicesOutput{Failures: f.failures}
	for _, n := range slices.Sorted(slices.Values(in.Services)) { // ECS keeps no order
		if s, ok := f.services[n]; ok {
			out.Services = append(out.Services, s)
			continue
		}
		out.Failures = append(out.Failures, types.Failure{Arn: aws.String("arn:aws:ecs:::service/" + n), Reason: aws.String("MISSING")})
	}
	return out, nil
}

func (f *fakeECS) ListServices(_ context.Context, in *ecs.ListServicesInput, _ ...func(*ecs.Options)) (*ecs.ListServicesOutput, error) {
	f.listed++
	if err := f.checkList(in.Cluster, in.MaxResults); err != nil {
		return nil, err
	}
	var arns []string
	for n := range f.services {
		arns = append(arns, "arn:aws:ecs:eu-west-1:123456789012:service/prod/"+n)
	}
	slices.Sort(arns)
	slices.Reverse(arns)
	page, next := f.page(arns, in.NextToken)
	return &ecs.ListServicesOutput{ServiceArns: page, NextToken: next}, nil
}

func (f *fakeECS) DescribeServiceRevisions(ctx context.Context, in *ecs.DescribeServiceRevisionsInput, _ ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error) {
	f.revisionsAsked = append(f.revisionsAsked, in.ServiceRevisionArns)
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("revisions are read without a time limit")
	}
	if err := f.check(aws.String(string(prod)), in.ServiceRevisionArns, 20); err != nil {
		return nil, err
	}
	if f.revisionErr != nil {
		if err := f.revisionErr(in.ServiceRevisionArns); err != nil {
			return nil, err
		}
	}
	out := &ecs.DescribeServiceRevisionsOutput{}
	for _, arn := range slices.Backward(in.ServiceRevisionArns) {
		if m, ok := f.revisions[arn]; ok {
			out.ServiceRevisions = append(out.ServiceRevisions, types.ServiceRevision{ServiceRevisionArn: &arn, Monitoring: m})
			continue
		}
		out.Failures = append(out.Failures, types.Failure{Arn: &arn, Reason: aws.String("MISSING")})
	}
	return out, nil
}

func (f *fakeECS) UpdateService(_ context.Context, in *ecs.UpdateServiceInput, _ ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error) {
	f.updates = append(f.updates, in)
	return &ecs.UpdateServiceOutput{}, f.err
}

func (f *fakeECS) DescribeCapacityProviders(_ context.Context, in *ecs.DescribeCapacityProvidersInput, _ ...func(*ecs.Options)) (*ecs.DescribeCapacityProvidersOutput, error) {
	if in.NextToken == nil {
		f.providersAsked = append(f.providersAsked, in.CapacityProviders)
	}
	if err := f.check(in.Cluster, in.CapacityProviders, 100); err != nil {
		return nil, err
	}
	page, next := f.page(in.CapacityProviders, in.NextToken)
	out := &ecs.DescribeCapacityProvidersOutput{NextToken: next}
	for _, n := range page {
		if p, ok := f.providers[n]; ok {
			out.CapacityProviders = append(out.CapacityProviders, p)
			continue
		}
		out.Failures = append(out.Failures, types.Failure{Arn: aws.String(n), Reason: aws.String("MISSING")})
	}
	return out, nil
}

func (f *fakeECS) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	f.definitionsAsked = append(f.definitionsAsked, aws.ToString(in.TaskDefinition))
	d, ok := f.definitions[aws.ToString(in.TaskDefinition)]
	if !ok {
		return nil, &types.ClientException{Message: aws.String("unable to describe task definition")}
	}
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: d}, f.err
}

func (f *fakeECS) ListContainerInstances(_ context.Context, in *ecs.ListContainerInstancesInput, _ ...func(*ecs.Options)) (*ecs.ListContainerInstancesOutput, error) {
	if in.Status != "" {
		return nil, fmt.Errorf("only instances that are %s were asked for", in.Status)
	}
	if err := f.checkList(in.Cluster, in.MaxResults); err != nil {
		return nil, err
	}
	page, next := f.page(slices.Sorted(maps.Keys(f.instances)), in.NextToken)
	return &ecs.ListContainerInstancesOutput{ContainerInstanceArns: page, NextToken: next}, nil
}

func (f *fakeECS) DescribeContainerInstances(_ context.Context, in *ecs.DescribeContainerInstancesInput, _ ...func(*ecs.Options)) (*ecs.DescribeContainerInstancesOutput, error) {
	f.instancesAsked = append(f.instancesAsked, len(in.ContainerInstances))
	if err := f.check(in.Cluster, in.ContainerInstances, 100); err != nil {
		return nil, err
	}
	out := &ecs.DescribeContainerInstancesOutput{Failures: f.gone}
	for _, arn := range slices.Backward(in.ContainerInstances) {
		out.ContainerInstances = append(out.ContainerInstances, f.instances[arn])
	}
	return out, nil
}

// check refuses what ECS refuses of a batch.
func (f *fakeECS) check(cluster *string, names []string, most int) error {
	distinct := slices.Compact(slices.Sorted(slices.Values(names)))
	switch {
	case f.err != nil:
		return f.err
	case aws.ToString(cluster) != string(prod):
		return &types.ClusterNotFoundException{}
	case len(names) == 0 || len(names) > most || len(distinct) != len(names):
		return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf("%d names, %d of them distinct", len(names), len(distinct)))}
	}
	return nil
}

func (f *fakeECS) checkList(cluster *string, most *int32) error {
	if aws.ToInt32(most) != 100 {
		return fmt.Errorf("pages of %d were asked for", aws.ToInt32(most))
	}
	return f.check(cluster, []string{"all"}, 1)
}

// page cuts a page that begins at the token.
func (f *fakeECS) page(all []string, token *string) ([]string, *string) {
	size := f.pageSize
	if size == 0 {
		size = 100
	}
	from := 0
	if token != nil {
		from = slices.Index(all, *token)
	}
	if to := from + size; to < len(all) {
		return all[from:to], aws.String(all[to])
	}
	return all[from:], nil
}

// running is an active Fargate service.
func running(name string) types.Service {
	return types.Service{
		ServiceName: aws.String(name), ServiceArn: aws.String("arn:aws:ecs:eu-west-1:123456789012:service/prod/" + name),
		Status: aws.String("ACTIVE"), LaunchType: types.LaunchTypeFargate, DesiredCount: 2,
	}
}

// serving gives a fake with these services.
func serving(services ...types.Service) *fakeECS {
	f := &fakeECS{services: make(map[string]types.Service)}
	for _, s := range services {
		f.services[aws.ToString(s.ServiceName)] = s
	}
	return f
}

// one describes the service "web" and expects it to be there.
func one(t *testing.T, f *fakeECS) fleet.Service {
	t.Helper()
	got, err := ecsfleet.New(f).Describe(t.Context(), prod, []fleet.ServiceName{"web"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("described %d services, want 1", len(got))
	}
	return got[0]
}
