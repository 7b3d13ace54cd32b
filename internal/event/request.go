package event

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// The fields of the payloads that set an override, and what each must have.
var (
	forAny  = []string{"kind", "cluster", "service", "group", "for", "until", "why", "by", "dryRun"}
	counted = []string{"kind", "cluster", "service", "group", "count", "for", "until", "why", "by", "dryRun"}
	byWhom  = []string{"cluster", "why", "by"}
)

// request reads what a person asks for. It reads only fields that the kind has:
// checkFields has refused the others.
func (m *manual) request(k manualKind) *Request {
	r := &Request{Target: fleet.Target{Cluster: fleet.ClusterName(m.name("cluster"))}}
	if k.kind == Override || k.kind == Resume {
		m.target(r)
	}
	if k.kind == Override {
		r.Override = spec.OverrideKind(k.name)
		if r.Override.Counted() {
			r.Count = m.number(r.Target.Kind)
		}
		m.end(r)
	}
	r.Only = m.only()
	if k.kind == Drain {
		r.Undo = m.flag("undo", false)
		if !r.Undo && !has(m.values, "why") {
			m.add("field %q is missing; give the reason why the instance goes", "why")
		}
	}
	r.Why = m.line("why", spec.CheckWhy)
	r.By = m.line("by", spec.CheckBy)
	return r
}

// target reads the service or the group.
func (m *manual) target(r *Request) {
	service, group := has(m.values, "service"), has(m.values, "group")
	switch {
	case service && group:
		m.add("fields %q and %q exclude each other; give one", "service", "group")
	case service:
		r.Target.Kind, r.Target.Name = fleet.ServiceTarget, m.name("service")
	case group:
		r.Target.Kind, r.Target.Name = fleet.GroupTarget, m.group()
	default:
		m.add("field %q or %q is missing; give the name of one", "service", "group")
	}
}

// group reads the name of an Auto Scaling group.
func (m *manual) group() string {
	v, isText := m.text("group")
	switch {
	case !isText:
		m.add("field %q is %s; it must be the name of the group as a string", "group", clip(string(m.values["group"]), 64))
	case !isGroupName(v):
		m.add("field %q is %q, no name of an Auto Scaling group; give its name, not its ARN", "group", clip(v, 64))
	}
	return v
}

// instance reads the instance of a drain.
func (m *manual) instance() fleet.InstanceID {
	raw, given := m.values["instance"]
	if !given {
		return "" // checkFields has said so
	}
	v, isText := m.text("instance")
	switch {
	case !isText:
		m.add("field %q is %s; it must be the id of the EC2 instance as a string", "instance", clip(string(raw), 64))
	case strings.HasPrefix(v, "arn:"):
		m.add("field %q is the ARN %q; give the id of the EC2 instance, as i-0123456789abcdef0", "instance", clip(v, 256))
	case !isInstanceID(v):
		m.add("field %q is %q, no id of an EC2 instance; give i- and 17 hexadecimal digits (8 for the oldest)", "instance", clip(v, 64))
	}
	return fleet.InstanceID(v)
}

// end reads when an override ends.
func (m *manual) end(r *Request) {
	life, until := has(m.values, "for"), has(m.values, "until")
	switch {
	case life && until:
		m.add("fields %q and %q exclude each other; give one", "for", "until")
	case life:
		m.line("for", func(text string) (err error) {
			r.For, err = spec.ParseLife(text)
			return err
		})
	case until:
		m.line("until", func(text string) (err error) {
			r.Until, err = spec.ParseUntil(text)
			return err
		})
	default:
		m.add("field %q or %q is missing; every override ends, after %s to %s",
			"for", "until", spec.LifeWords(spec.MinOverride), spec.LifeWords(spec.MaxOverride))
	}
}

// number reads the required count, which is one of what the target has.
func (m *manual) number(of fleet.TargetKind) int {
	raw, given := m.values["count"]
	if !given {
		return 0 // checkFields has said so
	}
	what, most := "tasks", spec.MaxTasks
	if of == fleet.GroupTarget {
		what, most = "instances", spec.MaxInstances
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 || n > most {
		m.add("field %q is %s; it must be a whole number of %s from 0 to %d", "count", clip(string(raw), 64), what, most)
	}
	return n
}

// only reads the kind of override that a resume ends.
func (m *manual) only() spec.OverrideKind {
	raw, given := m.values["only"]
	if !given {
		return ""
	}
	v, _ := m.text("only")
	if kind := spec.OverrideKind(v); slices.Contains(spec.OverrideKinds(), kind) {
		return kind
	}
	known := make([]string, 0, len(spec.OverrideKinds()))
	for _, k := range spec.OverrideKinds() {
		known = append(known, string(k))
	}
	m.add("field %q is %s%s; it must be one of %s, or left out to end them all", "only", clip(string(raw), 64), hint(v, known), strings.Join(known, ", "))
	return ""
}

// line reads a field that must be a string and pass a check.
func (m *manual) line(field string, check func(string) error) string {
	raw, given := m.values[field]
	if !given {
		return "" // it may be left out, or checkFields has said so
	}
	v, isText := m.text(field)
	if !isText {
		m.add("field %q is %s; it must be a string", field, clip(string(raw), 64))
		return ""
	}
	if err := check(v); err != nil {
		m.add("field %q %v", field, err)
	}
	return v
}

// Ends gives when an override that is set at now ends.
func (r Request) Ends(now time.Time) time.Time {
	if r.Until.IsZero() {
		return now.Add(r.For)
	}
	return r.Until
}
