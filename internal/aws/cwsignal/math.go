package cwsignal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// form says with what a read can share a call.
type form int

const (
	plain  form = iota // a metric as it is
	shared             // metric math over ids that can be given other names
	alone              // metric math whose ids must stand as they are written
)

// inputID is what CloudWatch takes as the id of a query, of at most maxID bytes: a
// count in the expression would be compiled letter by letter at every cold start.
var inputID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

const maxID = 255

// formOf sorts out how a metric is asked for. METRICS() takes in every metric
// of its call, and METRICS("err") those whose ids contain "err", so such an
// expression shares a call with nothing and keeps its ids. So does one that
// names an id that it does not have: in a shared call it might find another's
// under that name, alone it is CloudWatch that says what is wrong. Of Metrics
// Insights queries (SELECT ...) a call may hold one.
func formOf(m signal.Metric) form {
	if m.Expression == "" {
		return plain
	}
	for _, w := range words(m.Expression) {
		name := m.Expression[w.from:w.to]
		if name == "METRICS" || name == "SELECT" {
			return alone
		}
		if !w.function && isLower(name[0]) && !hasInput(m, name) {
			return alone
		}
	}
	return shared
}

func hasInput(m signal.Metric, id string) bool {
	return slices.ContainsFunc(m.Inputs, func(in signal.Input) bool { return in.ID == id })
}

// word is a name in an expression, outside its strings and numbers.
type word struct {
	from, to int
	function bool // an opening parenthesis follows
}

// words finds the names of an expression. A string is in single or double
// quotes, as in SEARCH('{AWS/EC2,InstanceId} MetricName="CPUUtilization"', 'Sum', 60).
func words(expression string) []word {
	var out []word
	for at := 0; at < len(expression); {
		c := expression[at]
		switch {
		case c == '\'' || c == '"':
			at = afterString(expression, at)
		case c == '.' || isDigit(c): // 1e5 is a number, not the id e5
			at = afterRun(expression, at)
		case isName(c):
			to := afterRun(expression, at)
			rest := strings.TrimLeft(expression[to:], " \t\r\n")
			out = append(out, word{from: at, to: to, function: strings.HasPrefix(rest, "(")})
			at = to
		default:
			at++
		}
	}
	return out
}

// afterString gives the end of the string that begins at from. One that is not
// closed goes to the end.
func afterString(s string, from int) int {
	for at := from + 1; at < len(s); at++ {
		switch s[at] {
		case '\\':
			at++
		case s[from]:
			return at + 1
		}
	}
	return len(s)
}

// afterRun gives the end of the name or number that begins at from.
func afterRun(s string, from int) int {
	number := !isName(s[from])
	at := from + 1
	for at < len(s) && (isName(s[at]) || isDigit(s[at]) || number && s[at] == '.') {
		at++
	}
	return at
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isName(c byte) bool  { return isLower(c) || 'A' <= c && c <= 'Z' || c == '_' }

// renamed gives the expression with its ids replaced by others.
func renamed(expression string, ids map[string]string) string {
	var b strings.Builder
	done := 0
	for _, w := range words(expression) {
		id, ok := ids[expression[w.from:w.to]]
		if !ok || w.function {
			continue
		}
		b.WriteString(expression[done:w.from] + id)
		done = w.to
	}
	return b.String() + expression[done:]
}

// resultID gives an id for the result of an expression that keeps its ids: one
// that the expression does not use.
func resultID(m signal.Metric) string {
	id := "result"
	for hasInput(m, id) || strings.Contains(m.Expression, id) {
		id += "x"
	}
	return id
}

// mathFault says what CloudWatch would refuse about metric math, "" for
// nothing. What the expression means is for CloudWatch to judge.
func mathFault(q signal.Query) string {
	m := q.Metric
	switch {
	case q.Samples:
		return "metric math has no SampleCount: ask for the expression alone"
	case len(m.Inputs)+1 > queriesPerCall:
		return fmt.Sprintf("the expression is over %d metrics, more than the %d that fit in a call beside it", len(m.Inputs), queriesPerCall-1)
	}
	for i, in := range m.Inputs {
		v := in.Metric
		switch {
		case len(in.ID) > maxID || !inputID.MatchString(in.ID):
			return fmt.Sprintf("%q is no id of metric math: begin it with a lower-case letter, then letters, digits and underscores", in.ID)
		case hasInput(signal.Metric{Inputs: m.Inputs[:i]}, in.ID):
			return fmt.Sprintf("two metrics of the expression have the id %q", in.ID)
		case v.Namespace == "" || v.Name == "" || v.Statistic == "" || v.Expression != "":
			return fmt.Sprintf("%q must be a metric: namespace %q, name %q and statistic %q must all be set", in.ID, v.Namespace, v.Name, v.Statistic)
		case v.Period != m.Period:
			return fmt.Sprintf("%q has the period %s and the expression %s: give them one", in.ID, v.Period, m.Period)
		}
	}
	return ""
}
