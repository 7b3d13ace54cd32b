package nativescaling_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

var _ reconcile.Owners = (*nativescaling.Owners)(nil)

func TestAnswersAreKeptForAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld()
	o := w.owners()
	kind := func(fresh bool) string {
		t.Helper()
		got, err := o.Service(t.Context(), web(), fresh)
		if err != nil {
			t.Fatal(err)
		}
		return got.Kind
	}
	kind(false)
	w.register(false, false, false)
	w.policies = []types.ScalingPolicy{tracking("cpu60")}
	for _, step := range []struct {
		passes time.Duration
		fresh  bool
		want   string
	}{
		{0, false, ""},
		{15*time.Minute - time.Nanosecond, false, ""},
		{time.Nanosecond, false, "ApplicationAutoScaling"},
	} {
		w.pass(step.passes)
		if got := kind(step.fresh); got != step.want {
			t.Errorf("after %s more the owner is %q, want %q", step.passes, got, step.want)
		}
	}
	w.targets = nil
	if got := kind(false); got == "" {
		t.Error("the new answer was not kept")
	}
	if got := kind(true); got != "" {
		t.Errorf("asked anew the owner is %q, want none", got)
	}
	if got := kind(false); got != "" {
		t.Errorf("the answer that was asked for anew was not kept: %q", got)
	}
	w.register(false, false, false)
	w.pass(-time.Hour)
	if got := kind(false); got == "" {
		t.Error("an answer from the future was used")
	}
}

func TestALateAnswerDoesNotReplaceANewerOne(t *testing.T) {
	t.Parallel()
	w := newWorld()
	o := w.owners()
	w.meanwhile = func() {
		w.pass(time.Minute)
		w.register(false, false, false)
		w.policies = []types.ScalingPolicy{tracking("cpu60")}
		if got, err := o.Service(t.Context(), web(), true); err != nil || got.Kind == "" {
			t.Errorf("the newer answer is %+v, %v", got, err)
		}
	}
	if got, err := o.Service(t.Context(), web(), true); err != nil || got.Kind != "" {
		t.Errorf("the older answer is %+v, %v", got, err)
	}
	if got, err := o.Service(t.Context(), web(), false); err != nil || got.Kind == "" {
		t.Errorf("kept is %+v, %v; want the newer answer", got, err)
	}
}

func TestTargetsAreKeptApart(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.provide(managed("m7g", "workers"))
	o := w.owners()
	group, err := o.Group(t.Context(), "prod", "workers", false)
	if err != nil || group.Kind == "" {
		t.Fatalf("the group's owner is %+v, %v", group, err)
	}
	service, err := o.Service(t.Context(), fleet.ServiceKey{Cluster: "prod", Service: "workers"}, false)
	if err != nil || service.Kind != "" {
		t.Errorf("the owner of the service of the same name is %+v, %v", service, err)
	}
}

func TestWhatCannotBeToldIsUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		build func(*world, error)
		group bool
	}{
		{"scalable targets", func(w *world, err error) { w.targetCalls.fail("targets", err) }, false},
		{"scaling policies", func(w *world, err error) { w.targetCalls.fail("policies", err) }, false},
		{"scheduled actions", func(w *world, err error) { w.targetCalls.fail("actions", err) }, false},
		{"groups", func(w *world, err error) { w.groupCalls.fail("groups", err) }, true},
		{"clusters", func(w *world, err error) { w.clusterCalls.fail("clusters", err) }, true},
		{"capacity providers", func(w *world, err error) { w.clusterCalls.fail("providers", err) }, true},
		{"the group's policies", func(w *world, err error) { w.groupCalls.fail("policies", err) }, true},
		{"the group's actions", func(w *world, err error) { w.groupCalls.fail("actions", err) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.register(false, false, false)
			w.provide(managed("m7g", "others"))
			c.build(w, context.DeadlineExceeded)
			o := w.owners()
			ask := func() error {
				got, err := o.Service(t.Context(), web(), false)
				if c.group {
					got, err = o.Group(t.Context(), "prod", "workers", false)
				}
				if (err != nil) != got.Unknown || got.Kind != "" || (err != nil && got.Detail != err.Error()) {
					t.Errorf("the owner is %+v with the error %v", got, err)
				}
				return err
			}
			if err := ask(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "prod/") {
				t.Errorf("error is %v, want the deadline and the target", err)
			}
			w.targetCalls.err, w.groupCalls.err, w.clusterCalls.err = nil, nil, nil
			if err := ask(); err != nil {
				t.Errorf("the error was kept: %v", err)
			}
		})
	}
}

func TestGroupOwnerInAnUnknownCluster(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.clusters = nil
	got, err := w.owners().Group(t.Context(), "prod", "workers", false)
	if err == nil || !got.Unknown || !strings.Contains(err.Error(), `"prod"`) {
		t.Errorf("the owner is %+v, %v; want unknown with the cluster's name", got, err)
	}
}

func TestGroupOwnerWhenAProviderCannotBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.clusters[0].CapacityProviders = []string{"m7g"}
	w.failures = []ecstypes.Failure{{Arn: aws.String("arn/m7g"), Reason: aws.String("ACCESS_DENIED")}}
	got, err := w.owners().Group(t.Context(), "prod", "workers", false)
	if err == nil || !got.Unknown || !strings.Contains(err.Error(), "arn/m7g") {
		t.Errorf("the owner is %+v, %v; want unknown with the provider's name", got, err)
	}
}

// Many goroutines ask and ask anew, as the invocations of one process may; the
// race detector watches, and more targets than are kept do no harm.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld()
	o := w.owners()
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 1500 {
				k := fleet.ServiceKey{Cluster: "prod", Service: fleet.ServiceName(fmt.Sprintf("web-%d-%d", g, i))}
				if got, err := o.Service(t.Context(), k, i%2 == 0); err != nil || got.Kind != "" {
					t.Errorf("the owner of %s is %+v, %v", k, got, err)
				}
			}
		})
	}
	all.Wait()
}
