package reconcile

import (
	"context"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Services observes ECS and orders desired counts.
type Services interface {
	// Describe gives the services that exist, in the order of the names; a name
	// that ECS does not know is left out. Service.Group is resolved through the
	// capacity provider. An error means that nothing can be said.
	Describe(ctx context.Context, c fleet.ClusterName, names []fleet.ServiceName) ([]fleet.Service, error)
	// Names lists every service of the cluster.
	Names(ctx context.Context, c fleet.ClusterName) ([]fleet.ServiceName, error)
	// Instances gives the container instances of the cluster; Instance.Group is left empty.
	Instances(ctx context.Context, c fleet.ClusterName) ([]fleet.Instance, error)
	// SetDesiredCount orders an absolute count of tasks. An error that has a
	// method ErrorCode() string is an answer of ECS: a refusal, unless it is a
	// fault of the service's own. Any other error leaves open whether the order
	// was carried out.
	SetDesiredCount(ctx context.Context, k fleet.ServiceKey, tasks int) error
}

// Groups observes Auto Scaling groups and orders desired capacities.
type Groups interface {
	// Describe gives the group; ok is false if there is none of that name.
	Describe(ctx context.Context, g fleet.GroupName) (group fleet.Group, ok bool, err error)
	// SetDesiredCapacity orders an absolute number of instances; its errors are
	// told apart as those of SetDesiredCount.
	SetDesiredCapacity(ctx context.Context, g fleet.GroupName, instances int) error
}

// Signals reads metrics.
type Signals interface {
	// Fetch answers every query, in their order, with a series: what could not
	// be read is a Failed series. The error is for a call that answered nothing.
	Fetch(ctx context.Context, now time.Time, queries []signal.Query) ([]signal.Series, error)
}

// Queues reads the state of SQS queues, which unlike their metrics reports real zeros.
type Queues interface {
	// States answers every queue, a name or a URL, in their order: one that could
	// not be read is Failed and says why. The error is for a call that answered nothing.
	States(ctx context.Context, now time.Time, queues []string) ([]signal.Queue, error)
}

// Owners tells who else writes a target.
type Owners interface {
	// Service and Group give the zero Owner when nobody else does. fresh asks
	// past any cache: before the first order of an evaluation.
	Service(ctx context.Context, k fleet.ServiceKey, fresh bool) (policy.Owner, error)
	Group(ctx context.Context, s fleet.ClusterName, g fleet.GroupName, fresh bool) (policy.Owner, error)
}

// Notices announces decisions to the outside.
type Notices interface {
	// Announce sends every notice, retrying the ones that were refused.
	Announce(ctx context.Context, ns []Notice) error
}

// Notice is one change as it is announced: detail-type "Trimtab Decision".
type Notice struct {
	Target    fleet.Target      `json:"target"`
	At        time.Time         `json:"at"`
	ID        string            `json:"id"`
	Mode      spec.Mode         `json:"mode"`
	Direction history.Direction `json:"direction"`
	Before    int               `json:"before"`
	Desired   int               `json:"desired"`
	Rule      string            `json:"rule"`
	Because   string            `json:"because"`
	Outcome   string            `json:"outcome"`
}
