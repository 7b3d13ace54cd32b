package score

import (
	"math"
	"slices"
)

// Rho gives the level that a metric does not exceed in a new scenario with probability
// 1-epsilon, with confidence 1-beta, as far as the given values of it are independent
// scenarios, days for instance: an order statistic. The k greatest values are discarded
// for the greatest k with
//
//	sum over i = 0..k of C(N,i) epsilon^i (1-epsilon)^(N-i) <= beta
//
// since the k+1st greatest lies below the true quantile only if at most k of the N
// exceed that. ok is false if there are too few values even for k = 0; see Shortfall.
// Papadopoulos et al., PEAS, ACM TOMPECS 1(4), 2016, rate autoscalers by it.
// 0 < epsilon, beta < 1.
func Rho(values []float64, epsilon, beta float64) (rho float64, ok bool) {
	n := len(values)
	v := slices.Sorted(slices.Values(values))
	// In logarithms, since (1-epsilon)^N may be too small for a float.
	term, sum := float64(float64(n)*math.Log1p(-epsilon)), 0.0
	k := -1
	for k < n-1 {
		if sum += math.Exp(term); sum > beta {
			break
		}
		k++
		term += math.Log(float64(n-k)/float64(k+1)) + math.Log(epsilon) - math.Log1p(-epsilon)
	}
	if k < 0 {
		return 0, false
	}
	return v[n-1-k], true
}

// Shortfall gives the epsilon that the greatest of n > 0 values guarantees with
// confidence 1-beta: 1 - beta^(1/n).
func Shortfall(n int, beta float64) float64 {
	return -math.Expm1(math.Log(beta) / float64(n))
}
