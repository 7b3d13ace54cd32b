package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// capacityShowCmd shows the instances of a cluster's groups.
type capacityShowCmd struct {
	groupsFlags
	ledgerFlags
}

// capacityShown is the JSON result of capacity show.
type capacityShown struct {
	Cluster fleet.ClusterName `json:"cluster"`
	Groups  []groupShown      `json:"groups"`
}

// groupShown is one group.
type groupShown struct {
	Group     fleet.GroupName `json:"group"`
	At        time.Time       `json:"at"`
	Exists    bool            `json:"exists"` // in Auto Scaling; else nothing but the decision is there
	Mode      spec.Mode       `json:"mode"`
	Desired   int             `json:"desired"`
	MinSize   int             `json:"minSize"`
	MaxSize   int             `json:"maxSize"`
	WarmPool  int             `json:"warmPool,omitempty"` // instances that are ready in it
	Instances []instanceShown `json:"instances"`
	// Registered and Reserved are the sums over the instances, Tasks as well.
	Registered fleet.Resources `json:"registered"`
	Reserved   fleet.Resources `json:"reserved"`
	Tasks      int             `json:"tasks"`
	// ENIsUnknown tells that the interfaces reserved are the most that they can be, one
	// for each task, since the tasks were not read.
	ENIsUnknown bool `json:"enisUnknown,omitempty"`
	// Packing and Reservations are the two wastes.
	Packing      []waste `json:"packing"`
	Reservations []waste `json:"reservations"`
	// Use are the services by what they leave idle, most first.
	Use      []useShown    `json:"use"`
	Drains   []drain.Row   `json:"drains"`
	Decision decisionShown `json:"decision"`
	decided  *policy.GroupDecision
}

// decisionShown is what would be decided now.
type decisionShown struct {
	Desired   int                `json:"desired"`
	Direction history.Direction  `json:"direction"`
	Reason    string             `json:"reason"`
	Because   string             `json:"because"`
	Drains    []fleet.InstanceID `json:"drains,omitempty"`
	Undo      []fleet.InstanceID `json:"undo,omitempty"`
}

// What an instance may do.
const (
	mayGo     = "yes"
	goesNow   = "now" // the decision drains it
	mustStay  = "no"
	notKnown  = "unknown"
	notInECS  = "not in ECS"
	allActive = "active"
)

// instanceShown is one instance.
type instanceShown struct {
	ID         fleet.InstanceID `json:"id"`
	Zone       string           `json:"zone,omitempty"`
	Type       string           `json:"type,omitempty"`
	State      string           `json:"state"`
	Registered fleet.Resources  `json:"registered"`
	Reserved   fleet.Resources  `json:"reserved"`
	Tasks      int              `json:"tasks"`
	// CanGo is yes, now, no or unknown; Because says why not.
	CanGo   string `json:"canGo"`
	Because string `json:"because,omitempty"`
}

// Run reads the groups and prints them. One that cannot be read does not hide the others.
func (c capacityShowCmd) Run(ctx context.Context, s *session) error {
	l, eyes, err := c.look(ctx, s)
	if err != nil {
		return err
	}
	cl, groups, err := c.groups(ctx, s, l)
	if err != nil {
		return err
	}
	shown := capacityShown{Cluster: cl.Name, Groups: []groupShown{}}
	var errs []error
	for _, g := range groups {
		in, err := eyes.See(ctx, cl.Name, g)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		shown.Groups = append(shown.Groups, showGroup(in, uses(ctx, eyes, in)))
	}
	if s.json {
		return errors.Join(append(errs, s.printJSON(shown))...)
	}
	for i, g := range shown.Groups {
		if i > 0 {
			s.printf("\n")
		}
		s.groupShown(cl.Name, g)
	}
	return errors.Join(errs...)
}

// showGroup gives what is to be shown of a group.
func showGroup(in policy.Input, us []useOf) groupShown {
	now := in.Fleet.At
	d := policy.Decide(now, in).Group
	g := groupShown{
		Group: in.Cell.Group, At: now, Mode: d.Mode, Instances: []instanceShown{}, Drains: []drain.Row{}, decided: d,
		Decision: decisionShown{Desired: d.Desired, Direction: d.Direction, Reason: d.Reason, Because: d.Because, Undo: d.Undo},
	}
	for _, r := range d.Drains {
		g.Decision.Drains = append(g.Decision.Drains, r.Instance)
	}
	g.Drains = append(g.Drains, in.Drains...)
	g.Packing, g.Reservations, g.Use = []waste{}, []waste{}, []useShown{}
	live := in.Fleet.Group
	if live == nil {
		return g
	}
	g.Exists, g.Desired, g.MinSize, g.MaxSize = true, live.DesiredCapacity, live.MinSize, live.MaxSize
	if live.WarmPool != nil {
		g.WarmPool = live.WarmPool.Ready
	}
	g.Instances = append(g.Instances, instancesShown(in, *live, g.Decision.Drains)...)
	for _, i := range g.Instances {
		g.Registered, g.Reserved = g.Registered.Plus(i.Registered), g.Reserved.Plus(i.Reserved)
		g.Tasks += i.Tasks
	}
	g.Use = usesShown(us)
	g.ENIsUnknown = g.Registered.ENI > 0 && !in.Fleet.TasksRead
	g.Packing, g.Reservations = packing(g.Registered, g.Reserved, in.Fleet.TasksRead), reservations(in.Fleet, us)
	return g
}

// instancesShown gives the instances, the least reserved first, and behind them those
// of the group that ECS does not know.
func instancesShown(in policy.Input, g fleet.Group, leave []fleet.InstanceID) []instanceShown {
	verdicts := verdicts(in)
	out := make([]instanceShown, 0, len(in.Fleet.Instances))
	for _, i := range in.Fleet.Instances {
		x := instanceShown{
			ID: i.ID, Zone: i.Zone, Type: i.Type, State: stateOf(in, g, i), Registered: i.Registered, Reserved: reservedOn(in.Fleet, i), Tasks: i.Tasks,
			CanGo: verdicts[i.ID].CanGo, Because: verdicts[i.ID].Because,
		}
		if slices.Contains(leave, i.ID) {
			x.CanGo = goesNow
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b instanceShown) int { return cmp.Or(cmp.Compare(fill(a), fill(b)), cmp.Compare(a.ID, b.ID)) })
	for _, m := range g.Members {
		if slices.ContainsFunc(in.Fleet.Instances, func(i fleet.Instance) bool { return i.ID == m.ID }) {
			continue
		}
		out = append(out, instanceShown{
			ID: m.ID, Zone: m.Zone, Type: m.Type, State: notInECS, CanGo: mustStay,
			Because: "it is " + m.State + " in the group and ECS does not list it: it has not registered yet, or its agent never will",
		})
	}
	return out
}

// fill is the larger share of an instance that is reserved.
func fill(i instanceShown) float64 {
	share := 0.0
	for _, d := range dimensions[:2] {
		if n := d.of(i.Registered); n > 0 {
			share = max(share, float64(d.of(i.Reserved))/float64(n))
		}
	}
	return share
}

// reservedOn is what tasks reserve on an instance. ECS reports no interfaces, so those
// are counted by the tasks where they were read.
func reservedOn(f fleet.Snapshot, i fleet.Instance) fleet.Resources {
	r := i.Registered.Minus(i.Remaining)
	if !f.TasksRead {
		return r
	}
	r.ENI = 0
	for _, t := range f.Tasks {
		if t.Instance == i.ID {
			r.ENI += t.Size.ENI
		}
	}
	return r
}

// stateOf says in a word or two how an instance is.
func stateOf(in policy.Input, g fleet.Group, i fleet.Instance) string {
	m, member := g.Member(i.ID)
	for _, d := range in.Drains {
		if d.Instance == i.ID && !d.State.Closed() {
			return string(d.State)
		}
	}
	switch {
	case member && !m.InService():
		return m.State
	case i.Draining:
		return "draining"
	case !i.Active:
		return "not active"
	case !i.Connected:
		return "agent lost"
	case m.Unhealthy:
		return "unhealthy"
	case m.Protected:
		return "protected"
	}
	return allActive
}

// verdicts tells of each instance whether it could go. Where the tasks could not be
// read, every instance looks empty, and nothing can be said.
func verdicts(in policy.Input) map[fleet.InstanceID]instanceShown {
	out := map[fleet.InstanceID]instanceShown{}
	asked, ok := in.GroupInput(in.Fleet.At)
	if !ok || !in.Fleet.TasksRead {
		why := cmp.Or(in.Fleet.TasksUnread, "they were not read")
		for _, i := range in.Fleet.Instances {
			out[i.ID] = instanceShown{CanGo: notKnown, Because: "the tasks on it are not known: " + why}
		}
		return out
	}
	could, stay := capacity.Look(asked)
	for _, c := range could {
		out[c.Instance] = instanceShown{CanGo: mayGo}
	}
	for _, x := range stay {
		out[x.Instance] = instanceShown{CanGo: mustStay, Because: x.Because}
	}
	return out
}

// groupShown prints one group.
func (s *session) groupShown(c fleet.ClusterName, g groupShown) {
	s.printf("group %s of cluster %s at %s, mode %s\n", g.Group, c, stamp(g.At), g.Mode)
	s.labelled("decision", explain.GroupHeadline(*g.decided))
	s.labelled("reason", g.Decision.Reason+": "+g.Decision.Because)
	if !g.Exists {
		return
	}
	pool := ""
	if g.WarmPool > 0 {
		pool = fmt.Sprintf(", %d ready in the warm pool", g.WarmPool)
	}
	kinds := kindsOf(g.Instances)
	of := ""
	if len(kinds) == 1 {
		of = " of " + kinds[0]
	}
	s.labelled("sizes", fmt.Sprintf("desired %d, min %d, max %d; %s%s%s", g.Desired, g.MinSize, g.MaxSize, count(len(g.Instances), "instance"), of, pool))
	s.labelled("wastes", "packing: "+wasteWords(g.Packing, "of what is registered is reserved by no task"))
	s.labelled("", "reservations: "+wasteWords(g.Reservations, "of what tasks reserve was not used in the last hour"))
	if len(g.Use) > 0 {
		s.labelled("", useWords(g.Use))
	}
	s.drainsShown(g)
	if len(g.Instances) == 0 {
		return
	}
	s.printf("\n")
	notes := s.instancesTable(g, len(kinds) > 1)
	for i, n := range notes {
		if i == 0 {
			s.printf("\n")
		}
		mark := fmt.Sprintf("  %-5s", "["+strconv.Itoa(i+1)+"]")
		s.printf("%s %s\n", mark, wrap(n, len(mark)+1, len(mark)+1))
	}
}

func kindsOf(is []instanceShown) []string {
	var kinds []string
	for _, i := range is {
		if i.Type != "" && !slices.Contains(kinds, i.Type) {
			kinds = append(kinds, i.Type)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// drainsShown prints the open removals.
func (s *session) drainsShown(g groupShown) {
	for i, d := range g.Drains {
		label := ""
		if i == 0 {
			label = "drains"
		}
		s.labelled(label, fmt.Sprintf("%s %s since %s (%s), %s, opened %s, deadline %s: %s",
			d.Instance, d.State, stamp(d.Since), s.ago(d.Since), d.Cause, s.ago(d.Opened), stamp(d.Deadline), d.Because))
	}
}

// instancesTable prints the instances and gives the reasons that their numbers stand for.
// Where it would be too wide, zones are told without their region, and then amounts
// without their share.
func (s *session) instancesTable(g groupShown, types bool) []string {
	columns := []column{
		{head: "INSTANCE"},
		{head: "ZONE"},
		{head: "TYPE"},
		{head: "STATE"},
		{head: "TASKS", right: true},
		{head: "CPU", right: true},
		{head: "MEMORY MiB", right: true},
		{head: "GPU", right: true},
		{head: "ENI", right: true},
		{head: "CAN GO"},
	}
	const indent = "  "
	rows, notes := g.rows(types, false, false)
	for _, bare := range []bool{false, true} {
		if across(indent, columns, rows) > width {
			rows, notes = g.rows(types, true, bare)
		}
	}
	s.table(indent, columns, rows)
	return notes
}

// rows gives the cells of the table.
func (g groupShown) rows(types, short, bare bool) (rows [][]string, notes []string) {
	for _, i := range g.Instances {
		verdict := i.CanGo
		if i.Because != "" && i.CanGo != goesNow {
			k := slices.Index(notes, i.Because)
			if k < 0 {
				k, notes = len(notes), append(notes, i.Because)
			}
			verdict += fmt.Sprintf(" [%d]", k+1)
		}
		zone, kind := i.Zone, ""
		if short {
			zone = zone[strings.LastIndexByte(zone, '-')+1:]
		}
		if types {
			kind = cmp.Or(i.Type, "-")
		}
		rows = append(rows, append([]string{string(i.ID), zone, kind, i.State, strconv.Itoa(i.Tasks)},
			append(g.amounts(i.Registered, i.Reserved, bare), verdict)...))
	}
	return append(rows, append([]string{"all", "", "", "", strconv.Itoa(g.Tasks)}, append(g.amounts(g.Registered, g.Reserved, bare), "")...)), notes
}

// amounts gives reserved/registered, of the first two with its share unless bare, in
// each dimension that the group has at all.
func (g groupShown) amounts(registered, reserved fleet.Resources, bare bool) []string {
	out := make([]string, 0, len(dimensions))
	for k, d := range dimensions {
		has, taken := d.of(registered), d.of(reserved)
		switch {
		case d.of(g.Registered) == 0:
			out = append(out, "")
		case has == 0:
			out = append(out, "-")
		case d.name == "enis" && g.ENIsUnknown:
			out = append(out, fmt.Sprintf("?/%d", has))
		case k < 2 && !bare:
			out = append(out, fmt.Sprintf("%d/%d %3.0f%%", taken, has, 100*float64(taken)/float64(has)))
		default:
			out = append(out, fmt.Sprintf("%d/%d", taken, has))
		}
	}
	return out
}

// wasteWords tells the shares of one waste, and what is not in them.
func wasteWords(ws []waste, what string) string {
	var shares, without []string
	same := true // in every dimension
	for _, w := range ws {
		share := "unknown"
		if w.Idle != nil {
			share = fmt.Sprintf("%.0f %%", 100**w.Idle)
		}
		shares = append(shares, w.words()+" "+share)
		same = same && slices.Equal(w.Without, ws[0].Without)
	}
	if len(shares) == 0 {
		return "unknown: no instance has registered"
	}
	for i, w := range ws {
		for _, x := range w.Without {
			switch {
			case !same:
				without = append(without, w.words()+" of "+x)
			case i == 0:
				without = append(without, x)
			}
		}
	}
	words := strings.Join(shares, ", ") + " " + what
	if len(without) > 0 {
		words += " (not counted: " + strings.Join(without, "; ") + ")"
	}
	return words
}

// words names the dimension.
func (w waste) words() string {
	return dimensions[slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == w.Dimension })].words
}
