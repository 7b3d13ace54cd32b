package spec

import "time"

// ScaleOut shapes scale-out. The HPA calls it behavior.
type ScaleOut struct {
	// Tolerance is the dead band of the ratio of demand to target, 0% to 90%, default 5%.
	Tolerance *Percent `json:"tolerance,omitempty"`
	// Cooldown is how long after a scale-out only a larger count than the one
	// ordered passes, 0s to 24h, default 0s.
	Cooldown *Duration `json:"cooldown,omitempty"`
	// StabilizationWindow makes scale-out follow the lowest recommendation over
	// the window, 0s to 1h, default 0s.
	StabilizationWindow *Duration `json:"stabilizationWindow,omitempty"`
	// RateLimits bound what is added in a period, up to 5, default 300 % or 10 tasks a minute.
	RateLimits []RateLimit `json:"rateLimits,omitempty"`
	// SelectPolicy says which of several rate limits counts, default Max: that is the
	// most permissive one, Min the least.
	SelectPolicy Select `json:"selectPolicy,omitempty"`
}

// ScaleIn shapes scale-in.
type ScaleIn struct {
	// Tolerance is the dead band of the ratio of demand to target, 0% to 90%, default 10%.
	Tolerance *Percent `json:"tolerance,omitempty"`
	// Cooldown is how long after an order in either direction nothing is removed, 0s to 24h, default 60s.
	Cooldown *Duration `json:"cooldown,omitempty"`
	// StabilizationWindow makes scale-in follow the highest recommendation over
	// the window, 0s to 1h, default 10m.
	StabilizationWindow *Duration `json:"stabilizationWindow,omitempty"`
	// RateLimits bound what is removed in a period, up to 5, default 25 % a minute.
	RateLimits []RateLimit `json:"rateLimits,omitempty"`
	// SelectPolicy says which of several rate limits counts, default Max: that is the
	// most permissive one, Min the least.
	SelectPolicy Select `json:"selectPolicy,omitempty"`
	// RemovalBudget is what no input can exceed, up to 5 entries, default 50 % in 15
	// minutes: every entry holds, whatever asks for the removal.
	RemovalBudget []RateLimit `json:"removalBudget,omitempty"`
	// Datapoints is how many fresh datapoints in a row must ask for less, 1 to 60, default 3.
	Datapoints int `json:"datapoints,omitempty"`
	// FlapBudget bounds how often a scale-in may follow a scale-out, default 2 an hour.
	FlapBudget *FlapBudget `json:"flapBudget,omitempty"`
	// DeploymentFreeze is how long a deployment stops scale-in at most, 0s to 24h,
	// default 1h: one that is paused must not stop it for ever.
	DeploymentFreeze *Duration `json:"deploymentFreeze,omitempty"`
	// HistoryFloor is the share of the lowest count seen at this hour of the week in
	// the last two weeks that scale-in does not pass, 0% to 100%, default 50%; 0% is
	// no such floor.
	HistoryFloor *Percent `json:"historyFloor,omitempty"`
}

// Select says which of several rate limits counts.
type Select string

// The ways to select, in the HPA's words.
const (
	SelectMax Select = "Max"
	SelectMin Select = "Min"
)

// RateLimit bounds the change over a period. Exactly one of Tasks and Percent is set.
type RateLimit struct {
	// Tasks is the change allowed in the period, in tasks, 1 to 5000.
	Tasks int `json:"tasks,omitempty"`
	// Percent is the change allowed in the period in percent of the count at its
	// start, rounded up, at least one task, above 0 to 10000; of scale-in at most 100.
	Percent float64 `json:"percent,omitempty"`
	// Period is the sliding window, 10s to 1h.
	Period Duration `json:"period"`
}

// FlapBudget bounds the reversals: scale-ins that follow a scale-out.
type FlapBudget struct {
	// Reversals is how many are allowed in the period, 1 to 60.
	Reversals int `json:"reversals"`
	// Period is the sliding window, 1m to 1h, default 1h.
	Period Duration `json:"period,omitempty"`
}

// Defaults of the behaviour. Tolerances and the long look back before scale-in
// keep a constant load with 15 % noise still; out reacts at once.
const (
	DefaultOutTolerance     = 0.05
	DefaultInTolerance      = 0.10
	DefaultInWindow         = 10 * time.Minute
	DefaultInCooldown       = time.Minute
	DefaultPeriod           = time.Minute
	DefaultDatapoints       = 3
	DefaultReversals        = 2
	DefaultFlapPeriod       = time.Hour
	DefaultDeploymentFreeze = time.Hour
	DefaultHistoryFloor     = 0.5
	DefaultCoolOff          = 5 * time.Minute
	DefaultVetoLookback     = 5 * time.Minute
	DefaultRepairsPerHour   = 3
)

// MaxRatePeriod is the longest period of a rate limit, a removal budget and a
// flap budget: the orders of an hour are what the history is sure to hold.
const MaxRatePeriod = time.Hour

// Resolved is the behaviour of one direction with its defaults filled in. The
// fields after SelectPolicy are those of scale-in alone.
type Resolved struct {
	Tolerance           float64
	Cooldown            time.Duration
	StabilizationWindow time.Duration
	RateLimits          []RateLimit
	SelectPolicy        Select

	RemovalBudget    []RateLimit
	Datapoints       int
	FlapBudget       FlapBudget
	DeploymentFreeze time.Duration
	HistoryFloor     float64
}

// Out gives the scale-out behaviour with its defaults.
func (s Service) Out() Resolved {
	o := s.ScaleOut
	r := Resolved{
		Tolerance: DefaultOutTolerance, SelectPolicy: o.SelectPolicy, RateLimits: o.RateLimits,
	}
	r.fill(o.Tolerance, o.Cooldown, o.StabilizationWindow)
	if o.RateLimits == nil {
		// Four times the tasks in a minute is past any real load that is not a step;
		// ten tasks let a small service follow one.
		r.RateLimits = []RateLimit{{Percent: 300, Period: Duration(time.Minute)}, {Tasks: 10, Period: Duration(time.Minute)}}
	}
	return r
}

// In gives the scale-in behaviour with its defaults.
func (s Service) In() Resolved {
	i := s.ScaleIn
	r := Resolved{
		Tolerance: DefaultInTolerance, Cooldown: DefaultInCooldown, StabilizationWindow: DefaultInWindow,
		SelectPolicy: i.SelectPolicy, RateLimits: i.RateLimits, RemovalBudget: i.RemovalBudget, Datapoints: i.Datapoints,
		FlapBudget:       FlapBudget{Reversals: DefaultReversals, Period: Duration(DefaultFlapPeriod)},
		DeploymentFreeze: DefaultDeploymentFreeze, HistoryFloor: DefaultHistoryFloor,
	}
	r.fill(i.Tolerance, i.Cooldown, i.StabilizationWindow)
	if i.RateLimits == nil {
		r.RateLimits = []RateLimit{{Percent: 25, Period: Duration(time.Minute)}}
	}
	if i.RemovalBudget == nil {
		r.RemovalBudget = []RateLimit{{Percent: 50, Period: Duration(15 * time.Minute)}}
	}
	if i.Datapoints == 0 {
		r.Datapoints = DefaultDatapoints
	}
	if b := i.FlapBudget; b != nil {
		r.FlapBudget.Reversals = b.Reversals
		if b.Period != 0 {
			r.FlapBudget.Period = b.Period
		}
	}
	if i.DeploymentFreeze != nil {
		r.DeploymentFreeze = time.Duration(*i.DeploymentFreeze)
	}
	if i.HistoryFloor != nil {
		r.HistoryFloor = float64(*i.HistoryFloor)
	}
	return r
}

func (r *Resolved) fill(tolerance *Percent, cooldown, window *Duration) {
	if tolerance != nil {
		r.Tolerance = float64(*tolerance)
	}
	if cooldown != nil {
		r.Cooldown = time.Duration(*cooldown)
	}
	if window != nil {
		r.StabilizationWindow = time.Duration(*window)
	}
}

// CoolOffTime gives the cool-off before the last task goes.
func (a *Activation) CoolOffTime() time.Duration {
	if a == nil || a.CoolOff == nil {
		return DefaultCoolOff
	}
	return time.Duration(*a.CoolOff)
}

// LookbackTime gives how long one bad datapoint forbids scale-in.
func (v Veto) LookbackTime() time.Duration {
	if v.Lookback == nil {
		return DefaultVetoLookback
	}
	return time.Duration(*v.Lookback)
}

// Repairs gives how often an hour a foreign count below the floor is lifted.
func (s Service) Repairs() int {
	if s.RepairsPerHour == nil {
		return DefaultRepairsPerHour
	}
	return *s.RepairsPerHour
}
