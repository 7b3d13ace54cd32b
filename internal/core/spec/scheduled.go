package spec

import (
	"strconv"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
)

// Window gives the calendar window, or what is wrong with it.
func (s Scheduled) Window() (calendar.Window, []calendar.Fault) { return s.WindowIn(nil) }

// WindowIn gives the same as Window and keeps the time zone in zones, or takes it
// from there: for whoever asks for the windows of many services.
func (s Scheduled) WindowIn(zones calendar.Zones) (calendar.Window, []calendar.Fault) {
	return zones.Parse(calendar.Words{
		Days: s.Days, From: s.From, To: s.To, TimeZone: s.TimeZone, StartDate: s.StartDate, EndDate: s.EndDate,
		Start: s.Start, End: s.End,
	})
}

func (c *checker) scheduled(path []string, s Service) {
	c.few(at(path, "scheduled"), len(s.Scheduled))
	for i, w := range s.Scheduled {
		within := at(path, "scheduled", strconv.Itoa(i))
		_, faults := w.WindowIn(c.known())
		c.window(within, w.TimeZone, faults)
		c.moves(within, s, w)
	}
}

// known gives the time zones that were read so far.
func (c *checker) known() calendar.Zones {
	if c.zones == nil {
		c.zones = calendar.Zones{}
	}
	return c.zones
}

// window adds what is wrong with the times of a calendar window.
func (c *checker) window(path []string, zone string, faults []calendar.Fault) {
	for _, f := range faults {
		if near := c.nearZone(f, zone); near != "" && near != zone {
			f.Remedy = "did you mean " + near + "? " + strings.ToUpper(f.Remedy[:1]) + f.Remedy[1:]
		}
		c.add(at(path, f.Field), f.Remedy, "%s", f.Message)
	}
}

// nearZone gives the time zone that a faulty name means, empty for none. Beyond a
// hundred problems nobody reads on, and to look for thousands takes seconds.
func (c *checker) nearZone(f calendar.Fault, name string) string {
	if f.Field != "timeZone" || len(c.problems) > 100 {
		return ""
	}
	return nearestZone(name)
}

// moves checks the bounds of a window against those of its service.
func (c *checker) moves(path []string, s Service, w Scheduled) {
	if w.MinCapacity == nil && w.MaxCapacity == nil {
		c.add(path, "give minCapacity, maxCapacity or both", "the window changes nothing")
	}
	least, most := s.MinCapacity, s.MaxCapacity
	if n := w.MinCapacity; n != nil {
		least = *n
		switch {
		case *n < 0 || *n > s.MaxCapacity:
			c.add(at(path, "minCapacity"), "use 0 up to the service's maxCapacity", "minCapacity %d is not between 0 and maxCapacity %d", *n, s.MaxCapacity)
		case *n == 0 && s.MinCapacity > 0 && !s.wakes(blind):
			// A window is no way around the rule for the service's own minCapacity.
			c.add(at(path, "minCapacity"), waysToZero, "minCapacity 0 while the window is open needs a policy that sees demand at zero tasks")
		}
	}
	if n := w.MaxCapacity; n != nil {
		most = *n
		if *n < 1 || *n > s.MaxCapacity {
			c.add(at(path, "maxCapacity"), "use 1 up to the service's maxCapacity", "maxCapacity %d is not between 1 and the service's %d", *n, s.MaxCapacity)
		}
	}
	if w.MaxCapacity != nil && least > most {
		c.add(path, "lower minCapacity or raise maxCapacity", "minCapacity %d is above maxCapacity %d while the window is open", least, most)
	}
}
