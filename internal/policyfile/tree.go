package policyfile

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// tree gives the root node of the one document, nil if there is none to check.
//
// The parser stops at its first syntax fault. To report all of them the target
// that holds the fault is left out and the rest is parsed again; targets do not
// depend on one another, so what is found then is real.
func (p *parsing) tree() ast.Node {
	lines := p.src.lines
	for mends := 0; ; mends++ {
		tokens := lexer.Tokenize(strings.Join(lines, "\n"))
		if mends == 0 && !p.screen(tokens) {
			return nil
		}
		file, err := parse(tokens)
		if err == nil {
			return p.single(file)
		}
		at, message, remedy := syntaxFault(err)
		p.fault(at, nil, message, remedy)
		rest, ok := without(lines, at.line)
		if !ok || mends == maxMends || len(tokens) > maxTokens/2 || strings.Contains(message, "must be specified") {
			// An unclosed bracket swallows the targets after it: each would be
			// reported in turn.
			return nil
		}
		lines, p.mended = rest, true
	}
}

// parse runs the YAML parser. It is a stranger's code on a stranger's bytes: a
// panic in it is a fault of the file, not of the program.
func parse(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("the YAML parser gave up: %v", r)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// single gives the one document's root, nil with a fault if there is not one.
func (p *parsing) single(file *ast.File) ast.Node {
	var root ast.Node
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.DirectiveType || d.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			p.fault(nodePosition(d.Body), nil, "the file holds a second document", "keep one document in a file, without ---")
			break
		}
		root = d.Body
	}
	if root == nil && len(p.found) == 0 {
		p.fault(position{1, 1}, nil, "the file holds no document", "write cluster: and services:")
	}
	return root
}

// syntaxFault gives the place of a syntax fault and what to look for there.
func syntaxFault(err error) (at position, message, remedy string) {
	at, message = position{1, 1}, err.Error()
	if fault, ok := errors.AsType[yaml.Error](err); ok {
		at, message = tokenPosition(fault.GetToken()), fault.GetMessage()
	}
	message = strings.ReplaceAll(message, "'\t'", "tab")
	switch {
	case strings.Contains(message, "character tab"):
		remedy = "indent with spaces"
	case strings.Contains(message, "end character of"):
		remedy = "close the quote"
	case strings.Contains(message, "must be specified"), strings.Contains(message, "could not find '"), strings.Contains(message, "end token"):
		remedy = "close every bracket, and part the entries with commas"
	case strings.Contains(message, "reserved character"):
		remedy = "write the value in quotes"
	default:
		remedy = "look at the indentation, the colons and the quotes of this line and the next"
	}
	return at, "the YAML is not understood: " + message, remedy
}

// without gives the lines with the block around a line (from 1) made empty: the
// entry of a top-level mapping that holds it, or the top-level entry itself.
func without(lines []string, number int) ([]string, bool) {
	at := number - 1
	if at < 0 || at >= len(lines) {
		return nil, false
	}
	top := at
	for top > 0 && indent(lines[top]) > 0 {
		top--
	}
	from, depth := top, 0
	if top < at {
		depth = math.MaxInt
		for i := top + 1; i <= at; i++ {
			if d := indent(lines[i]); d <= depth {
				from, depth = i, d
			}
		}
	}
	if indent(lines[from]) == blank {
		return nil, false
	}
	rest := append([]string(nil), lines...)
	rest[from] = ""
	for i := from + 1; i < len(rest) && indent(rest[i]) > depth; i++ {
		rest[i] = ""
	}
	return rest, true
}

// blank is the indentation of a line that holds nothing: it belongs to the
// entry above it.
const blank = math.MaxInt - 1

// indent counts the spaces before the first sign. A tab belongs to no level, so
// such a line too is part of the entry above.
func indent(line string) int {
	text := strings.TrimLeft(line, " ")
	if text == "" || text[0] == '#' || text[0] == '\t' {
		return blank
	}
	return len(line) - len(text)
}
