package capacity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// view is the group as a decision sees it.
type view struct {
	in     Input
	memory history.Capacity
	// ready takes tasks now. ECS places tasks only on ACTIVE instances with a connected
	// agent, so the room on others does not count.
	ready    []placement.Bin
	onTheWay int
	// shape is what one more instance offers: less the tasks of daemons, or the group
	// would be raised for a task that does not fit beside them with every instance that comes.
	shape placement.Bin
	known bool
	// leaving are the instances that are on their way out.
	leaving map[fleet.InstanceID]bool
	// on are the tasks by instance, where they were read.
	on map[fleet.InstanceID][]fleet.Task
	// listed are the instances that ECS lists, ours the services of the cell, and roams
	// those of them whose tasks may land on the other group of a pair.
	listed      map[fleet.InstanceID]bool
	ours, roams map[fleet.ServiceName]bool

	// fallback and primary are the other group of a pair, nil for none.
	fallback, primary *view
	handed            []placement.Item // tasks of the primary's cell that its instances have no room for
	over              int              // of those, the ones without a place here, while the primary cannot launch
	back              []placement.Bin  // what the primary's instances have for tasks that return, nil while they may not
	bound             []placement.Item // tasks without a place that may not land on the fallback
}

func look(in Input) *view {
	v := &view{
		in: in, leaving: leaving(in), memory: remember(in), on: map[fleet.InstanceID][]fleet.Task{},
		listed: map[fleet.InstanceID]bool{}, ours: map[fleet.ServiceName]bool{}, roams: map[fleet.ServiceName]bool{},
	}
	for _, s := range in.Services {
		v.ours[s.Name] = true
		if Roams(s) {
			v.roams[s.Name] = true
		}
	}
	for _, t := range in.Tasks {
		v.on[t.Instance] = append(v.on[t.Instance], t)
	}
	present := 0
	for _, i := range in.Instances {
		v.listed[i.ID] = true
		if stands(in, i) && !arriving(in, i) {
			present++
		}
		if i.Active && i.Connected && !v.leaving[i.ID] {
			v.ready = append(v.ready, v.bin(i))
		}
	}
	v.onTheWay = max(0, in.Base-present)
	v.shape, v.known = v.usual()
	v.mark()
	if in.Fallback != nil {
		v.fallback = look(*in.Fallback)
	}
	if in.Primary != nil {
		v.primary = look(*in.Primary)
		v.takeOver()
	}
	return v
}

// newcomer is how long after its registration an instance whose agent is not connected
// may still be about to begin: it is on the way, and no reason to start another.
const newcomer = time.Hour

// arriving tells whether an instance is in the cluster and takes no task yet: it is
// registering, or its agent has not been heard of so far.
func arriving(in Input, i fleet.Instance) bool {
	return !i.Active && !i.Draining || i.Active && !i.Connected && in.Now.Sub(i.RegisteredAt) < newcomer
}

// stands tells whether an instance is one of those that the group's desired capacity
// counts: one whose end was ordered has been taken off it already.
func stands(in Input, i fleet.Instance) bool {
	for _, d := range in.Drains {
		if d.Instance == i.ID && d.State == drain.Terminating && in.Group.DesiredCapacity < d.Before {
			return false
		}
	}
	m, ok := in.Group.Member(i.ID)
	return !ok || !parting(m)
}

// parting tells whether the group's desired capacity counts an instance no more.
func parting(m fleet.Member) bool {
	return strings.HasPrefix(m.State, "Terminating") || strings.HasPrefix(m.State, "Detach") || strings.HasSuffix(m.State, "Standby")
}

func leaving(in Input) map[fleet.InstanceID]bool {
	out := make(map[fleet.InstanceID]bool, len(in.Drains)+len(in.Doomed))
	for _, d := range in.Drains {
		if !d.State.Closed() && d.State != drain.Undoing {
			out[d.Instance] = true
		}
	}
	for _, id := range in.Doomed {
		out[id] = true
	}
	for _, i := range in.Instances {
		if i.Draining { // by whomever
			out[i.ID] = true
		}
	}
	for _, m := range in.Group.Members {
		if parting(m) {
			out[m.ID] = true
		}
	}
	return out
}

// Leaving tells whether an instance of the group is on its way out, and its tasks
// with it: they will need another place.
func Leaving(s fleet.Snapshot, drains []drain.Row, doomed []fleet.InstanceID) map[fleet.InstanceID]bool {
	in := Input{Instances: s.Instances, Drains: drains, Doomed: doomed}
	if s.Group != nil {
		in.Group = *s.Group
	}
	return leaving(in)
}

// bin gives the room of an instance.
func (v *view) bin(i fleet.Instance) placement.Bin {
	b := placement.Bin{
		Name: string(i.ID), Kind: i.Type, Zone: i.Zone, Attributes: i.Attributes,
		Whole: i.Registered.Minus(v.in.Daemons), Free: i.Remaining, Ports: i.Ports, RegisteredAt: i.RegisteredAt,
	}
	if !v.in.TasksRead {
		return b
	}
	b.Tasks = map[string]int{}
	enis := 0
	for _, t := range v.on[i.ID] {
		enis += t.Size.ENI
		if t.Service != "" {
			b.Tasks[string(t.Service)]++
		}
	}
	// ECS reports no interfaces, so without the tasks each of them counts as one.
	b.Free.ENI = max(b.Free.ENI, i.Registered.ENI-enis)
	return b
}

// mark tells the bins where tasks of services are that may not share an instance,
// while the tasks themselves were not read: on the ones with most room, which
// promises the least.
func (v *view) mark() {
	if v.in.TasksRead {
		return
	}
	byRoom := make([]int, len(v.ready))
	for i := range byRoom {
		byRoom[i] = i
	}
	slices.SortFunc(byRoom, func(a, b int) int {
		x, y := v.ready[a], v.ready[b]
		return cmp.Or(cmp.Compare(y.Free.CPU, x.Free.CPU), cmp.Compare(y.Free.Memory, x.Free.Memory), strings.Compare(x.Name, y.Name))
	})
	for _, s := range v.in.Services {
		if !slices.ContainsFunc(s.Rules.Constraints, func(c fleet.Constraint) bool { return c.Type == fleet.DistinctInstance }) {
			continue
		}
		for _, i := range byRoom[:min(len(byRoom), s.Running+s.Pending)] {
			if v.ready[i].Tasks == nil {
				v.ready[i].Tasks = map[string]int{}
			}
			v.ready[i].Tasks[string(s.Name)] = 1
		}
	}
}

// usual gives the template of one more instance: what most of the group's instances
// registered; of equally frequent shapes the smaller, which never promises room
// that is not there. A group without instances is remembered, or declared in the policy.
func (v *view) usual() (placement.Bin, bool) {
	i, ok := usualInstance(v.in.Instances)
	switch {
	case ok:
	case v.memory.Shape != (fleet.Resources{}):
		i = fleet.Instance{Type: v.memory.Kind, Registered: v.memory.Shape}
	case v.in.Policy.Instance != nil:
		d := *v.in.Policy.Instance
		i = fleet.Instance{Type: "the declared instance", Registered: fleet.Resources{CPU: d.CPU, Memory: d.MemoryMiB, GPU: d.GPU, ENI: d.ENIs}}
	case v.in.Group.Shape != nil:
		i = fleet.Instance{Registered: *v.in.Group.Shape}
	default:
		return placement.Bin{}, false
	}
	return v.template(i), true
}

// template is an empty instance like one that stands.
func (v *view) template(i fleet.Instance) placement.Bin {
	free := i.Registered.Minus(v.in.Daemons)
	attributes := maps.Clone(i.Attributes)
	delete(attributes, zoneAttribute)
	// What not all of the kind have was put on some by hand or comes of another launch
	// template: the next instance need not have it.
	for _, x := range v.in.Instances {
		if x.Type == i.Type && x.Registered == i.Registered {
			maps.DeleteFunc(attributes, func(k, value string) bool { return x.Attributes[k] != value })
		}
	}
	if attributes == nil && i.Type != "" {
		attributes = map[string]string{"ecs.instance-type": i.Type}
	}
	b := placement.Bin{Kind: i.Type, Attributes: attributes, Whole: free, Free: free, Ports: reserved(i), Tasks: map[string]int{}}
	for _, s := range v.in.Services {
		if s.Daemon && s.Active {
			b.Ports, b.Tasks[string(s.Name)] = append(b.Ports, s.Rules.Ports...), 1
		}
	}
	return b
}

// zones are those of the group's instances, sorted.
func (v *view) zones() []string {
	var zones []string
	for _, i := range v.in.Instances {
		if i.Zone != "" && !slices.Contains(zones, i.Zone) {
			zones = append(zones, i.Zone)
		}
	}
	slices.Sort(zones)
	return zones
}

// zoneAttribute is the attribute of the zone, in which the next instance need not be.
const zoneAttribute = "ecs.availability-zone"

// reserved are the ports that the system and the agent keep on every instance.
func reserved(i fleet.Instance) []fleet.Port {
	keep := []fleet.Port{"22/tcp", "2375/tcp", "2376/tcp", "51678/tcp", "51679/tcp"}
	return slices.DeleteFunc(keep, func(p fleet.Port) bool { return len(i.Ports) > 0 && !slices.Contains(i.Ports, p) })
}

func usualInstance(is []fleet.Instance) (fleet.Instance, bool) {
	type tally struct {
		first fleet.Instance
		n     int
	}
	var seen []tally
	for _, i := range is {
		if i.Registered == (fleet.Resources{}) {
			continue
		}
		k := slices.IndexFunc(seen, func(t tally) bool { return t.first.Registered == i.Registered && t.first.Type == i.Type })
		if k < 0 {
			seen = append(seen, tally{first: i})
			k = len(seen) - 1
		}
		seen[k].n++
	}
	if len(seen) == 0 {
		return fleet.Instance{}, false
	}
	best := slices.MinFunc(seen, func(a, b tally) int {
		x, y := a.first.Registered, b.first.Registered
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(x.CPU, y.CPU), cmp.Compare(x.Memory, y.Memory), strings.Compare(a.first.Type, b.first.Type))
	})
	return best.first, true
}

// place puts tasks on the instances that stand and then on those on the way, in two
// steps: so the raise of one decision is what the next one finds on the way for it.
func (v *view) place(tasks []placement.Item) (rest []placement.Rest, after []placement.Bin) {
	if v.fallback == nil {
		_, rest, after = placement.Place(tasks, v.ready)
	} else {
		rest, after = v.onReady(tasks)
		rest = v.aside(rest)
	}
	if v.known && v.onTheWay > 0 {
		var late []placement.Bin
		_, rest, late = placement.Place(items(rest), v.fresh("on the way", v.onTheWay))
		after = append(after, late...)
	}
	return rest, after
}

// fresh gives the room of instances that do not stand yet, in the zones that have
// fewest, as Auto Scaling launches them.
func (v *view) fresh(name string, n int) []placement.Bin {
	zones, in := v.zones(), map[string]int{}
	for _, i := range v.in.Instances {
		in[i.Zone]++
	}
	bins := make([]placement.Bin, n)
	for k := range bins {
		b := v.shape
		b.Name = fmt.Sprintf("%s %d", name, k+1)
		b.Attributes = maps.Clone(b.Attributes)
		if len(zones) > 0 {
			z := slices.MinFunc(zones, func(a, b string) int { return cmp.Compare(in[a], in[b]) })
			in[z]++
			b.Zone = z
			if b.Attributes != nil {
				b.Attributes[zoneAttribute] = z
			}
		}
		bins[k] = b
	}
	return bins
}

// maxFit bounds the tasks of one instance, where a task reserves nothing.
const maxFit = 10_000

// Coming gives how many tasks of a size fit on the instances that are on the way:
// those that the group wants and that have not registered. 0 while the shape of
// the group's instances is not known, or while its launches fail.
func Coming(now time.Time, g fleet.Group, is []fleet.Instance, daemons, size fleet.Resources) int {
	here := 0
	for _, i := range is {
		if i.Active || i.Draining {
			here++
		}
	}
	onTheWay := max(0, g.DesiredCapacity-here)
	if onTheWay == 0 || now.Before(g.RetryAt) {
		return 0
	}
	i, known := usualInstance(is)
	if !known && g.Shape != nil {
		i, known = fleet.Instance{Registered: *g.Shape}, true
	}
	if !known {
		return 0
	}
	return placement.Room(size, i.Registered.Minus(daemons), maxFit) * onTheWay
}
