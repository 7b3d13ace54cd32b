// Package policyfile gives scaling policy documents from YAML or JSON files,
// with every fault at its line and column, and canonical JSON back.
//
//	bytes -> screen (size, encoding, hostile tokens) -> YAML tree
//	      -> decode against the types of core/spec (fields, types, numbers)
//	      -> spec.Validate (meaning) -> every fault, sorted by position
//
// The known fields are read from the json tags of core/spec, so that the file
// format and the types cannot drift apart.
package policyfile

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Limits of a file. A document of 1,000 services is about 300 KB and 60,000
// tokens; beyond these a file is a mistake or an attack on the parser.
const (
	MaxBytes = 1 << 20
	MaxDepth = 32
	// MaxFaults is the most faults reported of one file.
	MaxFaults = 100

	maxTokens  = 200_000
	maxEntries = 2_000 // of one mapping or list
	maxMends   = 10    // syntax faults that parsing goes on after
)

// Parse reads one policy document from YAML or JSON. The name stands in the
// faults only. Either there are no faults and the document is valid, or the
// document is zero.
func Parse(src []byte, name string) (spec.Document, []Fault) {
	p := &parsing{src: newSource(src, name), marks: map[string]*mark{}}
	doc := p.document(src)
	if len(p.found) > 0 {
		return spec.Document{}, p.faults()
	}
	return doc, nil
}

// parsing collects the faults of one file.
type parsing struct {
	src   source
	found []finding
	// marks holds what was found at each path of the document.
	marks map[string]*mark
	// blurred is what blur gives, once a problem asks for it.
	blurred map[string]bool
	// schema is read, and elsewhere made, when a fault first needs its words.
	schema    *schema
	elsewhere map[reflect.Type]map[string][]string // by the kind of target
	// mended is true when a block with a syntax fault was left out: what is
	// missing then proves nothing.
	mended bool
}

// finding is a fault before its source is marked: marking costs the length of
// the line, and only MaxFaults are shown.
type finding struct {
	at              position
	path            []string
	message, remedy string
}

// mark is where one path of the document stands in the source.
type mark struct {
	at position
	// torn is true when the value itself could not be read.
	torn bool
	// lost names the fields of this mapping that are not what the file means:
	// unreadable, given twice, or mistyped to a name that is not known.
	lost map[string]bool
	// nameless is true when an entry is lost whose name cannot be told.
	nameless bool
}

func (p *parsing) document(src []byte) spec.Document {
	if f, ok := p.src.unreadable(src); ok {
		p.found = append(p.found, f)
		return spec.Document{}
	}
	root := p.tree()
	var doc spec.Document
	if root == nil {
		return doc
	}
	p.marks[""] = &mark{at: nodePosition(root)}
	if !p.decode(root, reflect.ValueOf(&doc).Elem(), nil) {
		return doc
	}
	if p.mended {
		p.tear([]string{"services"})
		p.tear([]string{"groups"})
	}
	p.validate(doc)
	return doc
}

// validate adds the problems of meaning, except those that only follow from
// what could not be read.
func (p *parsing) validate(doc spec.Document) {
	for _, problem := range doc.Validate() {
		path := problem.Path
		m, found := p.marks[key(path)]
		for !found && len(path) > 0 {
			path = path[:len(path)-1]
			m, found = p.marks[key(path)]
		}
		if !found || m.torn || p.unproven(problem) {
			continue
		}
		p.fault(m.at, problem.Path, problem.Message, problem.Remedy)
	}
}

// Words of problems that follow from fields which they do not name.
const (
	idle      = "minCapacity 0 "
	asleep    = "activation needs minCapacity 0"
	called    = "are both called"
	unmoved   = "the window changes nothing"
	ofService = "the service's"
)

// sight are the fields that tell whether a service sees demand at zero tasks.
var sight = []string{"targetTracking", "metric", "namespace", "targetPerTask", "backlog", "concurrency", "wake", "metrics"}

// word is a name in a message, and quoted is what the message says of the file.
var (
	word   = regexp.MustCompile(`[a-zA-Z]+(\.[a-zA-Z]+)*`)
	quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)
)

// unproven tells whether a problem follows from something that was not read. A
// problem of one field that was read stands, whatever became of its neighbours;
// one that compares fields needs all that its words name, each in whatever part of
// the document around the problem has such a field.
func (p *parsing) unproven(problem spec.Problem) bool {
	path := problem.Path
	if len(path) == 0 {
		return false
	}
	if p.marks[key(path)] == nil && !p.certain(path) {
		return true
	}
	names := word.FindAllString(quoted.ReplaceAllString(problem.Message, ""), -1)
	leaf := path[len(path)-1]
	switch {
	case strings.HasPrefix(problem.Message, idle): // of the service, or of a window of it
		if !p.wakeless(path[:2]) {
			return true
		}
	case strings.HasPrefix(problem.Message, asleep):
		if !p.whole(below(path[:2], "scheduled")) {
			return true
		}
	case strings.Contains(problem.Message, called):
		if !p.readWhole(path[:4]) {
			return true
		}
	case leaf == "expression": // which may use an id that was lost
		if m := p.marks[key(below(path[:len(path)-1], "metrics"))]; m != nil && (m.nameless || len(m.lost) > 0) {
			return true
		}
	case strings.HasPrefix(problem.Message, unmoved):
		names = append(names, "minCapacity", "maxCapacity")
	case strings.Contains(problem.Message, ofService):
		if !p.certain(below(path[:2], leaf)) {
			return true
		}
	case leaf == "stepAdjustments": // of the steps against one another
		if !p.whole(path) {
			return true
		}
	}
	return p.doubtful(path, slices.DeleteFunc(names, func(name string) bool { return name == leaf }))
}

// doubtful tells whether one of the named fields, in any part of the document
// that holds the path, is not certain.
func (p *parsing) doubtful(path, names []string) bool {
	at := reflect.TypeFor[spec.Document]()
	for n := 0; ; n++ {
		inner := "" // the problem is in it, or of it
		if n < len(path) {
			inner = path[n]
		}
		for _, name := range names {
			if name != inner && at.Kind() == reflect.Struct && !p.known(at, path[:n], strings.Split(name, ".")) {
				return true
			}
		}
		if n == len(path) {
			return false
		}
		next, ok := step(at, path[n])
		if !ok {
			return false
		}
		at = next
	}
}

// known tells whether a field of a part of the document is certain, with all that
// leads to it; one that such a part does not have is.
func (p *parsing) known(part reflect.Type, path, name []string) bool {
	if _, has := fieldIndex(part, name[0]); !has {
		return true
	}
	for i := range name {
		if !p.certain(append(slices.Clip(path), name[:i+1]...)) {
			return false
		}
	}
	return true
}

// step gives the type of what stands at one part of a path below a type.
func step(at reflect.Type, part string) (reflect.Type, bool) {
	switch at.Kind() {
	case reflect.Struct:
		i, ok := fieldIndex(at, part)
		if !ok {
			return nil, false
		}
		at = at.Field(i).Type
	case reflect.Map, reflect.Slice:
		at = at.Elem()
	default:
		return nil, false
	}
	for at.Kind() == reflect.Pointer {
		at = at.Elem()
	}
	return at, true
}

// certain tells whether a field is what the file means by it: read, or absent
// with no lost entry that could be it.
func (p *parsing) certain(path []string) bool {
	m := p.marks[key(path)]
	if m == nil && p.mended || m != nil && m.torn {
		return false
	}
	above := p.marks[key(path[:len(path)-1])]
	return above == nil || !above.lost[path[len(path)-1]] && (m != nil || !above.nameless)
}

// whole tells whether every entry of a list was read with all of its fields.
func (p *parsing) whole(path []string) bool {
	for i := 0; ; i++ {
		m := p.marks[key(below(path, strconv.Itoa(i)))]
		if m == nil {
			return p.certain(path)
		}
		if m.torn || m.nameless || len(m.lost) > 0 {
			return false
		}
	}
}

// wakeless tells whether all is certain in a service that makes it see demand at
// zero tasks.
func (p *parsing) wakeless(service []string) bool {
	m, activation := p.marks[key(service)], below(service, "activation")
	if m != nil && (m.nameless || m.lost["activation"]) || p.marks[key(activation)] != nil && !p.sighted(activation) {
		return false
	}
	return p.sighted(below(service, "policies"))
}

// sighted tells whether all is certain below a service's policies or activation
// that makes one of them see demand at zero tasks.
func (p *parsing) sighted(path []string) bool {
	if p.blurred == nil {
		p.blurred = p.blur()
	}
	return !p.blurred[key(path)] && p.certain(path)
}

// readWhole tells whether a policy was read with all that is in it, so that its label
// is what the file means.
func (p *parsing) readWhole(policy []string) bool {
	if p.blurred == nil {
		p.blurred = p.blur()
	}
	return !p.blurred[key(policy)]
}

// blur gives the parts of the services that lost something which tells whether
// they see demand at zero tasks, and the policies that lost anything. It is done once for the file: 1,000 services that
// each look through the marks of all take seconds.
func (p *parsing) blur() map[string]bool {
	out := map[string]bool{}
	for at, m := range p.marks {
		parts := strings.Split(at, separator)
		if len(parts) < 3 {
			continue
		}
		if len(parts) > 3 && parts[2] == "policies" && (m.nameless || m.torn || len(m.lost) > 0) {
			out[key(parts[:4])] = true
		}
		leaf := parts[len(parts)-1]
		_, notIndex := strconv.Atoi(leaf)
		if m.nameless || m.torn && (notIndex == nil || slices.Contains(sight, leaf)) ||
			slices.ContainsFunc(sight, func(name string) bool { return m.lost[name] }) {
			out[key(parts[:3])] = true
		}
	}
	return out
}

func isTargets(path []string) bool {
	return len(path) == 1 && (path[0] == "services" || path[0] == "groups")
}

// lose notes that a field of a mapping is not what the file means; an empty
// name stands for any.
func (p *parsing) lose(path []string, name string) {
	m := p.marks[key(path)]
	switch {
	case m == nil:
	case name == "":
		m.nameless = true
	case m.lost == nil:
		m.lost = map[string]bool{name: true}
	default:
		m.lost[name] = true
	}
}

// tear marks a path as unreadable.
func (p *parsing) tear(path []string) {
	if m := p.marks[key(path)]; m != nil {
		m.torn = true
		return
	}
	p.marks[key(path)] = &mark{torn: true, at: position{line: 1, column: 1}}
}

func (p *parsing) fault(at position, path []string, message, remedy string) {
	p.found = append(p.found, finding{p.src.within(at), path, message, remedy})
}

// faults gives what was found in the order of the source, at most MaxFaults.
func (p *parsing) faults() []Fault {
	slices.SortStableFunc(p.found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.column, b.at.column))
	})
	p.found = slices.CompactFunc(p.found, func(a, b finding) bool { return a.at == b.at && a.message == b.message })
	if n := len(p.found) - MaxFaults; n > 0 {
		p.found[MaxFaults] = finding{p.found[MaxFaults].at, nil, fmt.Sprintf("and %d more faults from here on", n), "mend the ones above first"}
		p.found = p.found[:MaxFaults+1]
	}
	out := make([]Fault, 0, len(p.found))
	for _, f := range p.found {
		out = append(out, p.src.fault(f))
	}
	return out
}

// key joins a path; names in a document cannot hold the separator, since
// control characters are refused.
func key(path []string) string { return strings.Join(path, separator) }

const separator = "\x00"

// nodePosition gives where a node begins; a block mapping's own token is its
// first colon.
func nodePosition(n ast.Node) position {
	switch v := n.(type) {
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return nodePosition(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return nodePosition(v.Key)
	}
	return tokenPosition(n.GetToken())
}
