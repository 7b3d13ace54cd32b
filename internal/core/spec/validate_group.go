package spec

import (
	"math"
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

func (c *checker) group(path []string, g Group) {
	c.mode(at(path, "mode"), g.Mode)
	c.headroom(at(path, "headroom"), g.Headroom)
	if s := g.Instance; s != nil {
		c.shape(at(path, "instance"), *s)
	}
	c.groupOut(at(path, "scaleOut"), g)
	c.groupIn(at(path, "scaleIn"), g.ScaleIn)
}

func (c *checker) headroom(path []string, h Headroom) {
	for _, v := range []struct {
		name  string
		share *Percent
	}{{"cpu", h.CPU}, {"memory", h.Memory}} {
		if p := v.share; p != nil && (math.IsNaN(float64(*p)) || *p < 0 || *p > 4) {
			c.add(at(path, v.name), "use 0% to 400%", "%s %s is out of range", v.name, *p)
		}
	}
	c.integer(at(path, "largestTask"), "largestTask", h.LargestTask, 0, 100)
	if len(h.Tasks) > MaxShares {
		c.add(at(path, "tasks"), "name the services that must not wait, or use cpu and memory", "%d services are more than %d", len(h.Tasks), MaxShares)
	}
	for _, n := range sortedKeys(h.Tasks) {
		within := at(path, "tasks", string(n))
		// A service of the cluster need not be one of the document: its tasks take their
		// place all the same.
		if !isECSName(string(n)) {
			c.add(within, ecsNameRemedy("service", string(n)), "%q is not an ECS service name", n)
		}
		c.integer(within, "tasks of "+strconv.Quote(string(n)), h.Tasks[n], 1, 1000)
	}
}

func (c *checker) shape(path []string, s InstanceShape) {
	c.integer(at(path, "cpu"), "cpu", s.CPU, 128, 1_000_000)
	c.integer(at(path, "memoryMiB"), "memoryMiB", s.MemoryMiB, 128, 50_000_000)
	c.integer(at(path, "gpu"), "gpu", s.GPU, 0, 64)
	c.integer(at(path, "enis"), "enis", s.ENIs, 0, 500)
}

func (c *checker) groupOut(path []string, g Group) {
	o := g.ScaleOut
	c.lasts(at(path, "launchBackoff"), "launchBackoff", o.LaunchBackoff, time.Minute, time.Hour)
	c.lasts(at(path, "maxLaunchBackoff"), "maxLaunchBackoff", o.MaxLaunchBackoff, time.Minute, 24*time.Hour)
	if r := g.Out(); r.MaxLaunchBackoff < r.LaunchBackoff {
		c.add(at(path, "maxLaunchBackoff"), "raise maxLaunchBackoff or lower launchBackoff",
			"maxLaunchBackoff %s is below launchBackoff %s", Duration(r.MaxLaunchBackoff), Duration(r.LaunchBackoff))
	}
	if o.Fallback != "" && !isGroupName(string(o.Fallback)) {
		c.add(at(path, "fallback"), "give the name of the Auto Scaling group, not its ARN", "%q is not an Auto Scaling group name", o.Fallback)
	}
	c.lasts(at(path, "fallbackCoolOff"), "fallbackCoolOff", o.FallbackCoolOff, 5*time.Minute, 24*time.Hour)
}

// fallbacks checks what the groups of a document say of each other: a fallback is
// sized by the same document, stands in for one group, and has none itself.
func (c *checker) fallbacks(groups map[fleet.GroupName]Group) {
	of := map[fleet.GroupName]fleet.GroupName{}
	for _, n := range sortedKeys(groups) {
		f := groups[n].ScaleOut.Fallback
		path := []string{"groups", string(n), "scaleOut", "fallback"}
		other, there := groups[f]
		switch {
		case f == "":
			continue
		case f == n:
			c.add(path, "name another group, or remove the line", "group %s is its own fallback", n)
		case !there:
			c.add(path, "add "+strconv.Quote(string(f))+" to groups, or name one that is there", "the document has no group %q", f)
		case other.ScaleOut.Fallback != "":
			c.add(path, "let the groups have one last fallback: a fallback has none of its own", "fallback %s has the fallback %s", f, other.ScaleOut.Fallback)
		case of[f] != "":
			c.add(path, "give each group a fallback of its own", "%s is the fallback of %s already", f, of[f])
		}
		if of[f] == "" {
			of[f] = n
		}
	}
}

func (c *checker) groupIn(path []string, i GroupScaleIn) {
	c.budget(at(path, "budget"), i.Budget)
	c.budget(at(path, "emptyBudget"), i.EmptyBudget)
	if i.MaxDraining != 0 { // 0 is the default
		c.integer(at(path, "maxDraining"), "maxDraining", i.MaxDraining, 1, 100)
	}
	if v := i.MinSavings; v != nil {
		c.finite(at(path, "minSavings"), "minSavings", *v, 0, 100)
	}
	c.lasts(at(path, "coolOff"), "coolOff", i.CoolOff, 0, 24*time.Hour)
	c.lasts(at(path, "stabilizationWindow"), "stabilizationWindow", i.StabilizationWindow, 0, time.Hour)
	c.lasts(at(path, "drainTimeout"), "drainTimeout", i.DrainTimeout, time.Minute, 48*time.Hour)
	if v := i.OnDrainTimeout; v != "" {
		c.oneWord(at(path, "onDrainTimeout"), "onDrainTimeout", v, DrainUndo, DrainTerminate)
	}
	if v := i.StandaloneTasks; v != "" {
		c.oneWord(at(path, "standaloneTasks"), "standaloneTasks", v, StandaloneLeave, StandaloneWait)
	}
	within := at(path, "windows")
	c.few(within, len(i.Windows))
	names := each(i.Windows, func(w DisruptionWindow) string { return w.Name })
	c.unique(within, names)
	c.called(within, names)
	for n, w := range i.Windows {
		_, faults := w.WindowIn(c.known())
		c.window(at(within, strconv.Itoa(n)), w.TimeZone, faults)
		c.instances(at(within, strconv.Itoa(n), "budget"), w.Budget)
	}
}

// budget checks a budget that has a default: an empty list is not it.
func (c *checker) budget(path []string, limits []InstanceLimit) {
	if limits != nil && len(limits) == 0 {
		c.add(path, "give a limit, remove the line for the default, or say disabled: true to keep every instance", "the list is empty")
	}
	c.instances(path, limits)
}

func (c *checker) instances(path []string, limits []InstanceLimit) {
	if len(limits) > MaxLimits {
		c.add(path, "keep the ones that bind", "%d limits are more than %d", len(limits), MaxLimits)
	}
	for i, l := range limits {
		within := at(path, strconv.Itoa(i))
		c.oneOf(within, "instances", l.Instances != 0, "percent", l.Percent != 0)
		if l.Instances != 0 {
			c.integer(at(within, "instances"), "instances", l.Instances, 1, 1000)
		}
		if l.Percent != 0 {
			c.positive(at(within, "percent"), "percent", l.Percent, 100)
		}
		c.lasts(at(within, "period"), "period", &l.Period, time.Minute, MaxRatePeriod)
	}
}

// integer wants a whole number in [least, most].
func (c *checker) integer(path []string, name string, v, least, most int) {
	if v < least || v > most {
		c.add(path, "use "+strconv.Itoa(least)+" to "+strconv.Itoa(most), "%s %d is out of range", name, v)
	}
}

// lasts wants a duration in [least, most], or none.
func (c *checker) lasts(path []string, name string, d *Duration, least, most time.Duration) {
	if d != nil && (time.Duration(*d) < least || time.Duration(*d) > most) {
		c.add(path, "use "+Duration(least).String()+" to "+Duration(most).String(), "%s %s is out of range", name, *d)
	}
}
