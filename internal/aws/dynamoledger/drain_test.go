package dynamoledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// TestDrainItem holds the layout of a removal's item: when it may be deleted, that an
// open one never is though it was closed before, and that its size is estimated well.
func TestDrainItem(t *testing.T) {
	t.Parallel()
	client, table := localtest.Table(t)
	l := dynamoledger.New(client, table)
	since := time.Date(2096, time.March, 2, 10, 0, 0, 5, time.UTC)
	d := ledger.Drain{Row: drain.Row{
		Cluster: "prod", Group: "g", Instance: "i-1", Cause: drain.Empty, OnTimeout: "undo", Standalone: "leave", Because: "<ü>",
		Opened: since, Since: since, Deadline: since.Add(time.Hour),
	}}
	for _, s := range []drain.State{
		drain.Candidate, drain.Draining, drain.Terminating, drain.Terminated, drain.Candidate, drain.Undoing, drain.Undone, drain.Gone,
	} {
		d.State = s
		must(t, l.WriteDrain(t.Context(), d))
		d.Generation++
		items := scan(t, client, table)
		i, found := items["CLUSTER#prod DRAIN#i-1"]
		if !found || len(items) != 1 {
			t.Fatalf("%s: want one item of i-1, got %v", s, items)
		}
		if got := number(i["gen"]); got != d.Generation {
			t.Errorf("%s: want generation %d, got %d", s, d.Generation, got)
		}
		want := int64(-1)
		if s.Closed() {
			want = since.Add(24 * time.Hour).Unix()
		}
		if got := number(i["expiresAt"]); got != want {
			t.Errorf("%s: want it to expire at %d (-1: never), got %d", s, want, got)
		}
		near(t, string(s), d.Size, i)
		c, err := l.Read(t.Context(), "prod")
		must(t, err)
		if diff := cmp.Diff([]ledger.Drain{d}, c.Drains); diff != "" {
			t.Errorf("%s: unexpected row (-want +got):\n%s", s, diff)
		}
	}
}
