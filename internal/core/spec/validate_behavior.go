package spec

import (
	"math"
	"strconv"
	"time"
)

func (c *checker) scaleOut(path []string, b ScaleOut) {
	c.behavior(path, b.Tolerance, b.Cooldown, b.StabilizationWindow)
	c.limits(at(path, "rateLimits"), b.RateLimits, 10_000)
	c.selects(at(path, "selectPolicy"), b.SelectPolicy)
}

func (c *checker) scaleIn(path []string, b ScaleIn) {
	c.behavior(path, b.Tolerance, b.Cooldown, b.StabilizationWindow)
	c.limits(at(path, "rateLimits"), b.RateLimits, 100)
	c.selects(at(path, "selectPolicy"), b.SelectPolicy)
	c.limits(at(path, "removalBudget"), b.RemovalBudget, 100)
	if b.Datapoints < 0 || b.Datapoints > 60 {
		c.add(at(path, "datapoints"), "use 1 to 60", "datapoints %d is out of range", b.Datapoints)
	}
	if f := b.FlapBudget; f != nil {
		if f.Reversals < 1 || f.Reversals > 60 {
			c.add(at(path, "flapBudget", "reversals"), "use 1 to 60", "reversals %d is out of range", f.Reversals)
		}
		if p := time.Duration(f.Period); p != 0 && (p < time.Minute || p > MaxRatePeriod) {
			c.add(at(path, "flapBudget", "period"), "use 1m to 1h", "period %s is out of range", f.Period)
		}
	}
	if d := b.DeploymentFreeze; d != nil && (*d < 0 || time.Duration(*d) > 24*time.Hour) {
		c.add(at(path, "deploymentFreeze"), "use 0s to 24h", "deploymentFreeze %s is out of range", *d)
	}
	if f := b.HistoryFloor; f != nil && (*f < 0 || *f > 1) {
		c.add(at(path, "historyFloor"), "use 0% to 100%", "historyFloor %s is out of range", *f)
	}
}

func (c *checker) behavior(path []string, tolerance *Percent, cooldown, window *Duration) {
	if tolerance != nil && (*tolerance < 0 || *tolerance > 0.9) {
		c.add(at(path, "tolerance"), "use 0% to 90%", "tolerance %s is out of range", *tolerance)
	}
	if cooldown != nil && (*cooldown < 0 || time.Duration(*cooldown) > 24*time.Hour) {
		c.add(at(path, "cooldown"), "use 0s to 24h", "cooldown %s is out of range", *cooldown)
	}
	if window != nil && (*window < 0 || time.Duration(*window) > time.Hour) {
		c.add(at(path, "stabilizationWindow"), "use 0s to 1h", "stabilizationWindow %s is out of range", *window)
	}
}

// limits checks rate limits and budgets; most is the highest percentage.
func (c *checker) limits(path []string, limits []RateLimit, most float64) {
	if len(limits) > MaxLimits {
		c.add(path, "keep the ones that bind", "%d limits are more than %d", len(limits), MaxLimits)
	}
	if limits != nil && len(limits) == 0 {
		c.add(path, "give a limit, or remove the line for the default", "the list is empty")
	}
	for i, l := range limits {
		within := at(path, strconv.Itoa(i))
		c.oneOf(within, "tasks", l.Tasks != 0, "percent", l.Percent != 0)
		if l.Tasks < 0 || l.Tasks > MaxTasks {
			c.add(at(within, "tasks"), "use 1 to "+strconv.Itoa(MaxTasks), "tasks %d is out of range", l.Tasks)
		}
		if l.Percent < 0 || math.IsNaN(l.Percent) || l.Percent > most {
			c.add(at(within, "percent"), "use a number above 0, at most "+plain(most), "percent %v is out of range", l.Percent)
		}
		if p := time.Duration(l.Period); p < 10*time.Second || p > MaxRatePeriod {
			c.add(at(within, "period"), "use 10s to 1h", "period %s is out of range", l.Period)
		}
	}
}

func (c *checker) selects(path []string, s Select) {
	if s != "" {
		c.oneWord(path, "selectPolicy", string(s), string(SelectMax), string(SelectMin))
	}
}
