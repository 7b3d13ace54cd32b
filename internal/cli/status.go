package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// statusCmd shows what the ledger knows of every target.
type statusCmd struct {
	ledgerFlags
	clusterFlag
}

// Run prints it.
func (c statusCmd) Run(ctx context.Context, s *session) error {
	l, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	names, err := c.clusters(ctx, s, l)
	if err != nil {
		return err
	}
	all := make([]ledger.Cluster, 0, len(names))
	for _, n := range names {
		cl, err := l.Read(ctx, n)
		if err != nil {
			return fmt.Errorf("read cluster %s from the ledger: %w", n, err)
		}
		if err := exists(ctx, l, cl); err != nil {
			return err
		}
		all = append(all, cl)
	}
	if s.json {
		return s.printJSON(map[string]any{"clusters": all})
	}
	if len(all) == 0 {
		s.say("%v", errNothing)
	}
	for i, cl := range all {
		if i > 0 {
			s.printf("\n")
		}
		s.cluster(cl)
	}
	return nil
}

// cluster prints one cluster: its switch, a line a target, and what is
// unusual below.
func (s *session) cluster(cl ledger.Cluster) {
	s.printf("cluster %s", cl.Name)
	if c := cl.Control; c.Stop {
		s.printf("   %s set %s by %s: %s", s.paint(red, "GLOBAL STOP"), s.ago(c.At), c.By, c.Why)
	}
	s.printf("\n")
	if len(cl.Rows) == 0 {
		s.printf("no target has a policy\n")
		return
	}
	w := tabwriter.NewWriter(s.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nTARGET\tMODE\tBOUNDS\tDESIRED\tLAST ORDER\tREASON\tSINCE\tPOLICY")
	var notes []string
	for _, r := range cl.Rows {
		_, _ = fmt.Fprintln(w, strings.Join([]string{
			title(r.Target), string(modeOf(r)), bounds(r), desired(r) + draining(cl, r.Target), s.lastOrder(r), reasonOf(r), s.since(r), policyOf(r),
		}, "\t"))
		notes = append(notes, s.notes(r)...)
	}
	_ = w.Flush()
	if len(notes) > 0 {
		s.printf("\n%s\n", strings.Join(notes, "\n"))
	}
}

func title(t fleet.Target) string { return string(t.Kind) + " " + t.Name }

// modeOf is the mode of the target's policy; the function may narrow it.
func modeOf(r ledger.Row) spec.Mode {
	switch {
	case r.Policy == nil:
		return "-"
	case r.Policy.Service != nil:
		return spec.Least(spec.Act, r.Policy.Service.Mode)
	case r.Policy.Group != nil:
		return spec.Least(spec.Act, r.Policy.Group.Mode)
	}
	return "-"
}

func bounds(r ledger.Row) string {
	if r.Policy == nil || r.Policy.Service == nil {
		return "-"
	}
	return fmt.Sprintf("%d-%d", r.Policy.Service.MinCapacity, r.Policy.Service.MaxCapacity)
}

// desired is the count that the last decision of the ledger came to: the
// ledger does not know the live count.
func desired(r ledger.Row) string {
	if o, ok := r.History.Last(); ok {
		return strconv.Itoa(o.To) + observed(r)
	}
	if r.Reason != nil {
		return strconv.Itoa(r.Reason.Desired)
	}
	return "-"
}

// draining counts the instances of a group that are on their way out.
func draining(cl ledger.Cluster, t fleet.Target) string {
	n := len(openDrains(cl, t))
	switch n {
	case 0:
		return ""
	case 1:
		return ", 1 drains"
	}
	return fmt.Sprintf(", %d drain", n)
}

func (s *session) lastOrder(r ledger.Row) string {
	o, ok := r.History.Last()
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%d -> %d, %s", o.From, o.To, s.ago(o.At)) + observed(r)
}

// observed marks what observe mode would have ordered, and never was: the
// shadow count is kept as long as the orders are of that kind.
func observed(r ledger.Row) string {
	if r.History.Shadow != nil {
		return " (observed)"
	}
	return ""
}

func reasonOf(r ledger.Row) string {
	if r.Reason == nil {
		return "-"
	}
	return r.Reason.Rule
}

func (s *session) since(r ledger.Row) string {
	if r.Reason == nil {
		return "-"
	}
	return s.ago(r.Reason.First)
}

func policyOf(r ledger.Row) string {
	if r.Policy == nil {
		return "none"
	}
	return fmt.Sprintf("v%d by %s, %s", r.Policy.Version, r.Policy.Author, r.Policy.At.UTC().Format("2006-01-02"))
}

// notes gives the lines about a row's open order and its live overrides.
func (s *session) notes(r ledger.Row) []string {
	var out []string
	if i := r.Intent; i != nil {
		words := fmt.Sprintf("%s: order %d -> %d of claim %s is open", title(r.Target), i.Before, i.Desired, i.ID)
		if i.Lock {
			words = fmt.Sprintf("%s: locked by claim %s of its cell", title(r.Target), i.ID)
		}
		if now := s.Now(); now.Before(i.Free()) {
			words += " until " + stamp(i.ActBy)
		} else {
			words += ", past its time since " + stamp(i.ActBy) + ": the next evaluation closes it"
		}
		out = append(out, words)
	}
	for _, o := range r.Overrides {
		if o.Live(s.Now()) {
			out = append(out, fmt.Sprintf("%s: override %s", title(r.Target), s.overrideWords(o)))
		}
	}
	if h := r.History.Shadow; h != nil && modeOf(r) != spec.Act {
		out = append(out, fmt.Sprintf("%s: in act mode its desired count would be %d", title(r.Target), *h))
	}
	return out
}
