// Package cli gives the commands of trimtab: one struct a command, wired by
// kong, and everything they touch passed in as an Env.
//
// Results go to standard output, messages to standard error. The exit codes
// are the Exit constants.
package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/sim/report"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// The exit codes of every command.
const (
	ExitOK       = 0 // done, or nothing to do
	ExitFailed   = 1 // the command could not do its work
	ExitRefused  = 2 // wrong usage, the input has faults, or something speaks against it
	ExitPending  = 3 // policy apply --dry-run: there is something to change
	ExitConflict = 4 // someone else changed the ledger meanwhile; nothing was written
)

const exitWords = "Exit codes: 0 done, 1 failed, 2 wrong usage, faulty input or refused (capacity drain), " +
	"3 changes pending (policy apply --dry-run), 4 the ledger was changed meanwhile and nothing was written."

// Env is everything a command touches outside itself. System fills it for a
// real terminal.
type Env struct {
	Version string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Terminal is true when Stdout is one, Interactive when a question can be asked.
	Terminal    bool
	Interactive bool
	Getenv      func(string) string
	ReadFile    func(name string) ([]byte, error)
	Now         func() time.Time
	// Person names who runs the command and where, as user@host.
	Person func() (string, error)
	// Ledger opens the ledger.
	Ledger func(ctx context.Context, o LedgerOptions) (Ledger, error)
	// Eyes opens what sees the world as the function does, over the same ledger.
	Eyes func(ctx context.Context, o LedgerOptions) (Eyes, error)
	// Demo runs the demonstration.
	Demo func(ctx context.Context, o DemoOptions) error
	// Bed starts, ends and finds the local bed.
	Bed Bed
}

// Ledger is what the commands use of the ledger.
type Ledger interface {
	ledger.Desk
	ledger.Drains
	Clusters(ctx context.Context) ([]fleet.ClusterName, error)
}

// LedgerOptions says which ledger to open.
type LedgerOptions struct {
	Table       string
	EndpointURL string // of DynamoDB; empty for what the AWS configuration says
}

// root is the command line.
type root struct {
	JSON    jsonFlag `help:"Print the result as JSON; --json=FILE writes it to a file." name:"json"`
	NoColor bool     `help:"Print without colour (also with NO_COLOR set)."`
	// Told is the flag --version; Version the command, which knows --json.
	Told kong.VersionFlag `help:"Print the version." name:"version"`

	Demo     demoCmd     `cmd:"" help:"Replay a recorded day against a simulated service; needs no AWS account."`
	Status   statusCmd   `cmd:"" help:"Show every target: its policy's mode (the function's Mode parameter may narrow it), last order, reason, overrides."`
	Service  serviceCmd  `cmd:"" help:"Commands about one service."`
	Group    groupCmd    `cmd:"" help:"Commands about one Auto Scaling group."`
	Capacity capacityCmd `cmd:"" help:"Commands about the instances under the services."`
	Plan     planCmd     `cmd:"" help:"Replay a service's own CloudWatch history under its present and a proposed policy, and show what would have been worse."`
	Stop     stopCmd     `cmd:"" help:"Set the global stop of a cluster: no run that begins after it orders anything."`
	Start    startCmd    `cmd:"" help:"Lift the global stop of a cluster."`
	Policy   policyCmd   `cmd:"" help:"Check and apply scaling policies."`
	Decide   decideCmd   `cmd:"" help:"Run the decision on a JSON input and print it; touches nothing."`
	Simulate simulateCmd `cmd:"" help:"Replay a recorded load on a simulated service, under a policy and its peers; needs no AWS account."`
	Bench    benchCmd    `cmd:"" help:"Measure parts of trimtab on this machine."`
	Invoke   invokeCmd   `cmd:"" help:"Send an event to the function of the local bed and print its answer."`
	Local    localCmd    `cmd:"" help:"Start and end the local bed: function, DynamoDB, ECS and CloudWatch on this machine."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// coded is an error with an exit code of its own.
type coded struct {
	code int
	err  error
}

func (e *coded) Error() string { return e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

func refused(format string, args ...any) error {
	return &coded{ExitRefused, fmt.Errorf(format, args...)}
}

// silent is an error whose words have been printed already.
type silent struct{ code int }

func (e *silent) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// Run runs one command line and gives its exit code. The arguments are without
// the program's name.
func Run(ctx context.Context, args []string, env Env) int {
	var r root
	done := false // help was printed
	parser, err := kong.New(&r,
		kong.Name("trimtab"),
		kong.Description("Trimtab sizes Amazon ECS services and the EC2 Auto Scaling groups under them.\n\n"+exitWords),
		kong.Writers(env.Stdout, env.Stderr),
		kong.Exit(func(int) { done = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Vars{
			"version": "trimtab " + env.Version, "processing": trial.Jobs().Processing.String(), "acceptable": trial.Jobs().Acceptable.String(), "quickDays": strconv.Itoa(quickDays), "quickTraces": strings.ReplaceAll(quickTraces, ",", ", "), "quickPolicies": strings.ReplaceAll(quickPolicies, ",", ", "),
		},
	)
	if err != nil {
		return answer(env, fmt.Errorf("build command line: %w", err))
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil && strings.Contains(err.Error(), "(short flag)") { // a value below zero, of which the command knows more
		parsed, err = parser.Parse(joined(args))
	}
	if done {
		return ExitOK
	}
	if err != nil {
		return answer(env, &coded{ExitRefused, fmt.Errorf("%w; see %s --help", misread(args, err), commandOf(err))})
	}
	if err := writable(output{"--json", r.JSON.file}); err != nil {
		return answer(env, err)
	}
	s := &session{Env: env, json: r.JSON.on, colour: colour(env, r.NoColor)}
	var result bytes.Buffer
	if r.JSON.file != "" {
		s.Stdout, s.Terminal, s.colour = &result, false, false
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(s)
	if r.JSON.file != "" && result.Len() > 0 {
		saved := report.Save(r.JSON.file, func(w io.Writer) error { _, err := result.WriteTo(w); return err })
		if saved == nil {
			s.say("result: %s", r.JSON.file)
		}
		err = errors.Join(err, saved)
	}
	return answer(env, err)
}

// joined writes --flag -1 as --flag=-1.
func joined(args []string) []string {
	var out []string
	for _, a := range args {
		if n := len(out); n > 0 && negative.MatchString(a) && strings.HasPrefix(out[n-1], "--") && !strings.Contains(out[n-1], "=") {
			out[n-1] += "=" + a
			continue
		}
		out = append(out, a)
	}
	return out
}

// commandOf is the command that an error of the command line is about.
func commandOf(err error) string {
	p, ok := errors.AsType[*kong.ParseError](err)
	if !ok || p.Context == nil {
		return "trimtab"
	}
	words := []string{"trimtab"}
	for _, e := range p.Context.Path {
		if e.Command != nil {
			words = append(words, e.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

// misread gives an error of the command line, or better words for it. A count below
// zero looks like a flag to the parser, and one in the place of the service like any
// other word.
func misread(args []string, err error) error {
	i := slices.IndexFunc(args, negative.MatchString)
	if i < 0 || !strings.Contains(err.Error(), "unknown flag -") {
		return err
	}
	form := countForm
	if slices.Contains(args[:i], "group") {
		form = groupCountForm
	}
	return fmt.Errorf("%s is no count: %s", args[i], form)
}

var negative = regexp.MustCompile(`^-[0-9]+$`)

// How a count is given.
const (
	countForm      = "give a whole number from 0 up, and then the service, as in: trimtab service hold 12 checkout"
	groupCountForm = "give a whole number from 0 up, and then the group, as in: trimtab group hold 12 prod-m7g"
)

// The counts of an override on the command line.
type (
	tasks     int
	instances int
)

// UnmarshalText reads the count.
func (n *tasks) UnmarshalText(text []byte) error {
	v, err := parseCount(text, countForm)
	*n = tasks(v)
	return err
}

// UnmarshalText reads the count.
func (n *instances) UnmarshalText(text []byte) error {
	v, err := parseCount(text, groupCountForm)
	*n = instances(v)
	return err
}

func parseCount(text []byte, form string) (int, error) {
	v, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no count: %s", text, form)
	}
	return int(v), nil
}

// colour tells whether to print in colour: to a terminal, unless the user has
// said no in one of the usual ways.
func colour(env Env, no bool) bool {
	return env.Terminal && !no && env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb"
}

// answer prints an error, with a remedy where one is known, and gives the exit code.
func answer(env Env, err error) int {
	if err == nil {
		return ExitOK
	}
	if q, ok := errors.AsType[*silent](err); ok {
		return q.code
	}
	_, _ = fmt.Fprintf(env.Stderr, "trimtab: %v\n", err)
	if words := remedy(err); words != "" {
		_, _ = fmt.Fprintf(env.Stderr, "  remedy: %s\n", words)
	}
	switch c, ok := errors.AsType[*coded](err); {
	case ok:
		return c.code
	case errors.Is(err, ledger.ErrConflict):
		return ExitConflict
	}
	return ExitFailed
}

// pathOf gives the file that an error is about, empty for none.
func pathOf(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Path
	}
	return ""
}

// remedy gives what to do about an error that has no remedy in its own words.
func remedy(err error) string {
	switch {
	case errors.Is(err, ledger.ErrConflict):
		return "someone changed the ledger since it was read: run the command again and look at the new difference"
	case errors.Is(err, ledger.ErrUnavailable):
		return "run the command again; a write that did take effect is then seen as done"
	case errors.Is(err, fs.ErrNotExist) && pathOf(err) != "":
		return "look at the path, which is read from the working directory; - is standard input"
	case errors.Is(err, fs.ErrPermission) && pathOf(err) != "":
		return "look at the rights of the file"
	case errors.Is(err, ledger.ErrTooLarge):
		return "make the policy smaller: one target's row must fit in one DynamoDB item"
	}
	return awsRemedy(err)
}
