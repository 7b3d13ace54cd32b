package plant

import (
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// Count is how many there are from a second on, until the next one.
type Count struct{ At, N int }

// Timeline is how the counts of a service have gone, each oldest first and with
// no two equal ones in a row.
type Timeline struct {
	Running []Count // those that serve, beyond their health-check grace
	// Billed are the tasks that are paid for: from their placement, since pulling
	// the image is paid for, to their stop.
	Billed []Count
}

// Timeline gives how the counts of a service have gone, empty for one that does not
// record them, see Service.Recorded.
func (p *Plant) Timeline(n fleet.ServiceName) Timeline {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.service(n)
	if err != nil {
		return Timeline{}
	}
	p.sync()
	return Timeline{Running: slices.Clone(s.line.Running), Billed: slices.Clone(s.line.Billed)}
}

// note keeps the counts of the stretch that begins now.
func (s *service) note() {
	if s.cfg.Recorded {
		s.line.Running = noted(s.line.Running, s.seen, s.serving())
		s.line.Billed = noted(s.line.Billed, s.seen, len(s.tasks)-s.waiting)
	}
}

func noted(list []Count, at, n int) []Count {
	if k := len(list); k > 0 && list[k-1].N == n {
		return list
	}
	return append(list, Count{At: at, N: n})
}

// Instances counts the instances of a group that are paid for, those that boot and
// those that leave among them; an unknown group has none.
func (p *Plant) Instances(n fleet.GroupName) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, err := p.group(n)
	if err != nil {
		return 0
	}
	return len(g.instances)
}
