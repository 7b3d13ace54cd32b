// Package ledgertest gives the conformance suite of the ledger: what every
// implementation of ledger.Book, ledger.Desk and ledger.Drains must do, the
// faulty ones too.
package ledgertest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Pair is one ledger under test, by its faces.
type Pair struct {
	Book   ledger.Book
	Desk   ledger.Desk
	Drains ledger.Drains
	// Unavailable is how many answers ErrUnavailable (throttles, lost replies)
	// the ledger may give in a row, and Conflicts how many conflicts that are
	// none. The suite repeats the call, unchanged, that much more often; both are
	// zero for an honest ledger. A true conflict stays one however often it is
	// asked again.
	Unavailable, Conflicts int
	// Remembers is set where the ledger knows a repeat for a while even if others
	// have written since, as DynamoDB does, and may call it a success.
	Remembers bool
}

// Run checks an implementation. open gives an empty ledger that shares nothing
// with those of other calls.
func Run(t *testing.T, open func(t *testing.T) Pair) {
	t.Helper()
	for _, c := range slices.Concat(
		rowCases(), controlCases(), claimCases(), raceCases(), closeCases(), noteCases(), recordCases(), drainCases(), faultCases(), modelCases(),
	) {
		t.Run(c.name, func(t *testing.T) { c.check(&world{T: t, pair: open(t)}) })
	}
}

// testCase is one promise of the ledger.
type testCase struct {
	name  string
	check func(*world)
}

// base is when the suite plays: nanoseconds and all, for they must survive. It lies
// far ahead: what has expired by the true clock DynamoDB Local may delete
// while a test looks at it.
func base() time.Time { return time.Date(2096, time.March, 2, 10, 0, 0, 123456789, time.UTC) }

const prod = fleet.ClusterName("prod")

func service(name string) fleet.Target {
	return fleet.ServiceKey{Cluster: prod, Service: fleet.ServiceName(name)}.Target()
}

func group(name string) fleet.Target { return fleet.GroupOf(prod, fleet.GroupName(name)) }

// policyOf is a policy that uses every kind of field, for a target of either kind.
func policyOf(t fleet.Target, version int) *ledger.Policy {
	p := &ledger.Policy{Version: version, Author: "Zoë <zoe@example.com> & co", At: base().Add(time.Duration(version) * time.Second)}
	if t.Kind == fleet.GroupTarget {
		p.Group = &spec.Group{Mode: spec.Act}
		return p
	}
	tolerance, window := spec.Percent(0.07), spec.Duration(15*time.Minute)
	p.Service = &spec.Service{
		Mode: spec.Act, MinCapacity: 2, MaxCapacity: 60,
		Policies: []spec.Policy{
			{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}},
			{TargetTracking: &spec.TargetTracking{TargetPerTask: 40, Metric: &spec.Metric{
				Namespace: "App", Name: "InFlight", Dimensions: map[string]string{"b": "2", "a": "1"},
				Statistic: "Sum", Period: spec.Duration(10 * time.Second),
			}}},
		},
		ScaleIn:       spec.ScaleIn{Tolerance: &tolerance, StabilizationWindow: &window},
		OnMissingData: spec.OnMissing{AtLeast: 12},
		Alarms:        []string{"high <load>", "ünïcode"},
	}
	return p
}

// bulky is a policy of about so many bytes.
func bulky(t fleet.Target, bytes int) *ledger.Policy {
	p := policyOf(t, 1)
	p.Service.Alarms = []string{strings.Repeat("x", bytes)}
	return p
}

func pause(until time.Time) spec.Override {
	return spec.Override{Kind: spec.Pause, Until: until, Why: "release night", By: "ops"}
}

func past(orders int) history.History {
	h := history.History{}
	for i := range orders {
		at := base().Add(time.Duration(i)*time.Minute + time.Nanosecond)
		h = h.With(history.Order{At: at, From: i, To: i + 1}, []history.Mark{{Policy: "ECSServiceAverageCPUUtilization", Datapoint: at}})
	}
	return h
}

func intentAt(at time.Time, desired int) ledger.Intent {
	return ledger.Intent{At: at, ActBy: at.Add(ledger.ActWithin), Before: 2, Desired: desired, Mode: spec.Act}
}

func recordOf(t fleet.Target, generation int64, at time.Time, id string) ledger.Record {
	return ledger.Record{
		Target: t, At: at, Generation: generation, ID: id, Kind: ledger.Ordered, Mode: spec.Act, Before: 2, Desired: 5,
		Rule: history.TargetTracking, Because: "demand 290 % over target 60 % needs 5 tasks", Outcome: "done",
		Decision: []byte(`{"note": "a <b> & c",  "n": 1.50}`), Input: []byte(`["ü", {}]`),
	}
}

func reasonOf(because string) ledger.Reason {
	return ledger.Reason{Rule: history.TargetTracking, Because: because, Wanted: 5, Desired: 5, First: base(), Last: base().Add(time.Minute)}
}

// claimOf claims rows at the generations given, with intents from at.
func claimOf(id string, at time.Time, rows ...ledger.Row) ledger.Claim {
	c := ledger.Claim{ID: id}
	for i, r := range rows {
		n := intentAt(at, 5+i)
		n.Lock = i == 0 && len(rows) > 1
		c.Entries = append(c.Entries, ledger.ClaimEntry{Target: r.Target, Generation: r.Generation, Intent: n, History: past(2)})
	}
	return c
}

// closingOf closes what claimOf made, with a record of every row.
func closingOf(c ledger.Claim, at time.Time) ledger.Closing {
	k := ledger.Closing{ID: c.ID}
	for _, e := range c.Entries {
		reason := reasonOf("closed " + c.ID)
		k.Entries = append(k.Entries, ledger.CloseEntry{Target: e.Target, Generation: e.Generation + 1, Reason: &reason})
		k.Records = append(k.Records, recordOf(e.Target, e.Generation+2, at, c.ID))
	}
	return k
}

// world is one ledger and the calls of the suite.
type world struct {
	*testing.T

	pair Pair
}

// insist repeats a call that a faulty ledger may have failed.
func (w *world) insist(call func() error) error {
	unavailable, conflicts := 0, 0
	for {
		err := call()
		switch {
		case errors.Is(err, ledger.ErrUnavailable) && unavailable < w.pair.Unavailable:
			unavailable++
		case errors.Is(err, ledger.ErrConflict) && conflicts < w.pair.Conflicts:
			unavailable = 0
			conflicts++
		default:
			return err
		}
	}
}

func (w *world) claim(c ledger.Claim) error {
	return w.insist(func() error { return w.pair.Book.Claim(w.Context(), c) })
}

func (w *world) close(c ledger.Closing) error {
	return w.insist(func() error { return w.pair.Book.Close(w.Context(), c) })
}

func (w *world) note(n ledger.Note) error {
	return w.insist(func() error { return w.pair.Book.Note(w.Context(), n) })
}

func (w *world) change(c ledger.Change) error {
	return w.insist(func() error { return w.pair.Desk.Change(w.Context(), c) })
}

func (w *world) writeDrain(d ledger.Drain) error {
	return w.insist(func() error { return w.pair.Drains.WriteDrain(w.Context(), d) })
}

func (w *world) clusters() []fleet.ClusterName {
	w.Helper()
	var found []fleet.ClusterName
	w.must(w.insist(func() (err error) {
		found, err = w.pair.Book.Clusters(w.Context())
		return err
	}))
	return found
}

func (w *world) tryRead(name fleet.ClusterName) (ledger.Cluster, error) {
	var c ledger.Cluster
	err := w.insist(func() (err error) {
		c, err = w.pair.Book.Read(w.Context(), name)
		return err
	})
	return c, err
}

func (w *world) read(name fleet.ClusterName) ledger.Cluster {
	w.Helper()
	c, err := w.tryRead(name)
	w.must(err)
	return c
}

func (w *world) row(t fleet.Target) ledger.Row {
	w.Helper()
	return w.read(t.Cluster).Row(t)
}

func (w *world) records(t fleet.Target, before time.Time, limit int) []ledger.Record {
	w.Helper()
	var found []ledger.Record
	w.must(w.insist(func() (err error) {
		found, err = w.pair.Desk.Records(w.Context(), t, before, limit)
		return err
	}))
	return found
}

// create makes rows with policies and gives them as stored.
func (w *world) create(targets ...fleet.Target) []ledger.Row {
	w.Helper()
	c := ledger.Change{Cluster: targets[0].Cluster}
	for _, t := range targets {
		c.Edits = append(c.Edits, ledger.Edit{Target: t, Policy: policyOf(t, 1)})
	}
	w.must(w.change(c))
	stored := w.read(c.Cluster)
	rows := make([]ledger.Row, 0, len(targets))
	for _, t := range targets {
		rows = append(rows, stored.Row(t))
	}
	return rows
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("unexpected error: %v", err)
	}
}

// conflicts checks that a call lost.
func (w *world) conflicts(err error) {
	w.Helper()
	if !errors.Is(err, ledger.ErrConflict) {
		w.Fatalf("want a conflict, got %v", err)
	}
}

// refuses checks that a request was refused as misused, with a message that holds the words.
func (w *world) refuses(err error, words string) {
	w.Helper()
	if err == nil || errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrUnavailable) || errors.Is(err, ledger.ErrTooLarge) {
		w.Fatalf("want a refusal with %q, got %v", words, err)
	}
	if !strings.Contains(err.Error(), words) {
		w.Fatalf("want a refusal with %q, got %q", words, err)
	}
}

// tooLarge checks that a request was refused for its size, with a message that names the target and the bytes.
func (w *world) tooLarge(err error, t fleet.Target) {
	w.Helper()
	if !errors.Is(err, ledger.ErrTooLarge) {
		w.Fatalf("want ErrTooLarge, got %v", err)
	}
	if msg := err.Error(); !strings.Contains(msg, t.String()) || !strings.Contains(msg, "bytes") {
		w.Fatalf("want a message that names %s and the size, got %q", t, msg)
	}
}

// same checks that two values are equal.
func (w *world) same(want, got any) {
	w.Helper()
	// Element by element, as cmp would go, long inputs take seconds.
	raw := cmp.Transformer("text", func(b json.RawMessage) string { return string(b) })
	if d := cmp.Diff(want, got, raw); d != "" {
		w.Fatalf("unexpected difference (-want +got):\n%s", d)
	}
}

// unchanged runs a call and checks that the cluster prod is as it was before.
func (w *world) unchanged(call func()) {
	w.Helper()
	before := w.read(prod)
	call()
	w.same(before, w.read(prod))
}

// gone is a context that has ended.
func gone(parent context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	cancel()
	return ctx
}
