package plant

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// math answers metric math of the four sums over ids and numbers, which is what
// policies mostly need, as visible / running. The rest of CloudWatch's functions
// fail in words. A datapoint exists where all inputs have one and the result is
// a number: CloudWatch leaves a division by zero out.
func (p *Plant) math(until time.Time, q signal.Query) signal.Series {
	out := signal.Series{Metric: q.Metric, Status: signal.Complete, Points: []signal.Point{}}
	f := formula{text: q.Metric.Expression}
	f.next()
	value := f.sum()
	if f.token != "" {
		f.fail("unexpected %q", f.token)
	}
	values := map[string]map[time.Time]float64{}
	var starts []time.Time
	for i, in := range q.Metric.Inputs {
		m := in.Metric
		m.Period = q.Metric.Period
		values[in.ID] = map[time.Time]float64{}
		for _, pt := range p.series(until, signal.Query{Metric: m, Window: q.Window}).Points {
			values[in.ID][pt.Start] = float64(pt.Value)
			if i == 0 {
				starts = append(starts, pt.Start)
			}
		}
	}
	for _, id := range f.ids {
		if values[id] == nil {
			f.fail("%s is no input", id)
		}
	}
	if f.err != nil {
		out.Status, out.Why = signal.Failed, fmt.Sprintf("ValidationError: metric math %q: %v", q.Metric.Expression, f.err)
		return out
	}
	for _, at := range starts {
		v, ok := value(func(id string) (float64, bool) { x, ok := values[id][at]; return x, ok })
		if ok && signal.Value(v).OK() {
			out.Points = append(out.Points, signal.Point{Start: at, Value: signal.Value(v)})
		}
	}
	return out
}

// term gives a value where all that it is made of have one.
type term func(of func(id string) (float64, bool)) (float64, bool)

// formula reads an expression from left to right.
//
//	sum     = product { ("+" | "-") product }
//	product = factor { ("*" | "/") factor }
//	factor  = number | id | "(" sum ")" | "-" factor
type formula struct {
	text, token string
	ids         []string
	err         error
}

func (f *formula) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
	f.text, f.token = "", ""
}

// next moves on to the next token, empty at the end.
func (f *formula) next() {
	f.text = strings.TrimLeft(f.text, " ")
	word := strings.IndexFunc(f.text, func(r rune) bool { return strings.ContainsRune("+-*/() ", r) })
	switch {
	case word < 0:
		word = len(f.text)
	case word == 0:
		word = 1
	}
	f.token, f.text = f.text[:word], f.text[word:]
}

func (f *formula) sum() term     { return f.chain("+-", f.product) }
func (f *formula) product() term { return f.chain("*/", f.factor) }

func (f *formula) chain(operators string, operand func() term) term {
	left := operand()
	for f.token != "" && strings.Contains(operators, f.token) {
		operator, a := f.token, left
		f.next()
		b := operand()
		left = func(of func(string) (float64, bool)) (float64, bool) {
			x, okX := a(of)
			y, okY := b(of)
			return apply(operator, x, y), okX && okY
		}
	}
	return left
}

func apply(operator string, x, y float64) float64 {
	switch operator {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	}
	return x / y // infinite or NaN by zero: no datapoint
}

func (f *formula) factor() term {
	token := f.token
	f.next()
	if n, err := strconv.ParseFloat(token, 64); err == nil {
		return func(func(string) (float64, bool)) (float64, bool) { return n, true }
	}
	switch {
	case token == "-":
		inner := f.factor()
		return func(of func(string) (float64, bool)) (float64, bool) { v, ok := inner(of); return -v, ok }
	case token == "(":
		inner := f.sum()
		if f.token != ")" {
			f.fail("a bracket is not closed")
		}
		f.next()
		return inner
	case token == "" || strings.Contains("+*/)", token):
		f.fail("a number or an input is missing")
	case f.token == "(":
		f.fail("the simulator has no function %s", token)
	default:
		f.ids = append(f.ids, token)
	}
	return func(of func(string) (float64, bool)) (float64, bool) { return of(token) }
}
