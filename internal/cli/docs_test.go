package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

const (
	decideDoc = "../../docs/decide.md"
	policyDoc = "../../docs/policy.md"
)

func readDoc(t *testing.T, path string) string {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// blocks gives the fenced blocks of a language.
func blocks(doc, language string) []string {
	var out []string
	for _, m := range fence.FindAllStringSubmatch(doc, -1) {
		if m[1] == language {
			out = append(out, m[2])
		}
	}
	return out
}

// The example of docs/decide.md is run: its decision and its words are what the
// command prints.
func TestDecideDocExample(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, decideDoc)
	docs, texts := blocks(doc, "json"), blocks(doc, "text")
	if len(docs) != 2 || len(texts) != 1 {
		t.Fatalf("%s has %d json and %d text blocks, want the input, the decision and the words", decideDoc, len(docs), len(texts))
	}
	for _, c := range []struct {
		args           []string
		language, want string
	}{
		{[]string{"decide", "--input", "-"}, "json", docs[1]},
		{[]string{"decide", "--input", "-", "--words"}, "text", texts[0]},
	} {
		var out, messages bytes.Buffer
		code := Run(t.Context(), c.args, Env{
			Stdin: strings.NewReader(docs[0]), Stdout: &out, Stderr: &messages, Getenv: func(string) string { return "" },
		})
		if code != ExitOK {
			t.Fatalf("%v: exit code %d: %s", c.args, code, &messages)
		}
		if *update {
			head := "```" + c.language + "\n"
			fresh := strings.Replace(readDoc(t, decideDoc), head+c.want+"```", head+out.String()+"```", 1)
			if err := os.WriteFile(decideDoc, []byte(fresh), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if d := cmp.Diff(c.want, out.String()); d != "" {
			t.Errorf("%s says otherwise than %v (-doc +command), accept with -update:\n%s", decideDoc, c.args, d)
		}
	}
}

// Every field of the input and of the decision is described.
func TestDecideDocFields(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, decideDoc)
	fields := jsonFields(t, reflect.TypeFor[question](), reflect.TypeFor[policy.Decision]())
	if len(fields) < 70 {
		t.Errorf("%d fields found, the test looks in the wrong place", len(fields))
	}
	for _, f := range fields {
		if !strings.Contains(doc, "`"+f+"`") {
			t.Errorf("%s does not describe `%s`", decideDoc, f)
		}
	}
}

// Every field that service explain --json prints at its top is described.
func TestExplainedFields(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, decideDoc)
	for _, ty := range []reflect.Type{reflect.TypeFor[explained](), reflect.TypeFor[ledger.Row]()} {
		for f := range ty.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !strings.Contains(doc, "`"+name+"`") {
				t.Errorf("%s does not describe `%s`", decideDoc, name)
			}
		}
	}
}

var relativeLink = regexp.MustCompile(`\]\(([^)\s#]+)(?:#[^)\s]*)?\)`)

// Every link of the README and the pages of docs to a file of the repository leads to
// one: whoever reads them first follows them.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("list the pages of docs: %d, %v", len(pages), err)
	}
	found := 0
	for _, page := range append(pages, "../../README.md") {
		for _, link := range relativeLink.FindAllStringSubmatch(readDoc(t, page), -1) {
			if strings.Contains(link[1], "://") || strings.HasPrefix(link[1], "mailto:") {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), filepath.FromSlash(link[1]))); err != nil {
				t.Errorf("%s links to %s, which is not there", strings.TrimPrefix(page, "../../"), link[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("%d links found, the test looks in the wrong place", found)
	}
}

// The one example of the guide is a valid document that uses every field, and the
// guide leads to the reference, the schema and the decision on the clock changes.
func TestPolicyDoc(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, policyDoc)
	examples := blocks(doc, "yaml")
	if len(examples) != 1 {
		t.Fatalf("%s has %d yaml blocks, want 1", policyDoc, len(examples))
	}
	example, faults := policyfile.Parse([]byte(examples[0]), policyDoc)
	if len(faults) > 0 {
		t.Fatalf("the example has faults: %v", faults)
	}
	used := map[string]bool{}
	use(reflect.ValueOf(example), used)
	all := documentFields(reflect.TypeFor[spec.Document](), map[reflect.Type]bool{})
	if len(all) < 100 {
		t.Errorf("%d fields found, the test looks in the wrong place", len(all))
	}
	for _, f := range all {
		if !used[f] {
			t.Errorf("the example of %s does not use %s", policyDoc, f)
		}
	}
	for _, link := range []string{"(policy-reference.md)", "(policy.schema.json)", "(adr/0010-daylight-saving.md)", "# yaml-language-server: $schema="} {
		if !strings.Contains(doc, link) {
			t.Errorf("%s lacks %s", policyDoc, link)
		}
	}
	for _, kind := range []string{"targetTracking", "stepScaling", "backlog", "concurrency", "scheduled", "activation", "scaleOut", "scaleIn", "vetoes", "constraints", "spend", "headroom", "instance"} {
		if !strings.Contains(doc, "`"+kind+"`") {
			t.Errorf("%s does not say what `%s` is for", policyDoc, kind)
		}
	}
}

// use notes the fields of a document that have a value, as Type.Field.
func use(v reflect.Value, used map[string]bool) {
	switch v.Kind() { //nolint:exhaustive // the rest hold nothing
	case reflect.Pointer:
		if !v.IsNil() {
			use(v.Elem(), used)
		}
	case reflect.Slice:
		for i := range v.Len() {
			use(v.Index(i), used)
		}
	case reflect.Map:
		for _, e := range v.Seq2() {
			use(e, used)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				used[v.Type().Name()+"."+v.Type().Field(i).Name] = true
				use(v.Field(i), used)
			}
		}
	}
}

// documentFields lists the fields of a type and of all it holds, as Type.Field.
func documentFields(t reflect.Type, seen map[reflect.Type]bool) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return nil
	}
	seen[t] = true
	var out []string
	for f := range t.Fields() {
		out = append(append(out, t.Name()+"."+f.Name), documentFields(f.Type, seen)...)
	}
	return out
}

// jsonFields lists the json names of the types and of all they hold, sorted.
// The policy document has a page of its own, so its types are left out below
// other types.
func jsonFields(t *testing.T, types ...reflect.Type) []string {
	t.Helper()
	var names []string
	seen := map[reflect.Type]bool{}
	var walk func(ty reflect.Type, top bool)
	walk = func(ty reflect.Type, top bool) {
		switch ty.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(ty.Elem(), top)
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[ty] || ty == reflect.TypeFor[time.Time]() || !top && (ty == reflect.TypeFor[spec.Service]() || ty == reflect.TypeFor[spec.Group]()) {
			return
		}
		seen[ty] = true
		for f := range ty.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && name != "-" {
				names = append(names, name)
			}
			walk(f.Type, false)
		}
	}
	for _, ty := range types {
		walk(ty, true)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
