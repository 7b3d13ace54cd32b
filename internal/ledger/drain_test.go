package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

var newYear = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func removal(cluster fleet.ClusterName, id fleet.InstanceID, s drain.State, since time.Time) ledger.Drain {
	return ledger.Drain{Row: drain.Row{
		Cluster: cluster, Group: "g", Instance: id, Cause: drain.Empty, State: s, OnTimeout: "undo", Standalone: "leave",
		Opened: newYear, Since: since, Deadline: newYear.Add(time.Hour),
	}}
}

// TestMemoryForgetsDrains holds that closed removals past their life are dropped,
// those of the cluster alone, and no open one.
func TestMemoryForgetsDrains(t *testing.T) {
	t.Parallel()
	m := ledger.NewMemory()
	write := func(d ledger.Drain) {
		t.Helper()
		if err := m.WriteDrain(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	ids := func(cluster fleet.ClusterName) string {
		t.Helper()
		c, err := m.Read(t.Context(), cluster)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, d := range c.Drains {
			found = append(found, string(d.Instance))
		}
		return strings.Join(found, " ")
	}
	write(removal("prod", "i-closed", drain.Gone, newYear))
	write(removal("prod", "i-open", drain.Draining, newYear))
	write(removal("other", "i-closed", drain.Gone, newYear))
	write(removal("prod", "i-next", drain.Draining, newYear.Add(ledger.DrainLife)))
	if got := ids("prod"); got != "i-closed i-next i-open" {
		t.Errorf("within its life: %s", got)
	}
	write(removal("prod", "i-past", drain.Draining, newYear.Add(ledger.DrainLife+1)))
	if got := ids("prod"); got != "i-next i-open i-past" {
		t.Errorf("past its life: %s", got)
	}
	if got := ids("other"); got != "i-closed" {
		t.Errorf("of another cluster: %s", got)
	}
}

func TestDrainOfCluster(t *testing.T) {
	t.Parallel()
	c := ledger.Cluster{Name: "prod", Drains: []ledger.Drain{{Generation: 3, Row: drain.Row{Instance: "i-1"}}}}
	if got := c.Drain("i-1"); got.Generation != 3 {
		t.Errorf("want generation 3, got %+v", got)
	}
	if got := c.Drain("i-0"); got.Generation != 0 || got.Instance != "i-0" || got.Cluster != "prod" {
		t.Errorf("want prod's i-0 at generation 0, got %+v", got)
	}
}

// TestDrainNotJSON holds that what JSON cannot say is refused before it is written.
func TestDrainNotJSON(t *testing.T) {
	t.Parallel()
	d := removal("prod", "i-1", drain.Draining, newYear)
	d.Ordered = time.Date(10_000, time.January, 1, 0, 0, 0, 0, time.UTC)
	m := ledger.NewMemory()
	err := m.WriteDrain(t.Context(), d)
	if err == nil || errors.Is(err, ledger.ErrConflict) || !strings.Contains(err.Error(), "encode row of prod/drain/i-1") {
		t.Errorf("want a refusal that names the row, got %v", err)
	}
}
