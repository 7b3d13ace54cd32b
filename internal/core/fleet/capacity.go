package fleet

import (
	"slices"
	"time"
)

// Resources is an amount of CPU (units, 1024 a vCPU), memory (MiB), GPUs and
// network interfaces. A task in network mode awsvpc takes one interface.
type Resources struct {
	CPU    int `json:"cpu"`
	Memory int `json:"memoryMiB"`
	GPU    int `json:"gpu,omitempty"`
	ENI    int `json:"enis,omitempty"`
}

// Fits tells whether r is at most the free amount in each dimension.
func (r Resources) Fits(free Resources) bool {
	return r.CPU <= free.CPU && r.Memory <= free.Memory && r.GPU <= free.GPU && r.ENI <= free.ENI
}

// Plus adds o.
func (r Resources) Plus(o Resources) Resources {
	return Resources{CPU: r.CPU + o.CPU, Memory: r.Memory + o.Memory, GPU: r.GPU + o.GPU, ENI: r.ENI + o.ENI}
}

// Minus subtracts o; the result may be negative.
func (r Resources) Minus(o Resources) Resources { return r.Plus(o.Times(-1)) }

// Times multiplies by a number of tasks or instances.
func (r Resources) Times(n int) Resources {
	return Resources{CPU: r.CPU * n, Memory: r.Memory * n, GPU: r.GPU * n, ENI: r.ENI * n}
}

// Port is a host port with its protocol, as "8080/tcp" or "53/udp".
type Port string

// Rules are where ECS may put a task beside what it reserves.
type Rules struct {
	// Ports are the static host ports that a task binds: two such tasks cannot share an instance.
	Ports []Port `json:"ports,omitempty"`
	// Constraints must all hold; those of the task definition and of the service together.
	Constraints []Constraint `json:"constraints,omitempty"`
	// Strategies are tried in order; none is ECS's default, spread by zone.
	Strategies []Strategy `json:"strategies,omitempty"`
}

// The types of placement constraint and strategy, as ECS names them.
const (
	DistinctInstance = "distinctInstance"
	MemberOf         = "memberOf"

	Spread  = "spread"
	Binpack = "binpack"
	Random  = "random"
)

// Constraint is a placement constraint.
type Constraint struct {
	Type       string `json:"type"`                 // distinctInstance or memberOf
	Expression string `json:"expression,omitempty"` // of memberOf, in the cluster query language
}

// Strategy is a placement strategy.
type Strategy struct {
	Type  string `json:"type"`            // spread, binpack or random
	Field string `json:"field,omitempty"` // attribute:ecs.availability-zone, instanceId, cpu, memory
}

// Instance is one container instance of a cluster.
type Instance struct {
	ID  InstanceID `json:"id"`
	ARN string     `json:"arn,omitempty"` // of the container instance
	// Group is empty for an instance that is in service in none.
	Group     GroupName `json:"group,omitempty"`
	Active    bool      `json:"active"`             // status ACTIVE: not draining, not registering
	Draining  bool      `json:"draining,omitempty"` // status DRAINING
	Connected bool      `json:"connected"`          // the ECS agent is connected; only then are tasks placed
	Type      string    `json:"type,omitempty"`
	Zone      string    `json:"zone,omitempty"`
	// Attributes are those that constraints and strategies may ask for, by their
	// names; the capabilities of the agent are left out.
	Attributes map[string]string `json:"attributes,omitempty"`
	Registered Resources         `json:"registered"` // what the agent registered, less its own reservation; ENI from the instance type
	// Remaining is what is registered less the tasks that ECS has placed. ECS does not
	// report interfaces, so ENI is the registered ones less one for each task.
	Remaining    Resources `json:"remaining"`
	Ports        []Port    `json:"ports,omitempty"` // host ports that are taken or reserved
	Tasks        int       `json:"tasks"`           // running and pending
	RegisteredAt time.Time `json:"registeredAt,omitzero"`
}

// Task is one task on an instance.
type Task struct {
	ARN      string     `json:"arn"`
	Instance InstanceID `json:"instance"`
	// Service is empty for a standalone task, which RunTask or a schedule started.
	Service ServiceName `json:"service,omitempty"`
	Daemon  bool        `json:"daemon,omitempty"` // of a DAEMON service
	Size    Resources   `json:"size"`
	Ports   []Port      `json:"ports,omitempty"`
	Running bool        `json:"running"`           // last status RUNNING
	Leaving bool        `json:"leaving,omitempty"` // desired status STOPPED
	Guarded bool        `json:"guarded,omitempty"` // task scale-in protection is on
	Started time.Time   `json:"started,omitzero"`  // when it began to run, zero before
}

// Member is one EC2 instance of a group as Auto Scaling shows it.
type Member struct {
	ID        InstanceID `json:"id"`
	State     string     `json:"state"` // lifecycle state: InService, Pending:Wait, Terminating:Wait, Warmed:Stopped ...
	Type      string     `json:"type,omitempty"`
	Zone      string     `json:"zone,omitempty"`
	Protected bool       `json:"protected,omitempty"` // protected from scale-in
	Unhealthy bool       `json:"unhealthy,omitempty"`
}

// InService tells whether the instance is in service in its group.
func (m Member) InService() bool { return m.State == "InService" }

// LaunchFailure is a launch that EC2 Auto Scaling reports as failed.
type LaunchFailure struct {
	At    time.Time `json:"at"`
	Zone  string    `json:"zone,omitempty"`
	Type  string    `json:"type,omitempty"` // empty where the words do not tell
	Words string    `json:"words"`          // Auto Scaling's own
}

// WarmPool is a group's pool of instances that are initialised already.
type WarmPool struct {
	MinSize int `json:"minSize"`
	Ready   int `json:"ready"` // instances in it: Warmed:Stopped, Warmed:Running or Warmed:Hibernated
}

// Group is one EC2 Auto Scaling group.
type Group struct {
	Name            GroupName    `json:"name"`
	ARN             string       `json:"arn,omitempty"`
	MinSize         int          `json:"minSize"`
	MaxSize         int          `json:"maxSize"`
	DesiredCapacity int          `json:"desiredCapacity"`
	InService       []InstanceID `json:"inService,omitempty"` // instances in lifecycle state InService
	Members         []Member     `json:"members,omitempty"`   // every instance of the group, sorted by id, without the warm pool's
	Refreshing      bool         `json:"refreshing,omitempty"`
	// SuspendedLaunch is true while the group's Launch process is suspended: raising it would start nothing.
	SuspendedLaunch bool `json:"suspendedLaunch,omitempty"`
	// SuspendedTerminate is true while its Terminate process is suspended: nothing can be removed.
	SuspendedTerminate bool `json:"suspendedTerminate,omitempty"`
	// KeepsZones is true unless the group's AZRebalance process is suspended: Auto Scaling
	// then ends instances in one zone and starts others where the zones are not even.
	KeepsZones bool `json:"keepsZones,omitempty"`
	// ProtectsNew is true where instances begin their life protected from scale-in.
	ProtectsNew bool      `json:"protectsNew,omitempty"`
	WarmPool    *WarmPool `json:"warmPool,omitempty"`
	// Types are the instance types that the group may launch, empty where that is not known.
	Types []string `json:"types,omitempty"`
	// Failures are the newest failed launches, oldest first. They are read only
	// while the group has fewer instances than it wants.
	Failures []LaunchFailure `json:"failures,omitempty"`
	// Launched is when the newest launch succeeded, as far as it was read with Failures.
	Launched time.Time `json:"launched,omitzero"`
	// Shape is what an instance of the group offers where none is there to tell, and
	// RetryAt until when no launch is counted on. They are filled for a decision about
	// one service alone, which does not see the memory of its group.
	Shape   *Resources `json:"shape,omitempty"`
	RetryAt time.Time  `json:"retryAt,omitzero"`
}

// Member finds an instance of the group.
func (g Group) Member(id InstanceID) (Member, bool) {
	i := slices.IndexFunc(g.Members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return Member{}, false
	}
	return g.Members[i], true
}
