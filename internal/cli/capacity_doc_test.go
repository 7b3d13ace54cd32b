package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

const capacityDoc = "../../docs/capacity.md"

// The examples of docs/capacity.md are valid documents without anything odd, and the
// defaults that its text names are those of the code.
func TestCapacityDoc(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, capacityDoc)
	examples := blocks(doc, "yaml")
	if len(examples) != 2 {
		t.Fatalf("%s has %d yaml blocks, want 2", capacityDoc, len(examples))
	}
	for i, text := range examples {
		example, faults := policyfile.Parse([]byte(text), capacityDoc)
		if notes := remarkable(example, clock); len(faults)+len(notes) > 0 || len(example.Groups) != i+1 {
			t.Errorf("example %d has %d groups, faults %v, notes %v", i, len(example.Groups), faults, notes)
		}
	}
	out, in := spec.Group{}.Out(), spec.Group{}.In()
	budget := func(ls []spec.InstanceLimit) string {
		var words []string
		for _, l := range ls {
			words = append(words, fmt.Sprintf("%v %% in %.0f minutes", l.Percent, minutes(l.Period)))
		}
		return strings.Join(words, " and ")
	}
	text := strings.Join(strings.Fields(doc), " ")
	for _, want := range []string{
		fmt.Sprintf("`launchBackoff` (%s)", spec.Duration(out.LaunchBackoff)), fmt.Sprintf("`maxLaunchBackoff` (%s)", spec.Duration(out.MaxLaunchBackoff)),
		fmt.Sprintf("`fallbackCoolOff` (%s)", spec.Duration(out.FallbackCoolOff)),
		fmt.Sprintf("`minSavings` (%v)", in.MinSavings), fmt.Sprintf("`maxDraining` (%d)", in.MaxDraining), fmt.Sprintf("`coolOff` (%s)", spec.Duration(in.CoolOff)),
		fmt.Sprintf("`stabilizationWindow` (%s)", spec.Duration(in.StabilizationWindow)), fmt.Sprintf("`drainTimeout` (%s)", spec.Duration(in.DrainTimeout)),
		fmt.Sprintf("`standaloneTasks: %s` (default)", in.StandaloneTasks),
		"`budget`, " + budget(in.Budget), "`emptyBudget`, " + strings.Replace(budget(in.EmptyBudget), "%", "% of the group", 1),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q", capacityDoc, want)
		}
	}
}

func minutes(d spec.Duration) float64 { return time.Duration(d).Minutes() }
