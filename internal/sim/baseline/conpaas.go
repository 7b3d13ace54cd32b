package baseline

import "math"

// The numbers of ConPaaS: the points that it forecasts from, and the weight of the
// newest one in its smoothers, which measure.md does not give.
const (
	conPoints = 20
	smoothing = 0.5
)

// ConPaaS is the forecaster of ConPaaS (Fernandez et al., IC2E 2014): of several
// models the one that was nearest in the step before gives the servers of the next.
//
// Source: measure.md 3.2 (ahmedaley/Autoscalers:ConPaaSAutoscaler.py and the paper,
// formula alone): linear regression, autoregression, exponential smoothing and
// double exponential smoothing on the last 20 points; servers ceil(forecast). The
// published code keeps to autoregression; this is the paper's selection. The order
// of the autoregression is taken as one.
type ConPaaS struct {
	Headroom float64 // multiplies the load, as in Chase

	loads     []float64 // the newest last
	forecasts []float64 // of each model, for the present step
}

// Decide is one step.
func (k *ConPaaS) Decide(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	load := k.Headroom * s.Load
	best := 0
	for i, f := range k.forecasts {
		if math.Abs(f-load) < math.Abs(k.forecasts[best]-load) {
			best = i
		}
	}
	k.loads = append(k.loads, load)
	if n := len(k.loads); n > conPoints {
		k.loads = k.loads[n-conPoints:]
	}
	k.forecasts = append(k.forecasts[:0], line(k.loads), auto(k.loads), smooth(k.loads), double(k.loads))
	return whole(max(k.forecasts[best], 0))
}

// line continues the least-squares line through the points by one step.
func line(y []float64) float64 {
	n := float64(len(y))
	var sy, sxy, s2 float64
	for i, v := range y {
		x := float64(i) - (n-1)/2
		sy, sxy, s2 = sy+v, sxy+x*v, s2+x*x
	}
	if s2 == 0 {
		return y[len(y)-1]
	}
	return sy/n + sxy/s2*(n+1)/2
}

// auto gives the next value of an autoregression of the first order about the mean.
func auto(y []float64) float64 {
	last, mean := y[len(y)-1], 0.0
	for _, v := range y {
		mean += v / float64(len(y))
	}
	var top, bottom float64
	for i := range len(y) - 1 {
		top += (y[i] - mean) * (y[i+1] - mean)
		bottom += (y[i] - mean) * (y[i] - mean)
	}
	if bottom == 0 {
		return last
	}
	return mean + top/bottom*(last-mean)
}

// smooth gives the exponentially smoothed level.
func smooth(y []float64) float64 {
	level := y[0]
	for _, v := range y[1:] {
		level += smoothing * (v - level)
	}
	return level
}

// double gives the level and one step of trend of Holt's smoothing.
func double(y []float64) float64 {
	level, trend := y[0], 0.0
	for _, v := range y[1:] {
		next := smoothing*v + (1-smoothing)*(level+trend)
		level, trend = next, smoothing*(next-level)+(1-smoothing)*trend
	}
	return level + trend
}
