package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

var update = flag.Bool("update", false, "write the expected output of scripts and docs anew")

// The scripts run the commands in this process, on a memory ledger, at 10:10.
//
//	run CODE ARGS... [<FILE]   runs trimtab and wants the exit code
//	seed STATE                 puts the ledger in a state, see seeds
//	meddle [N]                 someone changes checkout after each of the next N reads, one without N
//	down, up                   the ledger stops answering, and answers again
//	serve KIND                 starts a function: ok, panic, throttle, text
//	fleet STATE...             puts ECS, Auto Scaling and CloudWatch in a state, see fleets
//	drains                     prints the drains of the ledger
//
// TTY=1 makes standard output a terminal and asks questions.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Values[worldKey{}] = &world{memory: ledger.NewMemory(), fleet: fourInstances()}
			e.Vars = append(e.Vars, "TRIMTAB_TABLE=trimtab", "USER=ann", "TRIMTAB_AUTHOR=", "NO_COLOR=", "TTY=")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"run": run, "seed": seed,
			"meddle": meddle,
			"down":   func(ts *testscript.TestScript, _ bool, _ []string) { worldOf(ts).down = true },
			"up":     func(ts *testscript.TestScript, _ bool, _ []string) { worldOf(ts).down = false },
			"serve":  serve,
			"fleet":  setFleet,
			"drains": drains,
		},
	})
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world {
	w, ok := ts.Value(worldKey{}).(*world)
	if !ok {
		ts.Fatalf("the script has no world")
	}
	return w
}

// world is what one script's commands touch.
type world struct {
	memory   *ledger.Memory
	meddle   int // reads after which someone changes checkout
	down     bool
	endpoint string
	bed      string // what was done to the local bed
	fleet    *cluster
}

// Read, Change, Records and Clusters are the memory ledger's, with the faults
// that a script asks for.
func (w *world) Read(ctx context.Context, c fleet.ClusterName) (ledger.Cluster, error) {
	if w.down {
		return ledger.Cluster{}, fmt.Errorf("read cluster %s: %w", c, ledger.ErrUnavailable)
	}
	cl, err := w.memory.Read(ctx, c)
	if err == nil && w.meddle > 0 {
		w.meddle--
		row := cl.Row(checkout.Target())
		other := &ledger.Policy{Service: &spec.Service{Mode: spec.Act, MinCapacity: 1, MaxCapacity: 30}, Version: row.Policy.Version + 1, Author: "bob", At: clock}
		err = w.memory.Change(ctx, ledger.Change{Cluster: c, Edits: []ledger.Edit{{Target: row.Target, Generation: row.Generation, Policy: other}}})
	}
	return cl, err
}

func meddle(ts *testscript.TestScript, _ bool, args []string) {
	n := 1
	if len(args) > 0 {
		var err error
		n, err = strconv.Atoi(args[0])
		ts.Check(err)
	}
	worldOf(ts).meddle = n
}

func (w *world) Change(ctx context.Context, c ledger.Change) error { return w.memory.Change(ctx, c) }

func (w *world) Records(ctx context.Context, t fleet.Target, before time.Time, limit int) ([]ledger.Record, error) {
	return w.memory.Records(ctx, t, before, limit)
}

func (w *world) Clusters(ctx context.Context) ([]fleet.ClusterName, error) {
	if w.down {
		return nil, fmt.Errorf("list clusters: %w", ledger.ErrUnavailable)
	}
	return w.memory.Clusters(ctx)
}

// fakeBed is a local bed that only says what it was asked.
type fakeBed struct{ w *world }

func (b fakeBed) Up(_ context.Context, out io.Writer) error {
	b.w.bed = "up"
	_, err := fmt.Fprintln(out, "bed up")
	return err
}

func (b fakeBed) Down(_ context.Context, out io.Writer) error {
	b.w.bed = "down"
	_, err := fmt.Fprintln(out, "bed down")
	return err
}

func (b fakeBed) Supervise(_ context.Context, out io.Writer) error {
	_, err := fmt.Fprintln(out, "bed kept")
	return err
}

func (b fakeBed) Endpoints() (local.Endpoints, error) {
	if b.w.bed != "up" && b.w.endpoint == "" {
		return local.Endpoints{}, fmt.Errorf("no local bed is up")
	}
	return local.Endpoints{Cluster: "prod", Invoke: cmp.Or(b.w.endpoint, "http://127.0.0.1:9001")}, nil
}

func (b fakeBed) Open(context.Context) (Ledger, Eyes, error) {
	if b.w.bed != "up" {
		return nil, nil, fmt.Errorf("no local bed is up")
	}
	return b.w, b.w.fleet.eyes(b.w.memory), nil
}

var (
	clock    = time.Date(2026, 11, 23, 10, 10, 0, 0, time.UTC)
	checkout = fleet.ServiceKey{Cluster: "prod", Service: "checkout"}
)

func run(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: run CODE [<FILE] ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	stdin := ""
	if i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "<") }); i >= 0 {
		stdin, args = ts.ReadFile(args[i][1:]), slices.Delete(args, i, i+1)
	}
	w := worldOf(ts)
	tty := ts.Getenv("TTY") != ""
	got := Run(context.Background(), args, Env{
		Version: "v1.2.3", Stdin: strings.NewReader(stdin), Stdout: ts.Stdout(), Stderr: ts.Stderr(),
		Terminal: tty, Interactive: tty, Getenv: ts.Getenv,
		ReadFile: func(name string) ([]byte, error) { return os.ReadFile(ts.MkAbs(name)) },
		Now:      func() time.Time { return clock },
		Person: func() (string, error) {
			if ts.Getenv("USER") == "" {
				return "", fmt.Errorf("user unknown")
			}
			return ts.Getenv("USER") + "@laptop", nil
		},
		Ledger: func(_ context.Context, o LedgerOptions) (Ledger, error) {
			if o.Table != "trimtab" || o.EndpointURL != "" && o.EndpointURL != "http://127.0.0.1:8000" {
				return nil, fmt.Errorf("opened table %q at %q", o.Table, o.EndpointURL)
			}
			return w, nil
		},
		Demo: func(_ context.Context, o DemoOptions) error {
			_, err := fmt.Fprintf(o.Stdout, "demo html=%q picture=%q load=%s seed=%d tty=%v json=%v noColor=%v\n", o.HTML, o.Picture, o.Load, o.Seed, o.TTY, o.JSON, o.NoColor)
			return err
		},
		Eyes: func(context.Context, LedgerOptions) (Eyes, error) { return w.fleet.eyes(w.memory), nil },
		Bed:  fakeBed{w},
	})
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// serve starts a function behind the Invoke API.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	kind := args[0]
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/") {
			http.Error(w, r.Method+" "+r.URL.Path, http.StatusTeapot)
			return
		}
		switch kind {
		case "panic":
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_, _ = io.WriteString(w, `{"errorMessage":"index out of range","errorType":"runtime.boundsError"}`)
		case "throttle":
			w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"Type":"User","Message":"every process of the function is busy"}`)
		case "text":
			_, _ = io.WriteString(w, "not JSON\n")
		default:
			_, _ = fmt.Fprintf(w, `{"function":%q,"got":%s}`, strings.Split(r.URL.Path, "/")[3], bytes.TrimSpace(body))
		}
	}))
	ts.Defer(s.Close)
	worldOf(ts).endpoint = s.URL
	ts.Setenv("URL", s.URL)
}

// seeds are the states of a ledger; each is built as the function would.
var seeds = map[string]func(ctx context.Context, m *ledger.Memory) error{
	"policy":   seedPolicyRow,
	"order":    seedOrder,
	"hold":     seedHold,
	"open":     seedOpen,
	"stop":     seedStop,
	"override": seedOverride,
	"observe":  seedObserve,
	"two":      seedTwo,
	"owned":    seedOwned,
	"halted":   seedHalted,
	"group":    seedGroup,
}

func seed(ts *testscript.TestScript, _ bool, args []string) {
	for _, a := range args {
		f, ok := seeds[a]
		if !ok {
			ts.Fatalf("no seed %q", a)
		}
		ts.Check(f(context.Background(), worldOf(ts).memory))
	}
}

const seededPolicy = `
cluster: prod
mode: act
services:
  checkout:
    minCapacity: 2
    maxCapacity: 60
    policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}]
  search:
    mode: observe
    minCapacity: 1
    maxCapacity: 8
    policies: [{targetTracking: {predefinedMetric: ECSServiceAverageMemoryUtilization, targetValue: 70}}]
groups:
  prod-m7g: {}
`

func seedPolicyRow(ctx context.Context, m *ledger.Memory) error {
	doc, faults := policyfile.Parse([]byte(seededPolicy), "seed")
	if len(faults) > 0 {
		return fmt.Errorf("%s", faults[0])
	}
	services, groups := doc.Rows()
	at := clock.Add(-72 * time.Hour)
	c := ledger.Change{Cluster: "prod"}
	for _, n := range []fleet.ServiceName{"checkout", "search"} {
		c.Edits = append(c.Edits, ledger.Edit{
			Target: fleet.ServiceKey{Cluster: "prod", Service: n}.Target(),
			Policy: &ledger.Policy{Service: new(services[n]), Version: 3, Author: "ann", At: at},
		})
	}
	c.Edits = append(c.Edits, ledger.Edit{
		Target: fleet.GroupOf("prod", "prod-m7g"), Policy: &ledger.Policy{Group: new(groups["prod-m7g"]), Version: 1, Author: "ann", At: at},
	})
	return m.Change(ctx, c)
}

// decide runs the core as the function would, for checkout at 10 tasks.
func decide(row ledger.Row, at time.Time, desired int, average float64, minutes int) (policy.Input, policy.Decision) {
	s := signal.Series{Metric: spec.ServiceMetric(checkout, "CPUUtilization", "Sum"), Status: signal.Complete}
	for i := range minutes {
		start := at.Truncate(time.Minute).Add(-time.Duration(minutes+1-i) * time.Minute)
		s.Points = append(s.Points, signal.Point{Start: start, Value: signal.Value(average * 10), Samples: 10})
	}
	in := policy.Input{
		Cell: fleet.Cell{Cluster: "prod", Service: "checkout"}, Mode: spec.Act,
		Fleet: fleet.Snapshot{At: at, Services: []fleet.Service{
			{Name: "checkout", Compute: fleet.Fargate, Active: true, Desired: desired, Running: 10},
		}},
		Services: []policy.ServiceInput{{Name: "checkout", Policy: *row.Policy.Service, History: row.History}},
		Signals:  signal.Set{s},
	}
	return in, policy.Decide(at, in)
}

func checkoutRow(ctx context.Context, m *ledger.Memory) (ledger.Row, error) {
	cl, err := m.Read(ctx, "prod")
	return cl.Row(checkout.Target()), err
}

// claim takes the cell for the order of a decision.
func claim(ctx context.Context, m *ledger.Memory, row ledger.Row, d policy.Decision, id string) error {
	sd := d.Services[0]
	return m.Claim(ctx, ledger.Claim{ID: id, Entries: []ledger.ClaimEntry{{
		Target: row.Target, Generation: row.Generation, History: sd.Next,
		Intent: ledger.Intent{ID: id, At: d.At, ActBy: d.At.Add(ledger.ActWithin), Before: sd.Base, Desired: sd.Desired, Mode: sd.Mode},
	}}})
}

func reasonFor(d policy.Decision) ledger.Reason {
	sd := d.Services[0]
	return ledger.Reason{Rule: sd.Reason, Because: sd.Because, Wanted: sd.Wanted, Desired: sd.Desired, First: d.At, Last: d.At}
}

func recordFor(in policy.Input, d policy.Decision, kind ledger.Kind, generation int64, id string) (ledger.Record, error) {
	decision, err := json.Marshal(d)
	if err != nil {
		return ledger.Record{}, err
	}
	input, err := json.Marshal(in)
	if err != nil {
		return ledger.Record{}, err
	}
	sd := d.Services[0]
	return ledger.Record{
		Target: checkout.Target(), At: d.At, Generation: generation, ID: id, Kind: kind, Mode: sd.Mode,
		Before: sd.Base, Desired: sd.Desired, Rule: sd.Reason, Because: sd.Because, Decision: decision, Input: input,
	}, nil
}

// seedOrder: at 10:00 checkout went from 10 to 14 tasks.
func seedOrder(ctx context.Context, m *ledger.Memory) error {
	row, err := checkoutRow(ctx, m)
	if err != nil {
		return err
	}
	in, d := decide(row, clock.Add(-10*time.Minute), 10, 82, 16)
	if err := claim(ctx, m, row, d, "c1"); err != nil {
		return err
	}
	rec, err := recordFor(in, d, ledger.Ordered, row.Generation+2, "c1")
	if err != nil {
		return err
	}
	rec.Outcome = "ordered"
	return m.Close(ctx, ledger.Closing{
		ID: "c1", Entries: []ledger.CloseEntry{{Target: row.Target, Generation: row.Generation + 1, Reason: new(reasonFor(d))}},
		Records: []ledger.Record{rec},
	})
}

// seedHold: from 10:00:40 on the in-cooldown holds checkout at 14 tasks.
func seedHold(ctx context.Context, m *ledger.Memory) error {
	row, err := checkoutRow(ctx, m)
	if err != nil {
		return err
	}
	in, d := decide(row, clock.Add(-9*time.Minute-20*time.Second), 14, 20, 16)
	rec, err := recordFor(in, d, ledger.Holding, row.Generation+1, "c2")
	if err != nil {
		return err
	}
	return m.Note(ctx, ledger.Note{Target: row.Target, Generation: row.Generation, Reason: new(reasonFor(d)), Record: &rec})
}

// seedOpen: an order for 14 tasks is under way.
func seedOpen(ctx context.Context, m *ledger.Memory) error {
	row, err := checkoutRow(ctx, m)
	if err != nil {
		return err
	}
	_, d := decide(row, clock.Add(-5*time.Second), 10, 82, 16)
	return claim(ctx, m, row, d, "c9")
}

func seedStop(ctx context.Context, m *ledger.Memory) error {
	return m.Change(ctx, ledger.Change{Cluster: "prod", Control: &ledger.Control{Stop: true, Why: "database migration", By: "ann", At: clock.Add(-3 * time.Minute)}})
}

// seedHalted: the stop is set, and a pause beside it; the function has noted that.
func seedHalted(ctx context.Context, m *ledger.Memory) error {
	row, err := checkoutRow(ctx, m)
	if err != nil {
		return err
	}
	in, d := decide(row, clock.Add(-2*time.Minute), 10, 82, 16)
	in.Stop, in.StopWhy = true, "by ann since 2026-11-23T10:07:00Z (database migration)"
	in.Services[0].Overrides = []spec.Override{{Kind: spec.Pause, Until: clock.Add(time.Hour), Why: "sale", By: "bob"}}
	d = policy.Decide(d.At, in)
	rec, err := recordFor(in, d, ledger.Holding, row.Generation+1, "c3")
	if err != nil {
		return err
	}
	if err := m.Note(ctx, ledger.Note{Target: row.Target, Generation: row.Generation, Reason: new(reasonFor(d)), Record: &rec}); err != nil {
		return err
	}
	return seedStop(ctx, m)
}

func seedOverride(ctx context.Context, m *ledger.Memory) error {
	row, err := checkoutRow(ctx, m)
	if err != nil {
		return err
	}
	return m.Change(ctx, ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{Target: row.Target, Generation: row.Generation, Overrides: &[]spec.Override{
		{Kind: spec.MinAt, Count: 20, Until: clock.Add(2 * time.Hour), Why: "sale", By: "bob"},
		{Kind: spec.Pause, Until: clock.Add(-time.Hour), Why: "expired, so nobody sees it", By: "bob"},
	}}}})
}

// seedObserve puts checkout into observe mode, as a new version of its policy.
func seedObserve(ctx context.Context, m *ledger.Memory) error {
	row, err := checkoutRow(ctx, m)
	if err != nil {
		return err
	}
	p := *row.Policy
	watching := *p.Service
	watching.Mode = spec.Observe
	p.Service, p.Version = &watching, p.Version+1
	return m.Change(ctx, ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{Target: row.Target, Generation: row.Generation, Policy: &p}}})
}

// seedTwo adds a second cluster, whose service observes and has a shadow count.
func seedTwo(ctx context.Context, m *ledger.Memory) error {
	k := fleet.ServiceKey{Cluster: "staging", Service: "web"}
	p := spec.Service{Mode: spec.Observe, MinCapacity: 1, MaxCapacity: 4, Policies: []spec.Policy{
		{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 50}},
	}}
	if err := m.Change(ctx, ledger.Change{Cluster: "staging", Edits: []ledger.Edit{
		{Target: k.Target(), Policy: &ledger.Policy{Service: &p, Version: 1, Author: "bob", At: clock.Add(-time.Hour)}},
	}}); err != nil {
		return err
	}
	cl, err := m.Read(ctx, "staging")
	if err != nil {
		return err
	}
	at := clock.Add(-30 * time.Second)
	if err := m.Claim(ctx, ledger.Claim{ID: "s1", Entries: []ledger.ClaimEntry{{
		Target: k.Target(), Generation: cl.Row(k.Target()).Generation,
		Intent:  ledger.Intent{ID: "s1", At: at, ActBy: at.Add(ledger.ActWithin), Before: 2, Desired: 3, Mode: spec.Observe},
		History: history.History{Orders: []history.Order{{At: at, From: 2, To: 3}}, Shadow: new(3)},
	}}}); err != nil {
		return err
	}
	return m.Close(ctx, ledger.Closing{ID: "s1", Entries: []ledger.CloseEntry{{
		Target: k.Target(), Generation: cl.Row(k.Target()).Generation + 1,
	}}, Records: []ledger.Record{{
		// As written by a version whose decisions cannot be read any more.
		Target: k.Target(), At: at, Generation: cl.Row(k.Target()).Generation + 2, ID: "s1", Kind: ledger.Ordered, Mode: spec.Observe,
		Before: 2, Desired: 3, Rule: history.TargetTracking, Because: "a demand of 140 needs 2.8 tasks", Decision: json.RawMessage(`{"services":7}`),
	}}})
}

// seedOwned: from 10:00 on checkout is held, since another writer owns it.
func seedOwned(ctx context.Context, m *ledger.Memory) error {
	row, err := checkoutRow(ctx, m)
	if err != nil {
		return err
	}
	in, _ := decide(row, clock.Add(-10*time.Minute), 10, 82, 16)
	in.Services[0].Owner = policy.Owner{Kind: "ApplicationAutoScaling", Detail: "policy cpu60; suspend it first"}
	d := policy.Decide(clock.Add(-10*time.Minute), in)
	rec, err := recordFor(in, d, ledger.Holding, row.Generation+1, "c3")
	if err != nil {
		return err
	}
	return m.Note(ctx, ledger.Note{Target: row.Target, Generation: row.Generation, Reason: new(reasonFor(d)), Record: &rec})
}
