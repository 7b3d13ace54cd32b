package policyfile

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// screening looks at the tokens before they are parsed. The parser's time is
// quadratic in the entries of one block mapping and in entries without a value,
// and its stack grows with the depth, so both are bounded here.
type screening struct {
	p      *parsing
	blocks []block
	flows  []flow
	fatal  bool
}

// block is an open mapping or list in block style, by its column.
type block struct{ column, entries int }

// flow is an open {mapping} or [list].
type flow struct {
	mapping  bool
	filled   bool // the entry has begun
	valued   bool // the entry has its colon
	entries  int
	lastSeen *token.Token
}

// screen adds the faults of constructs that a policy file has no use for. It
// gives false if the tokens must not be parsed.
func (p *parsing) screen(tokens token.Tokens) bool {
	s := &screening{p: p}
	if len(tokens) > maxTokens {
		p.fault(position{1, 1}, nil, fmt.Sprintf("the file has more than %d words and signs", maxTokens), "split the cluster's services over several Trimtab deployments")
		return false
	}
	for i, t := range tokens {
		s.refused(t)
		var before *token.Token
		if i > 0 {
			before = tokens[i-1]
		}
		s.shape(t, before)
		if s.fatal || len(p.found) > MaxFaults {
			return false
		}
	}
	return true
}

// refused adds the faults of YAML that hides what a document says.
func (s *screening) refused(t *token.Token) {
	var what, remedy string
	switch t.Type {
	case token.AnchorType:
		what, remedy = "anchors are not read", "write the value out where it is used, or in quotes if it begins with &"
	case token.AliasType:
		what, remedy = "aliases are not read", "write the value out, or in quotes if it begins with *"
	case token.MergeKeyType:
		what, remedy = "merge keys are not read", "write the fields out"
	case token.TagType:
		what, remedy = "tags are not read", "remove it, or write the value in quotes if it begins with !"
	case token.DirectiveType:
		what, remedy = "directives are not read", "remove the line"
	case token.MappingKeyType:
		what, remedy = "a key marked with ? is not read", "write key: value"
		s.fatal = true
	default:
		return
	}
	s.p.fault(tokenPosition(t), nil, what, remedy)
}

// shape follows the nesting and the number of entries.
func (s *screening) shape(t, before *token.Token) {
	switch t.Type { //nolint:exhaustive // only these open, close and separate
	case token.MappingStartType, token.SequenceStartType:
		s.begin(t)
		s.flows = append(s.flows, flow{mapping: t.Type == token.MappingStartType})
		s.deep(t)
		return
	case token.MappingEndType, token.SequenceEndType:
		s.endEntry(t)
		if n := len(s.flows); n > 0 {
			s.flows = s.flows[:n-1]
		}
		return
	case token.CollectEntryType:
		s.endEntry(t)
		return
	case token.MappingValueType:
		if n := len(s.flows); n > 0 {
			s.flows[n-1].valued = true
		} else if before != nil {
			s.entry(before)
		}
		return
	case token.SequenceEntryType:
		if len(s.flows) == 0 {
			s.entry(t)
		}
	case token.CommentType:
		return
	}
	s.begin(t)
}

// begin notes that a flow entry holds something.
func (s *screening) begin(t *token.Token) {
	if n := len(s.flows); n > 0 {
		s.flows[n-1].filled, s.flows[n-1].lastSeen = true, t
	}
}

// endEntry closes an entry of a flow mapping or list at its comma or bracket.
func (s *screening) endEntry(t *token.Token) {
	n := len(s.flows)
	if n == 0 {
		return
	}
	f := &s.flows[n-1]
	if f.mapping && f.filled && !f.valued {
		s.p.fault(tokenPosition(f.lastSeen), nil, fmt.Sprintf("%q has no value", f.lastSeen.Value), "write name: value; if it belongs to the value before the comma, put that in quotes, as \"mon,tue\"")
		s.fatal = true
	}
	f.filled, f.valued = false, false
	f.entries++
	s.many(f.entries, t)
}

// entry counts a key or a list item of block style.
func (s *screening) entry(t *token.Token) {
	column := tokenPosition(t).column
	for len(s.blocks) > 0 && s.blocks[len(s.blocks)-1].column > column {
		s.blocks = s.blocks[:len(s.blocks)-1]
	}
	if n := len(s.blocks); n > 0 && s.blocks[n-1].column == column {
		s.blocks[n-1].entries++
		s.many(s.blocks[n-1].entries, t)
		return
	}
	s.blocks = append(s.blocks, block{column: column, entries: 1})
	s.deep(t)
}

func (s *screening) deep(t *token.Token) {
	if len(s.blocks)+len(s.flows) > MaxDepth {
		s.p.fault(tokenPosition(t), nil, fmt.Sprintf("the nesting is deeper than %d", MaxDepth), "a policy document needs about 12 levels")
		s.fatal = true
	}
}

func (s *screening) many(entries int, t *token.Token) {
	if entries > maxEntries {
		s.p.fault(tokenPosition(t), nil, fmt.Sprintf("more than %d entries in one mapping or list", maxEntries), "split the cluster's services over several Trimtab deployments")
		s.fatal = true
	}
}
