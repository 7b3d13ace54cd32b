package reconcile

import (
	"context"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
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
	// Describe gives the group; ok is false if there is none of that name. Refreshing
	// and Failures are left empty.
	Describe(ctx context.Context, g fleet.GroupName) (group fleet.Group, ok bool, err error)
	// SetDesiredCapacity orders an absolute number of instances; its errors are
	// told apart as those of SetDesiredCount.
	SetDesiredCapacity(ctx context.Context, g fleet.GroupName, instances int) error
}

// Activities observes what Auto Scaling does in its groups, which costs a call each
// and is asked only where it matters.
type Activities interface {
	// Homes gives the group of each instance; one that is in none is left out.
	Homes(ctx context.Context, ids []fleet.InstanceID) (map[fleet.InstanceID]fleet.GroupName, error)
	// Refreshing tells whether an instance refresh of the group is under way.
	Refreshing(ctx context.Context, g fleet.GroupName) (bool, error)
	// Failures gives the launches since a time that failed, oldest first, and in
	// launched when the newest one after them succeeded, zero for none.
	Failures(ctx context.Context, g fleet.GroupName, since time.Time) (failed []fleet.LaunchFailure, launched time.Time, err error)
}

// Hosts observes and moves what runs on instances, in ECS.
type Hosts interface {
	// Tasks gives the tasks on the instances one by one, sorted by ARN, with their
	// scale-in protection. An error means that nothing can be said of any of them.
	Tasks(ctx context.Context, c fleet.ClusterName, on []fleet.Instance) ([]fleet.Task, error)
	// SetDraining orders DRAINING, or ACTIVE where draining is false. It is idempotent;
	// an instance that ECS no longer knows is no error.
	SetDraining(ctx context.Context, c fleet.ClusterName, is []fleet.Instance, draining bool) error
}

// Exits ends the membership of instances in their group, in EC2 Auto Scaling.
type Exits interface {
	// Terminate ends the instances and lowers the group's desired capacity by as many.
	// One that the group no longer has is no error; a refusal is told apart as that
	// of SetDesiredCapacity.
	Terminate(ctx context.Context, g fleet.GroupName, ids []fleet.InstanceID) error
	// Protect sets or removes scale-in protection.
	Protect(ctx context.Context, g fleet.GroupName, ids []fleet.InstanceID, on bool) error
	// Hooks gives the lifecycle hooks of the group that hold a termination, each with its
	// name and its heartbeat timeout.
	Hooks(ctx context.Context, g fleet.GroupName) ([]drain.Hook, error)
	// Heartbeat prolongs the wait of a hook; Complete ends it. Both take a wait that
	// is over for success.
	Heartbeat(ctx context.Context, g fleet.GroupName, id fleet.InstanceID, h drain.Hook) error
	Complete(ctx context.Context, g fleet.GroupName, id fleet.InstanceID, h drain.Hook) error
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
	// Drains are the instances of a group that are to be drained, Undo those whose drain
	// is given back.
	Drains []fleet.InstanceID `json:"drains,omitempty"`
	Undo   []fleet.InstanceID `json:"undo,omitempty"`
}
