package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// manualKind is one kind of payload that people send with Invoke.
type manualKind struct {
	name   string
	kind   Kind
	fields []string // all it may have, "kind" first
	needs  []string // of these, what it must have beside "kind"
}

// manualKinds holds every manual payload.
var manualKinds = []manualKind{
	{"evaluate", Evaluate, []string{"kind", "cluster", "service", "dryRun"}, []string{"cluster", "service"}},
	{"tick", TickAll, []string{"kind", "dryRun"}, nil},
	{string(spec.Pause), Override, forAny, byWhom},
	{string(spec.SuspendIn), Override, forAny, byWhom},
	{string(spec.SuspendOut), Override, forAny, byWhom},
	{string(spec.HoldAt), Override, counted, append([]string{"count"}, byWhom...)},
	{string(spec.MinAt), Override, counted, append([]string{"count"}, byWhom...)},
	{string(spec.MaxAt), Override, counted, append([]string{"count"}, byWhom...)},
	{"resume", Resume, []string{"kind", "cluster", "service", "group", "only", "why", "by", "dryRun"}, []string{"cluster", "by"}},
	{"stop", Stop, []string{"kind", "cluster", "why", "by", "dryRun"}, byWhom},
	{"start", Start, []string{"kind", "cluster", "why", "by", "dryRun"}, []string{"cluster", "by"}},
	{"drain", Drain, []string{"kind", "cluster", "instance", "undo", "why", "by", "dryRun"}, []string{"cluster", "instance", "by"}},
}

// maxProblems is how many problems of one payload are spelled out: enough for a
// slip of the pen, few enough for somebody's whole API Gateway event.
const maxProblems = 5

// manual collects what a payload says and everything that is wrong with it.
type manual struct {
	values   map[string]json.RawMessage
	order    []string // the fields as given, each once
	problems []string // the first maxProblems
	found    int      // how many there are
}

// fromManual reads a bare document. It is strict: one field more or misspelled
// is refused, with the known ones listed.
func fromManual(raw []byte) (Event, *Error) {
	m := members(raw)
	name, isText := m.text("kind")
	known, ok := findManual(name)
	if !ok {
		m.refuseKind(name, isText)
		return Event{}, refuse(name, "", m.summary())
	}
	ev := Event{Kind: known.kind, Via: ViaInvoke}
	m.checkFields(known)
	dry := known.kind == Evaluate || known.kind == TickAll || known.kind == Drain && string(m.values["undo"]) != "true"
	ev.DryRun = m.flag("dryRun", dry)
	switch {
	case known.kind == Evaluate:
		ev.Service.Cluster = fleet.ClusterName(m.name("cluster"))
		ev.Service.Service = fleet.ServiceName(m.name("service"))
	case slices.Contains(known.fields, "by"):
		ev.Request = m.request(known)
	}
	if known.kind == Drain {
		ev.Cluster, ev.Instance = ev.Request.Target.Cluster, m.instance()
	}
	if m.found > 0 {
		return Event{}, refuse(name, "", m.summary())
	}
	return ev, nil
}

// members reads the fields of a document that is known to be one valid object,
// exactly as spelled. A map would let the last of two equal fields win, and a
// struct would take "Cluster" for "cluster".
func members(raw []byte) *manual {
	m := &manual{values: map[string]json.RawMessage{}}
	eachMember(raw, func(field string, value json.RawMessage) {
		if has(m.values, field) {
			m.add("field %q is given twice; give it once", clip(field, 64))
			return
		}
		m.values[field] = value
		m.order = append(m.order, field)
	})
	return m
}

// add notes a problem. Those past maxProblems are only counted: a document may
// hold a hundred thousand.
func (m *manual) add(format string, args ...any) {
	m.found++
	if m.found <= maxProblems {
		m.problems = append(m.problems, fmt.Sprintf(format, args...))
	}
}

// summary gives the problems in one line.
func (m *manual) summary() string {
	text := strings.Join(m.problems, "; ")
	if more := m.found - len(m.problems); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// text reads a field that must be a string.
func (m *manual) text(field string) (string, bool) {
	raw, given := m.values[field]
	if !given || len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var v string
	err := json.Unmarshal(raw, &v)
	return v, err == nil
}

// flag reads a field that is true or false; it may be left out.
func (m *manual) flag(field string, byDefault bool) bool {
	raw, given := m.values[field]
	if !given {
		return byDefault
	}
	if v := string(raw); v != "true" && v != "false" {
		m.add("field %q is %s; it must be true or false", field, clip(v, 64))
	}
	return string(raw) == "true"
}

// name reads a required field that names a cluster or a service.
func (m *manual) name(field string) string {
	raw, given := m.values[field]
	if !given {
		return "" // checkFields has said so
	}
	v, isText := m.text(field)
	switch {
	case !isText:
		m.add("field %q is %s; it must be the name of the %s as a string", field, clip(string(raw), 64), field)
	case strings.HasPrefix(v, "arn:"):
		m.add("field %q is the ARN %q; give the name %q", field, clip(v, 256), clip(v[strings.LastIndexAny(v, ":/")+1:], 256))
	case !isECSName(v):
		m.add("field %q is %q, no name ECS allows; give 1 to 255 letters, digits, hyphens and underscores", field, clip(v, 64))
	}
	return v
}

// checkFields finds the fields that the kind does not know and those it misses.
func (m *manual) checkFields(known manualKind) {
	for _, field := range m.order {
		if !slices.Contains(known.fields, field) {
			m.add("field %q is unknown%s; the fields of %s are %s", clip(field, 64), hint(field, known.fields), known.name, strings.Join(known.fields, ", "))
		}
	}
	for _, field := range known.needs {
		if _, given := m.values[field]; !given {
			m.add("field %q is missing; the fields of %s are %s", field, known.name, strings.Join(known.fields, ", "))
		}
	}
}

// refuseKind says what the document lacks to be an event or a manual payload.
func (m *manual) refuseKind(name string, isText bool) {
	known := make([]string, len(manualKinds))
	for i, k := range manualKinds {
		known[i] = k.name
	}
	list := strings.Join(known, ", ")
	raw, given := m.values["kind"]
	switch {
	case isText:
		m.add("kind %q is unknown%s; the known kinds are %s", clip(name, 64), hint(name, known), list)
	case given:
		m.add("field \"kind\" is %s; it must be a string, and the known kinds are %s", clip(string(raw), 64), list)
	default:
		for _, field := range m.order {
			if h := hint(field, []string{"kind"}); h != "" {
				m.add("field %q is unknown%s", clip(field, 64), h)
			}
		}
		m.add("field \"kind\" is missing, and this is no AWS event (no source, detail-type, Records or alarmData); the known kinds are %s", list)
	}
}

func findManual(name string) (manualKind, bool) {
	for _, k := range manualKinds {
		if k.name == name {
			return k, true
		}
	}
	return manualKind{}, false
}

// hint proposes the known word that differs from the given one only in case,
// hyphens and underscores.
func hint(given string, known []string) string {
	plain := strings.NewReplacer("-", "", "_", "", " ", "")
	for _, k := range known {
		if given != k && strings.EqualFold(plain.Replace(given), k) {
			return fmt.Sprintf(" (did you mean %q?)", k)
		}
	}
	return ""
}
