package baseline

import "time"

// peak is the largest value of the last span, in amortised constant time: what
// cannot become the largest any more is forgotten at once.
type peak struct {
	span  time.Duration
	marks []mark // values falling, times rising
}

type mark struct {
	at    time.Time
	value float64
}

// push adds a value, no older than the one before, and gives the largest of
// those at most span old.
func (p *peak) push(now time.Time, v float64) float64 {
	for n := len(p.marks); n > 0 && p.marks[n-1].value <= v; n = len(p.marks) {
		p.marks = p.marks[:n-1]
	}
	p.marks = append(p.marks, mark{now, v})
	return p.since(now.Add(-p.span))
}

// since gives the largest value from a time on, which must not go back, and
// forgets what is older. It is not to be asked of an empty peak.
func (p *peak) since(from time.Time) float64 {
	for len(p.marks) > 1 && p.marks[0].at.Before(from) {
		p.marks = p.marks[1:]
	}
	return p.marks[0].value
}
