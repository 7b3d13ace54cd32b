package explain

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// listener does what the words of an alternative say, as a reader would, without
// the code that found them.
type listener struct {
	now time.Time
	in  policy.Input
	was policy.ServiceDecision
}

// whole copies an input by its own JSON, which is how records keep it.
func whole(in policy.Input) policy.Input {
	var out policy.Input
	b, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic(err) // a slip in the test itself
	}
	return out
}

// hear decides as the words say: by one condition, or by two joined by "and".
func hear(now time.Time, in policy.Input, condition string) (policy.ServiceDecision, error) {
	try := func(conditions ...string) (policy.ServiceDecision, bool) {
		l := listener{now: now, in: whole(in), was: policy.Decide(now, in).Services[0]}
		for _, c := range conditions {
			if !l.obey(c) {
				return policy.ServiceDecision{}, false
			}
		}
		return policy.Decide(l.now, l.in).Services[0], true
	}
	if d, ok := try(condition); ok {
		return d, nil
	}
	for at := range condition {
		if rest, ok := strings.CutPrefix(condition[at:], " and "); ok {
			// The second one first: names are of the lists as they are.
			if d, ok := try(rest, condition[:at]); ok {
				return d, nil
			}
		}
	}
	return policy.ServiceDecision{}, fmt.Errorf("%q is not understood", condition)
}

var (
	measured = regexp.MustCompile(`^(.+) were at (?:an average of )?(\S+)( %| requests)?( or more| or less)? \(not .*\) (in .*)$`)
	queued   = regexp.MustCompile(`^(.+) had (\S+)( or more| or less)? messages waiting \(not [^)]*\)(?: and (\S+)(?: or more| or less)? arriving a second \(not [^)]*\))? (in .*)$`)
	aged     = regexp.MustCompile(`^the oldest message of (.+) were (\S+)( or less)? old \(not .*\) (in .*)$`)
	emptied  = regexp.MustCompile(`^the queue (.+) held no message \(not \d+\)$`)
	uncapped = regexp.MustCompile(`^the account had no spend cap \(not [^()]*\)$`)
	staffed  = regexp.MustCompile(`^all \d+ desired tasks ran \(not \d+\)$`)
	repeats  = regexp.MustCompile(`^the newest datapoints repeated until (\S+)$`)
	set      = regexp.MustCompile(`^(\S+) were ([^()]+) \(not [^()]*\)$`)
	where    = regexp.MustCompile(`^in (?:the newest datapoint|the newest (\d+) datapoints|every datapoint of the last (\S+))$`)
)

func (l *listener) obey(condition string) bool {
	s, p := &l.in.Services[0], &l.in.Services[0].Policy
	named := func(prefix, suffix string) (string, bool) {
		name, ok := strings.CutPrefix(condition, prefix)
		if !ok {
			return "", false
		}
		return strings.CutSuffix(name, suffix)
	}
	switch {
	case condition == "the global stop were released":
		l.in.Stop = false
		return true
	case condition == "the order in flight were closed":
		l.in.Lease = nil
		return true
	case condition == "nobody else wrote the target":
		s.Owner = policy.Owner{}
		return true
	case condition == "the deployment had completed":
		l.in.Fleet.Services[0].Deployments = []fleet.Deployment{{ID: "2", Primary: true, RolloutState: "COMPLETED", CreatedAt: at("09:59:00")}}
		return true
	case uncapped.MatchString(condition):
		l.in.Account = nil
		return true
	case staffed.MatchString(condition):
		v := &l.in.Fleet.Services[0]
		v.Running, v.Pending, v.Troubles = v.Desired, 0, nil
		return true
	}
	if name, ok := named("the override ", " had ended"); ok {
		return without(&s.Overrides, func(o spec.Override) bool { return o.String() == name })
	}
	if name, ok := named("the window ", " were closed"); ok {
		return without(&p.Scheduled, func(w spec.Scheduled) bool { return w.Name == name })
	}
	if m := emptied.FindStringSubmatch(condition); m != nil {
		for i, q := range l.in.Queues {
			if q.Name == m[1] {
				l.in.Queues[i] = signal.Queue{Name: q.Name, At: q.At, Status: q.Status}
			}
		}
		return true
	}
	if name, ok := named("the veto ", " were quiet"); ok {
		return without(&p.Vetoes, func(v spec.Veto) bool { return v.Name == name })
	}
	if name, ok := named("the policy ", " were left out"); ok {
		return without(&p.Policies, func(v spec.Policy) bool { return v.Label() == name })
	}
	if name, ok := named("disableScaleIn of ", " were false (not true)"); ok {
		i := l.policy(name)
		if i >= 0 {
			p.Policies[i].DisableScaleIn = false
		}
		return i >= 0
	}
	if m := repeats.FindStringSubmatch(condition); m != nil {
		return l.wait(m[1])
	}
	if m := measured.FindStringSubmatch(condition); m != nil {
		return l.measure(m[1], m[2], m[4], m[5])
	}
	if m := queued.FindStringSubmatch(condition); m != nil {
		return l.queue(m[1], m[2], m[4], m[3], m[5])
	}
	if m := aged.FindStringSubmatch(condition); m != nil {
		age, err := time.ParseDuration(m[2])
		i := l.policy(m[1])
		return err == nil && i >= 0 && l.point(i, *p.Policies[i].Backlog.CloudWatch().OldestAge, age.Seconds(), false, m[3], m[4])
	}
	if m := set.FindStringSubmatch(condition); m != nil {
		return setPolicy(p, m[1], m[2])
	}
	return false
}

func without[T any](list *[]T, is func(T) bool) bool {
	n := len(*list)
	*list = slices.DeleteFunc(*list, is)
	return len(*list) == n-1
}

var limitSaid = regexp.MustCompile(`^(\d+) (tasks|%) in (\S+)$`)

// setPolicy sets a field of the policy's JSON to a value as it is told.
func setPolicy(p *spec.Service, path, value string) bool {
	b, _ := json.Marshal(p)
	var doc map[string]any
	if json.Unmarshal(b, &doc) != nil {
		return false
	}
	var v any = value
	if f, err := strconv.ParseFloat(strings.TrimPrefix(value, "$"), 64); err == nil {
		v = f
	}
	if m := limitSaid.FindStringSubmatch(value); m != nil {
		f, _ := strconv.ParseFloat(m[1], 64)
		v = []any{map[string]any{map[string]string{"tasks": "tasks", "%": "percent"}[m[2]]: f, "period": m[3]}}
	}
	if n, ok := strings.CutPrefix(value, "atLeast "); ok {
		f, _ := strconv.ParseFloat(n, 64)
		v = map[string]any{"atLeast": f}
	}
	at, steps := doc, strings.Split(path, ".")
	if steps[0] == "constraints" {
		all, _ := doc["constraints"].([]any)
		for _, c := range all {
			if c, ok := c.(map[string]any); ok && len(steps) > 2 && c["name"] == steps[1] {
				at, steps = c, steps[2:]
			}
		}
	}
	for _, step := range steps[:len(steps)-1] {
		next, ok := at[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[step] = next
		}
		at = next
	}
	at[steps[len(steps)-1]] = v
	b, _ = json.Marshal(doc)
	*p = spec.Service{}
	return json.Unmarshal(b, p) == nil
}

func (l *listener) policy(label string) int {
	return slices.IndexFunc(l.in.Services[0].Policy.Policies, func(p spec.Policy) bool { return p.Label() == label })
}

// wait lets the minutes pass in which every metric goes on as it was.
func (l *listener) wait(until string) bool {
	end, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return false
	}
	for d := l.was; l.now.Before(end); d = policy.Decide(l.now, l.in).Services[0] {
		l.now, l.in.Services[0].History = l.now.Add(time.Minute), d.Next
		if d.Direction != history.Hold {
			return false // it would have ended earlier
		}
		for i := range l.in.Queues {
			l.in.Queues[i].At = l.in.Queues[i].At.Add(time.Minute)
		}
		for i := range l.in.Signals {
			s := &l.in.Signals[i]
			for range time.Minute / s.Metric.Period {
				if n := len(s.Points); n > 0 {
					next := s.Points[n-1]
					next.Start = next.Start.Add(s.Metric.Period)
					s.Points = append(s.Points, next)
				}
			}
		}
	}
	return true
}

func (l *listener) measure(label, value, more, which string) bool {
	i := l.policy(label)
	v, err := strconv.ParseFloat(value, 64)
	if i < 0 || err != nil {
		return false
	}
	key := fleet.ServiceKey{Cluster: l.in.Cell.Cluster, Service: l.in.Services[0].Name}
	switch p := l.in.Services[0].Policy.Policies[i]; {
	case p.TargetTracking != nil:
		src := p.TargetTracking.CloudWatch(key)
		return l.point(i, src.Metric, v, src.Samples, more, which)
	case p.StepScaling != nil:
		src := p.StepScaling.CloudWatch(key)
		return l.point(i, src.Metric, v, src.Samples, more, which)
	case p.Concurrency != nil:
		return l.point(i, p.Concurrency.Metric.CloudWatch("Sum"), v, false, more, which)
	}
	return false
}

func (l *listener) queue(label, waiting, arriving, more, which string) bool {
	i := l.policy(label)
	v, err := strconv.ParseFloat(waiting, 64)
	if i < 0 || err != nil {
		return false
	}
	src := l.in.Services[0].Policy.Policies[i].Backlog.CloudWatch()
	ok := l.point(i, src.Backlog, v, false, more, which)
	if arriving == "" {
		return ok
	}
	v, err = strconv.ParseFloat(arriving, 64)
	return err == nil && ok && l.point(i, src.Arrivals, v*src.Arrivals.Period.Seconds(), false, more, which)
}

// point sets the datapoints that are told of to a value, each of them that is
// not as low or high already.
func (l *listener) point(i int, m signal.Metric, v float64, average bool, more, which string) bool {
	w := where.FindStringSubmatch(which)
	k := slices.IndexFunc(l.in.Signals, func(s signal.Series) bool { return s.Metric.Key() == m.Key() })
	if w == nil || k < 0 {
		return false
	}
	newest := l.was.Policies[i].Datapoint
	oldest := newest
	if w[1] != "" {
		n, _ := strconv.Atoi(w[1])
		oldest = newest.Add(-time.Duration(n-1) * m.Period)
	}
	if w[2] != "" {
		back, err := time.ParseDuration(w[2])
		if err != nil {
			return false
		}
		oldest = newest.Add(m.Period - back)
	}
	for j := range l.in.Signals[k].Points {
		p := &l.in.Signals[k].Points[j]
		if p.Start.Before(oldest) || p.Start.After(newest) {
			continue
		}
		to := signal.Value(v)
		if average {
			to *= p.Samples
		}
		if more == "" || more == " or more" && p.Value < to || more == " or less" && p.Value > to {
			p.Value = to
		}
	}
	return true
}

// Everything that is told of a decision holds: done as the words say, it gives
// the outcome that they tell, which is another one.
func TestEverySentenceHolds(t *testing.T) {
	t.Parallel()
	said, forms := 0, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		now, in := at("10:00:00"), anyInput(t)
		before := whole(in)
		was := policy.Decide(now, in).Services[0]
		got := Otherwise(now, in, "checkout")
		for _, a := range got.Found {
			said++
			forms[form.ReplaceAllString(a.Input, "N")]++
			d, err := hear(now, before, a.If)
			if err != nil {
				t.Fatal(err)
			}
			if d.Desired == was.Desired || d.Desired != a.Desired || a.Outcome != Headline(d.Mode, d.Base, d.Desired, "task") {
				t.Fatalf("%s\ngives %d (%s: %s), was %d (%s: %s)", a, d.Desired, d.Reason, d.Because, was.Desired, was.Reason, was.Because)
			}
		}
		if (len(got.Found) == 0) == (len(got.Bound) == 0) || len(got.Found) == 0 && got.Bound[0] != was.Reason {
			t.Fatalf("%d alternatives, bound by %v, the reason is %s", len(got.Found), got.Bound, was.Reason)
		}
		if b, _ := json.Marshal(in); string(b) != string(must(json.Marshal(before))) {
			t.Fatal("the input changed")
		}
	})
	if said < 20 || len(forms) < 5 {
		t.Errorf("%d sentences of %v were heard: the test looks in the wrong place", said, slices.Sorted(maps.Keys(forms)))
	}
}

var form = regexp.MustCompile(`\d+`)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // a slip in the test itself
	}
	return v
}

// anyInput is a service with one to three policies, and whatever may keep it from
// what they want.
func anyInput(t *rapid.T) policy.Input {
	yes := func(name string, of int) bool { return rapid.IntRange(1, of).Draw(t, name) == 1 }
	return cell(func(in *policy.Input) {
		v, s := &in.Fleet.Services[0], &in.Services[0]
		v.Desired = rapid.IntRange(0, 40).Draw(t, "desired")
		v.Running = max(0, v.Desired-rapid.IntRange(0, 3).Draw(t, "absent"))
		if yes("ec2", 4) {
			v.Compute = fleet.EC2
		}
		p := &s.Policy
		p.MinCapacity, p.MaxCapacity = rapid.IntRange(1, 8).Draw(t, "min"), rapid.IntRange(8, 40).Draw(t, "max")
		in.Signals, p.Policies = nil, nil
		kinds := rapid.Permutation([]string{"cpu", "average", "total", "step", "backlog", "concurrency"}).Draw(t, "kinds")
		for _, kind := range kinds[:rapid.IntRange(1, 3).Draw(t, "policies")] {
			anyPolicy(t, in, kind)
		}
		if yes("disable", 6) {
			p.Policies[0].DisableScaleIn = true
		}
		in.Stop = yes("stop", 5)
		if yes("lease", 12) {
			in.Lease = &policy.Lease{By: "01J", Until: at("10:00:30")}
		}
		if yes("owner", 12) {
			s.Owner = policy.Owner{Kind: "ApplicationAutoScaling", Detail: "x"}
		}
		for _, kind := range spec.OverrideKinds() {
			if yes(string(kind), 6) {
				o := spec.Override{Kind: kind, Until: at("12:00:00"), Why: "w", By: "ann"}
				if kind.Counted() {
					o.Count = rapid.IntRange(1, 30).Draw(t, "count")
				}
				s.Overrides = append(s.Overrides, o)
			}
		}
		if yes("order", 3) {
			ago := time.Duration(rapid.IntRange(5, 1200).Draw(t, "ago")) * time.Second
			s.History.Orders = orders(ago, max(0, v.Desired+rapid.IntRange(-6, 6).Draw(t, "from")), v.Desired)
		}
		if yes("veto", 5) {
			p.Vetoes = []spec.Veto{{Name: "latency", Metric: spec.Metric{Namespace: "App", Name: "Latency"}, Above: new(1.5)}}
		}
		if yes("deploying", 6) {
			v.Deployments = []fleet.Deployment{{ID: "2", Primary: true, RolloutState: "IN_PROGRESS", CreatedAt: at("09:59:00"), Desired: v.Desired, Running: v.Running}}
		}
		if yes("account", 6) {
			p.Spend = &spec.Spend{TaskHour: 0.05}
			in.Account = &policy.Account{AtMostPerHour: 10, OthersPerHour: rapid.Float64Range(8, 10).Draw(t, "others")}
		}
		if yes("window", 6) {
			p.Scheduled = []spec.Scheduled{{Name: "day", From: "08:00", To: "19:00", MinCapacity: new(min(7, p.MaxCapacity))}}
		}
		if len(in.Signals) > 0 && yes("queue", 2) {
			in.Queues = []signal.Queue{{Name: "jobs", At: at("10:00:00"), Visible: rapid.IntRange(0, 40).Draw(t, "visible"), Status: signal.Complete}}
		}
		if yes("constraint", 5) {
			p.Constraints = []spec.Constraint{{Name: "postgres", PerTask: 3.3, AtMost: float64(rapid.IntRange(50, 140).Draw(t, "atMost"))}}
		}
		if yes("no window", 4) {
			p.ScaleIn.StabilizationWindow = new(spec.Duration(0))
		}
		if yes("out window", 5) {
			p.ScaleOut.StabilizationWindow = new(spec.Duration(5 * time.Minute))
		}
	})
}

// anyPolicy adds a policy of a kind and what it reads.
func anyPolicy(t *rapid.T, in *policy.Input, kind string) {
	draw := func(name string, low, high float64) func(int) float64 {
		base, n := rapid.Float64Range(low, high).Draw(t, kind+" "+name), 0.0
		if rapid.Bool().Draw(t, kind+" "+name+" noise") {
			n = rapid.Float64Range(0, high/5).Draw(t, kind+" "+name+" by")
		}
		return func(i int) float64 { return max(0, base+n*float64(i%3-1)) }
	}
	add := func(m signal.Metric, many int, v func(int) float64) {
		s := series(m, many, 0)
		for i := range s.Points {
			s.Points[i].Value = signal.Value(v(i))
		}
		in.Signals = append(in.Signals, s)
	}
	many := rapid.SampledFrom([]int{1, 5, 14, 20, 90}).Draw(t, kind+" datapoints")
	p := &in.Services[0].Policy
	running := float64(max(1, in.Fleet.Services[0].Running))
	own := spec.Metric{Namespace: "App", Name: kind}
	count := spec.ServiceMetric(checkout, "CPUUtilization", "SampleCount")
	if (kind == "average" || kind == "step") && !slices.ContainsFunc(in.Signals, func(s signal.Series) bool { return s.Metric.Key() == count.Key() }) {
		add(count, 90, func(int) float64 { return running })
	}
	switch kind {
	case "cpu":
		m, v := spec.ServiceMetric(checkout, "CPUUtilization", "Sum"), draw("load", 0, 100)
		s := series(m, many, 0)
		for i := range s.Points {
			s.Points[i].Value, s.Points[i].Samples = signal.Value(v(i)*running), signal.Value(running)
		}
		in.Signals = append(in.Signals, s)
		p.Policies = append(p.Policies, spec.Policy{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}})
	case "average":
		tt := spec.TargetTracking{Metric: &own, TargetValue: 70, Ceiling: 100}
		add(tt.CloudWatch(checkout).Metric, many, draw("load", 0, 100))
		p.Policies = append(p.Policies, spec.Policy{TargetTracking: &tt})
	case "total":
		tt := spec.TargetTracking{Metric: &own, TargetPerTask: 7}
		add(tt.CloudWatch(checkout).Metric, many, draw("load", 0, 300))
		p.Policies = append(p.Policies, spec.Policy{TargetTracking: &tt})
	case "step":
		st := spec.StepScaling{Metric: &own, Threshold: 50, AdjustmentType: spec.PercentChangeInCapacity, EvaluationPeriods: rapid.IntRange(1, 3).Draw(t, "periods"), StepAdjustments: []spec.StepAdjustment{
			{MetricIntervalUpperBound: new(-20.0), ScalingAdjustment: -20},
			{MetricIntervalLowerBound: new(0.0), MetricIntervalUpperBound: new(30.0), ScalingAdjustment: 10},
			{MetricIntervalLowerBound: new(30.0), ScalingAdjustment: 40},
		}}
		add(st.CloudWatch(checkout).Metric, many, draw("load", 0, 120))
		p.Policies = append(p.Policies, spec.Policy{StepScaling: &st})
	case "backlog":
		b := spec.Backlog{Queue: "jobs", AcceptableLatency: spec.Duration(time.Minute), ProcessingTime: new(spec.Duration(2 * time.Second))}
		src := b.CloudWatch()
		add(src.Backlog, many, draw("waiting", 0, 900))
		add(src.Arrivals, many, draw("arrived", 0, 900))
		add(*src.OldestAge, many, draw("age", 0, 300))
		p.Policies = append(p.Policies, spec.Policy{Backlog: &b})
	case "concurrency":
		own.Period = spec.Duration(10 * time.Second)
		c := spec.Concurrency{Metric: own, TargetPerTask: 100}
		add(own.CloudWatch("Sum"), many*6, draw("in flight", 0, 4000))
		p.Policies = append(p.Policies, spec.Policy{Concurrency: &c})
	}
}
