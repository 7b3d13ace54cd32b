package policyfile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// documents draws valid documents with every field, and names and values that
// YAML would take for something else.
func documents() *rapid.Generator[spec.Document] {
	return rapid.Custom(func(t *rapid.T) spec.Document {
		d := spec.Document{
			Cluster:  fleet.ClusterName(drawName(t, "cluster")),
			Mode:     drawMode(t),
			Services: rapid.MapOfN(rapid.Custom(func(t *rapid.T) fleet.ServiceName { return fleet.ServiceName(drawName(t, "service")) }), rapid.Custom(drawService), 1, 3).Draw(t, "services"),
			Groups: rapid.MapOfN(rapid.Custom(func(t *rapid.T) fleet.GroupName {
				return fleet.GroupName(strings.ReplaceAll(drawText(t, "group"), ":", "."))
			}), rapid.Custom(drawGroup), 1, 3).Draw(t, "groups"),
		}
		if names := slices.Sorted(maps.Keys(d.Groups)); len(names) > 1 && rapid.Bool().Draw(t, "fallback") {
			g := d.Groups[names[0]]
			g.ScaleOut.Fallback = names[1]
			d.Groups[names[0]] = g
		}
		drawFallback(t, d)
		return d
	})
}

// drawFallback adds to a document a service that stands in for another one, or none.
func drawFallback(t *rapid.T, d spec.Document) {
	leads := slices.Sorted(maps.Keys(d.Services))
	lead, name := rapid.SampledFrom(leads).Draw(t, "lead"), fleet.ServiceName(drawName(t, "fallback"))
	if _, taken := d.Services[name]; taken || rapid.Bool().Draw(t, "no fallback") {
		return
	}
	s := drawService(t)
	s.Policies, s.Activation = nil, nil
	s.FallbackFor = &spec.FallbackFor{Service: lead, After: maybe(t, "after", in(0, 3600, time.Second)), CoolOff: maybe(t, "fallbackCoolOff", in(60, 86_400, time.Second))}
	d.Services[name] = s
}

func drawName(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9_-]{1,12}`),
		rapid.SampledFrom([]string{"true", "null", "no", "7", "1e3", "-", "--", "0x1F", "017", "1_0"}),
	).Draw(t, label)
}

// drawText gives text without control characters, since a name may hold none.
func drawText(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.StringMatching(`[ -~]{1,20}`),
		rapid.StringMatching(`[\x{a1}-\x{2fff}\x{1f600}-\x{1f64f}]{1,8}`),
		rapid.SampledFrom([]string{
			"5%", "-1", "1e400", "a: b", "a #b", "# b", "- b", "&a", "*a", "!a", "@a", "`a`", "'a'", `"a"`, "|", ">", "{a}", "[a]", "a, b",
			"? a", "%a", "<<", "~", "null", "true", "yes", " a", "a ", `\`, "2026-11-23", ".inf", "=", "<b>&amp;", "0.5", "a:b", "\u2028",
		}),
	).Draw(t, label)
}

func drawMode(t *rapid.T) spec.Mode {
	return rapid.SampledFrom([]spec.Mode{"", spec.Observe, spec.Act}).Draw(t, "mode")
}

// maybe draws a value, or none.
func maybe[T any](t *rapid.T, label string, draw func(*rapid.T) T) *T {
	if !rapid.Bool().Draw(t, label+"?") {
		return nil
	}
	return new(draw(t))
}

// several draws 0 to n entries.
func several[T any](t *rapid.T, label string, n int, draw func(*rapid.T, int) T) []T {
	var out []T
	for i := range rapid.IntRange(0, n).Draw(t, label) {
		out = append(out, draw(t, i))
	}
	return out
}

// in draws a whole number of a unit, so that equal means equal when it is read back.
func in(low, high int, unit time.Duration) func(*rapid.T) spec.Duration {
	return func(t *rapid.T) spec.Duration {
		return spec.Duration(time.Duration(rapid.IntRange(low, high).Draw(t, "duration")) * unit)
	}
}

// percent draws what Percent itself reads from "n%".
func percent(low, high int) func(*rapid.T) spec.Percent {
	return func(t *rapid.T) spec.Percent {
		return spec.Percent(float64(rapid.IntRange(low*10, high*10).Draw(t, "permille")) / 10 / 100)
	}
}

func amount(low, high float64) func(*rapid.T) float64 {
	return func(t *rapid.T) float64 {
		v := rapid.Float64Range(low, high).Draw(t, "amount")
		if v == 0 {
			return 0 // there is no minus zero in JSON's canonical form
		}
		return v
	}
}

func count(low, high int) func(*rapid.T) int {
	return func(t *rapid.T) int { return rapid.IntRange(low, high).Draw(t, "n") }
}

func one[T any](values ...T) func(*rapid.T) T {
	return func(t *rapid.T) T { return rapid.SampledFrom(values).Draw(t, "one of") }
}

// drawLabel draws a name that no other of its kind has.
func drawLabel(t *rapid.T, i int) string { return fmt.Sprint(drawText(t, "name"), "-", i) }

func drawService(t *rapid.T) spec.Service {
	low := rapid.IntRange(0, 100).Draw(t, "min")
	high := rapid.IntRange(max(low, 1), spec.MaxTasks).Draw(t, "max")
	missing := func(t *rapid.T) spec.OnMissing {
		return spec.OnMissing{AtLeast: rapid.IntRange(0, high).Draw(t, "atLeast")}
	}
	s := spec.Service{
		Mode: drawMode(t), MinCapacity: low, MaxCapacity: high, ScaleOut: drawScaleOut(t), ScaleIn: drawScaleIn(t),
		OnMissingData: missing(t), RepairsPerHour: maybe(t, "repairs", count(0, 9)),
		Alarms: several(t, "alarms", 2, drawLabel),
		Vetoes: several(t, "vetoes", 2, drawVeto),
		Constraints: several(t, "constraints", 2, func(t *rapid.T, i int) spec.Constraint {
			perTask := amount(0.5, 100)(t)
			return spec.Constraint{Name: drawLabel(t, i), PerTask: perTask, AtMost: perTask * float64(low+1)}
		}),
		Scheduled: several(t, "scheduled", 3, func(t *rapid.T, i int) spec.Scheduled { return drawWindow(t, i, high) }),
		Spend: maybe(t, "spend", func(t *rapid.T) spec.Spend {
			price := amount(0.01, 9)(t)
			return spec.Spend{TaskHour: price, AtMostPerHour: one(0, price*float64(low+1))(t)}
		}),
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "policies") {
		s.Policies = append(s.Policies, drawPolicy(t, i, low == 0 && i == 0, missing))
	}
	seen := map[string]bool{} // of two policies on one metric each needs a name
	for i, p := range s.Policies {
		if seen[p.Label()] {
			s.Policies[i].Name = drawLabel(t, i)
		}
		seen[s.Policies[i].Label()] = true
	}
	if low == 0 {
		s.Activation = maybe(t, "activation", func(t *rapid.T) spec.Activation {
			return spec.Activation{
				CoolOff: maybe(t, "coolOff", in(60, 86_400, time.Second)),
				Wake: several(t, "wake", 2, func(t *rapid.T, _ int) spec.Wake {
					return spec.Wake{Metric: drawMetric(t, 0), Above: one(0, 0.5, 1e15)(t)}
				}),
			}
		})
	}
	return s
}

// drawPolicy draws a policy of any type, or one that sees demand at zero tasks.
func drawPolicy(t *rapid.T, i int, waking bool, missing func(*rapid.T) spec.OnMissing) spec.Policy {
	p := spec.Policy{OnMissingData: maybe(t, "missing", missing), DisableScaleIn: rapid.Bool().Draw(t, "disableScaleIn")}
	if rapid.Bool().Draw(t, "named") {
		p.Name = drawLabel(t, i)
	}
	kinds := []string{"backlog", "concurrency", "targetTracking", "stepScaling"}
	if waking {
		kinds = kinds[:2]
	}
	switch one(kinds...)(t) {
	case "backlog":
		p.Backlog = new(drawBacklog(t))
	case "concurrency":
		p.Concurrency = new(drawConcurrency(t))
	case "targetTracking":
		p.TargetTracking = new(drawTracking(t))
	default:
		p.StepScaling = new(drawSteps(t))
	}
	return p
}

const loadBalancer = "app/shop/50dc6c495c0c9188/targetgroup/checkout/943f017f100becff"

// drawSource draws a metric in either way.
func drawSource(t *rapid.T) (predefined, label string, own *spec.Metric) {
	switch one("ecs", "alb", "own")(t) {
	case "ecs":
		return one(spec.CPUUtilization, spec.MemoryUtilization, spec.CPUUtilizationHighRes, spec.MemoryUtilizationHighRes)(t), "", nil
	case "alb":
		return spec.ALBRequestCountPerTarget, loadBalancer, nil
	}
	return "", "", new(drawMetric(t, 0))
}

func drawTracking(t *rapid.T) spec.TargetTracking {
	value := amount(0.1, 100)(t)
	var tt spec.TargetTracking
	tt.PredefinedMetric, tt.ResourceLabel, tt.Metric = drawSource(t)
	switch {
	case tt.Metric == nil:
		tt.TargetValue = max(1, value)
	case rapid.Bool().Draw(t, "total"):
		tt.TargetPerTask = value
	default:
		tt.TargetValue, tt.Ceiling = value, one(0, value*1.5)(t)
	}
	return tt
}

func drawSteps(t *rapid.T) spec.StepScaling {
	s := spec.StepScaling{
		Threshold: amount(-1e6, 1e6)(t), AdjustmentType: one(spec.ChangeInCapacity, spec.ExactCapacity, spec.PercentChangeInCapacity)(t),
		EvaluationPeriods: count(0, 60)(t),
	}
	s.PredefinedMetric, s.ResourceLabel, s.Metric = drawSource(t)
	least := -100
	switch s.AdjustmentType {
	case spec.ExactCapacity:
		least = 0
	case spec.PercentChangeInCapacity:
		s.MinAdjustmentMagnitude = count(0, 9)(t)
	}
	edge := amount(0, 100)(t)
	s.StepAdjustments = one(
		[]spec.StepAdjustment{{MetricIntervalLowerBound: new(0.0), MetricIntervalUpperBound: new(edge + 1)}, {MetricIntervalLowerBound: new(edge + 1)}},
		[]spec.StepAdjustment{{MetricIntervalUpperBound: new(-edge - 1)}, {MetricIntervalLowerBound: new(edge)}},
		[]spec.StepAdjustment{{MetricIntervalLowerBound: new(-edge - 1), MetricIntervalUpperBound: new(0.0)}, {MetricIntervalUpperBound: new(-edge - 1)}},
	)(t)
	for i := range s.StepAdjustments {
		s.StepAdjustments[i].ScalingAdjustment = count(least, 5000)(t)
	}
	return s
}

func drawBacklog(t *rapid.T) spec.Backlog {
	b := spec.Backlog{
		AcceptableLatency: in(1, 14*24*3600, time.Second)(t), ProcessingTime: maybe(t, "processingTime", in(1, 12*3600*1000, time.Millisecond)),
		MaxAge: maybe(t, "maxAge", in(1, 14*24*3600, time.Second)),
	}
	if b.ProcessingTime != nil {
		b.Concurrency = count(0, 100_000)(t)
	}
	if rapid.Bool().Draw(t, "sqs") {
		b.Queue = one("orders", "orders.fifo", "https://queues.example/111122223333/orders", "7", "true")(t)
		return b
	}
	period := one(10*time.Second, time.Minute)(t)
	metric := func(t *rapid.T) spec.Metric { return drawMetric(t, period) }
	b.Metrics = &spec.BacklogMetrics{
		Backlog: metric(t), Arrivals: metric(t), Completions: maybe(t, "completions", metric), OldestAge: maybe(t, "oldestAge", metric),
	}
	if b.ProcessingTime == nil && b.Metrics.Completions == nil {
		b.Metrics.Completions = new(metric(t))
	}
	return b
}

func drawConcurrency(t *rapid.T) spec.Concurrency {
	c := spec.Concurrency{
		Metric: drawMetric(t, one(10*time.Second, 20*time.Second, time.Minute)(t)), TargetPerTask: amount(0.1, 1e6)(t),
		TargetUtilization: maybe(t, "utilization", percent(1, 100)), StableWindow: maybe(t, "stableWindow", in(60, 3600, time.Second)),
		PanicWindow: maybe(t, "panicWindow", in(1, 60, time.Second)),
	}
	if rapid.Bool().Draw(t, "rates") {
		c.PanicThreshold, c.MaxScaleUpRate, c.MaxScaleDownRate = amount(1.1, 10)(t), amount(1.1, 1e6)(t), amount(1.1, 1e6)(t)
	}
	return c
}

// drawMetric draws a metric of a period; 0 is any.
func drawMetric(t *rapid.T, period time.Duration) spec.Metric {
	if period == 0 {
		period = one(0, 10*time.Second, time.Minute, time.Hour)(t)
	}
	input := func(t *rapid.T) spec.MathInput {
		in := spec.MathInput{Namespace: drawText(t, "namespace"), Name: drawText(t, "metric"), Statistic: one("", "Sum", "p99.9")(t)}
		if rapid.Bool().Draw(t, "dimensions") {
			in.Dimensions = map[string]string{drawText(t, "dimension"): drawText(t, "value"), "x": "7"}
		}
		return in
	}
	if rapid.Bool().Draw(t, "math") {
		id := one("yes", "null", "m1")(t)
		quoted := strings.NewReplacer(`"`, "", "'", "").Replace(drawText(t, "quoted"))
		return spec.Metric{
			Expression: one("y / "+id, "METRICS()", "IF(y >= 1e3, "+id+", -y)", "[y, "+id+"]", "SUM(SEARCH('"+quoted+"', 'Sum')) * y + "+id)(t),
			Period:     spec.Duration(period),
			Metrics:    map[string]spec.MathInput{"y": input(t), id: input(t)},
		}
	}
	in := input(t)
	return spec.Metric{Namespace: in.Namespace, Name: in.Name, Statistic: in.Statistic, Dimensions: in.Dimensions, Period: spec.Duration(period)}
}

func drawVeto(t *rapid.T, i int) spec.Veto {
	v := spec.Veto{
		Name: drawLabel(t, i), Metric: drawMetric(t, 0), Lookback: maybe(t, "lookback", in(60, 3600, time.Second)),
		TreatMissingData: one("", spec.Breaching, spec.NotBreaching)(t),
	}
	if v.Above = maybe(t, "above", amount(-1e15, 1e15)); v.Above == nil {
		v.Below = new(amount(-1, 1)(t))
	}
	return v
}

func drawWindow(t *rapid.T, i, high int) spec.Scheduled {
	w := one(
		spec.Scheduled{Days: "mon-fri", From: "08:00", To: "19:00", TimeZone: "Europe/Paris", StartDate: "2026-12-01", EndDate: "2026-12-24"},
		spec.Scheduled{From: "22:30"}, spec.Scheduled{},
		spec.Scheduled{Start: "2026-11-27T08:00", End: "2026-11-28T20:00", TimeZone: "America/New_York"},
	)(t)
	w.Name = drawLabel(t, i)
	w.MinCapacity, w.MaxCapacity = maybe(t, "windowMin", count(1, 1)), new(high)
	if w.MinCapacity != nil && rapid.Bool().Draw(t, "noMax") {
		w.MaxCapacity = nil
	}
	return w
}

func drawLimits(t *rapid.T, label string) []spec.RateLimit {
	return several(t, label, 2, func(t *rapid.T, _ int) spec.RateLimit {
		l := spec.RateLimit{Tasks: count(0, 5000)(t), Period: in(10, 3600, time.Second)(t)}
		if l.Tasks == 0 {
			l.Percent = amount(0.1, 100)(t)
		}
		return l
	})
}

func drawScaleOut(t *rapid.T) spec.ScaleOut {
	return spec.ScaleOut{
		Tolerance: maybe(t, "tolerance", percent(0, 90)), Cooldown: maybe(t, "cooldown", in(0, 86_400_000, time.Millisecond)),
		StabilizationWindow: maybe(t, "window", in(0, 3600, time.Second)), RateLimits: drawLimits(t, "rateLimits"),
		SelectPolicy: one("", spec.SelectMax, spec.SelectMin)(t),
	}
}

func drawScaleIn(t *rapid.T) spec.ScaleIn {
	out := drawScaleOut(t)
	i := spec.ScaleIn{
		Tolerance: out.Tolerance, Cooldown: out.Cooldown, StabilizationWindow: out.StabilizationWindow, RateLimits: out.RateLimits,
		SelectPolicy: out.SelectPolicy, RemovalBudget: drawLimits(t, "removalBudget"), Datapoints: count(0, 60)(t),
		DeploymentFreeze: maybe(t, "freeze", in(0, 86_400, time.Second)), HistoryFloor: maybe(t, "floor", percent(0, 100)),
		FlapBudget: maybe(t, "flapBudget", func(t *rapid.T) spec.FlapBudget {
			return spec.FlapBudget{Reversals: count(1, 60)(t), Period: one(0, spec.Duration(time.Minute), spec.Duration(time.Hour))(t)}
		}),
	}
	return i
}

// Every field of the document is drawn: what is not drawn is not tested.
func TestDocumentsUseEveryField(t *testing.T) {
	t.Parallel()
	drawn := map[string]bool{}
	gen := documents()
	for seed := range 300 {
		walkSet(reflect.ValueOf(gen.Example(seed)), drawn)
	}
	for _, f := range allFields() {
		if !drawn[f] {
			t.Errorf("%s is never drawn", f)
		}
	}
}

// walkSet notes every field of a document that has a value, as Type.Field.
func walkSet(v reflect.Value, set map[string]bool) {
	switch v.Kind() { //nolint:exhaustive // the rest hold nothing
	case reflect.Pointer:
		if !v.IsNil() {
			walkSet(v.Elem(), set)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkSet(v.Index(i), set)
		}
	case reflect.Map:
		for _, e := range v.Seq2() {
			walkSet(e, set)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				set[v.Type().Name()+"."+v.Type().Field(i).Name] = true
				walkSet(v.Field(i), set)
			}
		}
	}
}

// allFields lists the fields of the document's types, as Type.Field.
func allFields() []string {
	var out []string
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() { //nolint:exhaustive // the rest hold nothing
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			if seen[t] {
				return
			}
			seen[t] = true
			for f := range t.Fields() {
				out = append(out, t.Name()+"."+f.Name)
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[spec.Document]())
	return out
}
