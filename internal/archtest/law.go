package archtest

// What tests use; conformance suites may, since they are linked into tests only.
var testModules = []string{
	"github.com/google/go-cmp",
	"pgregory.net/rapid",
}

// House gives the law of this module: the floors of design.md 3, each with its
// reason.
func House() Law {
	return Law{
		Rooms: append(append(core(), middle()...), top()...),
		Names: []string{"utils", "util", "common", "models", "types", "helpers", "shared", "misc", "interfaces"},
		Linked: []Ban{
			{Path: "github.com/aws/aws-sdk-go-v2/service/ec2", Why: "it doubles the build and adds 3 GB to it; instance types come from container instance attributes"},
			{Path: "github.com/aws/aws-sdk-go-v2/config", Why: "it links the clients that sign people in, 1.7 MB that a function never uses: lambdaenv reads what Lambda sets"},
			{Path: "github.com/alecthomas/kong", Why: "2.6 MB that only a command line needs"},
			{Path: "github.com/invopop/jsonschema", Why: "the schema is written before the build, by internal/policyfile/schemagen"},
			{Path: "github.com/santhosh-tekuri/jsonschema/v6", Why: "tests only: a policy is judged by spec.Validate, which says more than a schema can"},
			{Path: "github.com/goccy/go-yaml", Why: "policies reach the function as canonical JSON, checked before they were stored"},
			{Path: "golang.org/x/term", Why: "a function has no terminal"},
			{Path: "testing", Why: "tests only; it registers flags"},
			{Path: "net/http/pprof", Why: "it opens a door"},
			{Path: Module + "/internal/cli", Why: "the commands are for people"},
			{Path: Module + "/internal/policyfile", Why: "the function reads canonical JSON, one dialect"},
			{Path: Module + "/docs", Why: "published files are for people and their editors"},
			{Path: Module + "/internal/core/explain", Why: "words are for people: cli and sim only"},
			{Path: Module + "/internal/sim", Why: "the simulated world has no place in production"},
			{Path: Module + "/internal/local", Why: "the local bed has no place in production"},
			{Path: Module + "/internal/ledger/ledgertest", Why: "a conformance suite is for tests"},
		},
		LinkedOutside: []string{
			"github.com/aws/aws-lambda-go",
			"github.com/aws/aws-sdk-go-v2",
			"github.com/aws/smithy-go",
		},
	}
}

// core gives the rooms of the pure core, floors 0 to 3.
func core() []Room {
	const (
		words = "words know only the words above them"
		sums  = "each sum is done without the others, so that one can change alone"
		front = "the front door sees all of core, and nothing else"
	)
	rooms := []Room{
		{Floor: 0, Path: "internal/core/fleet", Why: words},
		{Floor: 0, Path: "internal/core/signal", Why: words},
		{Floor: 0, Path: "internal/core/calendar", Why: words},
		{Floor: 0, Path: "internal/core/spec", Why: words},
		{Floor: 0, Path: "internal/core/history", Why: words},
		{Floor: 0, Path: "internal/core/vector", Why: words},
		{Floor: 1, Path: "internal/core/taskcount", Alone: true, Why: sums},
		{Floor: 1, Path: "internal/core/placement", Alone: true, Why: sums},
		{Floor: 1, Path: "internal/core/drain", Alone: true, Why: sums},
		{Floor: 1, Path: "internal/core/forecast", Alone: true, Why: sums},
		{Floor: 1, Path: "internal/core/rightsize", Alone: true, Why: sums},
		{Floor: 2, Path: "internal/core/capacity", Why: "a group's capacity is computed from the sums below"},
		{Floor: 3, Path: "internal/core/policy", Why: front},
		{
			Floor: 3, Path: "internal/core/explain", OnlyFor: []string{"internal/cli/...", "internal/sim/..."},
			Why: "words are for people: cli and sim only",
		},
	}
	for i := range rooms {
		rooms[i].NotStd = notCore()
	}
	return rooms
}

// notCore gives what the core may not use of the standard library.
func notCore() []Ban {
	const (
		world = "core reads nothing: it is given its input"
		same  = "the same input must give the same decision"
		mute  = "core returns reasons and cannot log"
	)
	return []Ban{
		{Path: "context", Why: "core is computed, not cancelled: pass the data"},
		{Path: "crypto/rand", Why: same},
		{Path: "database/sql", Why: world},
		{Path: "embed", Why: world},
		{Path: "expvar", Why: mute},
		{Path: "io/fs", Why: world},
		{Path: "io/ioutil", Why: world},
		{Path: "log", Why: mute},
		{Path: "math/rand", Why: same},
		{Path: "net", Why: world},
		{Path: "os", Why: world},
		{Path: "plugin", Why: world},
		{Path: "runtime", Why: same},
		{Path: "sync", Why: "core has one thread: what is shared changes under its feet"},
		{Path: "syscall", Why: "core must build for WebAssembly"},
		{Path: "testing", Why: "tests only"},
		{Path: "unsafe", Why: "core is plain Go"},
	}
}

// middle gives the doors and the staircase, floors 4 and 5: no AWS in them.
func middle() []Room {
	const noAWS = "the doors and the stair know AWS by their ports alone, so that the simulator walks the same steps"
	return []Room{
		{Floor: 4, Path: "internal/event", Why: noAWS},
		{Floor: 4, Path: "internal/ledger", Why: noAWS},
		{
			Floor: 4, Path: "internal/policyfile", Outside: []string{"github.com/goccy/go-yaml"},
			OnlyFor: []string{"internal/cli/...", "internal/sim/...", "internal/local/..."},
			Why:     "YAML is for people: the function reads canonical JSON",
		},
		{
			Floor: 4, Path: "internal/policyfile/schemagen", Alone: true, Outside: []string{"github.com/invopop/jsonschema"}, OnlyFor: []string{},
			Why: "the schema and the reference are written from core/spec before the build: a command that nothing imports",
		},
		{
			Floor: 0, Path: "docs", OnlyFor: []string{"internal/policyfile", "internal/cli/..."},
			Why: "published files are for people: nothing but what speaks to them needs a copy",
		},
		{Floor: 4, Path: "internal/announce", Why: noAWS},
		{Floor: 5, Path: "internal/reconcile", Why: noAWS},
	}
}

// top gives the hands, the simulated world, the local bed, the commands and the
// mains, floors 6 to 8.
func top() []Room {
	const (
		oneService = "one AWS service each: a function links only the clients it needs, and each IAM statement maps to one package"
		leaf       = "a main is a leaf: nothing imports it"
	)
	hand := func(name string, services ...string) Room {
		r := Room{Floor: 6, Path: "internal/aws/" + name, Alone: true, Why: oneService, Outside: []string{
			"github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/smithy-go",
		}}
		for _, s := range services {
			r.Outside = append(r.Outside, "github.com/aws/aws-sdk-go-v2/service/"+s)
		}
		return r
	}
	return []Room{
		{
			Floor: 6, Path: "internal/sim/...", OnlyFor: []string{"internal/cli/..."},
			Why: "the simulated world is the other implementation of the ports: no AWS, and not in production",
		},
		{
			Floor: 6, Path: "internal/aws/lambdaenv", Alone: true, OnlyFor: []string{"functions/..."},
			Outside: []string{"github.com/aws/aws-sdk-go-v2/aws"},
			Why:     "what Lambda puts into the environment, without the loader's four clients",
		},
		hand("ecsfleet", "ecs"),
		hand("asgfleet", "autoscaling"),
		hand("cwsignal", "cloudwatch"),
		hand("sqssignal", "sqs"),
		hand("dynamoledger", "dynamodb"),
		hand("ebnotice", "eventbridge"),
		// The one that asks who else writes here: three services can, so it asks three.
		hand("nativescaling", "ecs", "autoscaling", "applicationautoscaling"),
		{
			Floor: 6, Path: "internal/local/...", OnlyFor: []string{"internal/cli/..."},
			Outside: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
			Why:     "the local bed is for one person's machine, and has no place in production",
		},
		{
			Floor: 7, Path: "internal/cli/...", OnlyFor: []string{"cmd/..."},
			Outside: []string{
				"github.com/alecthomas/kong", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go",
				"github.com/goccy/go-yaml", "golang.org/x/term",
			},
			Why: "only cmd wires the commands",
		},
		{
			Floor: 8, Path: "functions/...", OnlyFor: []string{},
			Outside: []string{"github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
			Why:     leaf,
		},
		{Floor: 8, Path: "cmd/...", OnlyFor: []string{}, Why: leaf},
		{Floor: 8, Path: "internal/archtest", OnlyFor: []string{}, Why: "the law is read by its test"},
	}
}
