package cli

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/replay"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// planCmd replays a service's own history under other policies.
type planCmd struct {
	serviceArg
	Since       string  `help:"How far back to look: 36h, 14d; up to 15 days in minutes, up to 62d in 5 minutes (default: 14d, of a file all)." placeholder:"DURATION"`
	History     string  `help:"Read the history from a CSV file in place of AWS; - for standard input." placeholder:"FILE"`
	SaveHistory string  `help:"Write the history as such a file." name:"save-history" placeholder:"FILE"`
	Policy      string  `help:"Policy file that is proposed (default: the service's policy in the ledger, else target tracking at 60 %); - for standard input." placeholder:"FILE"`
	Present     string  `help:"Policy file to compare with (default: the ledger's if it acts, else Application Auto Scaling's target tracking, else what was)." placeholder:"FILE"`
	Start       string  `help:"How tasks start: fargate, ec2-warm or ec2-cold (default: as the service does)." placeholder:"HOW"`
	Min         int     `help:"Least tasks of a policy that does not say its own; with --max." placeholder:"N"`
	Max         int     `help:"Most tasks of a policy that does not say its own (default: four times the peak)." placeholder:"N"`
	Limit       float64 `default:"90" help:"CPU in percent above which a minute is too hot (default ${default})." placeholder:"PERCENT"`
	Seeds       int     `default:"5" help:"Runs of each policy, with other start times and lags (default ${default})." placeholder:"N"`
	Seed        uint64  `default:"1" help:"Seed of the first; the same seed gives the same result." placeholder:"N"`
	TaskHour    float64 `help:"Dollars for a task hour (default: spend.taskHour of the policy, else Fargate's list price)." name:"task-hour" placeholder:"DOLLARS"`
	HTML        string  `help:"Write the offline report." name:"html" placeholder:"FILE"`
	onlyCluster
	ledgerFlags
}

// planned is a service that is to be replayed, with what is known of it.
type planned struct {
	key     fleet.ServiceKey
	history replay.History
	start   trial.Start
	// proposed and present are the candidates; present is nil where it is what was, and
	// native where it is the present one.
	proposed        replay.Candidate
	present, native *replay.Candidate
	taskHour        float64
	priced          string // where the price is from
	notes           []string
}

// The ends of the flags.
const (
	maxHistory  = 64 << 20 // bytes
	maxSeeds    = 100
	maxTaskHour = 1e6
	maxTasksOf  = 5000
)

// check refuses flags that make no sense, or not together.
func (c planCmd) check() error {
	standard := 0
	for _, name := range []string{c.History, c.Policy, c.Present} {
		if name == "-" {
			standard++
		}
	}
	switch {
	case standard > 1:
		return refused("standard input is given for two of --history, --policy and --present: give one of them as a file")
	case c.History != "" && (c.Table != "" || c.EndpointURL != "" || c.Local):
		return refused("--history replays the file and asks neither AWS nor a ledger: leave the flags of the ledger out")
	case c.Min > 0 && c.Max == 0:
		return refused("--min %d without --max: give --max too", c.Min)
	case c.Min < 0 || c.Max < 0 || c.Max > maxTasksOf || c.Min > c.Max:
		return refused("--min %d and --max %d are no bounds: give 0 <= min <= max, at most %d", c.Min, c.Max, maxTasksOf)
	case !(c.Limit >= 1 && c.Limit <= 100):
		return refused("--limit %g is no limit: give 1 to 100 percent", c.Limit)
	case c.Seeds < 1 || c.Seeds > maxSeeds:
		return refused("--seeds is %d: give 1 to %d", c.Seeds, maxSeeds)
	case c.TaskHour < 0 || c.TaskHour > maxTaskHour || math.IsNaN(c.TaskHour):
		return refused("--task-hour is %g: give dollars for an hour, 0 to %g", c.TaskHour, maxTaskHour)
	}
	if _, err := trial.ParseStart(c.Start); c.Start != "" && err != nil {
		return refused("--start: %w", err)
	}
	_, err := c.span()
	return err
}

// span gives how far back to look, 0 for all of a file.
func (c planCmd) span() (time.Duration, error) {
	if c.Since == "" {
		if c.History != "" {
			return 0, nil
		}
		return 14 * 24 * time.Hour, nil
	}
	d, err := spec.ParseDuration(c.Since)
	if err != nil || d < time.Hour || d > maxSince {
		return 0, refused("--since %q is no such time: give 1h to %dd, as 36h or 14d", c.Since, int(maxSince.Hours()/24))
	}
	return d, nil
}

// Run replays the history and prints what would have been.
func (c planCmd) Run(ctx context.Context, s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := writable(output{"--html", c.HTML}, output{"--save-history", c.SaveHistory}); err != nil {
		return err
	}
	p, err := c.gather(ctx, s)
	if err != nil {
		return err
	}
	if c.SaveHistory != "" {
		if err := report.Save(c.SaveHistory, p.history.CSV); err != nil {
			return err
		}
		s.say("%d datapoints are in %s", len(p.history.Points), c.SaveHistory)
	}
	p.history.Name = string(p.key.Service)
	rec, err := p.history.Record()
	if err != nil {
		return refused("%w", err)
	}
	for _, n := range p.notes {
		s.say("note: %s", n)
	}
	tell := s.progress().tell
	r, err := replay.Run(ctx, replay.Options{
		Record: rec, Proposed: p.proposed, Present: p.present, Native: p.native, Start: p.start, Seed: c.Seed, Seeds: c.Seeds,
		Limit: c.Limit, TaskHour: p.taskHour, Progress: func(done, all int) { tell(float64(done), float64(all)) },
	})
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	if s.json {
		if err := s.printJSON(c.shown(p, r)); err != nil {
			return err
		}
	} else {
		s.replayed(p, r)
	}
	if c.HTML != "" {
		page := r.Page("Trimtab plan of "+strings.TrimPrefix(p.key.String(), "/"), c.facts(s, p))
		if err := report.Save(c.HTML, func(w io.Writer) error { return report.HTML(w, page) }); err != nil {
			return err
		}
		s.say("the report is in %s", c.HTML)
	}
	return nil
}

// name gives the service and the cluster that its argument and the flags name, the
// latter empty where they do not.
func (c planCmd) name(s *session) (k fleet.ServiceKey, err error) {
	cluster, service, both := strings.Cut(c.Service, "/")
	if !both {
		cluster, service = c.Cluster, c.Service
		if cluster == "" {
			cluster = s.Getenv("TRIMTAB_CLUSTER")
		}
	} else if c.Cluster != "" && c.Cluster != cluster {
		return k, refused("%s and --cluster %s name two clusters: keep one", c.Service, c.Cluster)
	}
	if service == "" {
		return k, refused("no service is named: give its name, or CLUSTER/SERVICE")
	}
	return fleet.ServiceKey{Cluster: fleet.ClusterName(cluster), Service: fleet.ServiceName(service)}, nil
}

// policy gives the service's policy of a file. The cluster that is not known yet is
// the file's.
func (c planCmd) policy(ctx context.Context, s *session, name string, k *fleet.ServiceKey) (spec.Service, error) {
	doc, faults, err := s.policy(ctx, name)
	switch {
	case err != nil:
		return spec.Service{}, err
	case len(faults) > 0:
		for _, f := range faults {
			s.say("%s", f)
		}
		return spec.Service{}, refused("%s has %s", called(name), count(len(faults), "fault"))
	case k.Cluster == "":
		k.Cluster = doc.Cluster
	case k.Cluster != doc.Cluster:
		return spec.Service{}, refused("%s is about cluster %s, and the service is of cluster %s", called(name), doc.Cluster, k.Cluster)
	}
	v, ok := doc.Services[k.Service]
	if !ok {
		return spec.Service{}, refused("%s has no service %s", called(name), k.Service)
	}
	return v, nil
}

// errNoCluster is printed where nothing tells the cluster of a service.
var errNoCluster = errors.New("the cluster of the service is not known: give CLUSTER/SERVICE, --cluster, or the ledger's table with --table or TRIMTAB_TABLE")
