// Package ecsfleet gives the ECS services, container instances and tasks behind
// reconcile's Services and Hosts ports: what runs, an absolute desired count for
// it, and the draining of what it runs on.
//
// Reads are batched as ECS allows (ten services, a hundred instances or tasks a
// call) and made one after the other, never side by side.
package ecsfleet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// What ECS allows in one call.
const (
	servicesPerCall  = 10
	servicesPerPage  = 100
	providersPerCall = 100
	instancesPerCall = 100
)

// missing is the reason of a failure that says "there is none of that name".
// Every other reason says that ECS could not tell.
const missing = "MISSING"

// serviceAPI is what Services needs of *ecs.Client to observe and size services.
type serviceAPI interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	ListServices(context.Context, *ecs.ListServicesInput, ...func(*ecs.Options)) (*ecs.ListServicesOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
}

// capacityAPI is what Services needs of *ecs.Client to observe what tasks land on.
type capacityAPI interface {
	DescribeCapacityProviders(context.Context, *ecs.DescribeCapacityProvidersInput, ...func(*ecs.Options)) (*ecs.DescribeCapacityProvidersOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	ListContainerInstances(context.Context, *ecs.ListContainerInstancesInput, ...func(*ecs.Options)) (*ecs.ListContainerInstancesOutput, error)
	DescribeContainerInstances(context.Context, *ecs.DescribeContainerInstancesInput, ...func(*ecs.Options)) (*ecs.DescribeContainerInstancesOutput, error)
}

type api interface {
	serviceAPI
	capacityAPI
}

// Services observes and sizes the services of ECS clusters. It is safe for
// concurrent use.
type Services struct {
	client      api
	definitions *definitions
	revisions   *kept[resolution]
	untagged    atomic.Bool // the role may not read tags
}

// New makes Services over the client of ECS.
func New(client api) *Services {
	return &Services{client: client, definitions: newDefinitions(client), revisions: &kept[resolution]{}}
}

// Describe gives the services that exist, in the order of the names; a name
// that ECS does not know is left out and one that is repeated is answered once.
// A deleted service is shown, not active, for as long as ECS remembers it. An
// error means that nothing can be said.
func (s *Services) Describe(ctx context.Context, c fleet.ClusterName, names []fleet.ServiceName) ([]fleet.Service, error) {
	known := make(map[fleet.ServiceName]types.Service, len(names))
	asked := distinct(names)
	for batch := range slices.Chunk(asked, servicesPerCall) {
		if err := s.describeBatch(ctx, c, batch, known); err != nil {
			return nil, err
		}
	}
	seen := make([]placed, 0, len(known))
	for _, n := range asked {
		if v, ok := known[n]; ok {
			seen = append(seen, placed{Service: v, placement: placementOf(v)})
		}
	}
	behind, err := s.providers(ctx, c, seen)
	if err != nil {
		return nil, err
	}
	out := make([]fleet.Service, 0, len(seen))
	for _, p := range seen {
		v, err := s.serviceOf(ctx, p, behind)
		if err != nil {
			return nil, fmt.Errorf("describe service %s/%s: %w", c, aws.ToString(p.ServiceName), err)
		}
		out = append(out, v)
	}
	s.monitor(ctx, seen, out)
	return out, nil
}

// Names lists every service of the cluster, sorted.
func (s *Services) Names(ctx context.Context, c fleet.ClusterName) ([]fleet.ServiceName, error) {
	pages := ecs.NewListServicesPaginator(s.client, &ecs.ListServicesInput{
		Cluster: aws.String(string(c)), MaxResults: aws.Int32(servicesPerPage),
	})
	var names []fleet.ServiceName
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list services of cluster %q: %w", c, err)
		}
		for _, arn := range page.ServiceArns {
			names = append(names, fleet.ServiceName(lastSegment(arn)))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// SetDesiredCount orders an absolute count of tasks, at least 0. The request
// holds nothing but the count: anything else in it could start a deployment.
func (s *Services) SetDesiredCount(ctx context.Context, k fleet.ServiceKey, tasks int) error {
	if tasks < 0 || tasks > math.MaxInt32 {
		return fmt.Errorf("set desired count of service %s: %d is not a number of tasks (0 to %d)", k, tasks, math.MaxInt32)
	}
	_, err := s.client.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster:      aws.String(string(k.Cluster)),
		Service:      aws.String(string(k.Service)),
		DesiredCount: aws.Int32(int32(tasks)),
	})
	if err != nil {
		return fmt.Errorf("set desired count of service %s to %d: %w", k, tasks, err)
	}
	return nil
}

// describeBatch adds what ECS knows of at most ten names to known.
func (s *Services) describeBatch(ctx context.Context, c fleet.ClusterName, batch []fleet.ServiceName, known map[fleet.ServiceName]types.Service) error {
	in := &ecs.DescribeServicesInput{Cluster: aws.String(string(c)), Services: make([]string, len(batch))}
	for i, n := range batch {
		in.Services[i] = string(n)
	}
	out, err := s.describeTagged(ctx, in)
	if err != nil {
		return fmt.Errorf("describe services of cluster %q: %w", c, err)
	}
	if err := failuresOf(out.Failures); err != nil {
		return fmt.Errorf("describe services of cluster %q: %w", c, err)
	}
	for _, v := range out.Services {
		known[fleet.ServiceName(aws.ToString(v.ServiceName))] = v
	}
	return nil
}

// describeTagged describes services with their tags, and without where ECS
// refuses the tags. The service authorization reference names no further action
// for DescribeServices, but ECS is known to ask for ecs:ListTagsForResource where
// tags are included (DescribeTaskDefinition does), and services of the oldest
// form of ARN have none; a stack's name is not worth a service's scaling.
func (s *Services) describeTagged(ctx context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	if s.untagged.Load() {
		return s.client.DescribeServices(ctx, in)
	}
	tagged := *in
	tagged.Include = []types.ServiceField{types.ServiceFieldTags}
	out, err := s.client.DescribeServices(ctx, &tagged)
	e, answered := errors.AsType[smithy.APIError](err)
	if !answered || e.ErrorCode() != "AccessDeniedException" && e.ErrorCode() != "InvalidParameterException" {
		return out, err
	}
	out, err = s.client.DescribeServices(ctx, in)
	if err == nil && e.ErrorCode() == "AccessDeniedException" {
		s.untagged.Store(true)
	}
	return out, err
}

// serviceOf puts one service in the words of the core. Only an active one is
// asked for what it lands on: the capacity provider and the task definition of
// a deleted service may be gone, and nobody sizes it.
func (s *Services) serviceOf(ctx context.Context, p placed, behind map[string]provider) (fleet.Service, error) {
	v := fleet.Service{
		Name:        fleet.ServiceName(aws.ToString(p.ServiceName)),
		ARN:         aws.ToString(p.ServiceArn),
		Compute:     p.compute,
		Provider:    p.provider,
		Active:      p.active(),
		Daemon:      p.SchedulingStrategy == types.SchedulingStrategyDaemon,
		Controller:  controllerOf(p.Service),
		Managed:     p.ResourceManagementType == types.ResourceManagementTypeEcs,
		Desired:     int(p.DesiredCount),
		Running:     int(p.RunningCount),
		Pending:     int(p.PendingCount),
		Deployments: deploymentsOf(p.Service),
		Troubles:    troublesOf(p.Service),
		Stack:       stackOf(p.Service),
	}
	if b, ok := behind[p.provider]; ok {
		v.Compute, v.Group = b.compute, b.group
	}
	if !v.Active || v.Compute != fleet.EC2 {
		return v, nil
	}
	shape, err := s.definitions.shape(ctx, p.taskDefinition)
	if err != nil {
		return fleet.Service{}, err
	}
	v.TaskSize = shape.size
	v.Rules = rulesOf(p.Service, shape)
	v.Rollout = rolloutOf(p.Service)
	return v, nil
}

// failuresOf gives an error for the failures that do not mean absence.
func failuresOf(failures []types.Failure) error {
	var errs []error
	for _, f := range failures {
		if reason := aws.ToString(f.Reason); reason != missing {
			errs = append(errs, fmt.Errorf("ECS could not tell of %s: %s %s", aws.ToString(f.Arn), reason, aws.ToString(f.Detail)))
		}
	}
	return errors.Join(errs...)
}

// distinct gives the names without repetitions, in their order: ECS refuses a
// call that names a service twice.
func distinct(names []fleet.ServiceName) []fleet.ServiceName {
	seen := make(map[fleet.ServiceName]bool, len(names))
	out := make([]fleet.ServiceName, 0, len(names))
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// lastSegment gives the name at the end of an ARN, or the name itself.
func lastSegment(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
