package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// comments are the words of the documentation: of a type by its name, of a field
// by Type.Field.
type comments map[string]string

// readComments reads the comments on the types of a package and on their fields.
func readComments(folder string) (comments, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("read comments of %s: %w", folder, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read comments of %s: no Go file is there", folder)
	}
	c := comments{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("read comments of %s: %w", name, err)
		}
		for _, d := range f.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.TYPE {
				continue
			}
			for _, s := range group.Specs {
				if t, ok := s.(*ast.TypeSpec); ok {
					c.add(t, group.Doc)
				}
			}
		}
	}
	return c, nil
}

func (c comments) add(t *ast.TypeSpec, doc *ast.CommentGroup) {
	if t.Doc != nil {
		doc = t.Doc
	}
	c[t.Name.Name] = oneLine(doc)
	s, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			c[t.Name.Name+"."+name.Name] = oneLine(f.Doc)
		}
	}
}

func oneLine(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

// clauses are the parts of a field's comment.
type clauses struct {
	// Meaning is the comment without its subject and without the other clauses.
	Meaning string
	// Low and High are the range as written, empty without one; Above says that Low
	// itself is out.
	Low, High string
	Above     bool
	// Most is the greatest number of entries, as written.
	Most string
	// Default is what absence means.
	Default string
}

// How the clauses are written. A number may have a unit.
const number = `-?[0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?(?:%|ms|s|m|h)?`

var (
	between = regexp.MustCompile(`,? (` + number + `) to (` + number + `)`)
	above   = regexp.MustCompile(`,? above (0)\b(?: to (` + number + `))?`)
	most    = regexp.MustCompile(`,? up to ([0-9,]*[0-9])(?: entries)?`)
	absent  = regexp.MustCompile(`[,;]? [Dd]efault (.+?)([;:.](?: |$))`)
)

// field gives the clauses of a field's comment.
func (c comments) field(t reflect.Type, f reflect.StructField) clauses {
	text, out := c[t.Name()+"."+f.Name], clauses{}
	cut := func(form *regexp.Regexp) []string {
		at := form.FindStringSubmatchIndex(text)
		if at == nil {
			return nil
		}
		found := form.FindStringSubmatch(text)
		rest := text[at[1]:]
		if end := found[len(found)-1]; form == absent {
			rest = text[at[1]-len(end):]
		}
		if strings.HasSuffix(text[:at[0]], ".") { // the clause was a sentence of its own
			rest = strings.TrimPrefix(rest, ".")
		}
		text = text[:at[0]] + rest
		return found
	}
	if found := cut(absent); found != nil {
		out.Default = inDocument(t, found[1])
	}
	if isList(f.Type) {
		if found := cut(most); found != nil {
			out.Most = found[1]
		}
	}
	if found := cut(above); found != nil {
		out.Low, out.High, out.Above = found[1], found[2], true
	} else if found := cut(between); found != nil {
		out.Low, out.High = found[1], found[2]
	}
	out.Meaning = inDocument(t, withoutSubject(text, f.Name))
	return out
}

// of gives the comment of a type.
func (c comments) of(t reflect.Type) string {
	return inDocument(t, withoutSubject(c[t.Name()], t.Name()))
}

// withoutSubject makes "Period is the sliding window." to "The sliding window.".
func withoutSubject(text, name string) string {
	text = strings.TrimPrefix(text, name+" ")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "is "), "are ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

var goName = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// inDocument writes the names of a type's Go fields as the document has them, in
// backquotes.
func inDocument(t reflect.Type, text string) string {
	if t.Kind() != reflect.Struct {
		return text
	}
	first := goName.FindStringIndex(text)
	begins := first != nil && first[0] == 0 // a sentence begins with a capital
	return goName.ReplaceAllStringFunc(text, func(word string) string {
		f, ok := t.FieldByName(word)
		if name := jsonName(f); ok && name != "" && !begins {
			return "`" + name + "`"
		}
		begins = false
		return word
	})
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func isRequired(f reflect.StructField) bool { return !strings.Contains(f.Tag.Get("json"), ",") }

func isList(t reflect.Type) bool { return t.Kind() == reflect.Slice || t.Kind() == reflect.Map }
