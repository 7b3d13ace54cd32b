package score

// Bound is the least that a demand can cost.
type Bound struct {
	Seconds int // billed task-seconds, starts included
	Starts  int
	Demand  int // task-seconds that are asked for: the least without bills for starts
	Peak    int // tasks
}

// Oracle gives the least task-seconds with which someone who knows the demand (fewest
// tasks, one value a second) has enough tasks ready in every second, if each start is
// billed for startBill seconds before it serves. It begins with no task, may order
// before the first second, and keeps none after the last use. Time and memory go with
// the sum of the changes of the demand and its peak.
//
// Tasks are alike, so a plan is the count s[t] >= d[t] of ready tasks, s[-1] = 0, at
//
//	cost = sum over t of s[t] + S * max(0, s[t]-s[t-1])
//
// Cut it into levels: level k is on at t if s[t] >= k. Both terms are sums over the
// levels, of the seconds it is on and of S for each time it goes on, and s[t] >= d[t]
// says that level k is on wherever d[t] >= k. So each level may be served alone for the
// lower bound: its busy seconds, S for the first use, and for each idle gap g between two
// uses the cheaper of staying on (g) and going on again (S); nothing before the first use
// or after the last. The bound is met, since a gap of level k lies within a gap of
// level k+1 or outside all its uses: if k+1 stays on through its gap, which is then at
// most S long, so does k through all of its own inside it, and the levels that are on are
// always 1 to some s[t]. Levels are last in, first out.
//
// The sum is that of shared/reference/measure.md 2.6; Lu and Chen, arXiv:1112.0442, have
// the same structure for servers. Minimum billing times are not in it: it stays a bound.
func Oracle(demand []int32, startBill int) Bound {
	return oracle(demand, 1, startBill, false)
}

// oracle is Oracle for hosts that hold per tasks each. standing says that all levels were
// on just before the first second and are paid for, so that a first use costs what a use
// after a gap does. A window cut out of a longer run must be judged so: no policy pays
// within it for what it began with.
func oracle(demand []int32, per, startBill int, standing bool) Bound {
	var b Bound
	var left []int // by level - 1, the second in which its last use ended
	level := 0
	for t := 0; t < len(demand); {
		d, begin := (max(0, int(demand[t]))+per-1)/per, t
		t = same(demand, t, len(demand))
		b.Demand += d * (t - begin)
		for ; level > d; level-- {
			left[level-1] = begin
		}
		for ; level < d; level++ {
			first := level == len(left)
			if first {
				left = append(left, 0)
			}
			// Of two that cost the same, staying is one start less.
			if idle := begin - left[level]; idle <= startBill && (!first || standing) {
				b.Seconds += idle
				continue
			}
			b.Seconds += startBill
			b.Starts++
		}
	}
	b.Seconds += b.Demand
	b.Peak = len(left)
	return b
}

// same gives the first second after t, at most end, whose demand is not that of t.
func same(demand []int32, t, end int) int {
	d := demand[t]
	for t < end && demand[t] == d {
		t++
	}
	return t
}
