package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// remarkable tells what is no fault of a document, and what whoever checks it should
// know all the same.
func remarkable(doc spec.Document, now time.Time) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(doc.Services)) {
		for i, w := range doc.Services[name].Scheduled {
			window, faults := w.Window()
			if gone(window, faults, now) {
				out = append(out, pastWindow(fmt.Sprintf("services.%s.scheduled[%d]", name, i), w.Name, w.End, w.EndDate))
			}
		}
	}
	services := make([]string, 0, len(doc.Services))
	for _, name := range slices.Sorted(maps.Keys(doc.Services)) {
		services = append(services, string(name))
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Groups)) {
		out = append(out, remarkableGroup(name, doc.Groups[name], services, now)...)
	}
	return out
}

func remarkableGroup(name fleet.GroupName, g spec.Group, services []string, now time.Time) []string {
	var out []string
	at, in := fmt.Sprintf("groups.%s.", name), g.In()
	for _, n := range slices.Sorted(maps.Keys(g.Headroom.Tasks)) {
		if near := spec.Nearest(string(n), services); near != "" && near != string(n) && !slices.Contains(services, string(n)) {
			out = append(out, fmt.Sprintf("%sheadroom.tasks.%s: the file has no service %s: did you mean %s? If ECS has one of that name, all is well", at, n, n, near))
		}
	}
	if idle := idleParts(g.ScaleIn); in.Disabled && idle != "" {
		out = append(out, fmt.Sprintf("%sscaleIn: disabled keeps every instance, so nothing comes of %s", at, idle))
	}
	if in.StandaloneTasks == spec.StandaloneWait && in.OnDrainTimeout == spec.DrainTerminate {
		out = append(out, fmt.Sprintf("%sscaleIn: standaloneTasks is wait and onDrainTimeout terminate: a task that no service replaces is ended %s after its drain began",
			at, spec.Duration(in.DrainTimeout)))
	}
	for i, w := range in.Windows {
		window, faults := w.Window()
		if gone(window, faults, now) {
			out = append(out, pastWindow(fmt.Sprintf("%sscaleIn.windows[%d]", at, i), w.Name, w.End, w.EndDate))
		}
	}
	return out
}

// idleParts names the parts of scale-in that say when an instance goes, as far as they
// are there.
func idleParts(i spec.GroupScaleIn) string {
	var out []string
	for _, p := range []struct {
		name  string
		given bool
	}{
		{"consolidate", i.Consolidate != nil},
		{"budget", i.Budget != nil},
		{"emptyBudget", i.EmptyBudget != nil},
		{"minSavings", i.MinSavings != nil},
		{"windows", i.Windows != nil},
	} {
		if p.given {
			out = append(out, p.name)
		}
	}
	return strings.Join(out, ", ")
}

// gone tells whether a window never opens again. A file stays valid while time passes,
// so this is no fault.
func gone(window calendar.Window, faults []calendar.Fault, now time.Time) bool {
	_, _, more := window.Next(now)
	return len(faults) == 0 && !more && !window.Open(now)
}

func pastWindow(at, name, end, endDate string) string {
	field := "endDate"
	if end != "" {
		field = "end"
	}
	return fmt.Sprintf("%s: the window %s is past, its %s is %s: it changes nothing any more, remove it", at, name, field, cmp.Or(end, endDate))
}
