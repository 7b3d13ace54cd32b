package spec

import (
	"fmt"
	"regexp"
	"strings"
)

// expression checks metric math: CloudWatch computes it, so only its form and its
// ids are looked at here. One that it refuses would hold the service for ever.
func (c *checker) expression(path []string, m Metric) {
	if m.Expression == "" || len(m.Expression) > 1024 {
		c.add(at(path, "expression"), "write CloudWatch metric math over the ids of metrics, 1 to 1024 characters", "expression has %d characters", len(m.Expression))
	}
	if m.Namespace != "" || m.Name != "" || m.Statistic != "" || len(m.Dimensions) > 0 {
		c.add(path, "put them into metrics, each under an id", "expression takes the place of namespace, name, dimensions and statistic")
	}
	if n := len(m.Metrics); n == 0 || n > MaxInputs {
		c.add(at(path, "metrics"), "name 1 to 10 metrics by an id", "%d metrics are not between 1 and %d", n, MaxInputs)
	}
	words, fault := mathWords(m.Expression)
	if fault != "" {
		c.add(at(path, "expression"), "close every bracket and every quote", "expression %q: %s", cut(m.Expression, 80), fault)
	}
	whole := fault == "" && len(m.Metrics) > 0
	for _, id := range sortedKeys(m.Metrics) {
		within := at(path, "metrics", id)
		switch {
		case !isMathID(id):
			whole = false // in expression it is another word
			c.add(within, "begin it with a lower-case letter, then letters, digits and underscores", "%q is no id of metric math", id)
		case fault == "" && m.Expression != "" && !words.ids[id] && !words.all:
			c.add(within, "use it in expression, or remove it: CloudWatch bills it", "expression does not use %q", id)
		}
		c.named(within, m.Metrics[id])
	}
	for _, id := range sortedKeys(words.ids) {
		if _, given := m.Metrics[id]; whole && !given {
			remedy := "give it in metrics, or use " + strings.Join(sortedKeys(m.Metrics), ", ")
			if near := nearWord(id, sortedKeys(m.Metrics)); near != "" {
				remedy = "did you mean " + near + "? Else give it in metrics"
			}
			c.add(at(path, "expression"), remedy, "expression uses %q, which is not in metrics", id)
		}
	}
}

// used are the words of an expression.
type used struct {
	ids map[string]bool // those that metrics must give
	all bool            // METRICS() takes all of them
}

// mathToken is a quoted text, a number, a word, with the bracket of a function, or
// a sign. The numbers go first: the e of 1e3 is no id.
var mathToken = regexp.MustCompile(`"[^"]*"|'[^']*'|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[A-Za-z_][A-Za-z0-9_]*(?:\s*\()?|\S`)

// mathWords gives the ids that an expression uses, or what is wrong with its form.
// A word that begins with a capital is one of CloudWatch's own, such as AVG or AND.
func mathWords(expression string) (words used, fault string) {
	words.ids = map[string]bool{}
	closing := map[string]string{"(": ")", "[": "]", "{": "}"}
	var open []string // what is to close the brackets that are open
	for _, token := range mathToken.FindAllString(expression, -1) {
		begin := token[len(token)-1:]
		switch {
		case len(token) > 1 && (token[0] == '"' || token[0] == '\''):
		case token == `"` || token == "'":
			return words, "the quote " + token + " is not closed"
		case closing[begin] != "":
			open = append(open, closing[begin])
			words.all = words.all || strings.HasPrefix(token, "METRICS")
		case strings.Contains(")]}", token):
			if len(open) == 0 || open[len(open)-1] != token {
				return words, fmt.Sprintf("the bracket %s closes none", token)
			}
			open = open[:len(open)-1]
		case token[0] >= 'a' && token[0] <= 'z':
			words.ids[token] = true
		}
	}
	if len(open) > 0 {
		return words, "a bracket is not closed: " + open[len(open)-1] + " is missing"
	}
	return words, ""
}
