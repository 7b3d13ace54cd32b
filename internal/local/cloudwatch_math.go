package local

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// droppedNonNumeric is CloudWatch's message beside a result of which datapoints were no finite number.
const droppedNonNumeric = "One or more data-points have been dropped due to non-numeric values (NaN, -Infinite, +Infinite)"

// mathSeries is an operand of metric math: a number, or one value for each of some times.
type mathSeries struct {
	constant bool
	number   float64
	values   map[int64]float64 // by the start of the period, in Unix seconds
	period   time.Duration
	status   string
}

// mathEvaluator computes the expressions of one request. It knows numbers, ids, parentheses, + - * / and FILL(id, number);
// everything else is refused aloud, as CloudWatch refuses a function that it does not have.
type mathEvaluator struct {
	req     metricRequest
	metrics func(metricQuery) metricResult // oldest first
	open    []string                       // expressions being computed, the outermost first
	dropped bool
}

// answerMath is the whole answer to an expression, oldest first.
func (e *mathEvaluator) answerMath(q metricQuery) (metricResult, error) {
	v, err := e.expression(q)
	if err != nil {
		return metricResult{}, err
	}
	if v.constant {
		return metricResult{}, mathError(q.id, "The expression gives a number and no time series.")
	}
	res := metricResult{id: q.id, label: q.label, status: v.status}
	if res.label == "" {
		res.label = q.id
	}
	for _, at := range slices.Sorted(maps.Keys(v.values)) {
		res.points = append(res.points, datapoint{at: time.Unix(at, 0).UTC(), value: v.values[at]})
	}
	if e.dropped {
		res.message = droppedNonNumeric
	}
	return res, nil
}

func mathError(id, format string, args ...any) error {
	return validationError("Error in expression '%s': %s", id, fmt.Sprintf(format, args...))
}

// expression computes one query with an expression.
func (e *mathEvaluator) expression(q metricQuery) (mathSeries, error) {
	if slices.Contains(e.open, q.id) {
		return mathSeries{}, mathError(q.id, "It depends on itself.")
	}
	e.open = append(e.open, q.id)
	defer func() { e.open = e.open[:len(e.open)-1] }()
	tokens, err := mathTokens(q)
	if err != nil {
		return mathSeries{}, err
	}
	p := &mathParser{mathEvaluator: e, id: q.id, tokens: tokens}
	v, err := p.sum()
	if err != nil {
		return mathSeries{}, err
	}
	if p.next() != "" {
		return mathSeries{}, mathError(q.id, "Invalid syntax at %q.", p.next())
	}
	if q.period != 0 && !v.constant && q.period != v.period {
		return mathSeries{}, mathError(q.id, "The local CloudWatch takes one period: the expression has %s and its metrics %s.", q.period, v.period)
	}
	return v, nil
}

// named is the series under an id of the request.
func (e *mathEvaluator) named(of, id string) (mathSeries, error) {
	i := slices.IndexFunc(e.req.queries, func(q metricQuery) bool { return q.id == id })
	if i < 0 {
		return mathSeries{}, mathError(of, "Metric '%s' not found", id)
	}
	q := e.req.queries[i]
	if q.expression != "" {
		return e.expression(q)
	}
	res := e.metrics(q)
	v := mathSeries{values: make(map[int64]float64, len(res.points)), period: q.period, status: res.status}
	for _, p := range res.points {
		v.values[p.at.Unix()] = p.value
	}
	return v, nil
}

// mathTokens cuts an expression into numbers, names and single characters.
func mathTokens(q metricQuery) ([]string, error) {
	var tokens []string
	s := q.expression
	for at := 0; at < len(s); {
		to := at + 1
		switch c := s[at]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			at++
			continue
		case strings.IndexByte("+-*/(),", c) >= 0:
		case inWord(c):
			for to < len(s) && (inWord(s[to]) || exponentSign(s, at, to)) {
				to++
			}
		default:
			return nil, mathError(q.id, "Invalid syntax at %q: the local CloudWatch knows + - * / ( ) and FILL(id, number).", s[at:])
		}
		tokens = append(tokens, s[at:to])
		at = to
	}
	return tokens, nil
}

func inWord(c byte) bool {
	return c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// exponentSign tells whether the sign at i belongs to the number that begins at from, as in 1e-3.
func exponentSign(s string, from, i int) bool {
	return (s[i] == '-' || s[i] == '+') && (s[i-1] == 'e' || s[i-1] == 'E') && (s[from] == '.' || '0' <= s[from] && s[from] <= '9')
}

// mathParser reads the tokens of one expression and computes as it goes.
type mathParser struct {
	*mathEvaluator
	id     string
	tokens []string
	depth  int
}

// next is the token in front, "" at the end.
func (p *mathParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

// take takes the token in front if it is one of those given.
func (p *mathParser) take(these ...string) (string, bool) {
	t := p.next()
	if !slices.Contains(these, t) {
		return "", false
	}
	p.tokens = p.tokens[1:]
	return t, true
}

func (p *mathParser) sum() (mathSeries, error) { return p.chain(p.product, "+", "-") }

func (p *mathParser) product() (mathSeries, error) { return p.chain(p.factor, "*", "/") }

// chain computes operands with operators of one rank between them, from the left.
func (p *mathParser) chain(operand func() (mathSeries, error), operators ...string) (mathSeries, error) {
	left, err := operand()
	for err == nil {
		op, ok := p.take(operators...)
		if !ok {
			break
		}
		var right mathSeries
		if right, err = operand(); err == nil {
			left, err = p.combine(op, left, right)
		}
	}
	return left, err
}

// maxMathDepth bounds the nesting of parentheses and signs.
const maxMathDepth = 100

// factor is a number, an id, FILL(id, number), or an expression in parentheses, with any signs before it.
func (p *mathParser) factor() (mathSeries, error) {
	if p.depth++; p.depth > maxMathDepth {
		return mathSeries{}, mathError(p.id, "It is nested too deeply.")
	}
	defer func() { p.depth-- }()
	if _, ok := p.take("-"); ok {
		v, err := p.factor()
		if err != nil {
			return mathSeries{}, err
		}
		return p.combine("-", mathSeries{constant: true}, v)
	}
	if _, ok := p.take("("); ok {
		v, err := p.sum()
		if err != nil {
			return mathSeries{}, err
		}
		return v, p.expect(")")
	}
	token := p.next()
	if token == "" || !inWord(token[0]) {
		return mathSeries{}, mathError(p.id, "Invalid syntax at %q.", token)
	}
	p.tokens = p.tokens[1:]
	if n, err := strconv.ParseFloat(token, 64); err == nil && (token[0] == '.' || token[0] <= '9') {
		return mathSeries{constant: true, number: n}, nil
	}
	if p.next() == "(" {
		return p.call(token)
	}
	return p.named(p.id, token)
}

func (p *mathParser) expect(token string) error {
	if _, ok := p.take(token); !ok {
		return mathError(p.id, "Invalid syntax at %q: %q is missing.", p.next(), token)
	}
	return nil
}

// call computes FILL(id, number), the one function.
func (p *mathParser) call(function string) (mathSeries, error) {
	if function != "FILL" {
		return mathSeries{}, mathError(p.id, "Function '%s' not found in the local CloudWatch, which has FILL(id, number) alone.", function)
	}
	p.tokens = p.tokens[1:]
	v, err := p.sum()
	if err == nil {
		err = p.expect(",")
	}
	if err != nil {
		return mathSeries{}, err
	}
	with, err := p.sum()
	if err == nil {
		err = p.expect(")")
	}
	if err != nil {
		return mathSeries{}, err
	}
	if v.constant || !with.constant {
		return mathSeries{}, mathError(p.id, "FILL in the local CloudWatch fills a time series with a number.")
	}
	out := mathSeries{values: maps.Clone(v.values), period: v.period, status: v.status}
	start, end := roundWindow(p.req.start, p.req.end, v.period)
	first := start.Truncate(v.period)
	if first.Before(start) {
		first = first.Add(v.period)
	}
	for at := first; at.Before(end); at = at.Add(v.period) {
		if _, ok := out.values[at.Unix()]; !ok {
			out.values[at.Unix()] = with.number
		}
	}
	return out, nil
}

// combine computes a pair of operands. A time that one of them lacks, or whose result is no finite number, is missing.
func (p *mathParser) combine(op string, a, b mathSeries) (mathSeries, error) {
	if a.constant && b.constant {
		return mathSeries{constant: true, number: compute(op, a.number, b.number)}, nil
	}
	out := mathSeries{values: map[int64]float64{}, period: max(a.period, b.period), status: worseStatus(a.status, b.status)}
	if !a.constant && !b.constant && a.period != b.period {
		return mathSeries{}, mathError(p.id, "The local CloudWatch takes metrics of one period, not of %s and %s.", a.period, b.period)
	}
	times := a
	if a.constant {
		times = b
	}
	for at := range times.values {
		x, okX := a.at(at)
		y, okY := b.at(at)
		if !okX || !okY {
			continue
		}
		v := compute(op, x, y)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			p.dropped = true
			continue
		}
		out.values[at] = v
	}
	return out, nil
}

// at is the value at a time; a number has it at all times.
func (v mathSeries) at(unix int64) (float64, bool) {
	if v.constant {
		return v.number, true
	}
	x, ok := v.values[unix]
	return x, ok
}

func compute(op string, x, y float64) float64 {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	}
	return x / y
}

// worseStatus is the less whole of two statuses; a number has none.
func worseStatus(a, b string) string {
	for _, s := range []string{statusInternalError, statusForbidden, statusPartialData} {
		if a == s || b == s {
			return s
		}
	}
	return statusComplete
}
