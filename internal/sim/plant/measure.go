package plant

import (
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// MeasureKind is what an application or its load balancer tells of a service.
type MeasureKind string

// The kinds. Each is one sample a step, over the whole service.
const (
	Requests MeasureKind = "requests" // arrived in the step, a sum
	// Errors are the requests that failed in the step, a sum. As of a load
	// balancer's 5xx counts there is no datapoint where there were none.
	Errors    MeasureKind = "errors"
	Latency   MeasureKind = "latency"   // the slowest percent's, in seconds; none without requests
	InFlight  MeasureKind = "inFlight"  // requests at work, the mean of the step
	Unhealthy MeasureKind = "unhealthy" // running tasks whose health checks fail, the most in the step
)

// Measure configures a metric that a service's application publishes of it.
type Measure struct {
	Kind MeasureKind
	// Metric is its name; its period is the resolution: 10 s, 20 s or, if zero, 60 s.
	Metric signal.Metric
}

// measure is a Measure with what the open step holds so far.
type measure struct {
	kind      MeasureKind
	sum, peak float64
	seconds   int
	any       bool // there was a request
}

func (p *Plant) measure(s *service, c Measure) {
	step := c.Metric.Period
	if step <= 0 || step%time.Second != 0 || time.Minute%step != 0 {
		step = time.Minute
	}
	c.Metric.Dimensions = sorted(c.Metric.Dimensions)
	m := &measure{kind: c.Kind}
	s.measures = append(s.measures, m)
	x := p.newMeter(c.Metric, step, m.close)
	x.service = s.cfg.Name
	p.addMeter(x)
}

// add counts one second: demand in tasks, and the stall it falls in.
func (m *measure) add(s *service, demand float64, x effect) {
	t := s.traffic(demand, x)
	m.seconds++
	m.any = m.any || t.arrived > 0
	value := 0.0
	switch m.kind {
	case Requests:
		value = t.arrived
	case Errors:
		value = t.failed
	case Latency:
		value = t.latency * x.latency
	case InFlight:
		value = t.inFlight * x.latency
	case Unhealthy:
		value = math.Ceil(x.unhealthy*float64(s.running) - 1e-9)
	}
	m.sum += value
	m.peak = max(m.peak, value)
}

// traffic is what a service's application sees of one second, before a stall delays it.
type traffic struct{ arrived, failed, latency, inFlight float64 }

// traffic is made up from the demand alone where the service has no Requests.
func (s *service) traffic(demand float64, x effect) traffic {
	if s.requests != nil {
		return s.requests.traffic(x)
	}
	load, served := demand*s.cfg.Capacity, min(demand, float64(s.serving()))*s.cfg.Capacity
	latency := s.latency(demand)
	return traffic{arrived: load, failed: load - served*(1-x.errors), latency: latency, inFlight: served * latency}
}

// latency gives the time of a request in seconds: flat while there is room and
// steep near the end, 1.8 times the idle one at 70 % and 48 times at 98 %, where
// clients give up.
func (s *service) latency(demand float64) float64 {
	u := 0.98
	if n := s.serving(); n > 0 {
		u = min(u, demand/float64(n))
	}
	return s.cfg.Latency.Seconds() * (1 + u*u*u*u/(1-u))
}

// close gives the datapoint of the step that has just ended.
func (m *measure) close(int) datapoint {
	d := datapoint{average: m.sum, samples: 1}
	switch m.kind {
	case Requests:
	case Errors:
		if m.sum <= 1e-9 {
			d.samples = 0
		}
	case Latency:
		d.average = m.peak
		if !m.any {
			d.samples = 0
		}
	case InFlight:
		d.average = m.sum / float64(max(m.seconds, 1))
	case Unhealthy:
		d.average = m.peak
	}
	*m = measure{kind: m.kind}
	return d
}
