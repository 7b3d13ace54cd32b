package trace

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"
)

//go:embed data/*.csv data/worldcup98-COPYRIGHT.txt
var files embed.FS

// Recorded is a load that somebody recorded, with what its source asks for.
type Recorded struct {
	Trace
	// Start is its first second by the source's clock, written as UTC; zero where the
	// source does not tell.
	Start     time.Time
	Title     string // what the load is, in words
	Kind      string // how it behaves, in words
	Reference string // how the source asks to be named
	// Notice must go wherever the numbers go, unmodified; empty if there is none.
	Notice string
}

// The embedded days: each a part of an embedded trace.
const (
	WorldCup = "worldcup" // the match day: two flash crowds on a diurnal base
	Shuttle  = "shuttle"  // the launch day: noisy and low, with one flash crowd
)

const (
	ita     = "The Internet Traffic Archive"
	arlitt  = "M. Arlitt and T. Jin, \"1998 World Cup Web Site Access Logs\", August 1998. Available at http://www.acm.org/sigcomm/ITA/."
	numenta = "Numenta Anomaly Benchmark (MIT licence)"
)

// entry is one embedded file, or a part of one.
type entry struct {
	name, file string
	days       [2]int // of the file, from and to; 0, 0 is all of it
	Recorded
}

func entries() []entry {
	cup := func(y time.Month, d int) time.Time { return time.Date(1998, y, d, 0, 0, 0, 0, time.UTC) }
	july := time.Date(1995, time.July, 1, 0, 0, 0, 0, time.UTC)
	return []entry{
		{name: "wc98-groupstage", Recorded: Recorded{
			Start: cup(time.June, 10), Title: "requests to the FIFA World Cup 1998 web site, two weeks of the group stage",
			Kind: "flash crowds on a diurnal base", Reference: arlitt,
		}},
		{name: "wc98-buildup", Recorded: Recorded{
			Start: cup(time.May, 8), Title: "requests to the FIFA World Cup 1998 web site, two weeks in May before it",
			Kind: "one extreme flash crowd on a quiet diurnal base", Reference: arlitt,
		}},
		{name: "nasa95-july", Recorded: Recorded{
			Start: july, Title: "requests to the NASA Kennedy Space Center web server, two weeks of July 1995",
			Kind: "noisy and diurnal", Reference: "NASA-HTTP access logs, July 1995, " + ita + ".",
		}},
		{name: "twitter-stream-2021", Recorded: Recorded{
			Start: time.Date(2021, time.August, 1, 0, 0, 0, 0, time.UTC), Title: "messages of the public 1 % stream of Twitter in August 2021",
			Kind: "square bursts on a steady base", Reference: "counts by reconfigurable-ml-pipeline/web-service-datasets",
		}},
		{name: "wikipedia-hourly", Recorded: Recorded{
			Title: "page requests to Wikipedia, by the hour", Kind: "smooth and diurnal",
			Reference: "joakimkistowski/LIMBO (EPL-1.0), wikipedia_trace.txt",
		}},
		{name: "aws-elb-requests", Recorded: Recorded{
			Start: time.Date(2014, time.April, 10, 0, 0, 0, 0, time.UTC), Title: "requests at a load balancer of AWS",
			Kind: "spiky, nearly memoryless", Reference: numenta,
		}},
		{name: "twitter-aapl", Recorded: Recorded{
			Start: time.Date(2015, time.March, 2, 0, 0, 0, 0, time.UTC), Title: "tweets that name AAPL",
			Kind: "heavy-tailed bursts", Reference: numenta,
		}},
		{name: "aws-asg-cpu", Recorded: Recorded{
			Start: time.Date(2014, time.July, 1, 0, 0, 0, 0, time.UTC), Title: "CPU of an Auto Scaling group of AWS",
			Kind: "scheduled steps", Reference: numenta,
		}},
		{name: "aws-ec2-cpu-steady", Recorded: Recorded{
			Start: time.Date(2014, time.February, 14, 0, 0, 0, 0, time.UTC), Title: "CPU of an instance of AWS",
			Kind: "steady with noise", Reference: numenta,
		}},
		{name: "azure-llm-code", Recorded: Recorded{
			Start: time.Date(2023, time.November, 16, 0, 0, 0, 0, time.UTC), Title: "requests for code completion to a language model",
			Kind: "very bursty", Reference: "Azure Public Dataset, LLM inference traces, Microsoft Azure (CC-BY-4.0)",
		}},
		{name: "mooncake-conversation", Recorded: Recorded{
			Title: "requests of conversations to a language model", Kind: "steady, short",
			Reference: "Mooncake, FAST'25 release, kvcache-ai/Mooncake (Apache-2.0)",
		}},
		{name: "azure-faas-app", Recorded: Recorded{
			Title: "invocations of one application of Azure Functions over a day of 2019", Kind: "spiky, often idle",
			Reference: "Azure Functions trace 2019, Microsoft Azure (CC-BY-4.0), by way of ubc-cirrus-lab/femux (MIT)",
		}},
		{name: "nasa-ipsc-jobs", Recorded: Recorded{
			Start: time.Date(1993, time.October, 4, 0, 0, 0, 0, time.UTC), Title: "jobs submitted to the NASA Ames iPSC/860",
			Kind: "batch: bursts of parallel jobs, idle nights", Reference: "NASA Ames iPSC/860 log, Bill Nitzberg, by way of the Parallel Workloads Archive",
		}},
		{name: WorldCup, file: "wc98-groupstage", days: [2]int{13, 14}, Recorded: Recorded{
			Start: cup(time.June, 23), Title: "requests to the FIFA World Cup 1998 web site on 23 June 1998",
			Kind: "two flash crowds on a diurnal base", Reference: arlitt,
		}},
		{name: Shuttle, file: "nasa95-july", days: [2]int{12, 13}, Recorded: Recorded{
			Start: july.AddDate(0, 0, 12), Title: "requests to the NASA Kennedy Space Center web server on 13 July 1995, a launch day",
			Kind: "noisy and low, with one flash crowd", Reference: "NASA-HTTP access logs, July 1995, " + ita + ".",
		}},
	}
}

// Names gives the names of the embedded loads: the traces, then the days.
func Names() []string {
	var out []string
	for _, e := range entries() {
		out = append(out, e.name)
	}
	return out
}

// Traces gives the names of the embedded traces, without the days that are parts of them.
func Traces() []string {
	var out []string
	for _, e := range entries() {
		if e.file == "" {
			out = append(out, e.name)
		}
	}
	return out
}

// Embedded gives an embedded load by its name.
func Embedded(name string) (Recorded, error) {
	all := entries()
	i := slices.IndexFunc(all, func(e entry) bool { return e.name == name })
	if i < 0 {
		return Recorded{}, fmt.Errorf("read embedded load %q: it is not known: use one of %s", name, strings.Join(Names(), ", "))
	}
	e := all[i]
	file := e.name
	if e.file != "" {
		file = e.file
	}
	f, err := files.Open("data/" + file + ".csv")
	if err != nil {
		return Recorded{}, fmt.Errorf("read embedded load %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // of memory
	t, err := Read(f, name)
	if err == nil && e.days[1] > 0 {
		t, err = t.Slice(name, time.Duration(e.days[0])*24*time.Hour, time.Duration(e.days[1])*24*time.Hour)
	}
	if err != nil {
		return Recorded{}, err
	}
	e.Trace = t
	if strings.HasPrefix(file, "wc98") {
		notice, err := files.ReadFile("data/worldcup98-COPYRIGHT.txt")
		if err != nil {
			return Recorded{}, fmt.Errorf("read notice of %s: %w", name, err)
		}
		e.Notice = string(notice)
	}
	return e.Recorded, nil
}
