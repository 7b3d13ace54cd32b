package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/sim/baseline"
	"github.com/trimtab-ecs/trimtab/internal/sim/replay"
	"github.com/trimtab-ecs/trimtab/internal/sim/score"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// What CloudWatch keeps: minutes for 15 days, 5 minutes for 63. The read begins a few
// periods before what is asked for, so a bit less is asked for.
const (
	finelyKept = 15*24*time.Hour - time.Hour
	maxSince   = 62 * 24 * time.Hour
	// unsettled is the age below which a datapoint may still fill.
	unsettled = 5 * time.Minute
)

// sighting is what is known of the service beside its history.
type sighting struct {
	policy   *spec.Service // of the ledger, nil for none
	tracking *nativescaling.Tracking
	service  fleet.Service
	size     fleet.Resources // of a task on Fargate
	arm      bool
}

// gather reads the history and works out the policies.
func (c planCmd) gather(ctx context.Context, s *session) (planned, error) {
	key, err := c.name(s)
	if err != nil {
		return planned{}, err
	}
	p := planned{key: key}
	var proposed, present *spec.Service
	for _, f := range []struct {
		name string
		into **spec.Service
	}{{c.Policy, &proposed}, {c.Present, &present}} {
		if f.name == "" {
			continue
		}
		v, err := c.policy(ctx, s, f.name, &p.key)
		if err != nil {
			return p, err
		}
		*f.into = &v
	}
	var k sighting
	if c.History != "" {
		p.history, err = c.offline(ctx, s)
	} else {
		k, err = c.live(ctx, s, &p)
	}
	if err != nil {
		return p, err
	}
	if err := p.candidates(c, k, proposed, present); err != nil {
		return p, err
	}
	p.price(c, k, proposed)
	return p, p.begin(c, k)
}

// offline reads the history of a file.
func (c planCmd) offline(ctx context.Context, s *session) (replay.History, error) {
	src, err := s.read(ctx, c.History, maxHistory)
	if err != nil {
		return replay.History{}, err
	}
	h, err := replay.Read(bytes.NewReader(src), called(c.History))
	if err != nil {
		return h, refused("%w (docs/plan.md describes the file)", err)
	}
	if d, _ := c.span(); d > 0 {
		h = h.Since(d)
	}
	return h, nil
}

// live reads the history of AWS, and what is known of the service there and in the ledger.
func (c planCmd) live(ctx context.Context, s *session, p *planned) (sighting, error) {
	k, eyes, err := c.ask(ctx, s, p)
	if err != nil {
		return k, err
	}
	if err := k.see(ctx, eyes, p); err != nil {
		return k, err
	}
	span, err := c.span()
	if err != nil {
		return k, err
	}
	m := spec.ServiceMetric(p.key, "CPUUtilization", "Average")
	if span > finelyKept {
		m.Period = 5 * time.Minute
	}
	now := s.Now().UTC()
	got, err := eyes.Fetch(ctx, now, []signal.Query{{Metric: m, Samples: true, Window: span}})
	if err != nil {
		return k, err
	}
	switch got[0].Status {
	case signal.Complete:
	case signal.Failed:
		return k, fmt.Errorf("read the history of service %s: %s", p.key, got[0].Why)
	case signal.Partial:
		p.notes = append(p.notes, "the history may have gaps: "+got[0].Why)
	}
	points := got[0].Points[:0]
	for _, v := range got[0].Points {
		if age := now.Sub(v.Start); age <= span && age >= m.Period+unsettled {
			points = append(points, v)
		}
	}
	if got[0].Points = points; len(points) < 2 {
		return k, fmt.Errorf("CloudWatch holds %s of the CPU utilisation of service %s in the last %s: is it the right cluster and region, and has the service run?",
			count(len(points), "datapoint"), p.key, c.sinceWords())
	}
	samples := 1
	if k.service.CPUSeconds == 20 {
		samples = 3
	}
	p.history, err = replay.FromSeries(string(p.key.Service), got[0], samples)
	return k, err
}

func (c planCmd) sinceWords() string { return cmp.Or(c.Since, "14d") }

// ask opens what sees the service, and reads its policy in the ledger where one is named.
func (c planCmd) ask(ctx context.Context, s *session, p *planned) (k sighting, eyes Eyes, err error) {
	if !c.Local && c.Table == "" && s.Getenv("TRIMTAB_TABLE") == "" { // nothing of ours is deployed yet
		if p.key.Cluster == "" {
			return k, nil, &coded{ExitRefused, errNoCluster}
		}
		eyes, err = s.Eyes(ctx, LedgerOptions{})
		return k, eyes, err
	}
	l, eyes, err := c.look(ctx, s)
	if err != nil {
		return k, nil, err
	}
	if p.key.Cluster == "" {
		cl, err := clusterFlag(c.onlyCluster).one(ctx, s, l)
		if err != nil {
			return k, nil, err
		}
		p.key.Cluster = cl.Name
	}
	cl, err := l.Read(ctx, p.key.Cluster)
	if err != nil {
		return k, nil, fmt.Errorf("read cluster %s from the ledger: %w", p.key.Cluster, err)
	}
	if row := cl.Row(p.key.Target()); row.Policy != nil {
		k.policy = row.Policy.Service
	}
	return k, eyes, nil
}

// see looks at the service. What is told of it beside may be forbidden to read.
func (k *sighting) see(ctx context.Context, eyes Eyes, p *planned) error {
	v, ok, err := eyes.Service(ctx, p.key)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("ECS knows no service %s in cluster %s of this account and region", p.key.Service, p.key.Cluster)
	case v.Daemon:
		return refused("service %s is a daemon: it has a task on each instance, and no count to plan", p.key.Service)
	}
	k.service = v
	if v.MonitoringUnknown != "" {
		p.notes = append(p.notes, "the resolution of the metric is not known, and taken for a minute: "+v.MonitoringUnknown)
	}
	t, ok, err := eyes.Tracking(ctx, p.key)
	switch {
	case err != nil:
		p.notes = append(p.notes, fmt.Sprintf("whether Application Auto Scaling sizes the service is not known: %v", err))
	case ok:
		k.tracking = &t
		if len(t.Others) > 0 {
			p.notes = append(p.notes, fmt.Sprintf("Application Auto Scaling has more for the service than is replayed: %s", strings.Join(t.Others, ", ")))
		}
	}
	if v.Compute != fleet.Fargate || v.Provider == "FARGATE_SPOT" {
		return nil
	}
	size, arm, ok, err := eyes.Bought(ctx, p.key)
	switch {
	case err != nil:
		p.notes = append(p.notes, fmt.Sprintf("the size of a task is not known: %v", err))
	case ok:
		k.size, k.arm = size, arm
	}
	return nil
}

// candidates works out which policies are replayed.
func (p *planned) candidates(c planCmd, k sighting, proposed, present *spec.Service) error {
	least, most := c.Min, c.Max
	if k.tracking != nil && most == 0 {
		least, most = k.tracking.Min, k.tracking.Max
	}
	if present == nil && k.policy != nil && k.policy.Mode == spec.Act {
		present = k.policy
	}
	if proposed == nil {
		proposed = k.policy
	}
	if proposed == nil {
		proposed = present
	}
	name := "proposed policy"
	if proposed != nil && present != nil && reflect.DeepEqual(*proposed, *present) {
		name, present = "present policy", nil
	}
	p.proposed = replay.Default(name, least, most)
	if proposed != nil {
		var err error
		if p.proposed, err = p.trimtab(name, *proposed); err != nil {
			return err
		}
	}
	if most = cmp.Or(p.proposed.Max, most); p.proposed.Max > 0 {
		least = p.proposed.Min
	}
	native := replay.Native("native target tracking", baseline.TargetTracking{Target: p.proposed.Knob, Min: least, Max: most})
	p.native = &native
	switch {
	case present != nil:
		v, err := p.trimtab("present policy", *present)
		if err != nil {
			return err
		}
		p.present = &v
	case k.tracking != nil && name != "present policy":
		t := k.tracking
		v := replay.Native("present policy", baseline.TargetTracking{
			Target: t.Target, Min: t.Min, Max: t.Max, OutCooldown: t.OutCooldown, InCooldown: t.InCooldown, Period: t.Period,
		})
		p.present = &v
		if v.Note == native.Note && t.OutCooldown == 0 && t.InCooldown == 0 {
			p.native = nil
		}
	}
	return nil
}

// trimtab makes a policy a candidate, and notes what of it is not replayed.
func (p *planned) trimtab(name string, v spec.Service) (replay.Candidate, error) {
	out, lost, err := replay.Trimtab(name, v)
	if err != nil {
		return out, refused("replay the %s of service %s: %w", name, p.key.Service, err)
	}
	if len(lost) > 0 {
		p.notes = append(p.notes, fmt.Sprintf("of the %s this is not replayed, since the history holds the CPU alone: %s", name, strings.Join(lost, ", ")))
	}
	return out, nil
}

// price finds what a task hour costs.
func (p *planned) price(c planCmd, k sighting, proposed *spec.Service) {
	list := score.ListPrices()
	for _, v := range []*spec.Service{proposed, k.policy} {
		if v != nil && v.Spend != nil && c.TaskHour == 0 {
			p.taskHour, p.priced = v.Spend.TaskHour, "as spend.taskHour of the policy says"
			return
		}
	}
	switch {
	case c.TaskHour > 0:
		p.taskHour, p.priced = c.TaskHour, "as --task-hour says"
	case k.size.CPU > 0 && k.arm:
		p.taskHour, p.priced = list.ARM.Task(k.size.CPU, k.size.Memory), sizeWords(k.size, "ARM", list.Dated)
	case k.size.CPU > 0:
		p.taskHour, p.priced = list.X86.Task(k.size.CPU, k.size.Memory), sizeWords(k.size, "x86", list.Dated)
	}
}

func sizeWords(size fleet.Resources, of, dated string) string {
	return fmt.Sprintf("Fargate's list price in us-east-1 of %s for %d CPU units and %d MiB on %s; give yours with --task-hour", dated, size.CPU, size.Memory, of)
}

// begin finds how the tasks start.
func (p *planned) begin(c planCmd, k sighting) error {
	switch {
	case c.Start != "":
		start, err := trial.ParseStart(c.Start)
		p.start = start
		return err
	case k.service.Compute == fleet.EC2 || k.service.Compute == fleet.ManagedInstances:
		p.start = trial.EC2Warm
	default:
		p.start = trial.Fargate
	}
	return nil
}
