package placement

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Matches evaluates a memberOf expression in the cluster query language for one bin.
// An expression, an operator or a subject that it does not know, or of which the bin
// does not tell, gives an error that names it: such a task is not placeable there.
//
// ECS documents the language and not every corner of it. As we read it: the negative
// operators are the opposite of the positive ones, also where there is no such
// attribute; a pattern must match the whole value; a task belongs to the group
// service:NAME, one without a service to family:NAME.
func Matches(expression string, b Bin) (bool, error) {
	q, err := parse(expression)
	if err != nil {
		return false, err
	}
	return q.holds(&b, "")
}

// query is a parsed expression: one of all, any, not and a comparison.
type query struct {
	all, any []query
	not      *query
	compare  *comparison
}

type comparison struct {
	subject string
	op      operator
	args    []string
	pattern *regexp.Regexp
}

// operator is an operator without its negation.
type operator struct {
	word   string // equals, in, matches, exists, greater_than, ...
	negate bool
}

// holds evaluates the query. but is an item of which one task on the bin is left out:
// the task that asks.
func (q query) holds(b *Bin, but string) (bool, error) {
	switch {
	case q.compare != nil:
		return q.compare.holds(b, but)
	case q.not != nil:
		ok, err := q.not.holds(b, but)
		return !ok && err == nil, err
	case len(q.all) > 0:
		for _, x := range q.all {
			if ok, err := x.holds(b, but); err != nil || !ok {
				return false, err
			}
		}
		return true, nil
	}
	for _, x := range q.any {
		if ok, err := x.holds(b, but); err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// company tells whether the query depends on the tasks that are on an instance.
func (q query) company() bool {
	if q.compare != nil {
		return q.compare.subject == "task:group" || q.compare.subject == "runningTasksCount"
	}
	return q.not != nil && q.not.company() || slices.ContainsFunc(q.all, query.company) || slices.ContainsFunc(q.any, query.company)
}

func (c *comparison) holds(b *Bin, but string) (bool, error) {
	var (
		ok  bool
		err error
	)
	switch name, isAttribute := strings.CutPrefix(c.subject, "attribute:"); {
	case isAttribute:
		value, there := b.attribute(name)
		ok = c.ofText(value, there, compareValues)
	case c.subject == "ec2InstanceId":
		ok = c.ofText(b.Name, b.Name != "", strings.Compare)
	case c.subject == "agentConnected":
		ok = c.ofText("true", true, strings.Compare) // ECS places on no other
	case c.subject == "agentVersion":
		if b.AgentVersion == "" {
			return false, fmt.Errorf("agentVersion of %s is not known", b.called())
		}
		ok = c.ofText(b.AgentVersion, true, compareVersions)
	case c.subject == "registeredAt":
		ok, err = c.ofTime(b)
	case c.subject == "runningTasksCount":
		ok = c.ofText(strconv.Itoa(b.running(but)), true, compareValues)
	default:
		ok = c.ofGroups(b, but)
	}
	return ok != c.op.negate && err == nil, err
}

// called names a bin in an error.
func (b *Bin) called() string {
	if b.Name != "" {
		return b.Name
	}
	return "a new instance"
}

// running counts the tasks on a bin, less one of the item left out.
func (b *Bin) running(but string) int {
	n := 0
	for _, k := range b.Tasks {
		n += k
	}
	if but != "" && b.Tasks[but] > 0 {
		n--
	}
	return n
}

// ofText compares one text that there may be.
func (c *comparison) ofText(value string, there bool, compare func(a, b string) int) bool {
	if c.op.word == "exists" {
		return there
	}
	if !there {
		return false
	}
	switch c.op.word {
	case "matches":
		return c.pattern.MatchString(value)
	case "equals", "in":
		return slices.ContainsFunc(c.args, func(a string) bool { return compare(value, a) == 0 })
	}
	return ordered(c.op.word, compare(value, c.args[0]))
}

func ordered(word string, sign int) bool {
	switch word {
	case "greater_than":
		return sign > 0
	case "greater_than_equal":
		return sign >= 0
	case "less_than":
		return sign < 0
	}
	return sign <= 0
}

func (c *comparison) ofTime(b *Bin) (bool, error) {
	if b.RegisteredAt.IsZero() {
		return false, fmt.Errorf("registeredAt of %s is not known", b.called())
	}
	at, err := readTime(c.args[0])
	if err != nil {
		return false, err
	}
	sign := b.RegisteredAt.Compare(at)
	if c.op.word == "equals" {
		return sign == 0, nil
	}
	return ordered(c.op.word, sign), nil
}

func readTime(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: give one as 2018-06-18T22:28:28Z or 2018-06-18", text)
}

// ofGroups tells whether a task of such a group is on the bin.
func (c *comparison) ofGroups(b *Bin, but string) bool {
	for name, n := range b.Tasks { // any order: it asks for one
		if name == but {
			n--
		}
		if n > 0 && c.ofText(groupOf(name), true, strings.Compare) {
			return true
		}
	}
	return false
}

func groupOf(item string) string {
	if strings.Contains(item, ":") {
		return item
	}
	return "service:" + item
}

// compareValues compares numbers as such, and anything else as text.
func compareValues(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX != nil || errY != nil {
		return strings.Compare(a, b)
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// compareVersions compares part by part, so that 1.9.0 is below 1.14.5.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		part := func(s []string) string {
			if i < len(s) {
				return s[i]
			}
			return "0"
		}
		if c := compareValues(part(as), part(bs)); c != 0 {
			return c
		}
	}
	return 0
}

// AsksCompany tells whether a place depends on the tasks that are on an instance.
func AsksCompany(rules fleet.Rules) bool {
	asks, err := members(rules)
	return err == nil && slices.ContainsFunc(asks, query.company)
}

// members parses the memberOf expressions of an item; an error names the first that is
// not understood, or a type of constraint that ECS does not have.
func members(rules fleet.Rules) ([]query, error) {
	var out []query
	for _, c := range rules.Constraints {
		switch c.Type {
		case fleet.DistinctInstance:
		case fleet.MemberOf:
			q, err := parse(c.Expression)
			if err != nil {
				return nil, err
			}
			out = append(out, q)
		default:
			return nil, fmt.Errorf("the placement constraint %q is not known", c.Type)
		}
	}
	return out, nil
}
