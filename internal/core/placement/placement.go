// Package placement gives a packing of tasks on instances as Amazon ECS would have
// it, and says of every task that does not fit why not.
//
// Place is ECS's scheduler: one task at a time, constraints first, then strategies.
// Pack is a planner: as few new instances as it can find, and the number below which
// nobody can. Both know CPU, memory, GPUs, network interfaces, host ports,
// distinctInstance, and memberOf in the cluster query language.
package placement

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Item is a number of equal tasks that need a place.
type Item struct {
	Name  string          // the service; tasks of one name are what distinctInstance and spread count
	Size  fleet.Resources // CPU, memory, GPU, ENI
	Rules fleet.Rules     // ports, constraints, strategies
	Count int
}

// Bin is an instance, one on the way, or an empty one that could be started.
type Bin struct {
	Name       string
	Kind       string            // instance type, for reasons told per kind
	Zone       string            // what attribute:ecs.availability-zone is where Attributes do not tell
	Attributes map[string]string // for constraints and strategies
	Whole      fleet.Resources   // what it offers empty: registered less daemons
	Free       fleet.Resources
	Ports      []fleet.Port   // taken
	Tasks      map[string]int // tasks of each Item.Name on it already, those without a service as family:NAME
	// RegisteredAt is zero and AgentVersion empty where they are not known, as of an
	// instance that has not started: what asks for them does not hold there.
	RegisteredAt time.Time
	AgentVersion string
}

// Placed is a number of tasks of an item on a bin.
type Placed struct {
	Item  string `json:"item"`
	Bin   string `json:"bin"`
	Count int    `json:"count"`
}

// Rest is what did not fit.
type Rest struct {
	Item
	Because string // in one sentence
	Kinds   []Why  // why on each kind of instance, sorted by kind
}

// Why tells why a task fits on no instance of a kind.
type Why struct {
	Kind, Because string
}

// maxTasks bounds the tasks of a plan on one bin where some reserve nothing at all:
// those would fit without end.
const maxTasks = 1000

// clone copies what placing changes.
func (b *Bin) clone() Bin {
	o := *b
	o.Ports, o.Tasks = slices.Clone(b.Ports), maps.Clone(b.Tasks)
	if o.Tasks == nil {
		o.Tasks = map[string]int{}
	}
	return o
}

// put places n tasks.
func (b *Bin) put(it Item, n int) {
	b.Free = b.Free.Minus(it.Size.Times(n))
	b.Ports = append(b.Ports, it.Rules.Ports...)
	b.Tasks[it.Name] += n
}

// Room gives how many of the tasks a bin with this much free has room for, at most so many. What a task
// asks none of does not matter, even where more is taken than there is: ECS overcommits
// CPU, and interfaces are counted for tasks that have none.
func Room(size, free fleet.Resources, most int) int {
	part := func(asked, free int) {
		if asked > 0 {
			most = min(most, max(0, free)/asked)
		}
	}
	part(size.CPU, free.CPU)
	part(size.Memory, free.Memory)
	part(size.GPU, free.GPU)
	part(size.ENI, free.ENI)
	return most
}

// takenPort gives the first port of the item that is taken on the bin.
func (b *Bin) takenPort(it Item) (fleet.Port, bool) {
	for _, p := range it.Rules.Ports {
		if slices.Contains(b.Ports, p) {
			return p, true
		}
	}
	return "", false
}

func (it Item) distinct() bool {
	return slices.ContainsFunc(it.Rules.Constraints, func(c fleet.Constraint) bool { return c.Type == fleet.DistinctInstance })
}

// zoneAttribute and typeAttribute are what ECS calls a zone and an instance type.
const (
	zoneAttribute = "ecs.availability-zone"
	typeAttribute = "ecs.instance-type"
)

// attribute looks an attribute up.
func (b *Bin) attribute(name string) (string, bool) {
	if v, ok := b.Attributes[name]; ok {
		return v, true
	}
	switch name {
	case zoneAttribute:
		return b.Zone, b.Zone != ""
	case typeAttribute:
		return b.Kind, b.Kind != ""
	}
	return "", false
}

// compareTight orders bins with the least room first, so that empty ones stay empty
// where the strategies do not care.
func compareTight(a, b *Bin) int {
	return cmp.Or(
		cmp.Compare(a.Free.CPU, b.Free.CPU), cmp.Compare(a.Free.Memory, b.Free.Memory), cmp.Compare(a.Free.GPU, b.Free.GPU),
		cmp.Compare(a.Free.ENI, b.Free.ENI), strings.Compare(a.Name, b.Name), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Zone, b.Zone),
	)
}
