package trace

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
)

//go:embed data/wc98-1998-06-23.csv
var worldCup string

//go:embed data/worldcup98-COPYRIGHT.txt
var worldCupNotice string

//go:embed data/nasa95-07-13.csv
var shuttle string

// Day is an embedded day of load, one bucket a minute over 24 hours.
type Day struct {
	Trace
	// Start is midnight of the day by the source's clock, written as UTC.
	Start     time.Time
	Title     string // what the load is, in words
	Reference string // how the source asks to be named
	// Notice must go wherever the numbers go, unmodified; empty if there is none.
	Notice string
}

// The embedded days.
const (
	WorldCup = "worldcup" // the match day: two flash crowds on a diurnal base
	Shuttle  = "shuttle"  // the launch day: noisy and low, with one flash crowd
)

// Embedded gives an embedded day by its name.
func Embedded(name string) (Day, error) {
	var d Day
	var source string
	switch name {
	case WorldCup:
		source = worldCup
		d = Day{
			Start:     time.Date(1998, time.June, 23, 0, 0, 0, 0, time.UTC),
			Title:     "requests to the FIFA World Cup 1998 web site on 23 June 1998",
			Reference: "M. Arlitt and T. Jin, \"1998 World Cup Web Site Access Logs\", August 1998. Available at http://www.acm.org/sigcomm/ITA/.",
			Notice:    worldCupNotice,
		}
	case Shuttle:
		source = shuttle
		d = Day{
			Start:     time.Date(1995, time.July, 13, 0, 0, 0, 0, time.UTC),
			Title:     "requests to the NASA Kennedy Space Center web server on 13 July 1995, a launch day",
			Reference: "NASA-HTTP access logs, July 1995, The Internet Traffic Archive.",
		}
	default:
		return Day{}, fmt.Errorf("read embedded load %q: it is not known: use %s or %s", name, WorldCup, Shuttle)
	}
	t, err := Read(strings.NewReader(source), name)
	if err != nil {
		return Day{}, err
	}
	d.Trace = t
	return d, nil
}
