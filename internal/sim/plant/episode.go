package plant

import (
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// episode is the newest run of seconds in which a service missed its objective.
type episode struct{ from, until int } // its first second, the one after its last

// respite is how many seconds without violation end an episode.
const respite = 60

// add counts a second in violation. The first one of all begins an episode.
func (e *episode) add(t *Tally, second int) {
	if second-e.until >= respite {
		e.from = second
	}
	e.until = second + 1
	t.BusySlow++
	t.LongestSlow = max(t.LongestSlow, e.until-e.from)
}

// BeginEpisodes lets the longest episode in violation of a service, and the longest wait
// of its queue, be counted anew from now on: an episode that lasts begins now.
func (p *Plant) BeginEpisodes(n fleet.ServiceName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return
	}
	p.sync()
	s.tally.LongestSlow, s.episode.until = 0, s.seen-respite
	if s.queue != nil {
		s.queue.longest = 0
	}
}
