package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
	"github.com/trimtab-ecs/trimtab/internal/sim/board"
	"github.com/trimtab-ecs/trimtab/internal/sim/replay"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// simulateCmd replays one load under a policy and its peers.
type simulateCmd struct {
	Trace      string `required:"" help:"Load to replay: a CSV file of seconds,rate, or the name of an embedded one (--trace=list names them)." placeholder:"FILE|NAME"`
	Policy     string `help:"Policy document; its only service, or the one that --service names, is simulated as if its mode were act and its bounds wide. Without: target tracking at 60 % CPU and defaults." placeholder:"FILE"`
	Service    string `help:"Service of the policy document." placeholder:"NAME"`
	Group      string `help:"Auto Scaling group of the policy document, with --start ec2-cold." placeholder:"NAME"`
	Against    string `default:"aas,static" help:"Policies to compare with, separated by commas; none for none (default ${default})." placeholder:"NAMES"`
	Start      string `default:"fargate" help:"How tasks start: fargate, ec2-warm or ec2-cold (default ${default})." placeholder:"START"`
	TasksAtP99 int    `default:"20" help:"Tasks that the load's 99th percentile keeps fully busy (default ${default})." name:"tasks-at-p99" placeholder:"N"`
	Days       int    `default:"0" help:"Replay only the busiest so many days; 0 is all." placeholder:"N"`
	Seed       uint64 `default:"1" help:"Seed; the same seed gives the same run (default ${default})." placeholder:"N"`
	Requests   bool   `help:"Play every request instead of a fluid."`
	Central    bool   `help:"One queue for all tasks instead of one at each behind a round-robin balancer."`
	queueFlags
	Sweep bool   `help:"Play every value of each policy's knob too: the curve of cost against violations."`
	HTML  string `help:"File of the offline report." name:"html" placeholder:"FILE"`
	CSV   string `help:"File of the scores as CSV." name:"csv" placeholder:"FILE"`
}

// Run replays the load and prints the scores.
func (c simulateCmd) Run(ctx context.Context, s *session) error {
	if c.Trace == "list" {
		return s.listLoads()
	}
	if c.Central && c.Queue {
		return refused("--central is of requests: a queue is one for all tasks already; leave it out")
	}
	if err := cmp.Or(c.check(), writable(output{"--html", c.HTML}, output{"--csv", c.CSV})); err != nil {
		return err
	}
	start, ks, hash, err := c.contestants(ctx, s)
	if err != nil {
		return err
	}
	l, err := s.load(ctx, c.Trace)
	if err != nil {
		return err
	}
	run, err := s.course(l, c.TasksAtP99, c.Days, c.work(c.Central))
	if err != nil {
		return err
	}
	if days := time.Duration(c.Days) * 24 * time.Hour; days > l.Length() {
		s.say("note: --days %d is more than the %s that the trace lasts: all of it is played", c.Days, span(l.Length()))
	}
	defer spareGC()()
	p := s.progress()
	shows, err := board.Play(ctx, run, ks, trial.Setup{Start: start, Seed: c.Seed, Discrete: c.Requests}, func(done int) { p.tell(float64(done), float64(len(ks))) })
	if err != nil {
		return err
	}
	b := board.Board{Seed: c.Seed, Tasks: c.TasksAtP99, Queue: board.QueueOf(run)}
	if c.Sweep {
		b, err = board.Run(ctx, board.Options{
			Courses: []*trial.Course{run}, Contestants: ks, Starts: []trial.Start{start}, Seed: c.Seed, Progress: s.progress().tell,
		})
		if err != nil {
			return err
		}
	}
	if err := c.print(s, b, run, start, shows, l, hash); err != nil {
		return err
	}
	return c.files(s, b, run, start, shows, l, hash)
}

// print prints the scores.
func (c simulateCmd) print(s *session, b board.Board, run *trial.Course, start trial.Start, shows []board.Show, l traceFile, hash string) error {
	if s.json {
		return s.printJSON(simulation{
			Version: s.Version, Policy: hash, Trace: run.Name, Seconds: len(run.Load), From: run.From, Start: start, Queue: b.Queue, Tasks: run.Tasks, Seed: c.Seed,
			Policies: board.Runs(shows), Curves: b.Entries,
		})
	}
	s.printf("%s: %s\n", run.Name, l.title)
	s.printf("start %s, seed %d, %s fully busy at the 99th percentile, the first %s warm up\n\n", start, c.Seed, count(c.TasksAtP99, "task"), span(warmUp(run)))
	s.scores(b.Marks(start, shows))
	if c.Sweep {
		s.printf("\n")
		s.costs(b)
	}
	return nil
}

// yours is the name of Trimtab with the policy of a document, beside that of its defaults.
const yours = "yours"

// contestants gives who plays: ours first.
func (c simulateCmd) contestants(ctx context.Context, s *session) (trial.Start, []trial.Contestant, string, error) {
	start, err := trial.ParseStart(c.Start)
	if err != nil {
		return "", nil, "", &coded{ExitRefused, err}
	}
	if err := cmp.Or(within("--tasks-at-p99", c.TasksAtP99, 1, maxTasksAtP99), within("--days", c.Days, 0, maxDays)); err != nil {
		return "", nil, "", err
	}
	if c.Policy == "" && (c.Service != "" || c.Group != "") {
		return "", nil, "", refused("--service and --group choose from a policy document: give it with --policy")
	}
	ks, hash := c.all()[:1], ""
	if c.Policy != "" {
		policy, digest, err := c.simulatedPolicy(ctx, s, start)
		if err != nil {
			return "", nil, "", err
		}
		ks, hash = []trial.Contestant{trial.Custom(yours, policy)}, digest
	}
	if c.Against != "" && c.Against != "none" {
		more, err := c.named(c.Against)
		if err != nil {
			return "", nil, "", &coded{ExitRefused, err}
		}
		if slices.ContainsFunc(more, func(k trial.Contestant) bool { return k.Name == ks[0].Name }) {
			return "", nil, "", refused("--against names %s, which plays already", ks[0].Name)
		}
		ks = append(ks, more...)
	}
	return start, ks, hash, nil
}

// simulatedPolicy reads the policy of a service and, where the start has one, of its
// group, and the hash of the file. What of it is not simulated is told on standard error.
func (c simulateCmd) simulatedPolicy(ctx context.Context, s *session, start trial.Start) (trial.Policy, string, error) {
	src, err := s.read(ctx, c.Policy, 2*policyfile.MaxBytes)
	if err != nil {
		return trial.Policy{}, "", err
	}
	doc, faults := policyfile.Parse(src, called(c.Policy))
	if len(faults) > 0 {
		return trial.Policy{}, "", refused("%s has %s, the first: %s", called(c.Policy), count(len(faults), "fault"), faults[0])
	}
	services, groups := doc.Rows()
	name, err := choose(called(c.Policy), "service", fleet.ServiceName(c.Service), services)
	if err != nil {
		return trial.Policy{}, "", err
	}
	policy := trial.Policy{}
	if start == trial.EC2Cold && (len(groups) > 0 || c.Group != "") {
		group, err := choose(called(c.Policy), "group", fleet.GroupName(c.Group), groups)
		if err != nil {
			return trial.Policy{}, "", err
		}
		policy.Group = groups[group]
	}
	var lost []string
	if policy.Service, lost, err = c.played(name, services[name]); err != nil {
		return trial.Policy{}, "", err
	}
	s.say("note: of the policy of service %s this is not simulated: %s", name, strings.Join(lost, ", "))
	if len(policy.Service.Scheduled) > 0 {
		s.say("note: the scheduled windows of the policy open by the clock of the trace, which begins on 5 January 2026 where no date is known")
	}
	policy.Group.Mode = spec.Act // what only observes is simulated to see what it would do
	sum := sha256.Sum256(src)
	return policy, "sha256:" + hex.EncodeToString(sum[:8]), nil
}

// choose gives the row of a document that a flag names, or its only one.
func choose[K ~string, V any](file, kind string, name K, rows map[K]V) (K, error) {
	names := slices.Sorted(maps.Keys(rows))
	if _, ok := rows[name]; ok {
		return name, nil
	}
	switch {
	case len(names) == 0:
		return "", refused("%s has no %s", file, kind)
	case name == "" && len(names) == 1:
		return names[0], nil
	}
	words := make([]string, 0, len(names))
	for _, n := range names {
		words = append(words, string(n))
	}
	list := strings.Join(words, ", ")
	if name == "" {
		return "", refused("%s holds %s: choose one with --%s: %s", file, count(len(names), kind), kind, list)
	}
	return "", refused("%s has no %s %q: choose one with --%s: %s", file, kind, name, kind, list)
}

// played gives what of a service's policy is simulated, and what is not. The simulated
// service publishes its CPU utilisation and nothing else, or works off one queue.
func (c simulateCmd) played(name fleet.ServiceName, v spec.Service) (spec.Service, []string, error) {
	reads := replay.OnCPU
	if c.Queue {
		reads = onQueue
	}
	kept, lost := replay.Only(v, reads)
	switch {
	case len(kept.Policies) > 0:
		return kept, append(lost, fmt.Sprintf("minCapacity %d and maxCapacity %d", v.MinCapacity, v.MaxCapacity)), nil
	case c.Queue:
		return v, nil, refused("no policy of service %s is a backlog of an SQS queue: give one with backlog and queue, or leave --queue out", name)
	}
	return v, nil, refused("no policy of service %s reads what the simulated service publishes: give one with targetTracking or stepScaling on %s, or --queue for one with backlog", name, spec.CPUUtilization)
}

// files writes what was asked for.
func (c simulateCmd) files(s *session, b board.Board, run *trial.Course, start trial.Start, shows []board.Show, l traceFile, hash string) error {
	if c.HTML != "" {
		f := board.Facts{Version: s.Version, Policy: hash, Load: l.title}
		if l.notice.Text != "" {
			f.Notices = []report.Notice{l.notice}
		}
		page, err := b.Single(run, start, shows, f)
		if err != nil {
			return err
		}
		if err := report.Save(c.HTML, func(w io.Writer) error { return report.HTML(w, page) }); err != nil {
			return err
		}
		s.say("report: %s", c.HTML)
	}
	if c.CSV == "" {
		return nil
	}
	t := score.Table{Keys: []string{"trace", "start", "policy", "knob"}}
	for _, x := range shows {
		t.Rows = append(t.Rows, score.Row{Names: []string{run.Name, string(start), x.Contestant.Name, fmt.Sprint(x.Knob)}, Score: x.Result.Score})
	}
	if err := report.Save(c.CSV, t.CSV); err != nil {
		return err
	}
	s.say("scores: %s", c.CSV)
	return nil
}

// simulation is the JSON result.
type simulation struct {
	Version  string         `json:"version"`
	Policy   string         `json:"policy,omitempty"` // hash of the document; none for the defaults
	Trace    string         `json:"trace"`
	Seconds  int            `json:"seconds"`
	From     int            `json:"scoredFromSecond"`
	Start    trial.Start    `json:"start"`
	Queue    *board.Queue   `json:"queue,omitempty"` // none where the load is requests
	Tasks    int            `json:"tasksAtP99"`
	Seed     uint64         `json:"seed"`
	Policies []board.Played `json:"policies"`
	Curves   []board.Entry  `json:"curves,omitempty"`
}

// scores prints a table of figures.
func (s *session) scores(t report.Table) {
	lines := [][]string{{"POLICY"}}
	for _, c := range t.Columns {
		lines[0] = append(lines[0], heading(c))
	}
	for _, r := range t.Rows {
		line := []string{r.Name}
		for _, c := range r.Cells {
			line = append(line, c.Text)
		}
		lines = append(lines, line)
	}
	s.columns(lines)
}

// heading is the head of a column: a unit that its name or the title tells is left out.
func heading(c report.Column) string {
	per, rate := strings.CutPrefix(c.Unit, "1/")
	switch {
	case rate:
		return strings.ToUpper(c.Name + "/" + per)
	case c.Unit == "$" || c.Unit == "x":
		return strings.ToUpper(c.Name)
	}
	return strings.ToUpper(strings.TrimSpace(c.Name + " " + c.Unit))
}

// costs prints what the objectives cost on one load.
func (s *session) costs(b board.Board) {
	lines := [][]string{{"POLICY", "COST AT 1 % OF VIOLATIONS, x ORACLE", "AT 0.1 %"}}
	for _, e := range b.Entries {
		lines = append(lines, []string{e.Policy, overOracle(e.At(1)), overOracle(e.At(0.1))})
	}
	s.columns(lines)
}
