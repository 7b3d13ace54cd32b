package spec

import (
	"strconv"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
)

// Window gives the calendar window, or what is wrong with it.
func (s Scheduled) Window() (calendar.Window, []calendar.Fault) {
	return calendar.Parse(calendar.Words{
		Days: s.Days, From: s.From, To: s.To, TimeZone: s.TimeZone, StartDate: s.StartDate, EndDate: s.EndDate,
		Start: s.Start, End: s.End,
	})
}

func (c *checker) scheduled(path []string, s Service) {
	c.few(at(path, "scheduled"), len(s.Scheduled))
	for i, w := range s.Scheduled {
		within := at(path, "scheduled", strconv.Itoa(i))
		_, faults := w.Window()
		for _, f := range faults {
			c.add(at(within, f.Field), f.Remedy, "%s", f.Message)
		}
		if w.MinCapacity == nil && w.MaxCapacity == nil {
			c.add(within, "give minCapacity, maxCapacity or both", "the window changes nothing")
		}
		least, most := s.MinCapacity, s.MaxCapacity
		if n := w.MinCapacity; n != nil {
			least = *n
			if *n < 0 || *n > s.MaxCapacity {
				c.add(at(within, "minCapacity"), "use 0 up to the service's maxCapacity", "minCapacity %d is not between 0 and maxCapacity %d", *n, s.MaxCapacity)
			}
		}
		if n := w.MaxCapacity; n != nil {
			most = *n
			if *n < 1 || *n > s.MaxCapacity {
				c.add(at(within, "maxCapacity"), "use 1 up to the service's maxCapacity", "maxCapacity %d is not between 1 and the service's %d", *n, s.MaxCapacity)
			}
		}
		if w.MaxCapacity != nil && least > most {
			c.add(within, "lower minCapacity or raise maxCapacity", "minCapacity %d is above maxCapacity %d while the window is open", least, most)
		}
	}
}
