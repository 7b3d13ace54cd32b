package policyfile

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Fault is one problem of a file: where, what, and how to mend it.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1; 0 if the file could not be read
	Column  int    `json:"column"` // in characters, from 1
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
	// Source is the marked source: the line and a caret below the column.
	Source string `json:"source"`
}

// String gives the fault as "file:line:column: message", the marked source
// and the remedy, on four lines.
func (f Fault) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s\n    remedy: %s", f.File, f.Message, f.Remedy)
	}
	return fmt.Sprintf("%s:%d:%d: %s\n%s\n    remedy: %s", f.File, f.Line, f.Column, f.Message, f.Source, f.Remedy)
}

// position is a place in the source, both parts from 1; columns count characters.
type position struct{ line, column int }

func tokenPosition(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{t.Position.Line, t.Position.Column}
}

// source is the text of a file in lines.
type source struct {
	name  string
	lines []string
}

// newSource cuts the text in lines. A byte order mark is dropped and the line
// ends are made one, so that a column counts what a person sees.
func newSource(src []byte, name string) source {
	return source{name: name, lines: strings.Split(normal(src), "\n")}
}

func normal(src []byte) string {
	s := string(bytes.TrimPrefix(src, []byte("\ufeff")))
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// unreadable gives the fault of a text that is no policy file at all.
func (s source) unreadable(src []byte) (finding, bool) {
	if len(src) > MaxBytes {
		return finding{
			position{1, 1},
			nil, fmt.Sprintf("the file has %d bytes, more than %d", len(src), MaxBytes),
			"keep one cluster's policies in one file, and nothing else",
		}, true
	}
	for i, line := range s.lines {
		column := 0
		for at, r := range line {
			column++
			switch {
			case r == utf8.RuneError && !strings.HasPrefix(line[at:], string(utf8.RuneError)):
				return finding{position{i + 1, column}, nil, "the file is not UTF-8", "save it as UTF-8 text"}, true
			case isControl(r) && r != '\t':
				return finding{position{i + 1, column}, nil, fmt.Sprintf("control character %U", r), "remove the character"}, true
			}
		}
	}
	return finding{}, false
}

// within moves a position outside the text to the nearest line inside.
func (s source) within(at position) position {
	return position{min(max(at.line, 1), len(s.lines)), max(at.column, 1)}
}

// fault marks the source of a finding.
func (s source) fault(f finding) Fault {
	line := []rune(strings.ToValidUTF8(s.lines[f.at.line-1], string(utf8.RuneError)))
	f.at.column = min(f.at.column, len(line)+1)
	return Fault{
		File: s.name, Line: f.at.line, Column: f.at.column, Path: cut(readable(f.path), maxShown),
		Message: cut(f.message, maxShown), Remedy: cut(f.remedy, maxShown), Source: marked(line, f.at),
	}
}

// maxShown is the most characters of a message: a name or a value in it may be
// as long as the file.
const maxShown = 300

func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "..."
}

// Context shown of a long line, in characters.
const (
	shownBefore = 60
	shownAfter  = 40
)

// marked gives the line and a caret under the column. JSON in one line is cut
// to what stands around the fault.
func marked(line []rune, at position) string {
	from, to := 0, len(line)
	head, tail := "", ""
	if to > shownBefore+shownAfter {
		if from = max(0, at.column-1-shownBefore); from > 0 {
			head = "..."
		}
		if to = min(to, at.column-1+shownAfter); to < len(line) {
			tail = "..."
		}
	}
	shown := make([]rune, 0, to-from)
	for _, r := range line[from:to] {
		if isControl(r) { // a tab would move the caret, an escape the terminal's
			r = ' '
		}
		shown = append(shown, r)
	}
	number := fmt.Sprintf("%5d", at.line)
	caret := strings.Repeat(" ", len(head)+at.column-1-from) + "^"
	return fmt.Sprintf("%s | %s%s%s\n%s | %s", number, head, string(shown), tail, strings.Repeat(" ", len(number)), caret)
}

// isIndex tells whether a path leads to an entry of a list: a service or a
// dimension may be named "7" too.
func isIndex(path []string) bool {
	at, list := reflect.TypeFor[spec.Document](), false
	for _, part := range path {
		list = at.Kind() == reflect.Slice
		next, ok := step(at, part)
		if !ok {
			return false
		}
		at = next
	}
	return list
}

// isControl tells the C0 and C1 control characters, none of which YAML allows
// but the tab and the line ends.
func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// readable gives a path as services.checkout.policies[0].
func readable(path []string) string {
	var b strings.Builder
	for i, part := range path {
		if isIndex(path[:i+1]) {
			b.WriteString("[" + part + "]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		if strings.ContainsFunc(part, isControl) {
			part = strconv.Quote(part)
		}
		b.WriteString(part)
	}
	return b.String()
}
