package ecsfleet

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// maxSizes bounds the sizes kept: more than a large account deploys between
// two starts of the process, at about 200 bytes each.
const maxSizes = 4096

// sizes keeps the task sizes of task definitions by their ARN. A revision never
// changes, so what is kept never ages; what is lost costs a call.
type sizes struct {
	mu    sync.Mutex
	known map[string]fleet.Resources
}

func newSizes() *sizes { return &sizes{known: make(map[string]fleet.Resources)} }

func (s *sizes) get(arn string) (fleet.Resources, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.known[arn]
	return r, ok
}

func (s *sizes) put(arn string, r fleet.Resources) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxSizes {
		clear(s.known)
	}
	s.known[arn] = r
}

// taskSize gives what one task of a task definition reserves on an instance.
func (s *Services) taskSize(ctx context.Context, arn string) (fleet.Resources, error) {
	if r, ok := s.sizes.get(arn); ok {
		return r, nil
	}
	out, err := s.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(arn)})
	if err != nil {
		return fleet.Resources{}, fmt.Errorf("describe task definition %q: %w", arn, err)
	}
	if out.TaskDefinition == nil {
		return fleet.Resources{}, fmt.Errorf("describe task definition %q: ECS answered without it", arn)
	}
	r, err := sizeOf(*out.TaskDefinition)
	if err != nil {
		return fleet.Resources{}, fmt.Errorf("read task definition %q: %w", arn, err)
	}
	s.sizes.put(arn, r)
	return r, nil
}

// sizeOf gives what ECS subtracts from an instance for a task. In each
// dimension the task-level value counts if there is one, else the sum over the
// containers; of a container's memory the reservation counts if there is one,
// else the hard limit.
func sizeOf(d types.TaskDefinition) (fleet.Resources, error) {
	var r fleet.Resources
	for _, c := range d.ContainerDefinitions {
		r.CPU += int(c.Cpu)
		if reserved := aws.ToInt32(c.MemoryReservation); reserved > 0 {
			r.Memory += int(reserved)
		} else {
			r.Memory += int(aws.ToInt32(c.Memory))
		}
	}
	for _, level := range []struct {
		field string
		value *string
		into  *int
	}{{"cpu", d.Cpu, &r.CPU}, {"memory", d.Memory, &r.Memory}} {
		if aws.ToString(level.value) == "" {
			continue
		}
		n, err := strconv.Atoi(*level.value)
		if err != nil || n < 0 {
			return fleet.Resources{}, fmt.Errorf("%s %q of the task is not a whole number", level.field, *level.value)
		}
		*level.into = n
	}
	return r, nil
}
