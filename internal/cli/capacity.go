package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// capacityCmd holds the commands about the instances under the services.
type capacityCmd struct {
	Show  capacityShowCmd  `cmd:"" help:"Show the instances: what is registered, reserved and used, the two wastes apart, and why each instance cannot go."`
	Plan  capacityPlanCmd  `cmd:"" help:"Show what the groups would be: the decision, how few instances could hold the tasks, the moves, and the price."`
	Drain capacityDrainCmd `cmd:"" help:"Drain an instance and end it, with the checks of any other drain; or give it back."`
}

// groupsFlags name the groups of a cluster.
type groupsFlags struct {
	Cluster string `arg:"" help:"ECS cluster (default: TRIMTAB_CLUSTER, else the ledger's only one)." optional:""`
	Group   string `help:"This Auto Scaling group alone." placeholder:"NAME" short:"g"`
}

// groups reads the cluster that is named, and gives its groups with a policy: the one
// that is named, or all.
func (f groupsFlags) groups(ctx context.Context, s *session, l Ledger) (ledger.Cluster, []fleet.GroupName, error) {
	cl, err := clusterFlag{f.Cluster}.only(ctx, s, l, "name one behind the command")
	if err != nil {
		return cl, nil, err
	}
	if f.Group != "" {
		return cl, []fleet.GroupName{fleet.GroupName(f.Group)}, held(cl, fleet.GroupOf(cl.Name, fleet.GroupName(f.Group)))
	}
	var names []fleet.GroupName
	for _, r := range cl.Rows {
		if r.Target.Kind == fleet.GroupTarget && r.Policy != nil {
			names = append(names, fleet.GroupName(r.Target.Name))
		}
	}
	if len(names) == 0 {
		return cl, nil, fmt.Errorf("cluster %s has no group with a policy in the ledger: name its Auto Scaling groups under groups in the policy, and write it with trimtab policy apply FILE", cl.Name)
	}
	return cl, names, nil
}

// width is how many columns a line of words takes at most.
const width = 120

// wrap breaks words into lines of at most width columns, all but the first indented.
func wrap(words string, first, indent int) string {
	var b strings.Builder
	at := first
	for i, w := range strings.Fields(words) {
		n := len([]rune(w))
		switch {
		case i > 0 && at+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		case i > 0:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(w)
		at += n
	}
	return b.String()
}

// labelled prints words under a label of the left column, as explain does.
func (s *session) labelled(label, words string) {
	const indent = 14
	lead := fmt.Sprintf("  %-*s", indent-2, label)
	s.printf("%s%s\n", lead, wrap(words, max(indent, len(lead)), indent))
}

// column is a column of a table.
type column struct {
	head  string
	right bool // numbers stand at the right
}

// table prints rows in columns; a column without any value is left out.
func (s *session) table(indent string, columns []column, rows [][]string) {
	wide := widths(columns, rows)
	line := func(cells func(k int) string) {
		var b strings.Builder
		for k, c := range columns {
			switch {
			case wide[k] == 0:
			case c.right:
				fmt.Fprintf(&b, "%*s  ", wide[k], cells(k))
			default:
				fmt.Fprintf(&b, "%-*s  ", wide[k], cells(k))
			}
		}
		s.printf("%s\n", strings.TrimRight(indent+b.String(), " "))
	}
	line(func(k int) string { return columns[k].head })
	for _, r := range rows {
		line(func(k int) string { return r[k] })
	}
}

// widths gives the columns' widths, 0 for one without any value.
func widths(columns []column, rows [][]string) []int {
	wide := make([]int, len(columns))
	for k := range columns {
		for _, r := range rows {
			if r[k] != "" {
				wide[k] = max(wide[k], len([]rune(r[k])), len([]rune(columns[k].head)))
			}
		}
	}
	return wide
}

// across is how many columns a table takes.
func across(indent string, columns []column, rows [][]string) int {
	n := len(indent)
	for _, w := range widths(columns, rows) {
		if w > 0 {
			n += w + 2
		}
	}
	return n - 2
}
