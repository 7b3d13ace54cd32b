package policyfile

import (
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func drawGroup(t *rapid.T) spec.Group {
	g := spec.Group{
		Mode: drawMode(t),
		Headroom: spec.Headroom{
			CPU: maybe(t, "cpu", percent(0, 400)), Memory: maybe(t, "memory", percent(0, 400)), LargestTask: count(0, 100)(t),
		},
		Instance: maybe(t, "instance", func(t *rapid.T) spec.InstanceShape {
			return spec.InstanceShape{CPU: count(128, 1_000_000)(t), MemoryMiB: count(128, 50_000_000)(t), GPU: count(0, 64)(t), ENIs: count(0, 500)(t)}
		}),
		ScaleOut: spec.GroupScaleOut{
			LaunchBackoff: maybe(t, "launchBackoff", in(60, 1800, time.Second)), MaxLaunchBackoff: maybe(t, "maxLaunchBackoff", in(1800, 86_400, time.Second)),
			FallbackCoolOff: maybe(t, "fallbackCoolOff", in(300, 86_400, time.Second)),
		},
		ScaleIn: drawGroupScaleIn(t),
	}
	if rapid.Bool().Draw(t, "shares") {
		g.Headroom.Tasks = map[fleet.ServiceName]int{fleet.ServiceName(drawName(t, "service")): count(1, 1000)(t), "web": 2}
	}
	return g
}

func drawGroupScaleIn(t *rapid.T) spec.GroupScaleIn {
	return spec.GroupScaleIn{
		Disabled: rapid.Bool().Draw(t, "disabled"), Consolidate: maybe(t, "consolidate", one(true, false)),
		Budget: drawInstances(t, "budget"), EmptyBudget: drawInstances(t, "emptyBudget"), MaxDraining: count(0, 100)(t),
		MinSavings: maybe(t, "minSavings", amount(0, 100)), CoolOff: maybe(t, "coolOff", in(0, 86_400, time.Second)),
		StabilizationWindow: maybe(t, "window", in(0, 3600, time.Second)), DrainTimeout: maybe(t, "drainTimeout", in(1, 2880, time.Minute)),
		OnDrainTimeout: one("", spec.DrainUndo, spec.DrainTerminate)(t), StandaloneTasks: one("", spec.StandaloneLeave, spec.StandaloneWait)(t),
		Windows:          several(t, "windows", 2, drawDisruption),
		ManageProtection: rapid.Bool().Draw(t, "manageProtection"),
	}
}

func drawInstances(t *rapid.T, label string) []spec.InstanceLimit {
	return several(t, label, 2, func(t *rapid.T, _ int) spec.InstanceLimit {
		l := spec.InstanceLimit{Instances: count(0, 1000)(t), Period: in(60, 3600, time.Second)(t)}
		if l.Instances == 0 {
			l.Percent = amount(0.1, 100)(t)
		}
		return l
	})
}

func drawDisruption(t *rapid.T, i int) spec.DisruptionWindow {
	w := drawWindow(t, i, 1)
	return spec.DisruptionWindow{
		Name: w.Name, Days: w.Days, From: w.From, To: w.To, TimeZone: w.TimeZone, StartDate: w.StartDate, EndDate: w.EndDate,
		Start: w.Start, End: w.End, Budget: drawInstances(t, "windowBudget"),
	}
}
