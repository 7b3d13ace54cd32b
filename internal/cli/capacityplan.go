package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// capacityPlanCmd shows what the groups would be.
type capacityPlanCmd struct {
	groupsFlags
	Input  string `help:"Plan from a JSON file in place of AWS: what decide --input takes, as group explain --json prints it; - for standard input." name:"input" placeholder:"FILE"`
	Prices string `help:"YAML or JSON file of instance types and their dollars an hour; - for standard input." placeholder:"FILE"`
	ledgerFlags
}

// capacityPlanned is the JSON result of capacity plan.
type capacityPlanned struct {
	Groups []groupPlanned `json:"groups"`
}

// groupPlanned is one group.
type groupPlanned struct {
	Cluster fleet.ClusterName `json:"cluster"`
	Group   fleet.GroupName   `json:"group"`
	At      time.Time         `json:"at"`
	Desired int               `json:"desired"` // now
	Planned int               `json:"planned"` // decided, and less the drains once they have ended
	// Decision tells why, with its clauses and the moves of the removals.
	Decision policy.GroupDecision `json:"decision"`
	// Could are the removals that only time, budgets or the mode keep from being decided.
	Could   []capacity.Removal `json:"could"`
	Packing *packingShown      `json:"packing,omitempty"` // nothing where no shape is known
	Cost    *costShown         `json:"cost,omitempty"`    // only with prices
}

// packingShown is how few empty instances could hold all tasks of the group.
type packingShown struct {
	Kind      string          `json:"kind,omitempty"` // the group's usual instance type
	Offers    fleet.Resources `json:"offers"`         // to tasks, less the daemons
	Tasks     int             `json:"tasks"`
	Instances int             `json:"instances"`
	Bound     int             `json:"bound"` // no packing takes fewer
	Gap       float64         `json:"gap"`   // the share above the bound
	Proved    bool            `json:"proved"`
	By        string          `json:"by,omitempty"`
	Rest      []restShown     `json:"rest"`
	// StandaloneUnknown says why standalone tasks are not among the tasks.
	StandaloneUnknown string `json:"standaloneUnknown,omitempty"`
}

// restShown are tasks that fit on no empty instance.
type restShown struct {
	Name    string `json:"name"`
	Tasks   int    `json:"tasks"`
	Because string `json:"because"`
}

// Run plans the groups and prints it. One that cannot be read does not hide the others.
func (c capacityPlanCmd) Run(ctx context.Context, s *session) error {
	if c.Input == "-" && c.Prices == "-" {
		return refused("--input - and --prices - are both standard input: give one of them as a file")
	}
	prices, err := c.prices(ctx, s)
	if err != nil {
		return err
	}
	var ins []question
	var late error
	if c.Input != "" {
		ins, err = c.offline(ctx, s)
	} else {
		ins, late, err = c.live(ctx, s)
	}
	if err != nil {
		return err
	}
	out := capacityPlanned{Groups: []groupPlanned{}}
	for _, q := range ins {
		out.Groups = append(out.Groups, planGroup(q.Now, q.Input, prices))
	}
	if s.json {
		return errors.Join(late, s.printJSON(out))
	}
	for i, g := range out.Groups {
		if i > 0 {
			s.printf("\n")
		}
		s.groupPlanned(g)
	}
	return late
}

// prices reads the price file, nil without one.
func (c capacityPlanCmd) prices(ctx context.Context, s *session) (prices, error) {
	if c.Prices == "" {
		return nil, nil
	}
	src, err := s.read(ctx, c.Prices, maxPriceBytes)
	if err != nil {
		return nil, err
	}
	p, err := parsePrices(src)
	if err != nil {
		return nil, refused("read prices of %s: %w", called(c.Prices), err)
	}
	return p, nil
}

// offline gives the group of a file.
func (c capacityPlanCmd) offline(ctx context.Context, s *session) ([]question, error) {
	if c.Cluster != "" || c.Group != "" || c.Table != "" || c.EndpointURL != "" || c.Local {
		return nil, refused("--input plans the group that is in the file: leave the cluster, --group and the flags of the ledger out")
	}
	src, err := s.read(ctx, c.Input, maxInput)
	if err != nil {
		return nil, err
	}
	q, err := readQuestion(src)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return nil, refused("read %s: %w (docs/decide.md describes the input)", called(c.Input), err)
	}
	switch {
	case q.Input.Group == nil || q.Input.Cell.Group == "":
		return nil, refused("read %s: it is about no group: take the record of one, as trimtab group explain NAME --json prints it", called(c.Input))
	case q.Input.Fleet.Group == nil:
		return nil, refused("read %s: input.fleet.group is missing: without what Auto Scaling shows of group %s there is nothing to plan", called(c.Input), q.Input.Cell.Group)
	}
	return []question{q}, nil
}

// live gives the groups as they are now; late is about those that could not be read.
func (c capacityPlanCmd) live(ctx context.Context, s *session) (ins []question, late, err error) {
	l, eyes, err := c.look(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	cl, groups, err := c.groups(ctx, s, l)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, g := range groups {
		in, err := eyes.See(ctx, cl.Name, g)
		if err == nil && in.Fleet.Group == nil {
			err = fmt.Errorf("EC2 Auto Scaling knows no group %s: remove it from the policy or create it", g)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ins = append(ins, question{Now: in.Fleet.At, Input: in})
	}
	return ins, errors.Join(errs...), nil
}

// planGroup plans one group.
func planGroup(now time.Time, in policy.Input, p prices) groupPlanned {
	d := policy.Decide(now, in)
	out := groupPlanned{
		Cluster: in.Cell.Cluster, Group: in.Cell.Group, At: now, Desired: in.Fleet.Group.DesiredCapacity,
		Decision: *d.Group, Could: []capacity.Removal{},
	}
	out.Planned = d.Group.Desired - len(d.Group.Drains)
	for _, r := range in.Drains {
		if lowers(in, r, d.Group.Undo) {
			out.Planned--
		}
	}
	out.Decision.Next, out.Decision.Learnt = history.History{}, false // a plan writes nothing
	asked, ok := in.GroupInput(now)
	if !ok {
		return out
	}
	if in.Fleet.TasksRead {
		could, _ := capacity.Look(asked)
		for _, r := range could {
			if !slices.ContainsFunc(d.Group.Drains, func(x capacity.Removal) bool { return x.Instance == r.Instance }) {
				out.Could = append(out.Could, r)
			}
		}
	}
	tasks := tasksOf(in, d)
	shape, known := capacity.Usual(asked)
	if known {
		out.Packing = packedOn(in.Fleet, tasks, shape)
	}
	if p != nil {
		out.Cost = new(costOf(in, asked, out, tasks, shape, p))
	}
	return out
}

// tasksOf gives all tasks that land on the group as they will be after the decision,
// daemons apart: those of services, and those of RunTask where the tasks were read.
func tasksOf(in policy.Input, d policy.Decision) []placement.Item {
	var out []placement.Item
	for _, v := range in.Fleet.Services {
		if v.Daemon || !v.Active {
			continue
		}
		n := v.Desired
		for _, x := range d.Services {
			if x.Service == v.Name && (x.Mode == spec.Act || d.Group.Mode == spec.Observe) {
				n = x.Desired
			}
		}
		if n > 0 {
			out = append(out, placement.Item{Name: string(v.Name), Size: v.TaskSize, Rules: v.Rules, Count: n})
		}
	}
	return append(out, strangers(in.Fleet)...)
}

// strangers gives the tasks on the instances that are of no service of the cell, as far
// as they were read.
func strangers(f fleet.Snapshot) []placement.Item {
	var others []placement.Item
	for _, t := range f.Tasks {
		if _, ours := f.Service(t.Service); ours || t.Daemon || t.Leaving {
			continue
		}
		name := string(t.Service)
		if name == "" {
			name = "standalone tasks"
		}
		i := slices.IndexFunc(others, func(it placement.Item) bool {
			return it.Name == name && it.Size == t.Size && slices.Equal(it.Rules.Ports, t.Ports)
		})
		if i < 0 {
			i, others = len(others), append(others, placement.Item{Name: name, Size: t.Size, Rules: fleet.Rules{Ports: t.Ports}})
		}
		others[i].Count++
	}
	return others
}

// packedOn packs the tasks on empty instances of one shape.
func packedOn(f fleet.Snapshot, tasks []placement.Item, shape placement.Bin) *packingShown {
	plan := placement.Pack(tasks, nil, []placement.Shape{{Bin: shape, Limit: -1}})
	out := &packingShown{Kind: shape.Kind, Offers: shape.Whole, Bound: plan.Bound, Proved: plan.Proved, By: plan.By, Rest: []restShown{}}
	for _, it := range tasks {
		out.Tasks += it.Count
	}
	for _, n := range plan.New {
		out.Instances += n
	}
	for _, r := range plan.Rest {
		out.Rest = append(out.Rest, restShown{r.Name, r.Count, r.Because})
		out.Tasks -= r.Count
	}
	if out.Bound > 0 {
		out.Gap = float64(out.Instances-out.Bound) / float64(out.Bound)
	}
	if !f.TasksRead {
		out.StandaloneUnknown = strings.TrimSuffix("the tasks were not read: "+f.TasksUnread, ": ")
	}
	return out
}

// groupPlanned prints the plan of one group.
func (s *session) groupPlanned(g groupPlanned) {
	s.printf("cluster %s at %s\n%s", g.Cluster, stamp(g.At), explain.Group(g.Decision))
	for i, r := range g.Could {
		label := ""
		if i == 0 {
			label = "could go"
		}
		s.labelled(label, couldWords(r))
	}
	s.labelled("capacity", fmt.Sprintf("%d now, %d planned", g.Desired, g.Planned))
	s.labelled("packing", packingWords(g))
	if g.Packing != nil {
		for _, r := range g.Packing.Rest {
			s.labelled("", fmt.Sprintf("%d of %s fit on no empty instance: %s", r.Tasks, r.Name, r.Because))
		}
	}
	if g.Cost != nil {
		s.costShown(*g.Cost)
	}
}

// couldWords tells of an instance that could go, and where its tasks would.
func couldWords(r capacity.Removal) string {
	if len(r.Moves) == 0 {
		return string(r.Instance) + ", without tasks"
	}
	moves := make([]string, 0, len(r.Moves))
	for _, m := range r.Moves {
		moves = append(moves, fmt.Sprintf("%d of %s to %s", m.Count, m.Item, m.Bin))
	}
	return fmt.Sprintf("%s, score %.2f: %s", r.Instance, r.Score, strings.Join(moves, ", "))
}

func packingWords(g groupPlanned) string {
	p := g.Packing
	if p == nil {
		return "unknown: the shape of an instance is known neither from one nor from the policy; declare it as instance there"
	}
	words := fmt.Sprintf("%s on empty %s (%s): %s", explain.Count(p.Tasks, "task"), orKind(p.Kind), offers(p.Offers), explain.Count(p.Instances, "instance"))
	switch {
	case p.Tasks == 0:
		words = "no task to pack"
	case p.Proved:
		words += ", proved optimal"
	default:
		words += fmt.Sprintf(", and no packing takes fewer than %d (gap %.1f %%)", p.Bound, 100*p.Gap)
	}
	if p.Tasks > 0 {
		words += "; without headroom (" + p.By + ")"
	}
	if p.StandaloneUnknown != "" {
		words += "; standalone tasks are not counted: " + p.StandaloneUnknown
	}
	return words
}

// orKind names an instance whose type is not known.
func orKind(kind string) string {
	if kind == "" {
		return "instances"
	}
	return kind
}

func offers(r fleet.Resources) string {
	words := fmt.Sprintf("%d CPU units, %d MiB", r.CPU, r.Memory)
	if r.GPU > 0 {
		words += fmt.Sprintf(", %d GPUs", r.GPU)
	}
	if r.ENI > 0 {
		words += fmt.Sprintf(", %d ENIs", r.ENI)
	}
	return words
}
