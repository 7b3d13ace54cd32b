package placement

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// operators gives the words of the language by what is written.
func operators() map[string]operator {
	return map[string]operator{
		"==": {"equals", false}, "equals": {"equals", false},
		"!=": {"equals", true}, "not_equals": {"equals", true},
		"in": {"in", false}, "!in": {"in", true}, "not_in": {"in", true},
		"=~": {"matches", false}, "matches": {"matches", false},
		"!~": {"matches", true}, "not_matches": {"matches", true},
		"exists": {"exists", false}, "!exists": {"exists", true}, "not_exists": {"exists", true},
		">": {"greater_than", false}, "greater_than": {"greater_than", false},
		">=": {"greater_than_equal", false}, "greater_than_equal": {"greater_than_equal", false},
		"<": {"less_than", false}, "less_than": {"less_than", false},
		"<=": {"less_than_equal", false}, "less_than_equal": {"less_than_equal", false},
	}
}

// maxExpression is what ECS accepts, in characters.
const maxExpression = 2000

// parse reads an expression:
//
//	any        = all { ("or" | "||") all }
//	all        = one { ("and" | "&&") one }
//	one        = ("not" | "!") one | "(" any ")" | comparison
//	comparison = subject operator [ argument | "[" argument { "," argument } "]" ]
func parse(expression string) (query, error) {
	if len(expression) > maxExpression {
		return query{}, fmt.Errorf("the memberOf expression has %d characters, ECS takes at most %d", len(expression), maxExpression)
	}
	p := &parser{text: expression}
	q, err := p.any()
	if err == nil && p.space() != "" {
		err = fmt.Errorf("%q is not expected", p.rest())
	}
	if err != nil {
		return query{}, fmt.Errorf("memberOf %q: %w", expression, err)
	}
	return q, nil
}

type parser struct {
	text string
	at   int
}

// space skips blanks and gives the rest.
func (p *parser) space() string {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	return p.text[p.at:]
}

// rest is the start of what is left, for an error.
func (p *parser) rest() string {
	const most = 40
	if r := p.space(); len(r) <= most {
		return r
	}
	return p.text[p.at:p.at+most] + "..."
}

// word takes one of the words if it comes next and ends there.
func (p *parser) word(words ...string) bool {
	r := p.space()
	for _, w := range words {
		if !strings.HasPrefix(r, w) {
			continue
		}
		if after := r[len(w):]; w[0] >= 'a' && after != "" && inWord(after[0]) {
			continue
		}
		p.at += len(w)
		return true
	}
	return false
}

// inWord tells whether a character goes on with a word.
func inWord(c byte) bool {
	return c == '_' || c == '.' || c == '-' || c == ':' || c == '/' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *parser) any() (query, error) { return p.list(p.all, query{}, "or", "||") }
func (p *parser) all() (query, error) { return p.list(p.one, query{all: []query{}}, "and", "&&") }

// list reads parts that are joined by a word.
func (p *parser) list(part func() (query, error), out query, words ...string) (query, error) {
	var parts []query
	for {
		q, err := part()
		if err != nil {
			return query{}, err
		}
		parts = append(parts, q)
		if !p.word(words...) {
			break
		}
	}
	switch {
	case len(parts) == 1:
		return parts[0], nil
	case out.all != nil:
		return query{all: parts}, nil
	}
	return query{any: parts}, nil
}

func (p *parser) one() (query, error) {
	switch {
	case p.word("not", "!"):
		q, err := p.one()
		return query{not: &q}, err
	case p.word("("):
		q, err := p.any()
		if err == nil && !p.word(")") {
			err = fmt.Errorf("a ) is missing before %q", p.rest())
		}
		return q, err
	}
	return p.comparison()
}

func (p *parser) comparison() (query, error) {
	c := comparison{subject: p.run(func(b byte) bool { return inWord(b) })}
	if c.subject == "" {
		return query{}, fmt.Errorf("a subject, such as attribute:ecs.instance-type, is missing before %q", p.rest())
	}
	symbol := p.operator()
	op, known := operators()[symbol]
	if !known {
		return query{}, fmt.Errorf("the operator %q of %s is not known", symbol, c.subject)
	}
	c.op = op
	if err := allowed(c); err != nil {
		return query{}, err
	}
	if op.word == "exists" {
		return query{compare: &c}, nil
	}
	var err error
	if c.args, err = p.arguments(op.word == "in"); err != nil {
		return query{}, fmt.Errorf("%s %s: %w", c.subject, symbol, err)
	}
	return query{compare: &c}, c.prepare()
}

// operator takes what stands in the place of an operator.
func (p *parser) operator() string {
	for _, symbol := range []string{"==", "!=", "=~", "!~", ">=", "<=", ">", "<"} {
		if p.word(symbol) {
			return symbol
		}
	}
	not := ""
	if p.word("!") {
		not = "!"
	}
	return not + p.run(func(b byte) bool { return b == '_' || b >= 'a' && b <= 'z' })
}

// prepare checks the argument of what reads it in its own way.
func (c *comparison) prepare() error {
	if c.subject == "registeredAt" {
		_, err := readTime(c.args[0])
		return err
	}
	if c.subject == "runningTasksCount" {
		if _, err := strconv.Atoi(c.args[0]); err != nil {
			return fmt.Errorf("runningTasksCount is compared with a whole number, and %q is none", c.args[0])
		}
	}
	if c.op.word != "matches" {
		return nil
	}
	// ECS reads Java's patterns; what Go does not know of them (looking ahead, back
	// references) is told, not guessed.
	pattern, err := regexp.Compile(`^(?:` + c.args[0] + `)$`)
	if err != nil {
		return fmt.Errorf("the pattern %q is not understood: %w", c.args[0], err)
	}
	c.pattern = pattern
	return nil
}

// run takes the characters that are of a kind.
func (p *parser) run(of func(byte) bool) string {
	p.space()
	start := p.at
	for p.at < len(p.text) && of(p.text[p.at]) {
		p.at++
	}
	return p.text[start:p.at]
}

// allowed tells an unknown subject, and an operator that the subject does not have.
func allowed(c comparison) error {
	equal := []string{"equals"}
	text := append(equal, "in", "matches")
	number := append(equal, "greater_than", "greater_than_equal", "less_than", "less_than_equal")
	var ops []string
	switch name, isAttribute := strings.CutPrefix(c.subject, "attribute:"); {
	case isAttribute && name != "":
		return nil
	case c.subject == "agentConnected", c.subject == "ec2InstanceId":
		ops = text
	case c.subject == "agentVersion", c.subject == "registeredAt", c.subject == "runningTasksCount":
		ops = number
	case c.subject == "task:group":
		ops = append(text, "exists")
	default:
		return fmt.Errorf("the subject %q is not known", c.subject)
	}
	if !slices.Contains(ops, c.op.word) {
		return fmt.Errorf("the operator %s is not one of %s", c.op.word, c.subject)
	}
	return nil
}

// arguments reads one argument or a list of them.
func (p *parser) arguments(list bool) ([]string, error) {
	if !list {
		a, err := p.argument("")
		return []string{a}, err
	}
	if !p.word("[") {
		return nil, fmt.Errorf("a list such as [a, b] is missing before %q", p.rest())
	}
	var out []string
	for {
		a, err := p.argument(",]")
		if err != nil {
			return nil, err
		}
		out = append(out, a)
		if p.word("]") {
			return out, nil
		}
		if !p.word(",") {
			return nil, fmt.Errorf("a , or ] is missing before %q", p.rest())
		}
	}
}

// argument reads a literal: quoted, or up to a blank, an end of the list, or a bracket
// that it did not open itself.
func (p *parser) argument(ends string) (string, error) {
	r := p.space()
	if r != "" && (r[0] == '\'' || r[0] == '"') {
		n := strings.IndexByte(r[1:], r[0])
		if n < 0 {
			return "", fmt.Errorf("the quote of %q does not end", p.rest())
		}
		p.at += n + 2
		return r[1 : n+1], nil
	}
	depth := 0
	a := p.run(func(b byte) bool {
		switch b {
		case '(':
			depth++
		case ')':
			depth--
		}
		return depth >= 0 && strings.IndexByte(" \t\r\n"+ends, b) < 0
	})
	switch {
	case a == "":
		return "", fmt.Errorf("an argument is missing before %q", p.rest())
	case depth > 0: // else the bracket of not(...) around it would end here
		return "", fmt.Errorf("a ) is missing in %q: one that is meant as text stands in quotes", a)
	}
	return a, nil
}
