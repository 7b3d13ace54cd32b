package cli

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

// with gives the question with some things set otherwise, and checked anew. The
// receiver is not changed.
func (q question) with(sets []string) (question, error) {
	b, err := json.Marshal(q.Input)
	if err != nil {
		return question{}, fmt.Errorf("copy the input: %w", err)
	}
	moved := question{Now: q.Now, record: q.record}
	if err := json.Unmarshal(b, &moved.Input); err != nil {
		return question{}, fmt.Errorf("copy the input: %w", err)
	}
	for _, text := range sets {
		if err := set(&moved, text); err != nil {
			return question{}, refused("--set %s: %w", text, err)
		}
	}
	// A record may hold anything that once happened; what is set must make sense.
	if err := (question{Now: moved.Now, Input: moved.Input}).check(); err != nil {
		return question{}, refused("with %s: %w", strings.Join(sets, ", "), err)
	}
	return moved, nil
}

// live are the counts of a service that can be set beside its policy.
func live(v *fleet.Service, field string) *int {
	switch field {
	case "desired":
		return &v.Desired
	case "running":
		return &v.Running
	case "pending":
		return &v.Pending
	}
	return nil
}

// set carries out one WHAT=VALUE.
func set(q *question, text string) error {
	what, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("write WHAT=VALUE, as checkout.targetValue=55")
	}
	if what == "now" {
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return fmt.Errorf("%q is no time: write it as 2026-11-23T10:00:00Z", value)
		}
		q.Now = at
		return nil
	}
	if what == "stop" {
		return setLeaf(reflect.ValueOf(&q.Input.Stop).Elem(), value)
	}
	name, path, ok := strings.Cut(what, ".")
	if !slices.Contains(serviceNames(q.Input), name) && name == "group" && ok && q.Input.Group != nil {
		return setGroup(q.Input.Group, q.Input.Fleet.Group, path, value)
	}
	i := slices.IndexFunc(q.Input.Services, func(s policy.ServiceInput) bool { return string(s.Name) == name })
	if i < 0 || !ok {
		return beginWith(q.Input)
	}
	if n := slices.IndexFunc(q.Input.Fleet.Services, func(v fleet.Service) bool { return string(v.Name) == name }); n >= 0 {
		if count := live(&q.Input.Fleet.Services[n], path); count != nil {
			return setLeaf(reflect.ValueOf(count).Elem(), value)
		}
	}
	if path == "overrides" {
		if value == "none" {
			value = "[]"
		}
		return setLeaf(reflect.ValueOf(&q.Input.Services[i].Overrides).Elem(), value)
	}
	return setField(reflect.ValueOf(&q.Input.Services[i].Policy).Elem(), strings.Split(path, "."), value, "desired", "running", "pending", "overrides")
}

// setGroup sets a field of the group's policy, its overrides or a size of the live group.
func setGroup(g *policy.GroupInput, live *fleet.Group, path, value string) error {
	switch {
	case path == "overrides":
		if value == "none" {
			value = "[]"
		}
		return setLeaf(reflect.ValueOf(&g.Overrides).Elem(), value)
	case live == nil:
	case path == "desired":
		return setLeaf(reflect.ValueOf(&live.DesiredCapacity).Elem(), value)
	case path == "minSize":
		return setLeaf(reflect.ValueOf(&live.MinSize).Elem(), value)
	case path == "maxSize":
		return setLeaf(reflect.ValueOf(&live.MaxSize).Elem(), value)
	}
	return setField(reflect.ValueOf(&g.Policy).Elem(), strings.Split(path, "."), value, "desired", "minSize", "maxSize", "overrides")
}

// beginWith tells what can be set in an input.
func beginWith(in policy.Input) error {
	var as []string
	for _, n := range serviceNames(in) {
		as = append(as, n+".maxCapacity")
	}
	what := "a service"
	switch {
	case in.Group != nil && len(as) == 0:
		what = "group"
	case in.Group != nil:
		what = "group, or a service"
	}
	if in.Group != nil {
		as = append(as, "group.headroom.largestTask")
	}
	return fmt.Errorf("begin with now, stop or %s of the input and a field, as %s", what, strings.Join(as, " or "))
}

func serviceNames(in policy.Input) []string {
	names := make([]string, 0, len(in.Services))
	for _, s := range in.Services {
		names = append(names, string(s.Name))
	}
	slices.Sort(names)
	return names
}

// setField sets a field of a policy: by its whole path, or by the end of one that
// no other field has. The names beside can be set too, and are not its fields.
func setField(p reflect.Value, path []string, value string, beside ...string) error {
	if leaf, ok := follow(p, path); ok {
		return setLeaf(leaf, value)
	}
	fields := leaves(p, "")
	var found []string
	for _, f := range fields {
		if strings.HasSuffix("."+f, "."+strings.Join(path, ".")) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 1:
		leaf, _ := follow(p, strings.Split(found[0], "."))
		return setLeaf(leaf, value)
	case 0:
		var known []string
		for _, f := range fields {
			known = append(known, f[strings.LastIndexByte(f, '.')+1:])
		}
		known = append(known, beside...)
		slices.Sort(known)
		return fmt.Errorf("the policy has no field %s: %s", strings.Join(path, "."), policyfile.Suggest(path[len(path)-1], slices.Compact(known)))
	}
	return fmt.Errorf("%s could be any of %s: write more of its path", strings.Join(path, "."), strings.Join(found, ", "))
}

// follow gives the field at a path, made where it was not set. A list is
// entered by index, and one of policies or windows by the name of its entry.
func follow(v reflect.Value, path []string) (reflect.Value, bool) {
	if len(path) == 0 {
		return v, true
	}
	if v.Kind() == reflect.Pointer {
		inner := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			inner = v
		}
		leaf, ok := follow(inner.Elem(), path)
		if ok {
			v.Set(inner)
		}
		return leaf, ok
	}
	if v.Kind() == reflect.Struct && !readsItself(v) {
		if field, _ := jsonField(v, path[0]); field.IsValid() {
			return follow(field, path[1:])
		}
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if path[0] == strconv.Itoa(i) || path[0] == entryName(v.Index(i)) {
				return follow(v.Index(i), path[1:])
			}
		}
	}
	return reflect.Value{}, false
}

// entryName is the name of an entry of a list, empty for none.
func entryName(v reflect.Value) string {
	if p, ok := reflect.TypeAssert[spec.Policy](v); ok {
		return p.Label()
	}
	if v.Kind() == reflect.Struct {
		if n, _ := jsonField(v, "name"); n.IsValid() && n.Kind() == reflect.String {
			return n.String()
		}
	}
	return ""
}

// leaves lists the paths of the fields that have no parts, set or not; those of
// a part that is not there are left out.
func leaves(v reflect.Value, path string) []string {
	if readsItself(v) {
		return []string{path}
	}
	below := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	kind := v.Kind()
	if kind == reflect.Pointer {
		if !v.IsNil() {
			return leaves(v.Elem(), path)
		}
		if part := reflect.New(v.Type().Elem()).Elem(); part.Kind() == reflect.Struct && !readsItself(part) {
			return nil
		}
	}
	var out []string
	if kind == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct {
		for i := range v.Len() {
			out = append(out, leaves(v.Index(i), below(strconv.Itoa(i)))...)
		}
		return out
	}
	if kind != reflect.Struct {
		return []string{path}
	}
	for f, fv := range v.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			out = append(out, leaves(fv, below(name))...)
		}
	}
	return out
}

// readsItself tells whether a value has a reader of its own, and so no parts.
func readsItself(v reflect.Value) bool {
	if !v.IsValid() || !v.CanAddr() {
		return false
	}
	_, own := reflect.TypeAssert[json.Unmarshaler](v.Addr())
	_, text := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	return own || text
}

// setLeaf reads a value as JSON, or as a string without its quotes: 55, 10%,
// 15m, null and {"atLeast": 4} are all understood.
func setLeaf(v reflect.Value, value string) error {
	quoted, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%q is no text", value)
	}
	texts := [][]byte{quoted}
	if json.Valid([]byte(value)) {
		texts = [][]byte{[]byte(value), quoted}
	}
	var first error
	for _, text := range texts {
		read := reflect.New(v.Type())
		if err := strictJSON(text, read.Interface()); err == nil {
			v.Set(read.Elem())
			return nil
		} else if first == nil {
			first = err
		}
	}
	words := first.Error()
	if strings.HasPrefix(words, "line 1, ") { // where in a value of some letters a fault is needs no telling
		_, words, _ = strings.Cut(words, ": ")
	}
	return fmt.Errorf("%q is not understood: %s", value, words)
}

// difference tells in one line what two decisions order differently.
func difference(was, is policy.Decision) string {
	var out []string
	for i, d := range is.Services {
		if i < len(was.Services) && (d.Desired != was.Services[i].Desired || d.Reason != was.Services[i].Reason) {
			w := was.Services[i]
			out = append(out, fmt.Sprintf("service %s: %d tasks (%s) in place of %d (%s)", d.Service, d.Desired, d.Reason, w.Desired, w.Reason))
		}
	}
	if is.Group != nil && was.Group != nil {
		if now, before := ordered(*is.Group, " instances"), ordered(*was.Group, ""); ordered(*is.Group, "") != before {
			out = append(out, fmt.Sprintf("group %s: %s in place of %s", is.Group.Group, now, before))
		}
	}
	if len(out) == 0 {
		return "none: the same counts for the same reasons"
	}
	return strings.Join(out, "; ")
}

// ordered tells in a few words what a decision orders of a group.
func ordered(d policy.GroupDecision, noun string) string {
	words := fmt.Sprintf("%d%s", d.Desired, noun)
	if n := len(d.Drains); n > 0 {
		words += fmt.Sprintf(", drain %d of them", n)
	}
	if n := len(d.Undo); n > 0 {
		words += fmt.Sprintf(", give %d back", n)
	}
	return words + " (" + d.Reason + ")"
}
