// Package fleet gives the words for what exists in ECS and EC2 at one instant.
//
// The values are plain data: whoever observes fills them, the core only reads
// them. Counts are numbers of tasks or instances, CPU is in CPU units (1024 a
// vCPU) and memory in MiB, as ECS itself counts.
package fleet

import (
	"strings"
	"time"
)

// ClusterName is the short name of an ECS cluster, not its ARN.
type ClusterName string

// ServiceName is the short name of an ECS service, not its ARN.
type ServiceName string

// GroupName is the name of an EC2 Auto Scaling group.
type GroupName string

// InstanceID is an EC2 instance id such as i-0123456789abcdef0.
type InstanceID string

// ServiceKey names one service in one cluster.
type ServiceKey struct {
	Cluster ClusterName `json:"cluster"`
	Service ServiceName `json:"service"`
}

// String gives "cluster/service".
func (k ServiceKey) String() string { return string(k.Cluster) + "/" + string(k.Service) }

// TargetKind tells the two kinds of scalable target apart.
type TargetKind string

// The kinds of scalable target.
const (
	ServiceTarget TargetKind = "service"
	GroupTarget   TargetKind = "group"
)

// Target names one scalable target: the desired count of a service or the
// desired capacity of a group. It is also the key of a ledger row.
type Target struct {
	Cluster ClusterName `json:"cluster"`
	Kind    TargetKind  `json:"kind"`
	Name    string      `json:"name"`
}

// Target gives the scalable target of the service.
func (k ServiceKey) Target() Target {
	return Target{Cluster: k.Cluster, Kind: ServiceTarget, Name: string(k.Service)}
}

// GroupOf gives the scalable target of a group of the cluster.
func GroupOf(c ClusterName, g GroupName) Target {
	return Target{Cluster: c, Kind: GroupTarget, Name: string(g)}
}

// String gives "cluster/kind/name".
func (t Target) String() string {
	return string(t.Cluster) + "/" + string(t.Kind) + "/" + t.Name
}

// Compare orders targets by cluster, kind and name, so that lists of them have
// one order wherever they come from.
func (t Target) Compare(o Target) int {
	if c := strings.Compare(string(t.Cluster), string(o.Cluster)); c != 0 {
		return c
	}
	if c := strings.Compare(string(t.Kind), string(o.Kind)); c != 0 {
		return c
	}
	return strings.Compare(t.Name, o.Name)
}

// Cell is the unit of evaluation: a group with every service that can land on
// it, or one service alone. Exactly one of Group and Service is set.
type Cell struct {
	Cluster ClusterName `json:"cluster"`
	Group   GroupName   `json:"group,omitempty"`
	Service ServiceName `json:"service,omitempty"`
}

// Lock gives the target whose ledger row is the lock of the cell.
func (c Cell) Lock() Target {
	if c.Group != "" {
		return GroupOf(c.Cluster, c.Group)
	}
	return ServiceKey{c.Cluster, c.Service}.Target()
}

// String gives "cluster/group/name" or "cluster/service/name".
func (c Cell) String() string { return c.Lock().String() }

// Compute tells where the tasks of a service run.
type Compute string

// Where tasks run.
const (
	Fargate  Compute = "fargate"
	EC2      Compute = "ec2"
	External Compute = "external"
	// ManagedInstances is EC2 capacity that ECS owns: only its tasks are sized.
	ManagedInstances Compute = "managedInstances"
)

// Deployment is one deployment of a service.
type Deployment struct {
	ID           string    `json:"id"`
	Primary      bool      `json:"primary"`
	RolloutState string    `json:"rolloutState,omitempty"` // IN_PROGRESS, COMPLETED or FAILED; empty without the ECS controller
	Desired      int       `json:"desired"`
	Running      int       `json:"running"`
	Pending      int       `json:"pending,omitempty"`
	Failed       int       `json:"failed,omitempty"` // tasks that failed to start or to stay
	CreatedAt    time.Time `json:"createdAt,omitzero"`
}

// TroubleKind is a trouble that ECS reports in the events of a service.
type TroubleKind string

// The troubles that forbid growth.
const (
	PlacementFailure TroubleKind = "placementFailure" // unable to place a task
	StartImpaired    TroubleKind = "startImpaired"    // unable to consistently start tasks
)

// Trouble is one such report.
type Trouble struct {
	Kind  TroubleKind `json:"kind"`
	At    time.Time   `json:"at"`
	Words string      `json:"words"` // ECS's own
}

// Service is one ECS service as DescribeServices shows it.
type Service struct {
	Name    ServiceName `json:"name"`
	ARN     string      `json:"arn,omitempty"`
	Compute Compute     `json:"compute"`
	// Provider is the capacity provider with the largest weight, empty with a launch type.
	Provider string `json:"provider,omitempty"`
	// Group is the Auto Scaling group behind Provider, empty on Fargate.
	Group       GroupName    `json:"group,omitempty"`
	Active      bool         `json:"active"`           // status ACTIVE; DRAINING and INACTIVE services are left alone
	Daemon      bool         `json:"daemon,omitempty"` // scheduling strategy DAEMON: one task an instance, no desired count of ours
	Controller  string       `json:"controller,omitempty"`
	Managed     bool         `json:"managedByECS,omitempty"` // Express Mode: ECS brings its own scaling
	Desired     int          `json:"desired"`
	Running     int          `json:"running"`
	Pending     int          `json:"pending"`
	Deployments []Deployment `json:"deployments,omitempty"`
	// TaskSize is what one task reserves, zero where it was not read (Fargate needs none).
	TaskSize Resources `json:"taskSize,omitzero"`
	// Rules are where ECS may put a task, as the service and its task definition say.
	Rules Rules `json:"rules,omitzero"`
	// Rollout bounds how many tasks may be missing or extra while some are replaced;
	// nil is ECS's default, 100 and 200 percent.
	Rollout *Rollout `json:"rollout,omitempty"`
	// Troubles are the newest reports of each kind that ECS still shows.
	Troubles []Trouble `json:"troubles,omitempty"`
	// Stack is the CloudFormation stack that made the service, from its tags.
	Stack string `json:"stack,omitempty"`
	// CPUSeconds and MemorySeconds are the resolution at which each task sends its
	// metric: 60, or 20 with high-resolution monitoring; 0 is 60. A period of 60 s
	// then holds three samples of each task.
	CPUSeconds    int `json:"cpuSeconds,omitempty"`
	MemorySeconds int `json:"memorySeconds,omitempty"`
	// MonitoringUnknown says why the two are not known: then they are 0 and may be
	// 60 or 20, and a sum over the tasks may count each of them three times.
	MonitoringUnknown string `json:"monitoringUnknown,omitempty"`
}

// Rollout is a service's deployment configuration, which binds the replacement of
// the tasks of a draining instance too.
type Rollout struct {
	MinimumHealthyPercent int `json:"minimumHealthyPercent"` // 0 to 100, of the desired count, rounded up
	MaximumPercent        int `json:"maximumPercent"`        // 100 to 200, of the desired count, rounded down
}

// Limits gives the percentages of the service, or those that ECS assumes.
func (s Service) Limits() Rollout {
	if s.Rollout != nil {
		return *s.Rollout
	}
	return Rollout{MinimumHealthyPercent: 100, MaximumPercent: 200}
}

// Bounds gives how many tasks run at least and at most while tasks are replaced. ECS
// rounds the least up and the most down.
func (s Service) Bounds() (least, most int) {
	r := s.Limits()
	return (s.Desired*r.MinimumHealthyPercent + 99) / 100, s.Desired * r.MaximumPercent / 100
}

// Replaces tells whether ECS can replace a task of the service while its instance
// drains: it needs room below the desired count or above it. At 100/100, and
// where percent of a small count round to none, a drain never ends.
func (s Service) Replaces() bool {
	least, most := s.Bounds()
	return least < s.Desired || most > s.Desired
}

// Primary gives the deployment that new tasks belong to.
func (s Service) Primary() (Deployment, bool) {
	for _, d := range s.Deployments {
		if d.Primary {
			return d, true
		}
	}
	return Deployment{}, false
}

// Deploying tells whether a deployment is in progress: more than one
// deployment, or a primary that is IN_PROGRESS. A primary that FAILED without a
// rollback stays FAILED until someone deploys again; nothing is on its way then,
// and a freeze would have no end. Controllers other than ECS report no rollout
// state, so there the number of deployments decides.
func (s Service) Deploying() bool {
	if len(s.Deployments) > 1 {
		return true
	}
	for _, d := range s.Deployments {
		if d.Primary && d.RolloutState == "IN_PROGRESS" {
			return true
		}
	}
	return false
}

// Snapshot is what exists in the part of a cluster that one cell is about.
type Snapshot struct {
	At        time.Time  `json:"at"`
	Services  []Service  `json:"services"`
	Instances []Instance `json:"instances,omitempty"`
	Group     *Group     `json:"group,omitempty"`
	// Tasks are the tasks on the instances, one by one. They are read only while
	// instances to remove are looked for; TasksRead tells that they were.
	Tasks     []Task `json:"tasks,omitempty"`
	TasksRead bool   `json:"tasksRead,omitempty"`
	// TasksUnread says why they could not be read: no instance is then removed.
	TasksUnread string `json:"tasksUnread,omitempty"`
}

// Service finds a service by name.
func (s Snapshot) Service(n ServiceName) (Service, bool) {
	for _, v := range s.Services {
		if v.Name == n {
			return v, true
		}
	}
	return Service{}, false
}
