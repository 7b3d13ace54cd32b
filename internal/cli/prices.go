package cli

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxPrices and maxPrice are more than EC2 has of instance types, and than the dearest
// of them costs an hour: what is beyond is a slip.
const (
	maxPrices     = 5000
	maxPrice      = 10_000
	maxPriceBytes = 1 << 20
)

// prices are dollars an hour by instance type.
type prices map[string]float64

var instanceType = regexp.MustCompile(`^[a-z][a-z0-9-]*\.[a-z0-9-]+$`)

// parsePrices reads a price file, YAML or JSON: a mapping of instance types to dollars
// an hour. All faults are told at once.
func parsePrices(src []byte) (prices, error) {
	const form = "write a line for each instance type, as m7g.large: 0.0816"
	file, err := parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, fmt.Errorf("it is neither YAML nor JSON: %w", err)
	}
	if len(file.Docs) > 1 {
		return nil, fmt.Errorf("it has %d documents, where one mapping is wanted: %s", len(file.Docs), form)
	}
	var entries []*ast.MappingValueNode
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case *ast.MappingNode:
			entries = body.Values
		case *ast.MappingValueNode:
			entries = []*ast.MappingValueNode{body}
		case nil, *ast.CommentGroupNode:
		default:
			return nil, fmt.Errorf("it is no mapping: %s", form)
		}
	}
	switch {
	case len(entries) == 0:
		return nil, fmt.Errorf("it has no price: %s", form)
	case len(entries) > maxPrices:
		return nil, fmt.Errorf("it has %d prices, more than %d: keep the types that the groups may launch", len(entries), maxPrices)
	}
	out := prices{}
	var f faults
	for _, e := range entries {
		kind, at := keyOf(e), e.Key.GetToken().Position.Line
		_, twice := out[kind]
		price, priceOK := priceOf(e.Value)
		switch {
		case !instanceType.MatchString(kind):
			f.add("line %d: %q is no instance type: write it as m7g.large", at, kind)
		case twice:
			f.add("line %d: %s is given twice: keep one", at, kind)
		case !priceOK:
			f.add("line %d: %s is %s: give US dollars an hour above 0 up to %d, as 0.0816", at, kind, e.Value, maxPrice)
		default:
			out[kind] = price
		}
	}
	return out, errors.Join(f...)
}

// keyOf gives the key without its quotes.
func keyOf(e *ast.MappingValueNode) string {
	if s, ok := e.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return e.Key.String()
}

// priceOf reads a number; one in quotes is none.
func priceOf(n ast.Node) (float64, bool) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
	default:
		return 0, false
	}
	v, err := strconv.ParseFloat(n.GetToken().Value, 64)
	return v, err == nil && v > 0 && v <= maxPrice && !math.IsInf(v, 0)
}
