package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// capacityDrainCmd drains an instance and ends it, or gives it back.
type capacityDrainCmd struct {
	Instance string `arg:"" help:"EC2 instance id, as i-0123456789abcdef0."`
	Group    string `help:"Its Auto Scaling group (default: asked of Auto Scaling)." placeholder:"NAME" short:"g"`
	Why      string `help:"The reason, up to 500 characters; mandatory but for --undo." placeholder:"TEXT"`
	Author   string `aliases:"by" help:"Who says so (default: TRIMTAB_AUTHOR, else user@host); --by as well." placeholder:"NAME"`
	Undo     bool   `help:"Give the instance back to its tasks: end its drain."`
	DryRun   bool   `help:"Show the checks and what would be written, and write nothing."`
	Yes      bool   `help:"Do not ask. Without a terminal nothing is asked." short:"y"`
	onlyCluster
	ledgerFlags
}

// drained is the JSON result of capacity drain.
type drained struct {
	Drain   drain.Row `json:"drain"` // as it is written
	Written bool      `json:"written"`
	DryRun  bool      `json:"dryRun,omitempty"`
	// Tasks counts those on the instance by their service, daemons apart.
	Tasks []tasksShown `json:"tasks"`
	Notes []string     `json:"notes,omitempty"`

	generation int64
}

type tasksShown struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

var instanceID = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)

// Run writes the row of the drain, if nothing speaks against it.
func (c capacityDrainCmd) Run(ctx context.Context, s *session) error {
	by, err := c.complete(s)
	if err != nil {
		return err
	}
	l, eyes, err := c.look(ctx, s)
	if err != nil {
		return err
	}
	cl, group, err := c.home(ctx, s, l, eyes)
	if err != nil {
		return err
	}
	row := cl.Row(fleet.GroupOf(cl.Name, group))
	if modeOf(row) != spec.Act {
		return refused("group %s of cluster %s is in observe mode, in which nothing is drained or given back: set mode: act for it in the policy and write it with trimtab policy apply FILE", group, cl.Name)
	}
	now := s.Now().UTC().Truncate(time.Second)
	var done drained
	if c.Undo {
		done, err = c.giveBack(cl, by, now)
	} else {
		done, err = c.begin(ctx, eyes, cl, group, by, now)
	}
	if err != nil {
		return err
	}
	return c.finish(ctx, s, l, done)
}

// complete checks the words of the command line and gives who speaks.
func (c capacityDrainCmd) complete(s *session) (by string, err error) {
	var faults []string
	if !instanceID.MatchString(c.Instance) {
		faults = append(faults, fmt.Sprintf("%q is no EC2 instance id; give one as i-0123456789abcdef0, see trimtab capacity show", c.Instance))
	}
	by, nobody := s.author(c.Author)
	if nobody == nil {
		nobody = flagged("--author", spec.CheckBy(by))
	}
	why := flagged("--why", spec.CheckWhy(c.Why))
	if c.Undo && c.Why == "" {
		why = nil
	}
	for _, err := range []error{why, nobody} {
		if err != nil {
			faults = append(faults, err.Error())
		}
	}
	if len(faults) > 0 {
		return by, refused("%s", strings.Join(faults, "; "))
	}
	return by, nil
}

// home finds the group of the instance and the cluster whose policy names it.
func (c capacityDrainCmd) home(ctx context.Context, s *session, l Ledger, eyes Eyes) (ledger.Cluster, fleet.GroupName, error) {
	id, none := fleet.InstanceID(c.Instance), ledger.Cluster{}
	group := fleet.GroupName(c.Group)
	if group == "" {
		homes, err := eyes.Homes(ctx, []fleet.InstanceID{id})
		if err != nil {
			return none, "", err
		}
		if group = homes[id]; group == "" {
			return none, "", refused("no Auto Scaling group of this account and region has instance %s: look at the id, AWS_REGION and AWS_PROFILE, or name its group with --group", id)
		}
	}
	names, err := clusterFlag(c.onlyCluster).clusters(ctx, s, l)
	if err != nil {
		return none, "", err
	}
	var found []ledger.Cluster
	for _, n := range names {
		cl, err := l.Read(ctx, n)
		if err != nil {
			return none, "", fmt.Errorf("read cluster %s from the ledger: %w", n, err)
		}
		if p := cl.Row(fleet.GroupOf(n, group)).Policy; p != nil && p.Group != nil {
			found = append(found, cl)
		}
	}
	switch {
	case len(names) == 0:
		return none, "", errNothing
	case len(found) == 0:
		return none, "", refused("instance %s is of group %s, which has no policy in the ledger (%s): name the group under groups in the policy, and write it with trimtab policy apply FILE", id, group, join(names))
	case len(found) > 1:
		return none, "", refused("several clusters have a policy for group %s (%s): say which with --cluster", group, join(names))
	}
	return found[0], group, nil
}

// begin asks the pre-flight and gives the first row of a drain.
func (c capacityDrainCmd) begin(ctx context.Context, eyes Eyes, cl ledger.Cluster, group fleet.GroupName, by string, now time.Time) (drained, error) {
	id := fleet.InstanceID(c.Instance)
	old := cl.Drain(id)
	if old.State == drain.Undoing {
		return drained{}, givenBack(old)
	}
	if old.Generation > 0 && !old.State.Closed() {
		return drained{}, refused("instance %s is being removed already: %s since %s, %s (%s); watch it with trimtab capacity show %s, or give it back with --undo",
			id, old.State, stamp(old.Since), old.Cause, old.Because, cl.Name)
	}
	in, err := eyes.See(ctx, cl.Name, group)
	if err != nil {
		return drained{}, err
	}
	row := reconcile.Begin(now, in.Group.Policy, drain.Row{Cluster: cl.Name, Group: group, Instance: id, Cause: drain.Manual, Because: c.Why, By: by})
	for _, i := range in.Fleet.Instances {
		if i.ID == id {
			row.ARN = i.ARN
		}
	}
	if because, remedy := reconcile.Preflight(now, in, row); because != "" {
		if remedy != "" {
			because += ": " + remedy
		}
		return drained{}, refused("instance %s of group %s may not be drained now, and nothing was written: %s", id, group, because)
	}
	done := drained{Drain: row, DryRun: c.DryRun, Tasks: tasksOn(in, id), generation: old.Generation}
	if standing, ok := in.Standing(now); ok && len(done.Tasks) > 0 {
		if why := capacity.Fits(standing, []fleet.InstanceID{id}); why != "" {
			done.Notes = append(done.Notes, fmt.Sprintf("its tasks have no place on the others now (%s): they stay until ECS finds one, or until the deadline", why))
		}
	}
	return done, nil
}

// givenBack tells that an instance is on its way back to its tasks.
func givenBack(old ledger.Drain) error {
	return refused("instance %s is being given back already, since %s (%s): the drain function's ticks end that, within minutes; then ask again",
		old.Instance, stamp(old.Since), old.Because)
}

// tasksOn counts the tasks on an instance by their service, daemons apart.
func tasksOn(in policy.Input, id fleet.InstanceID) []tasksShown {
	out := []tasksShown{}
	for _, t := range in.Fleet.Tasks {
		if t.Instance != id || t.Daemon {
			continue
		}
		name := string(t.Service)
		if name == "" {
			name = "standalone tasks"
		}
		i := slices.IndexFunc(out, func(x tasksShown) bool { return x.Name == name })
		if i < 0 {
			i, out = len(out), append(out, tasksShown{Name: name})
		}
		out[i].Count++
	}
	slices.SortFunc(out, func(a, b tasksShown) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// giveBack gives the row of a drain that is taken back.
func (c capacityDrainCmd) giveBack(cl ledger.Cluster, by string, now time.Time) (drained, error) {
	id := fleet.InstanceID(c.Instance)
	old := cl.Drain(id)
	switch {
	case old.Generation == 0:
		return drained{}, refused("instance %s is not being removed: there is nothing to give back", id)
	case old.State.Closed() || old.State == drain.Undoing:
		return drained{}, refused("instance %s is %s since %s (%s): there is nothing to give back", id, old.State, stamp(old.Since), old.Because)
	case old.Cause.Forced():
		return drained{}, refused("instance %s goes whatever is decided here (%s: %s): it cannot be given back", id, old.Cause, old.Because)
	case old.State == drain.Terminating:
		return drained{}, refused("the end of instance %s is ordered since %s: it cannot be given back; raise the group in its place, as with trimtab group min", id, stamp(old.Since))
	}
	because := by + " gives it back"
	if c.Why != "" {
		because += ": " + c.Why
	}
	if now.Before(old.Since) { // whole seconds: a drain of the function's began within this one
		now = old.Since
	}
	return drained{Drain: reconcile.GiveBack(now, old.Row, because), DryRun: c.DryRun, Tasks: []tasksShown{}, generation: old.Generation}, nil
}

// finish writes the row, unless it is a dry run or the person says no, and tells it.
func (c capacityDrainCmd) finish(ctx context.Context, s *session, l Ledger, done drained) error {
	if !s.json {
		s.drained(done)
	}
	if c.DryRun {
		s.say("dry run: nothing was written")
	} else {
		if !c.Yes && s.Interactive && !s.json {
			if err := s.ask(ctx, "Write this to the ledger?"); err != nil {
				return err
			}
		}
		if err := l.WriteDrain(ctx, ledger.Drain{Generation: done.generation, Row: done.Drain}); err != nil {
			return fmt.Errorf("write the drain of %s: %w", done.Drain.Instance, err)
		}
		done.Written = true
	}
	if s.json {
		return s.printJSON(done)
	}
	if done.Written {
		s.printf("  %-9s %s\n", "effect", wrap("at the next tick of the drain function, within a minute, if its Mode is act; watch it with: trimtab capacity show "+string(done.Drain.Cluster), 12, 12))
		if !c.Undo {
			s.printf("  %-9s %s\n", "undo", "trimtab capacity drain "+c.Instance+" --undo")
		}
	}
	return nil
}

// drained prints what is written.
func (s *session) drained(done drained) {
	d := done.Drain
	verb := "is to be drained and ended"
	if d.State == drain.Undoing {
		verb = "is to be given back to its tasks"
	}
	s.printf("instance %s of group %s of cluster %s %s\n", d.Instance, d.Group, d.Cluster, verb)
	s.printf("  %-9s %s\n", "because", wrap(d.Because, 12, 12))
	if d.State == drain.Undoing {
		return
	}
	s.printf("  %-9s %s\n", "by", d.By)
	tasks := make([]string, 0, len(done.Tasks))
	for _, t := range done.Tasks {
		tasks = append(tasks, fmt.Sprintf("%d of %s", t.Count, t.Name))
	}
	if len(tasks) == 0 {
		tasks = []string{"none but daemons"}
	}
	s.printf("  %-9s %s\n", "tasks", wrap(strings.Join(tasks, ", "), 12, 12))
	then := "it is given back to its tasks"
	if d.OnTimeout == spec.DrainTerminate {
		then = "it is ended with the tasks that are left"
	}
	s.printf("  %-9s %s (%s): if it is not empty then, %s\n", "deadline", stamp(d.Deadline), s.ago(d.Deadline), then)
	replaced := "nothing is left to be replaced elsewhere"
	if n := sumOf(done.Tasks); n > 0 {
		replaced = "ECS may replace " + explain.Count(n, "task") + " elsewhere"
	}
	s.printf("  %-9s the pre-flight is passed: %s\n", "checks", replaced)
	for _, n := range done.Notes {
		s.printf("  %-9s %s\n", "note", wrap(n, 12, 12))
	}
}

func sumOf(ts []tasksShown) int {
	n := 0
	for _, t := range ts {
		n += t.Count
	}
	return n
}

// ask asks the person at the terminal, and gives an error unless the answer is yes.
func (s *session) ask(ctx context.Context, question string) error {
	_, _ = fmt.Fprintf(s.Stderr, "%s [y/N] ", question)
	answer, err := await(ctx, func() (string, error) { return bufio.NewReader(s.Stdin).ReadString('\n') })
	switch {
	case errors.Is(err, errInterrupted):
		s.say("") // ends the line of the question
		return fmt.Errorf("%w; nothing was written", err)
	case err != nil && answer == "":
		return errors.New("no answer; nothing was written")
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was written")
	}
	return nil
}
