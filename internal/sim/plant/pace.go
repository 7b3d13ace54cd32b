package plant

import (
	"math"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// FargateStart is the time from the start of the image pull to RUNNING on Fargate:
// 30 s to 90 s for the central 90 %, 55 s on average.
func FargateStart() sim.Spread { return sim.Lognormal(30*time.Second, 90*time.Second) }

// WarmStart is the time of a task on an instance that is there: 20 s to 40 s, 29 s on
// average.
func WarmStart() sim.Spread { return sim.Lognormal(20*time.Second, 40*time.Second) }

// ColdBoot is the time of an instance in two stages, see Group: until Auto Scaling has
// it in service, and until its agent has registered with the cluster. Both together
// are 120 s to 240 s for the central 90 %, 173 s on average.
func ColdBoot() (boot, register sim.Spread) {
	return sim.Lognormal(90*time.Second, 205*time.Second), sim.Lognormal(20*time.Second, 50*time.Second)
}

// Rates are how fast ECS launches tasks. Zero is without a limit.
type Rates struct {
	Service int // tasks of one service a minute, on Fargate as on EC2
	// Burst and Sustained are of all tasks on Fargate: at once, and a second after it.
	Burst, Sustained int
}

// LaunchRates are the quotas of the large regions (AWS General Reference, ECS
// endpoints and quotas): a step of 2,000 tasks takes 239 s.
func LaunchRates() *Rates { return &Rates{Service: 500, Burst: 100, Sustained: 20} }

// bucket is a token bucket on the virtual clock. It begins full.
type bucket struct {
	burst, rate float64 // tokens, and tokens a second
	tokens      float64
	at          time.Time
}

// enough is one token, less what adding up parts of tokens loses.
const enough = 1 - 1e-9

func newBucket(burst, rate float64) *bucket { return &bucket{burst: burst, rate: rate, tokens: burst} }

func (b *bucket) refill(now time.Time) {
	if !b.at.IsZero() {
		b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
}

// wait gives the whole seconds until there is a token, 0 for at once.
func (b *bucket) wait(now time.Time) time.Duration {
	b.refill(now)
	if b.tokens >= enough {
		return 0
	}
	return time.Duration(math.Ceil((enough-b.tokens)/b.rate)) * time.Second
}

// limits gives a new service its bucket, as large as one second's tasks: the quota is
// a pace over a minute, not a minute's tasks at once. What runs at the start was
// launched before.
func (p *Plant) limits(s *service) {
	r := p.opt.Rates
	if r == nil {
		return
	}
	if r.Service > 0 {
		rate := float64(r.Service) / 60
		s.paces = append(s.paces, newBucket(math.Ceil(rate), rate))
	}
	if s.group == nil && r.Burst > 0 && r.Sustained > 0 {
		if p.fargate == nil {
			p.fargate = newBucket(float64(r.Burst), float64(r.Sustained))
		}
		s.paces = append(s.paces, p.fargate)
	}
}

// limited tells whether the launch rates hold a service's next task back. Its tasks are
// then tried again as soon as they may.
func (p *Plant) limited(s *service) bool {
	now, wait := p.clock.Now(), time.Duration(0)
	for _, b := range s.paces {
		wait = max(wait, b.wait(now))
	}
	if wait > 0 && !s.paced {
		s.paced = true
		p.at(now.Add(wait), func() {
			s.paced = false
			p.retry(s)
		})
	}
	return wait > 0
}

// spend counts one launch.
func (s *service) spend() {
	for _, b := range s.paces {
		b.tokens--
	}
}

// warm makes a task that has begun to run serve nobody before its grace is over.
func (p *Plant) warm(t *task) {
	s := t.service
	if s.cfg.Grace <= 0 {
		return
	}
	t.warming = true
	s.warming++
	p.at(p.clock.Now().Add(s.cfg.Grace), func() {
		if !t.warming {
			return
		}
		s.warmed(t)
		// Of the step before now it has used nothing.
		t.usedBefore = s.used
		p.settle(s)
	})
}

func (s *service) warmed(t *task) {
	if t.warming {
		t.warming = false
		s.warming--
	}
}

// serving counts the running tasks that have passed their health checks.
func (s *service) serving() int { return s.running - s.warming }
