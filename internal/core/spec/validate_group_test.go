package spec_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestValidateGroup(t *testing.T) {
	t.Parallel()
	shares := func(n int) map[fleet.ServiceName]int {
		out := map[fleet.ServiceName]int{}
		for i := range n {
			out[fleet.ServiceName(fmt.Sprint("s", i))] = 1
		}
		return out
	}
	const hour = 60 * minute
	tests := []struct {
		name string
		edit func(*spec.Group)
		want []spec.Problem
	}{
		{"nothing said", func(*spec.Group) {}, nil},
		{"mode unknown", func(g *spec.Group) { g.Mode = "dry-run" }, []spec.Problem{problem("mode", `mode "dry-run" is not known`, "write observe or act")}},

		{"headroom", func(g *spec.Group) {
			g.Headroom = spec.Headroom{CPU: new(spec.Percent(0)), Memory: new(spec.Percent(4)), LargestTask: 100, Tasks: shares(spec.MaxShares)}
		}, nil},
		{"headroom out of range", func(g *spec.Group) {
			g.Headroom = spec.Headroom{CPU: new(spec.Percent(-0.01)), Memory: new(spec.Percent(4.01)), LargestTask: 101}
		}, []spec.Problem{
			problem("headroom cpu", "cpu -1% is out of range", "use 0% to 400%"),
			problem("headroom memory", "memory 401% is out of range", "use 0% to 400%"),
			problem("headroom largestTask", "largestTask 101 is out of range", "use 0 to 100"),
		}},
		{"headroom that is no number", func(g *spec.Group) { g.Headroom.CPU = new(spec.Percent(math.NaN())) }, []spec.Problem{
			problem("headroom cpu", "cpu NaN% is out of range", "use 0% to 400%"),
		}},
		{"headroom below nothing", func(g *spec.Group) { g.Headroom.LargestTask = -1 }, []spec.Problem{
			problem("headroom largestTask", "largestTask -1 is out of range", "use 0 to 100"),
		}},
		{"headroom for tasks", func(g *spec.Group) {
			g.Headroom.Tasks = map[fleet.ServiceName]int{"all": 1000, "few": 1, "many": 1001, "none": 0, "x/y": 1}
		}, []spec.Problem{
			problem("headroom tasks many", `tasks of "many" 1001 is out of range`, "use 1 to 1000"),
			problem("headroom tasks none", `tasks of "none" 0 is out of range`, "use 1 to 1000"),
			problem("headroom tasks x/y", `"x/y" is not an ECS service name`, "give the short name of the ECS service, not its ARN"),
		}},
		{"headroom for 51 services", func(g *spec.Group) { g.Headroom.Tasks = shares(51) }, []spec.Problem{
			problem("headroom tasks", "51 services are more than 50", "name the services that must not wait, or use cpu and memory"),
		}},

		{"the least instance", func(g *spec.Group) { g.Instance = &spec.InstanceShape{CPU: 128, MemoryMiB: 128} }, nil},
		{"the largest instance", func(g *spec.Group) {
			g.Instance = &spec.InstanceShape{CPU: 1_000_000, MemoryMiB: 50_000_000, GPU: 64, ENIs: 500}
		}, nil},
		{"an instance of nothing", func(g *spec.Group) { g.Instance = &spec.InstanceShape{GPU: -1, ENIs: -1} }, []spec.Problem{
			problem("instance cpu", "cpu 0 is out of range", "use 128 to 1000000"),
			problem("instance memoryMiB", "memoryMiB 0 is out of range", "use 128 to 50000000"),
			problem("instance gpu", "gpu -1 is out of range", "use 0 to 64"),
			problem("instance enis", "enis -1 is out of range", "use 0 to 500"),
		}},
		{"an instance in bytes", func(g *spec.Group) {
			g.Instance = &spec.InstanceShape{CPU: 1_000_001, MemoryMiB: 50_000_001, GPU: 65, ENIs: 501}
		}, []spec.Problem{
			problem("instance cpu", "cpu 1000001 is out of range", "use 128 to 1000000"),
			problem("instance memoryMiB", "memoryMiB 50000001 is out of range", "use 128 to 50000000"),
			problem("instance gpu", "gpu 65 is out of range", "use 0 to 64"),
			problem("instance enis", "enis 501 is out of range", "use 0 to 500"),
		}},

		{"back-off at its ends", func(g *spec.Group) {
			g.ScaleOut = spec.GroupScaleOut{LaunchBackoff: new(minute), MaxLaunchBackoff: new(24 * hour)}
		}, nil},
		{"a long back-off without end", func(g *spec.Group) { g.ScaleOut.LaunchBackoff = new(hour) }, nil},
		{"back-off out of range", func(g *spec.Group) {
			g.ScaleOut = spec.GroupScaleOut{LaunchBackoff: new(minute - 1), MaxLaunchBackoff: new(24*hour + 1)}
		}, []spec.Problem{
			problem("scaleOut launchBackoff", "launchBackoff 59.999999999s is out of range", "use 1m to 1h"),
			problem("scaleOut maxLaunchBackoff", "maxLaunchBackoff 24h0m0.000000001s is out of range", "use 1m to 24h"),
		}},
		{"a back-off that shrinks", func(g *spec.Group) { g.ScaleOut.MaxLaunchBackoff = new(minute) }, []spec.Problem{
			problem("scaleOut maxLaunchBackoff", "maxLaunchBackoff 1m is below launchBackoff 5m", "raise maxLaunchBackoff or lower launchBackoff"),
		}},
	}
	for _, tt := range tests {
		var g spec.Group
		tt.edit(&g)
		checkGroup(t, tt.name, g, tt.want)
	}
}

// checkGroup validates a group alone and in a document.
func checkGroup(t *testing.T, name string, g spec.Group, want []spec.Problem) {
	t.Helper()
	if diff := cmp.Diff(want, g.Validate()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
	for i := range want {
		want[i].Path = append([]string{"groups", "team a/m7g"}, want[i].Path...)
	}
	d := spec.Document{Cluster: "prod", Groups: map[fleet.GroupName]spec.Group{"team a/m7g": g}}
	if diff := cmp.Diff(want, d.Validate()); diff != "" {
		t.Errorf("%s, in a document (-want +got):\n%s", name, diff)
	}
}

func TestValidateGroupScaleIn(t *testing.T) {
	t.Parallel()
	const hour = 60 * minute
	limits := func(ls ...spec.InstanceLimit) []spec.InstanceLimit { return ls }
	tests := []struct {
		name string
		edit func(*spec.GroupScaleIn)
		want []spec.Problem
	}{
		{"the least of all", func(i *spec.GroupScaleIn) {
			*i = spec.GroupScaleIn{
				Disabled: true, Consolidate: new(false), Budget: limits(spec.InstanceLimit{Instances: 1, Period: minute}),
				EmptyBudget: limits(spec.InstanceLimit{Percent: 1e-9, Period: minute}), MaxDraining: 1, MinSavings: new(0.0), CoolOff: new(spec.Duration(0)),
				StabilizationWindow: new(spec.Duration(0)), DrainTimeout: new(minute), OnDrainTimeout: spec.DrainUndo, StandaloneTasks: spec.StandaloneWait,
			}
		}, nil},
		{"the most of all", func(i *spec.GroupScaleIn) {
			*i = spec.GroupScaleIn{
				Consolidate: new(true), Budget: limits(spec.InstanceLimit{Instances: 1000, Period: hour}),
				EmptyBudget: limits(spec.InstanceLimit{Percent: 100, Period: hour}), MaxDraining: 100, MinSavings: new(100.0), CoolOff: new(24 * hour),
				StabilizationWindow: new(hour), DrainTimeout: new(48 * hour), OnDrainTimeout: spec.DrainTerminate, StandaloneTasks: spec.StandaloneLeave,
				ManageProtection: true,
			}
		}, nil},
		{"less", func(i *spec.GroupScaleIn) {
			*i = spec.GroupScaleIn{
				MaxDraining: -1, MinSavings: new(-0.1), CoolOff: new(spec.Duration(-1)), StabilizationWindow: new(spec.Duration(-1)), DrainTimeout: new(minute - 1),
			}
		}, []spec.Problem{
			problem("scaleIn maxDraining", "maxDraining -1 is out of range", "use 1 to 100"),
			problem("scaleIn minSavings", "minSavings -0.1 is out of range", "use a number from 0 to 100"),
			problem("scaleIn coolOff", "coolOff -1ns is out of range", "use 0s to 24h"),
			problem("scaleIn stabilizationWindow", "stabilizationWindow -1ns is out of range", "use 0s to 1h"),
			problem("scaleIn drainTimeout", "drainTimeout 59.999999999s is out of range", "use 1m to 48h"),
		}},
		{"more", func(i *spec.GroupScaleIn) {
			*i = spec.GroupScaleIn{
				MaxDraining: 101, MinSavings: new(math.NaN()), CoolOff: new(25 * hour), StabilizationWindow: new(hour + minute), DrainTimeout: new(49 * hour),
			}
		}, []spec.Problem{
			problem("scaleIn maxDraining", "maxDraining 101 is out of range", "use 1 to 100"),
			problem("scaleIn minSavings", "minSavings NaN is out of range", "use a number from 0 to 100"),
			problem("scaleIn coolOff", "coolOff 25h is out of range", "use 0s to 24h"),
			problem("scaleIn stabilizationWindow", "stabilizationWindow 1h1m is out of range", "use 0s to 1h"),
			problem("scaleIn drainTimeout", "drainTimeout 49h is out of range", "use 1m to 48h"),
		}},
		{"other words", func(i *spec.GroupScaleIn) { i.OnDrainTimeout, i.StandaloneTasks = "terminat", "kill" }, []spec.Problem{
			problem("scaleIn onDrainTimeout", `onDrainTimeout "terminat" is not known`, "did you mean terminate? Write undo or terminate"),
			problem("scaleIn standaloneTasks", `standaloneTasks "kill" is not known`, "write leave or wait"),
		}},
		{"no budget", func(i *spec.GroupScaleIn) { i.Budget, i.EmptyBudget = []spec.InstanceLimit{}, []spec.InstanceLimit{} }, []spec.Problem{
			problem("scaleIn budget", "the list is empty", "give a limit, remove the line for the default, or say disabled: true to keep every instance"),
			problem("scaleIn emptyBudget", "the list is empty", "give a limit, remove the line for the default, or say disabled: true to keep every instance"),
		}},
		{"six budgets", func(i *spec.GroupScaleIn) {
			one := spec.InstanceLimit{Instances: 1, Period: minute}
			i.Budget = limits(one, one, one, one, one, one)
		}, []spec.Problem{problem("scaleIn budget", "6 limits are more than 5", "keep the ones that bind")}},
		{"limits of nothing and of both", func(i *spec.GroupScaleIn) {
			i.Budget = limits(spec.InstanceLimit{Period: minute}, spec.InstanceLimit{Instances: 1, Percent: 1, Period: minute})
		}, []spec.Problem{
			problem("scaleIn budget 0", "instances and percent: exactly one must be set", "add one of instances and percent"),
			problem("scaleIn budget 1", "instances and percent: exactly one must be set", "keep one of the two"),
		}},
		{"limits out of range", func(i *spec.GroupScaleIn) {
			i.EmptyBudget = limits(spec.InstanceLimit{Instances: 1001, Period: minute - 1}, spec.InstanceLimit{Instances: -1, Period: hour + 1},
				spec.InstanceLimit{Percent: 100.1, Period: minute}, spec.InstanceLimit{Percent: -1, Period: minute}, spec.InstanceLimit{Percent: math.NaN()})
		}, []spec.Problem{
			problem("scaleIn emptyBudget 0 instances", "instances 1001 is out of range", "use 1 to 1000"),
			problem("scaleIn emptyBudget 0 period", "period 59.999999999s is out of range", "use 1m to 1h"),
			problem("scaleIn emptyBudget 1 instances", "instances -1 is out of range", "use 1 to 1000"),
			problem("scaleIn emptyBudget 1 period", "period 1h0m0.000000001s is out of range", "use 1m to 1h"),
			problem("scaleIn emptyBudget 2 percent", "percent 100.1 is out of range", "use a number above 0, at most 100"),
			problem("scaleIn emptyBudget 3 percent", "percent -1 is out of range", "use a number above 0, at most 100"),
			problem("scaleIn emptyBudget 4 percent", "percent NaN is out of range", "use a number above 0, at most 100"),
			problem("scaleIn emptyBudget 4 period", "period 0s is out of range", "use 1m to 1h"),
		}},
	}
	for _, tt := range tests {
		var g spec.Group
		tt.edit(&g.ScaleIn)
		checkGroup(t, tt.name, g, tt.want)
	}
}

func TestValidateDisruptionWindows(t *testing.T) {
	t.Parallel()
	night := spec.DisruptionWindow{Name: "night", From: "22:00", To: "06:00", TimeZone: "Europe/Paris"}
	several := func(n int) []spec.DisruptionWindow {
		var out []spec.DisruptionWindow
		for i := range n {
			out = append(out, spec.DisruptionWindow{Name: fmt.Sprint("w", i)})
		}
		return out
	}
	tests := []struct {
		name    string
		windows []spec.DisruptionWindow
		want    []spec.Problem
	}{
		{"one that forbids", []spec.DisruptionWindow{night}, nil},
		{"an empty list forbids too", []spec.DisruptionWindow{{Name: "sale", Start: "2026-11-27T08:00", End: "2026-11-28T20:00", Budget: []spec.InstanceLimit{}}}, nil},
		{"20", several(20), nil},
		{"21", several(21), []spec.Problem{problem("scaleIn windows", "21 entries are more than 20", "keep the ones that matter")}},
		{"names", []spec.DisruptionWindow{{}, night, night, {Name: strings.Repeat("é", 65)}}, []spec.Problem{
			problem("scaleIn windows 2 name", `name "night" is given twice`, "give each a name of its own"),
			problem("scaleIn windows 3 name", fmt.Sprintf("name %q is too long", strings.Repeat("é", 65)), "use 1 to 64 characters"),
			problem("scaleIn windows 0 name", "name is missing", "give it a short name: decisions speak of it"),
		}},
		{"times and budget", []spec.DisruptionWindow{{
			Name: "night", From: "25:00", TimeZone: "Europe/Pari", Budget: []spec.InstanceLimit{{Instances: 1, Period: 0}},
		}}, []spec.Problem{
			problem("scaleIn windows 0 from", `from "25:00" is not a time of day`, "write hours and minutes on the 24-hour clock with two digits each, such as 08:00"),
			problem("scaleIn windows 0 timeZone", `timeZone "Europe/Pari" is not known`, "did you mean Europe/Paris? Use a name of the IANA time zone database, such as Europe/Paris or UTC"),
			problem("scaleIn windows 0 budget 0 period", "period 0s is out of range", "use 1m to 1h"),
		}},
	}
	for _, tt := range tests {
		var g spec.Group
		g.ScaleIn.Windows = tt.windows
		checkGroup(t, tt.name, g, tt.want)
	}
}
