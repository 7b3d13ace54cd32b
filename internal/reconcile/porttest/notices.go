package porttest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// NoticesBed is an implementation of reconcile.Notices in a world of its own.
type NoticesBed struct {
	Notices reconcile.Notices
	// Received gives every notice that has arrived, in any order.
	Received func(t *testing.T) []reconcile.Notice
}

// Notices runs the suite of reconcile.Notices.
func Notices(t *testing.T, open func(*testing.T) NoticesBed) {
	t.Helper()
	for _, n := range []int{0, 1, 10, 11, 25} {
		t.Run(fmt.Sprintf("%d notices arrive", n), func(t *testing.T) {
			t.Parallel()
			arrive(noticesWorld{T: t, NoticesBed: open(t)}, notices(n, "cpu is over the target"))
		})
	}
	t.Run("large notices arrive", func(t *testing.T) {
		t.Parallel()
		arrive(noticesWorld{T: t, NoticesBed: open(t)}, notices(11, strings.Repeat("because ", 6<<10)))
	})
}

// noticesWorld is one case and its bed.
type noticesWorld struct {
	*testing.T
	NoticesBed
}

func arrive(w noticesWorld, want []reconcile.Notice) {
	w.Helper()
	if err := w.Notices.Announce(w.Context(), want); err != nil {
		w.Fatal(err)
	}
	got := slices.Clone(w.Received(w.T))
	slices.SortFunc(got, func(a, b reconcile.Notice) int { return cmp.Compare(a.ID, b.ID) })
	if len(want) == 0 && len(got) == 0 {
		return
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		w.Errorf("notices (-want +got):\n%s", diff)
	}
}

// notices makes n notices, sorted by id.
func notices(n int, because string) []reconcile.Notice {
	out := make([]reconcile.Notice, n)
	for i := range out {
		k := fleet.ServiceKey{Cluster: "prod", Service: fleet.ServiceName(fmt.Sprintf("web-%d", i))}
		out[i] = reconcile.Notice{
			Target: k.Target(), At: time.Date(2026, 11, 23, 12, i, 0, 0, time.UTC), ID: fmt.Sprintf("decision-%03d", i),
			Mode: spec.Act, Direction: history.Out, Before: i, Desired: i + 1, Rule: "targetTracking", Because: because, Outcome: "done",
		}
	}
	return out
}
