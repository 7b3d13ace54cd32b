package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// session is one run of a command: the environment and the global flags.
type session struct {
	Env
	json   bool
	colour bool
}

// printf writes to the result. A reader that has gone is no reason to stop.
func (s *session) printf(format string, args ...any) { _, _ = fmt.Fprintf(s.Stdout, format, args...) }

// say writes a message.
func (s *session) say(format string, args ...any) { _, _ = fmt.Fprintf(s.Stderr, format+"\n", args...) }

// columns prints lines of cells in aligned columns, of which the first is the heading.
func (s *session) columns(lines [][]string) {
	w := tabwriter.NewWriter(s.Stdout, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		_, _ = fmt.Fprintln(w, strings.Join(l, "\t"))
	}
	_ = w.Flush()
}

// printJSON writes a value as indented JSON, the same bytes for the same value.
func (s *session) printJSON(v any) error {
	enc := json.NewEncoder(s.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// The colours of a difference, as ANSI escapes.
const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

func (s *session) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return colour + text + plain
}

// read gives the bytes of a file, or of standard input for "-".
func (s *session) read(ctx context.Context, name string, most int64) ([]byte, error) {
	if name != "-" {
		src, err := s.ReadFile(name)
		if err != nil {
			return nil, &coded{ExitRefused, err}
		}
		if int64(len(src)) > most {
			return nil, refused("%s has %d bytes, more than %d", name, len(src), most)
		}
		return src, nil
	}
	src, err := await(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(s.Stdin, most+1)) })
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if int64(len(src)) > most {
		return nil, refused("standard input has more than %d bytes", most)
	}
	return src, nil
}

// await gives what a read gives, or errInterrupted where the context ends before: a
// blocked read of a terminal cannot be interrupted, only left behind.
func await[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := read()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errInterrupted
	}
}

// errInterrupted ends a command that waited for its input.
var errInterrupted = errors.New("interrupted")

// called gives how a file is named in messages.
func called(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// ago gives how long before now a time was: 40s ago, 3m ago, 2h ago, 5d ago.
func (s *session) ago(t time.Time) string {
	d := s.Now().Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + span(-d)
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ledgerFlags say which ledger a command reads and writes.
type ledgerFlags struct {
	Table       string `help:"DynamoDB table of the ledger (default: TRIMTAB_TABLE)." placeholder:"NAME"`
	EndpointURL string `help:"Endpoint of DynamoDB (default: AWS_ENDPOINT_URL_DYNAMODB, else AWS)." name:"endpoint-url" placeholder:"URL"`
	Local       bool   `help:"Use the ledger of the local bed that runs (trimtab local up)."`
}

// open opens the ledger that the flags name.
func (f ledgerFlags) open(ctx context.Context, s *session) (Ledger, error) {
	o, err := f.options(s)
	switch {
	case err != nil:
		return nil, err
	case f.Local:
		l, _, err := s.Bed.Open(ctx)
		return l, err
	}
	return s.Ledger(ctx, o)
}

// look opens the ledger that the flags name, and what sees the world with it.
func (f ledgerFlags) look(ctx context.Context, s *session) (Ledger, Eyes, error) {
	o, err := f.options(s)
	switch {
	case err != nil:
		return nil, nil, err
	case f.Local:
		return s.Bed.Open(ctx)
	}
	l, err := s.Ledger(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	eyes, err := s.Eyes(ctx, o)
	return l, eyes, err
}

// options says which ledger the flags name; there is nothing to say of the local bed's.
func (f ledgerFlags) options(s *session) (LedgerOptions, error) {
	if f.Local {
		if f.Table != "" || f.EndpointURL != "" {
			return LedgerOptions{}, refused("--local and --table or --endpoint-url exclude each other: keep one")
		}
		return LedgerOptions{}, nil
	}
	o := LedgerOptions{Table: f.Table, EndpointURL: f.EndpointURL}
	if o.Table == "" {
		o.Table = s.Getenv("TRIMTAB_TABLE")
	}
	if o.Table == "" {
		return o, refused("no ledger table is named: give --table, or export TRIMTAB_TABLE (LedgerTableName in the outputs of the stack)")
	}
	if at, err := url.Parse(o.EndpointURL); o.EndpointURL != "" && (err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https") {
		return o, refused("--endpoint-url %q is no URL: give it with its scheme, as http://127.0.0.1:8000", o.EndpointURL)
	}
	return o, nil
}

// clusterFlag names a cluster.
type clusterFlag struct {
	Cluster string `help:"ECS cluster (default: TRIMTAB_CLUSTER, else every cluster of the ledger)." placeholder:"NAME" short:"c"`
}

// clusters gives the clusters to look at: the one that is named, or all.
func (f clusterFlag) clusters(ctx context.Context, s *session, l Ledger) ([]fleet.ClusterName, error) {
	name := f.Cluster
	if name == "" {
		name = s.Getenv("TRIMTAB_CLUSTER")
	}
	if name != "" {
		return []fleet.ClusterName{fleet.ClusterName(name)}, nil
	}
	all, err := l.Clusters(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the clusters of the ledger: %w", err)
	}
	return all, nil
}

// of finds the cluster of a target, which may be named as CLUSTER/NAME, and reads it.
func (f clusterFlag) of(ctx context.Context, s *session, l Ledger, target string) (ledger.Cluster, error) {
	if before, _, ok := strings.Cut(target, "/"); ok {
		if f.Cluster != "" && f.Cluster != before {
			return ledger.Cluster{}, refused("%s and --cluster %s name two clusters: keep one", target, f.Cluster)
		}
		f.Cluster = before
	}
	return f.one(ctx, s, l)
}

// one reads the cluster that is named, or the ledger's only one.
func (f clusterFlag) one(ctx context.Context, s *session, l Ledger) (ledger.Cluster, error) {
	return f.only(ctx, s, l, "say which with --cluster")
}

// only is one, with what to do where the ledger holds several clusters.
func (f clusterFlag) only(ctx context.Context, s *session, l Ledger, which string) (ledger.Cluster, error) {
	names, err := f.clusters(ctx, s, l)
	if err != nil {
		return ledger.Cluster{}, err
	}
	if len(names) == 0 {
		return ledger.Cluster{}, errNothing
	}
	if len(names) > 1 {
		return ledger.Cluster{}, refused("the ledger holds several clusters (%s): %s", join(names), which)
	}
	cl, err := l.Read(ctx, names[0])
	if err != nil {
		return cl, fmt.Errorf("read cluster %s from the ledger: %w", names[0], err)
	}
	return cl, exists(ctx, l, cl)
}

// exists refuses a cluster that the ledger does not hold, and names those it
// holds: a mistyped name looks like an empty cluster.
func exists(ctx context.Context, l Ledger, cl ledger.Cluster) error {
	if len(cl.Rows) > 0 || cl.Control.Generation > 0 {
		return nil
	}
	all, err := l.Clusters(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("list the clusters of the ledger: %w", err)
	case len(all) == 0:
		return errNothing
	case slices.Contains(all, cl.Name):
		return nil
	}
	return fmt.Errorf("the ledger holds no cluster %s; it holds %s", cl.Name, join(all))
}

// errNothing is printed where the ledger holds nothing to show.
var errNothing = errors.New("the ledger holds no cluster: write a policy with trimtab policy apply FILE")

// author names the person who writes, without asking AWS.
func (s *session) author(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if a := s.Getenv("TRIMTAB_AUTHOR"); a != "" {
		return a, nil
	}
	p, err := s.Person()
	if err != nil {
		return "", refused("who changes the ledger is not known: give --author, or set TRIMTAB_AUTHOR (%w)", err)
	}
	return p, nil
}

// versionCmd prints the version.
type versionCmd struct{}

// Run prints it.
func (versionCmd) Run(s *session) error {
	if s.json {
		return s.printJSON(map[string]string{"version": s.Version})
	}
	s.printf("trimtab %s\n", s.Version)
	return nil
}
