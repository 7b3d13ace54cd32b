package baseline

import "time"

// cooldowns are what Application Auto Scaling remembers of a service's orders, the same
// for target tracking and step scaling (user guide, cooldown periods).
//
// During the scale-out cooldown the base is the count before the additions of
// that cooldown, and only a larger count than the last one passes: what was
// added already is part of what is wanted. Taking the running count instead
// would multiply a stale metric, measured before the new tasks ran, with those
// new tasks.
type cooldowns struct {
	outUntil time.Time
	before   int // running tasks when the additions of the cooldown began
	lastOut  int // desired count ordered last by a scale-out
	inUntil  time.Time
}

// base is the count from which a scale-out is reckoned.
func (c *cooldowns) base(s Sight) int {
	if s.Now.Before(c.outUntil) {
		return c.before
	}
	return s.Running
}

// out gives the count that a scale-out to want orders where desired stands.
func (c *cooldowns) out(s Sight, desired, want int, cooldown time.Duration) int {
	if s.Now.Before(c.outUntil) && want <= c.lastOut || want <= desired {
		return desired
	}
	c.before, c.lastOut = c.base(s), want
	c.outUntil = s.Now.Add(cooldown)
	c.inUntil = time.Time{} // a scale-out ends the scale-in cooldown at once
	return want
}

// rests tells whether scale-in rests: during its cooldown and while a deployment is in
// progress.
func (c *cooldowns) rests(s Sight) bool { return s.Deploying || s.Now.Before(c.inUntil) }

// in gives the count that a scale-in to want orders.
func (c *cooldowns) in(s Sight, want int, cooldown time.Duration) int {
	if want >= s.Desired {
		return s.Desired
	}
	c.inUntil = s.Now.Add(cooldown)
	return want
}
