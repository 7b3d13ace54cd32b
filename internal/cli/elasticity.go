package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim/board"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// benchElasticityCmd plays every policy on every trace.
type benchElasticityCmd struct {
	Traces     string   `help:"Folder of traces, each a CSV file of seconds,rate; without it the embedded ones." placeholder:"DIR"`
	Only       []string `help:"Play only these traces; of the embedded ones also the days, as worldcup." placeholder:"NAME,..."`
	Policies   string   `help:"Play only these policies." placeholder:"NAME,..."`
	Starts     []string `default:"fargate,ec2-cold" help:"How tasks start: some of fargate, ec2-warm and ec2-cold (default ${default})." placeholder:"START,..."`
	TasksAtP99 int      `default:"20" help:"Tasks that each load's 99th percentile keeps fully busy (default ${default})." name:"tasks-at-p99" placeholder:"N"`
	Days       *int     `help:"Play only the busiest so many days of each trace; 0 is all (default 0, with --quick ${quickDays})." placeholder:"N"`
	Seed       uint64   `default:"1" help:"Seed; the same seed gives the same scoreboard (default ${default})." placeholder:"N"`
	Seeds      int      `default:"0" help:"Play the chosen points of trimtab, aas and hpa (with --queue keda) request by request too, with so many seeds." placeholder:"N"`
	queueFlags
	Quick    bool   `help:"Play, in less than a minute, one day of ${quickTraces} under ${quickPolicies}; --days, --traces, --only and --policies go before it."`
	Workers  int    `default:"0" help:"Runs at once; 0 is one for each core." placeholder:"N"`
	HTML     string `help:"File of the offline report." name:"html" placeholder:"FILE"`
	CSV      string `help:"File of all scores as CSV." name:"csv" placeholder:"FILE"`
	Markdown string `help:"File of the tables as Markdown, as docs/benchmarks.md has them." placeholder:"FILE"`
}

// What --quick plays.
const (
	quickDays     = 1
	quickTraces   = "wc98-groupstage,aws-elb-requests,aws-ec2-cpu-steady,azure-faas-app"
	quickPolicies = "trimtab,trimtab-20s,aas,aas-20s,hpa,static"
)

// Run plays the scoreboard.
func (c benchElasticityCmd) Run(ctx context.Context, s *session) error {
	if err := cmp.Or(c.check(), writable(output{"--html", c.HTML}, output{"--csv", c.CSV}, output{"--markdown", c.Markdown})); err != nil {
		return err
	}
	o, loads, err := c.options(ctx, s)
	if err != nil {
		return err
	}
	defer spareGC()()
	b, err := board.Run(ctx, o)
	if err != nil {
		return err
	}
	if s.json {
		if err := s.printJSON(b.Result()); err != nil {
			return err
		}
	} else {
		for _, start := range o.Starts {
			s.headline(b, start)
		}
	}
	return c.files(ctx, s, o, b, loads)
}

// quick gives the command with what --quick plays where nothing else is asked for.
func (c benchElasticityCmd) quick() benchElasticityCmd {
	if c.Days == nil {
		c.Days = new(quickDays)
	}
	if c.Policies == "" && !c.Queue {
		c.Policies = quickPolicies
	}
	if c.Traces == "" && len(c.Only) == 0 {
		c.Only = strings.Split(quickTraces, ",")
	}
	return c
}

// options reads the flags.
func (c benchElasticityCmd) options(ctx context.Context, s *session) (board.Options, []traceFile, error) {
	if c.Quick {
		c = c.quick()
	}
	days := 0
	if c.Days != nil {
		days = *c.Days
	}
	err := cmp.Or(within("--tasks-at-p99", c.TasksAtP99, 1, maxTasksAtP99), within("--days", days, 0, maxDays),
		within("--seeds", c.Seeds, 0, maxSeeds), within("--workers", c.Workers, 0, maxWorkers))
	if err != nil {
		return board.Options{}, nil, err
	}
	p := s.progress()
	o := board.Options{Version: s.Version, Contestants: c.all(), Seed: c.Seed, Seeds: c.Seeds, Discrete: c.single(), Workers: c.Workers, Progress: p.tell}
	if o.Starts, err = startsOf(c.Starts); err != nil {
		return board.Options{}, nil, err
	}
	if c.Policies != "" {
		ks, err := c.named(c.Policies)
		if err != nil {
			return board.Options{}, nil, &coded{ExitRefused, err}
		}
		o.Contestants = ks
	}
	loads, err := s.loads(ctx, c.Traces, c.Only)
	if err != nil {
		return board.Options{}, nil, err
	}
	for _, l := range loads {
		run, err := s.course(l, c.TasksAtP99, days, c.work(false))
		if err != nil {
			return board.Options{}, nil, err
		}
		o.Courses = append(o.Courses, run)
	}
	return o, loads, nil
}

// startsOf reads --starts.
func startsOf(names []string) ([]trial.Start, error) {
	if len(names) == 0 {
		return nil, refused("--starts is empty: give some of %s, %s and %s", trial.Fargate, trial.EC2Warm, trial.EC2Cold)
	}
	var out []trial.Start
	for _, name := range names {
		start, err := trial.ParseStart(name)
		if err != nil {
			return nil, &coded{ExitRefused, err}
		}
		if slices.Contains(out, start) {
			return nil, refused("--starts names %s twice", start)
		}
		out = append(out, start)
	}
	return out, nil
}

// benchDefaultsCmd judges other defaults than the present ones.
type benchDefaultsCmd struct {
	Traces     string   `help:"Folder of traces, each a CSV file of seconds,rate; without it the embedded ones." placeholder:"DIR"`
	Only       []string `help:"Play only these traces; of the embedded ones also the days, as worldcup." placeholder:"NAME,..."`
	Start      string   `default:"fargate" help:"How tasks start: fargate, ec2-warm or ec2-cold (default ${default})." placeholder:"START"`
	TasksAtP99 int      `default:"20" help:"Tasks that each load's 99th percentile keeps fully busy (default ${default})." name:"tasks-at-p99" placeholder:"N"`
	Days       int      `default:"4" help:"Play only the busiest so many days of each trace; 0 is all (default ${default})." placeholder:"N"`
	Seed       uint64   `default:"1" help:"Seed; the same seed gives the same result (default ${default})." placeholder:"N"`
	Workers    int      `default:"0" help:"Runs at once; 0 is one for each core." placeholder:"N"`
}

// Run plays the candidates and prints what they would gain.
func (c benchDefaultsCmd) Run(ctx context.Context, s *session) error {
	play := benchElasticityCmd{
		Traces: c.Traces, Only: c.Only, Starts: []string{c.Start}, TasksAtP99: c.TasksAtP99, Days: &c.Days, Seed: c.Seed, Workers: c.Workers,
	}
	o, _, err := play.options(ctx, s)
	if err != nil {
		return err
	}
	if len(o.Courses) < leastTraces {
		return refused("%s: each trace is judged by what is best on the others, so give at least %d", count(len(o.Courses), "trace"), leastTraces)
	}
	defer spareGC()()
	t, err := board.Tune(ctx, o, board.Candidates())
	if err != nil {
		return err
	}
	if len(t.Folds) < leastTraces {
		return refused("%d of %s tell policies apart, where target tracking violates the objective noticeably: at least %d are needed; play more days or other traces",
			len(t.Folds), count(len(o.Courses), "trace"), leastTraces)
	}
	if s.json {
		return s.printJSON(t)
	}
	s.printf("Violations at equal cost over target tracking's with the same sensor; the loss is how far above 0.8 of them, in the logarithm:\n\n")
	figure := func(digits int, v float64) string { return strconv.FormatFloat(v, 'f', digits, 64) }
	lines := [][]string{{"CANDIDATE", "MEAN LOSS", "TIMES", "ABOVE 0.8 ON"}}
	for _, m := range t.Means {
		lines = append(lines, []string{m.Name, figure(3, m.Loss), figure(2, m.Times), fmt.Sprintf("%d of %s", m.Missed, count(m.Traces, "trace"))})
	}
	s.columns(lines)
	s.printf("\n")
	lines = [][]string{{"HELD OUT", "BEST ON THE OTHERS", "TIMES", "THE DEFAULTS'"}}
	for _, f := range t.Folds {
		lines = append(lines, []string{f.Trace, f.Chosen, figure(2, f.Times), figure(2, f.Defaults)})
	}
	s.columns(lines)
	s.printf("\nOn traces that it has not seen, tuning has a mean loss of %.3f; the defaults have %.3f there.\n", t.HeldOut, t.Defaults)
	return nil
}

// leastTraces is how many traces cross-validation needs.
const leastTraces = 2

// files writes what was asked for.
func (c benchElasticityCmd) files(ctx context.Context, s *session, o board.Options, b board.Board, loads []traceFile) error {
	if c.CSV != "" {
		if err := report.Save(c.CSV, b.Table().CSV); err != nil {
			return err
		}
		s.say("scores: %s", c.CSV)
	}
	if c.Markdown != "" {
		if err := report.Save(c.Markdown, b.Markdown); err != nil {
			return err
		}
		s.say("tables: %s", c.Markdown)
	}
	if c.HTML == "" {
		return nil
	}
	f := board.Facts{Version: s.Version}
	for _, l := range loads {
		if l.notice.Text != "" && !slices.Contains(f.Notices, l.notice) {
			f.Notices = append(f.Notices, l.notice)
		}
	}
	page, err := b.Report(ctx, o, f)
	if err != nil {
		return err
	}
	if err := report.Save(c.HTML, func(w io.Writer) error { return report.HTML(w, page) }); err != nil {
		return err
	}
	s.say("report: %s", c.HTML)
	return nil
}

// headline prints the ranks of a start.
func (s *session) headline(b board.Board, start trial.Start) {
	s.printf("%s: cost over the oracle's at equal violations, geometric mean over %s\n", start, count(len(b.Traces()), "trace"))
	lines := [][]string{{"POLICY", "AT 1 %", "NEVER ON", "AT 0.1 %", "NEVER ON"}}
	for _, r := range b.Ranks(start) {
		line := []string{r.Policy}
		for _, m := range r.At {
			cost := math.Inf(1)
			if m.Reached > 0 {
				cost = m.OverReached
			}
			line = append(line, overOracle(cost), strconv.Itoa(m.Never))
		}
		lines = append(lines, line)
	}
	s.columns(lines)
	s.printf("\n")
}

// overOracle tells a cost.
func overOracle(c float64) string {
	if math.IsInf(c, 1) {
		return "never"
	}
	return fmt.Sprintf("%.2f", c)
}

// embeddedLoad is an embedded load in the JSON of --trace=list.
type embeddedLoad struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Kind    string  `json:"kind"`
	Title   string  `json:"title"`
}

// listLoads prints the embedded loads.
func (s *session) listLoads() error {
	var list []embeddedLoad
	for _, n := range trace.Names() {
		r, err := trace.Embedded(n)
		if err != nil {
			return err
		}
		list = append(list, embeddedLoad{n, r.Length().Seconds(), r.Kind, r.Title})
	}
	if s.json {
		return s.printJSON(list)
	}
	lines := [][]string{{"NAME", "LASTS", "CHARACTER", "WHAT"}}
	for _, l := range list {
		lines = append(lines, []string{l.Name, span(time.Duration(l.Seconds) * time.Second), l.Kind, l.Title})
	}
	s.columns(lines)
	return nil
}
