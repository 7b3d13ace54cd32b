// Package score gives the marks of a policy on a trace: what it failed to carry and
// what it cost, beside the least that anyone who knew the future could have paid.
package score

import (
	"fmt"
	"slices"
)

// Steps is a whole number that changes at whole seconds, as the count of tasks over
// time. Before its first step it is 0. Append keeps At rising and every step but the
// first a change.
type Steps []Step

// Step is a change: from second At on the number is N.
type Step struct {
	At, N int
}

// Append gives s with the number n from second at on, which is not before the last
// step; it panics if it is. The first step is kept whatever its n, a later one only if
// it changes the number. Of several in one second the last counts.
func (s Steps) Append(at, n int) Steps {
	if last := len(s) - 1; last >= 0 {
		switch {
		case s[last].At > at:
			panic(fmt.Sprintf("score: a step at second %d after one at %d", at, s[last].At))
		case s[last].At == at && last == 0:
			s[last].N = n
			return s
		case s[last].At == at:
			s = s[:last]
			return s.Append(at, n)
		case s[last].N == n:
			return s
		}
	}
	return append(s, Step{At: at, N: n})
}

// At gives the number in a second.
func (s Steps) At(second int) int {
	if i := s.after(second); i > 0 {
		return s[i-1].N
	}
	return 0
}

// Integral gives the sum of the number over the seconds from <= t < to: task-seconds
// where it counts tasks.
func (s Steps) Integral(from, to int) float64 {
	sum := 0
	s.spans(from, to, func(begin, end, n int) { sum += n * (end - begin) })
	return float64(sum)
}

// after gives the index of the first step after a second.
func (s Steps) after(second int) int {
	i, _ := slices.BinarySearchFunc(s, second+1, func(x Step, at int) int { return x.At - at })
	return i
}

// spans calls f for each stretch of from <= t < to in which the number stays.
func (s Steps) spans(from, to int, f func(begin, end, n int)) {
	n := s.At(from)
	for _, next := range s[s.after(from):] {
		if next.At >= to {
			break
		}
		f(from, next.At, n)
		from, n = next.At, next.N
	}
	if from < to {
		f(from, to, n)
	}
}
