package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// serviceCmd holds the commands about one service.
type serviceCmd struct {
	Explain    explainCmd        `cmd:"" help:"Explain the last decisions about a service: what was seen, which rule bound, what would change it."`
	Pause      pauseServiceCmd   `cmd:"" help:"Order nothing for the service until a time."`
	SuspendIn  suspendInCmd      `cmd:"" help:"Never scale the service in until a time."`
	SuspendOut suspendServiceCmd `cmd:"" help:"Never scale the service out until a time."`
	Hold       holdCmd           `cmd:"" help:"Hold the service at a count until a time."`
	Min        minCmd            `cmd:"" help:"Raise the service's least count until a time."`
	Max        maxCmd            `cmd:"" help:"Lower the service's most tasks until a time."`
	Resume     resumeServiceCmd  `cmd:"" help:"End the overrides of the service now."`
}

// explainFlags are those of explaining a service and a group.
type explainFlags struct {
	Limit int    `default:"1" help:"How many decisions, the newest first (default ${default})." placeholder:"N" short:"n"`
	At    string `help:"Explain the decision that was in force at a time: 2026-11-23T10:00:00Z, 10:00 (UTC, the last one) or how long ago, as 90m or 3d." placeholder:"TIME"`
	onlyCluster
	ledgerFlags
}

type (
	// explainCmd explains the last decisions about a service.
	explainCmd struct {
		serviceArg
		explainFlags
	}
	// explainGroupCmd explains the last decisions about a group.
	explainGroupCmd struct {
		groupArg
		explainFlags
	}
)

// Run explains the service.
func (c explainCmd) Run(ctx context.Context, s *session) error { return c.explain(ctx, s, c.target) }

// Run explains the group.
func (c explainGroupCmd) Run(ctx context.Context, s *session) error {
	return c.explain(ctx, s, c.target)
}

// explained is the JSON result of explaining a target.
type explained struct {
	Row     ledger.Row      `json:"row"`
	Stop    bool            `json:"stop,omitempty"`
	Control *ledger.Control `json:"control,omitempty"` // who has set or released the stop, when and why
	// Drains are the open removals of a group's instances.
	Drains []ledger.Drain `json:"drains,omitempty"`
	// At is the time that was asked for: the first record was in force then.
	At      time.Time       `json:"at,omitzero"`
	Records []ledger.Record `json:"records"`
	// Told says of each record about a service that has kept its decision what would
	// have changed it.
	Told []told `json:"told"`
}

// explain prints what the ledger knows: the reason that holds now, then the
// decision records, the newest first, or those up to a time.
func (f explainFlags) explain(ctx context.Context, s *session, find finder) error {
	at, err := f.moment(s)
	if err != nil {
		return err
	}
	l, err := f.open(ctx, s)
	if err != nil {
		return err
	}
	cl, target, err := find(ctx, s, l, f.onlyCluster)
	if err != nil {
		return err
	}
	e := explained{Row: cl.Row(target), Stop: cl.Control.Stop, At: at, Drains: openDrains(cl, target), Records: []ledger.Record{}, Told: []told{}}
	if cl.Control.Generation > 0 {
		e.Control = &cl.Control
	}
	if f.Limit > 0 {
		if e.Records, err = l.Records(ctx, target, justAfter(at), f.Limit); err != nil {
			return fmt.Errorf("read the decisions about %s from the ledger: %w", target, err)
		}
	}
	if !at.IsZero() && len(e.Records) == 0 {
		return nothingAt(ctx, l, target, at)
	}
	if s.json {
		for _, rec := range e.Records {
			if t, ok := tell(rec); ok {
				e.Told = append(e.Told, t)
			}
		}
		return s.printJSON(e)
	}
	s.explain(e)
	return nil
}

// openDrains gives the removals of a group's instances that are not closed.
func openDrains(cl ledger.Cluster, t fleet.Target) []ledger.Drain {
	var out []ledger.Drain
	for _, d := range cl.Drains {
		if t.Kind == fleet.GroupTarget && string(d.Group) == t.Name && !d.State.Closed() {
			out = append(out, d)
		}
	}
	return out
}

// targetsOf lists the targets of a kind that the ledger holds of a cluster.
func targetsOf(cl ledger.Cluster, kind fleet.TargetKind) string {
	var names []string
	for _, r := range cl.Rows {
		if r.Target.Kind == kind {
			names = append(names, r.Target.Name)
		}
	}
	if len(names) == 0 {
		return "no " + string(kind) + "s"
	}
	return join(names)
}

func join[S ~string](names []S) string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, string(n))
	}
	return strings.Join(out, ", ")
}

func (s *session) explain(e explained) {
	r := e.Row
	s.printf("%s of cluster %s, policy %s, mode %s", title(r.Target), r.Target.Cluster, policyOf(r), modeOf(r))
	if b := bounds(r); b != "-" {
		s.printf(", bounds %s", b)
	}
	s.printf("\n")
	if c := e.Control; e.Stop && c != nil {
		s.printf("the cluster's global stop is set by %s since %s (%s): nothing is ordered\n", c.By, stamp(c.At), c.Why)
	}
	for _, n := range s.notes(r) {
		s.printf("%s\n", n)
	}
	for _, d := range e.Drains {
		s.printf("%s: instance %s is %s since %s (%s), %s: %s\n", title(r.Target), d.Instance, d.State, stamp(d.Since), s.ago(d.Since), d.Cause, d.Because)
	}
	if !e.At.IsZero() {
		s.printf("\nin force at %s (%s):\n", stamp(e.At), s.ago(e.At))
		s.records(e)
		s.printf("\nnow:\n")
		s.reason(e)
		return
	}
	s.reason(e)
	s.records(e)
}

// reason prints what holds now.
func (s *session) reason(e explained) {
	r := e.Row
	if why := r.Reason; why == nil {
		s.printf("\nnothing has been decided yet: the function decides at an alarm, an event, or within five minutes\n")
	} else {
		s.printf("\nsince %s (%s)\n", stamp(why.First), s.ago(why.First))
		because := why.Because
		if why.Rule == history.OwnedByAnother && e.At.IsZero() && toldBelow(*why, e.Records) {
			because = "see the decision below" // how to hand over takes several lines
		}
		s.printf("  reason      %s: %s\n", why.Rule, because)
		s.printf("  desired     %d (%d wanted before limits)\n", why.Desired, why.Wanted)
		if words := s.ended(e); words != "" {
			s.printf("  since then  %s: the next evaluation decides anew\n", words)
		} else if words := explain.ChangedBy(r.Target.Kind, why.Rule, why.Because); words != "" && !searchedBelow(*why, e) {
			s.printf("  changed by  usually %s\n", words)
		}
	}
}

// ended tells of a person's word that is the reason and no longer holds.
func (s *session) ended(e explained) string {
	live := func(kind spec.OverrideKind) bool {
		return slices.ContainsFunc(e.Row.Overrides, func(o spec.Override) bool { return o.Kind == kind && o.Live(s.Now()) })
	}
	switch rule := e.Row.Reason.Rule; {
	case rule == history.GlobalStop && !e.Stop:
		if c := e.Control; c != nil {
			return fmt.Sprintf("the global stop was released by %s at %s (%s)", c.By, stamp(c.At), s.ago(c.At))
		}
		return "the global stop was released"
	case rule == history.Paused && !live(spec.Pause):
		return "the pause has ended"
	case rule == history.ScaleInSuspended && !live(spec.SuspendIn), rule == history.ScaleOutSuspended && !live(spec.SuspendOut):
		return "the suspension has ended"
	}
	return ""
}

// searchedBelow tells whether the newest decision that is printed has the reason
// and tells what would have changed it: that is verified, a general remark is not.
func searchedBelow(why ledger.Reason, e explained) bool {
	return e.At.IsZero() && toldBelow(why, e.Records) && len(e.Records[0].Input) > 0
}

// records prints the decisions.
func (s *session) records(e explained) {
	for _, rec := range e.Records {
		s.printf("\n%s %s\n", stamp(rec.At), recordWords(rec))
	}
}

// toldBelow tells whether the newest decision that is printed has the reason.
func toldBelow(why ledger.Reason, records []ledger.Record) bool {
	return len(records) > 0 && records[0].Rule == why.Rule && records[0].Because == why.Because
}

// kinds says in words what a record is about.
var kinds = map[ledger.Kind]string{
	ledger.Ordered: "ordered",
	ledger.Refused: "order refused",
	ledger.Holding: "new reason to hold",
	ledger.Healed:  "order closed late, as the %s shows it done",
	ledger.Dropped: "order dropped, as the %s does not show it done",
}

// recordHead says what became of a decision. The outcome of an order begins
// with its own word: ordered, observed, refused.
func recordHead(rec ledger.Record) string {
	head := strings.Replace(kinds[rec.Kind], "%s", string(rec.Target.Kind), 1)
	switch {
	case head == "":
		head = string(rec.Kind)
	case rec.Outcome == "":
		return head
	case rec.Kind == ledger.Ordered || rec.Kind == ledger.Refused:
		return rec.Outcome
	}
	return strings.TrimSuffix(head+": "+rec.Outcome, ": ")
}
