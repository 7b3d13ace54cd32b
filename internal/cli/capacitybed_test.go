package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// The commands of capacity with the clients that a person's AWS configuration makes,
// against moto, DynamoDB Local and the stand-in for CloudWatch.
func TestCapacityOnTheBed(t *testing.T) { // not parallel: it sets the environment
	bed := localtest.Bed(t, local.BedOptions{
		Functions: []local.Function{{Name: "drain", Bootstrap: localtest.BuildBootstrap(t, "../../functions/drain")}},
		EC2: &local.EC2Seed{
			Group:    local.GroupSeed{Name: "prod-m7g", DesiredCapacity: 2, InstanceType: "m7g.large"},
			Services: []local.ServiceSeed{{Name: "web", DesiredCount: 2}},
		},
		Metrics: []local.Metric{local.ECSUtilization("prod", "web", "CPUUtilization", 40, 2, 60)},
	})
	e := bed.Endpoints()
	noAWS(t)
	for name, value := range e.Env() {
		t.Setenv(name, value)
	}
	t.Setenv("TRIMTAB_TABLE", e.Table)
	t.Setenv("TRIMTAB_AUTHOR", "tester")
	err := bedLedger(e).Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{
		Target: fleet.GroupOf("prod", "prod-m7g"), Policy: &ledger.Policy{Group: &spec.Group{Mode: spec.Act}, Version: 1, Author: "e2e", At: time.Now()},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	must := func(want int, args ...string) string {
		t.Helper()
		code, out, messages := system(t, args...)
		if code != want {
			t.Fatalf("trimtab %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), code, want, out, messages)
		}
		return out + messages
	}
	has := func(text string, wants ...string) {
		t.Helper()
		for _, w := range wants {
			if !strings.Contains(text, w) {
				t.Errorf("output lacks %q:\n%s", w, text)
			}
		}
	}
	shown := must(ExitOK, "capacity", "show", "prod")
	has(shown, "group prod-m7g of cluster prod at ", "desired 2, min 0, max 10; 2 instances of m7g.large",
		"packing: CPU 94 %", "reservations: CPU 60 %, memory unknown", "memory of web: no datapoint in the last hour)", "CAN GO", "512/4096")
	has(must(ExitOK, "capacity", "plan"), "2 tasks on empty m7g.large (4096 CPU units, 7482 MiB", "1 instance, proved optimal")
	busy := regexp.MustCompile(`(?m)^  (i-\w+) .* 512/4096`).FindStringSubmatch(shown)
	if len(busy) != 2 {
		t.Fatalf("no instance has the tasks:\n%s", shown)
	}
	has(must(ExitOK, "capacity", "drain", busy[1], "--why", "kernel bug"), "tasks     2 of web", "at the next tick of the drain function")
	has(must(ExitRefused, "capacity", "drain", busy[1], "--why", "again"), "is being removed already: candidate")
	// The compiled function walks the row that the command wrote, to its end.
	tick, err := os.ReadFile("../../events/aws.events.scheduled-event.minute.json")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if out, err := bed.Lambda.Invoke(t.Context(), "drain", tick); err != nil {
			t.Fatalf("tick: %v: %s", err, out.Payload)
		}
	}
	shown = must(ExitOK, "capacity", "show", "prod")
	has(shown, "desired 1, ", "; 1 instance of m7g.large")
	if strings.Contains(shown, busy[1]) {
		t.Errorf("%s is still there:\n%s", busy[1], shown)
	}
	has(must(ExitRefused, "capacity", "drain", busy[1], "--undo", "--group", "prod-m7g"), "is terminated since", "there is nothing to give back")
	has(must(ExitRefused, "capacity", "drain", busy[1], "--why", "again"), "no Auto Scaling group of this account and region has instance "+busy[1])
}
