package baseline

// regPoints is how many needs Reg's polynomial is fitted to.
const regPoints = 60

// Reg is the regression policy of Iqbal et al. (FGCS 2011): out reactively, in by
// a polynomial of the second degree through the recent needs.
//
// Source: measure.md 3.2 (ahmedaley/Autoscalers:Regression.py, formula alone). L
// is the load in servers, s the servers, D taken as 1 % of s as in Adapt:
//
//	L > s + D:  ceil(1.05 L)
//	else:       min(s, 1.2 ceil(p(t))), p fitted to the last 60 of ceil(L)
type Reg struct {
	Headroom float64 // multiplies the load, as in Chase

	needs []float64 // the newest last
}

// Decide is one step.
func (k *Reg) Decide(s Sight) int {
	if s.blind() {
		return s.Desired
	}
	load := k.Headroom * s.Load
	k.needs = append(k.needs, float64(whole(load)))
	if n := len(k.needs); n > regPoints {
		k.needs = k.needs[n-regPoints:]
	}
	if load > 1.01*float64(s.Desired) {
		return whole(1.05 * load)
	}
	if len(k.needs) < 3 {
		return s.Desired
	}
	return min(s.Desired, whole(1.2*float64(whole(parabola(k.needs)))))
}

// parabola gives the value at the last point of the least-squares polynomial of
// the second degree through at least three equidistant points.
//
// With x counted from the middle the odd sums vanish: y = a + b x + c x^2 has
//
//	b = Sum(xy) / S2, c = (n Sum(x2 y) - S2 Sum(y)) / (n S4 - S2^2), a = (Sum(y) - c S2) / n
func parabola(y []float64) float64 {
	n := float64(len(y))
	var s2, s4, sy, sxy, sx2y float64
	for i, v := range y {
		x := float64(i) - (n-1)/2
		s2, s4 = s2+x*x, s4+x*x*x*x
		sy, sxy, sx2y = sy+v, sxy+x*v, sx2y+x*x*v
	}
	b, c := sxy/s2, (n*sx2y-s2*sy)/(n*s4-s2*s2)
	x := (n - 1) / 2
	return (sy-c*s2)/n + b*x + c*x*x
}
