package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

const overrideDoc = "../../docs/overrides.md"

// Every command of docs/overrides.md is run, one after the other, and its
// payload decoded.
func TestOverrideDoc(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, overrideDoc)
	scripts, payloads := blocks(doc, "sh"), blocks(doc, "json")
	if len(scripts) != 1 || len(payloads) != 1 {
		t.Fatalf("%s has %d sh and %d json blocks, want one of each", overrideDoc, len(scripts), len(payloads))
	}
	memory := ledger.NewMemory()
	if err := seedPolicyRow(t.Context(), memory); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for line := range strings.Lines(scripts[0]) {
		args := words(strings.TrimSpace(line))
		if args[0] != "trimtab" {
			t.Fatalf("%q is no command of trimtab", line)
		}
		said[args[1]+" "+args[2]] = true
		var out, messages bytes.Buffer
		code := Run(t.Context(), args[1:], Env{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &messages, Now: func() time.Time { return clock },
			Getenv: func(name string) string { return map[string]string{"TRIMTAB_TABLE": "trimtab"}[name] },
			Person: func() (string, error) { return "ann@laptop", nil },
			Ledger: func(context.Context, LedgerOptions) (Ledger, error) { return memory, nil },
		})
		if code != ExitOK || !strings.Contains(out.String(), "effect") {
			t.Errorf("%s: exit code %d, want it to have an effect\n%s%s", strings.TrimSpace(line), code, &out, &messages)
		}
	}
	for _, want := range []string{
		"service pause", "service suspend-in", "service suspend-out", "service hold", "service min", "service max", "service resume",
		"group pause", "group suspend-in", "group suspend-out", "group hold", "group min", "group max", "group resume", "stop --cluster", "start --cluster", "stop --all", "start --all",
	} {
		if !said[want] {
			t.Errorf("%s does not show %s", overrideDoc, want)
		}
	}
	for _, k := range spec.OverrideKinds() {
		if !strings.Contains(doc, "| `"+string(k)) {
			t.Errorf("%s does not describe %s", overrideDoc, k)
		}
	}
	if ev, err := event.Decode([]byte(payloads[0])); err != nil || ev.Kind != event.Override {
		t.Errorf("the payload of %s is %s (%v)", overrideDoc, ev.Kind, err)
	}
}

// words splits a command line at spaces outside double quotes.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// A cluster whose switch cannot be written does not keep the others from being stopped.
func TestStopAllGoesOn(t *testing.T) {
	t.Parallel()
	w := &world{memory: ledger.NewMemory()}
	for _, seeded := range []string{"policy", "two"} {
		if err := seeds[seeded](t.Context(), w.memory); err != nil {
			t.Fatal(err)
		}
	}
	sick := sickLedger{w}
	var out, messages bytes.Buffer
	code := Run(t.Context(), []string{"stop", "--all", "--why", "x", "--json"}, Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &messages, Now: func() time.Time { return clock },
		Getenv: func(name string) string { return map[string]string{"TRIMTAB_TABLE": "trimtab"}[name] },
		Person: func() (string, error) { return "ann@laptop", nil },
		Ledger: func(context.Context, LedgerOptions) (Ledger, error) { return sick, nil },
	})
	var got struct{ Clusters []switched }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if code != ExitFailed || len(got.Clusters) != 1 || got.Clusters[0].Cluster != "staging" || !got.Clusters[0].Written ||
		!strings.Contains(messages.String(), "cluster prod: write: the ledger did not answer") {
		t.Errorf("exit code %d, %s%s", code, &out, &messages)
	}
}

// sickLedger cannot write to cluster prod.
type sickLedger struct{ *world }

func (s sickLedger) Change(ctx context.Context, c ledger.Change) error {
	if c.Cluster == "prod" {
		return fmt.Errorf("write: %w", ledger.ErrUnavailable)
	}
	return s.world.Change(ctx, c)
}
