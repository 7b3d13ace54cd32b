package taskcount

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// Fallback is the service that stands in for this one.
type Fallback struct {
	Service fleet.Service
	History history.History
	// Most is the most tasks that it may be given at this time.
	Most int
}

// Lead is the service that a fallback stands in for.
type Lead struct {
	Name    fleet.ServiceName
	Service fleet.Service
	// Total is what the two should run together.
	Total int
	// Blind is true where a policy of the lead lacks data that it needs for a scale-in.
	Blind bool
	// Unknown says why the lead is not known; the fallback then holds.
	Unknown string
}

// called tells whether the fallback stands in at this time.
func (f *Fallback) called() bool {
	return f != nil && f.History.Shortage != nil && f.History.Shortage.Called()
}

// without tells whether the service had no task yet at a time: so says the memory of
// its fallback, while that counts on none.
func (f *Fallback) without(t time.Time) bool {
	if !f.called() || *f.History.Shortage.Counted > 0 {
		return false
	}
	since := f.History.Shortage.AboveSince
	return since.IsZero() || !t.After(since)
}

// desired is the most tasks of the fallback that were ordered at either end of a
// period. Orders of observe mode never moved its count.
func (f *Fallback) desired(start time.Time, period time.Duration) int {
	switch {
	case f == nil:
		return 0
	case f.History.Shadow != nil:
		return f.Service.Desired
	}
	return max(f.History.CountAt(start, f.Service.Desired), f.History.CountAt(start.Add(period), f.Service.Desired))
}

// room is how many more tasks the fallback may be given.
func (f *Fallback) room() int { return max(0, f.Most-f.Service.Running-f.Service.Pending) }

// together is the service as the brakes see it: while a fallback stands in, with the
// tasks of both, and without those that it may still be given. What Spot cannot place
// is then no reason to stop growing.
func (d *decider) together() fleet.Service {
	s := d.in.Service
	if f := d.in.Fallback; f.called() {
		s.Running, s.Pending, s.Desired = s.Running+f.Service.Running, s.Pending+f.Service.Pending, s.Desired-f.room()
	}
	return s
}

// With gives the queries of a service that has a fallback: of every metric that ECS
// publishes of the one, that of the other too.
func With(queries []signal.Query, k fleet.ServiceKey, fallback fleet.ServiceName) []signal.Query {
	for _, q := range slices.Clone(queries) {
		if m, ok := twin(q.Metric, k, fallback); ok {
			q.Metric = m
			queries = append(queries, q)
		}
	}
	return queries
}

// twin gives the metric of the fallback that adds up with one of the service. An
// average or a percentile of the two does not follow from those of each.
func twin(m signal.Metric, k fleet.ServiceKey, fallback fleet.ServiceName) (signal.Metric, bool) {
	if m.Namespace != "AWS/ECS" || m.Statistic != "Sum" && m.Statistic != "SampleCount" {
		return m, false
	}
	i := slices.Index(m.Dimensions, signal.Dimension{Name: "ServiceName", Value: string(k.Service)})
	if i < 0 || !slices.Contains(m.Dimensions, signal.Dimension{Name: "ClusterName", Value: string(k.Cluster)}) {
		return m, false
	}
	m.Dimensions = slices.Clone(m.Dimensions)
	m.Dimensions[i].Value = string(fallback)
	return m, true
}

// pooled adds to a metric of the service that of its fallback: what both carry is the
// demand. The service's own falls as the fallback takes its part, and by itself it
// would shrink, be short no more, and call the fallback back.
func (e *eyes) pooled(own signal.Series) signal.Series {
	f := e.in.Fallback
	m, ok := twin(own.Metric, e.in.Key, f.Service.Name)
	if !ok {
		return own
	}
	other, ok := e.in.find(m)
	if !ok {
		other = signal.Series{Metric: m}
	}
	if own = lacks(own, "the metric of its fallback "+string(f.Service.Name), other); own.Status != signal.Complete {
		return own
	}
	return e.sum(own, other)
}

// sum adds two series up. A minute that one of them lacks counts as one without tasks
// where that is known; else it is left out, since absent is not zero.
func (e *eyes) sum(own, other signal.Series) signal.Series {
	f := e.in.Fallback
	scale := signal.Value(e.perTask(own.Metric, e.in.Service) / e.perTask(own.Metric, f.Service))
	theirs := make(map[int64]signal.Point, len(other.Points))
	for _, p := range other.Points {
		theirs[p.Start.UnixNano()] = p
	}
	points := make([]signal.Point, 0, len(own.Points)+len(other.Points))
	for _, p := range own.Points {
		t, both := theirs[p.Start.UnixNano()]
		delete(theirs, p.Start.UnixNano())
		if both {
			p.Value, p.Samples = p.Value+scale*t.Value, p.Samples+scale*t.Samples
		}
		if both || f.Service.Running == 0 || f.desired(p.Start, own.Metric.Period) == 0 {
			points = append(points, p)
		}
	}
	for _, t := range other.Points {
		if _, alone := theirs[t.Start.UnixNano()]; alone && (e.in.Service.Running == 0 || f.without(t.Start.Add(own.Metric.Period))) {
			t.Value, t.Samples = scale*t.Value, scale*t.Samples
			points = append(points, t)
		}
	}
	slices.SortStableFunc(points, func(a, b signal.Point) int { return a.Start.Compare(b.Start) })
	own.Points = points
	return own
}

// perTask is the samples of one task of a service in a period.
func (e *eyes) perTask(m signal.Metric, s fleet.Service) float64 {
	if m.Name == "MemoryUtilization" {
		return samplesPerTask(m.Period, s.MemorySeconds)
	}
	return samplesPerTask(m.Period, s.CPUSeconds)
}

// standIn gives what a fallback is to run.
func (d *decider) standIn() view {
	f, l := d.in.Policy.FallbackFor, d.in.Lead
	v := view{now: d.now, silent: true}
	v.rec = Recommendation{Policy: "fallbackFor", Type: history.Fallback, Verdict: Unusable, Count: d.in.Base}
	r := &v.rec
	if l == nil || l.Unknown != "" {
		r.Because = fmt.Sprintf("what %s has is not known", f.Service)
		if l != nil {
			r.Because += ": " + l.Unknown
		}
		return v
	}
	placed := l.placed(d.now)
	s := d.remembered().See(d.now, l.Service.Desired, placed, f.AfterTime(), f.CoolOffTime())
	r.Count = 0
	if s.Called() {
		r.Count = l.leaves(d.in.Base, placed, *s.Counted)
		if r.Count == 0 && d.in.Base <= d.min.count && placed >= l.Service.Desired {
			s = history.Shortage{} // all of it has gone back
		}
	}
	d.shortage = &s
	r.Because = d.standInWords(s, placed)
	if l.Blind && r.Count < d.in.Base {
		r.Count = d.in.Base
		r.Because += fmt.Sprintf("; none of the tasks here goes while data of %s is missing", f.Service)
	}
	r.verdict(d.in.Base)
	return v
}

// leaves is what a lead leaves to its fallback, which has a count: what has no place at
// the moment, and of what the fallback runs as much as the tasks that are counted on
// leave. While all that the lead wants has a place, what it comes to want beside is its
// own to place first: started on both, it would run twice until the cool-off is over.
func (l Lead) leaves(has, placed, counted int) int {
	missing := 0
	if placed < l.Service.Desired {
		missing = l.Total - placed
	}
	return max(missing, min(has, l.Total-counted), 0)
}

// failedJustNow is how long after a report of ECS that it could not place a task one
// at least of those that do not run is taken to have no place: a task that is pending
// between two failures would else end the shortage at each look that meets it.
const failedJustNow = 2 * time.Minute

// placed is how many of the lead's tasks have a place.
func (l Lead) placed(now time.Time) int {
	n := l.Service.Running + l.Service.Pending
	for _, t := range l.Service.Troubles {
		if t.Kind == fleet.PlacementFailure && now.Sub(t.At) < failedJustNow && l.Service.Running < l.Service.Desired {
			n = min(n, l.Service.Desired-1)
		}
	}
	return n
}

// remembered is what the fallback remembers of its lead.
func (d *decider) remembered() history.Shortage {
	if s := d.in.History.Shortage; s != nil {
		return *s
	}
	return history.Shortage{}
}

func (d *decider) standInWords(s history.Shortage, placed int) string {
	f, l := d.in.Policy.FallbackFor, d.in.Lead
	has := fmt.Sprintf("%s has a place for %d of %s", f.Service, min(placed, l.Service.Desired), taskWords(l.Service.Desired))
	if t, ok := unplacedWords(d.now, l.Service); ok && placed < l.Service.Desired {
		has += " (" + t + ")"
	}
	switch {
	case !s.Called() && s.Since.IsZero():
		return has
	case !s.Called():
		return fmt.Sprintf("%s, short since %s: this one starts tasks after %s of that", has, clock(s.Since), f.AfterTime())
	}
	words := fmt.Sprintf("%s: of the %s that are wanted together %d are counted on there", has, taskWords(l.Total), min(*s.Counted, l.Total))
	if !s.AboveSince.IsZero() {
		words += fmt.Sprintf(", and %d once they have had their place until %s", s.Above, clock(s.AboveSince.Add(f.CoolOffTime())))
	}
	return words
}

// unplacedWords are ECS's own about tasks that it could not place lately.
func unplacedWords(now time.Time, s fleet.Service) (string, bool) {
	for _, t := range s.Troubles {
		if t.Kind == fleet.PlacementFailure && now.Sub(t.At) <= TroubleFor {
			return fmt.Sprintf("at %s: %s", clock(t.At), t.Words), true
		}
	}
	return "", false
}

// fargateSpot is the capacity provider of interruptible capacity on Fargate.
const fargateSpot = "FARGATE_SPOT"

// remedy says what helps a service whose tasks wait for Spot capacity. A quota is
// not lifted by another provider.
func (d *decider) remedy(t fleet.Trouble) string {
	s := d.in.Service
	if s.Provider != fargateSpot || !strings.Contains(strings.ToLower(t.Words), "capacity") {
		return ""
	}
	if f := d.in.Fallback; f != nil {
		return fmt.Sprintf("; %s stands in for what Fargate Spot does not give", f.Service.Name)
	}
	return fmt.Sprintf("; Fargate Spot lacks capacity, and ECS changes the capacity provider of a service only with a new deployment: "+
		"deploy it on FARGATE, or let a second service on FARGATE stand in for it, with fallbackFor: {service: %s} in that one's policy", s.Name)
}
