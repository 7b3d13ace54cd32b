package queueing

import "math"

// The formulas of stationary queues with n tasks and a load of a Erlangs, Poisson
// arrivals and exponential service unless said otherwise. Times are in mean
// service times. With a >= n the queue has no stationary state: every tail is 1
// and every time infinite. Source: Gross, Shortle, Thompson and Harris,
// Fundamentals of Queueing Theory, ch. 3 (M/M/n) and 8 (approximations).

// ErlangB gives the probability that an arrival finds all n tasks busy where
// nobody waits. By B(k) = a B(k-1) / (k + a B(k-1)), which is stable for any n.
func ErlangB(n int, a float64) float64 {
	b := 1.0
	for k := 1; k <= n; k++ {
		b = a * b / (float64(k) + a*b)
	}
	return b
}

// ErlangC gives the probability that an arrival waits: n B / (n - a (1 - B)).
func ErlangC(n int, a float64) float64 {
	if a >= float64(n) {
		return 1
	}
	b := ErlangB(n, a)
	return float64(n) * b / (float64(n) - a*(1-b))
}

// MMnWait gives P(wait > t) = C exp(-(n-a) t).
func MMnWait(n int, a, t float64) float64 {
	return GGnWait(n, a, 1, 1, t)
}

// MMnResponse gives P(wait + service > t) =
// exp(-t) (1 + C (1 - exp(-(n-a-1) t)) / (n-a-1)), with C t for the fraction where
// n-a is 1.
func MMnResponse(n int, a, t float64) float64 {
	if a >= float64(n) {
		return 1
	}
	d, c := float64(n)-a-1, ErlangC(n, a)
	grown := t // (1 - exp(-d t)) / d
	if math.Abs(d*t) > 1e-9 {
		grown = -math.Expm1(-d*t) / d
	}
	return math.Exp(-t) * (1 + c*grown)
}

// MMnQuantile gives the response time that a share q of the requests, 0 to
// below 1, does not exceed: 0.95 for the p95. By bisection to 1e-9 of itself.
func MMnQuantile(n int, a, q float64) float64 {
	if a >= float64(n) || q >= 1 {
		return math.Inf(1)
	}
	low, high := 0.0, 1.0
	for MMnResponse(n, a, high) > 1-q {
		low, high = high, 2*high
	}
	for high-low > 1e-9*high {
		if t := (low + high) / 2; MMnResponse(n, a, t) > 1-q {
			low = t
		} else {
			high = t
		}
	}
	return high
}

// AllenCunneen gives the mean wait with any arrivals and service times, whose
// squared coefficients of variation are ca2 and cs2, approximately:
// (ca2+cs2)/2 C / (n-a). It is exact for M/M/n and M/G/1.
func AllenCunneen(n int, a, ca2, cs2 float64) float64 {
	if a >= float64(n) {
		return math.Inf(1)
	}
	return (ca2 + cs2) / 2 * ErlangC(n, a) / (float64(n) - a)
}

// GGnWait gives P(wait > t) for the same queues, approximately:
// C exp(-2 (n-a) t / (ca2+cs2)).
func GGnWait(n int, a, ca2, cs2, t float64) float64 {
	if a >= float64(n) {
		return 1
	}
	return ErlangC(n, a) * math.Exp(-2*(float64(n)-a)*t/(ca2+cs2))
}

// Backlog gives the work that waits after t with a constant load, where there was
// q before, as a fluid: it changes by a-n a second until none is left. Work and t
// in the same unit.
func Backlog(n int, a, q, t float64) float64 {
	return max(0, q+(a-float64(n))*t)
}
