package plant_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/sim/plant"
)

// UpdateService is 50 at once and 5 a second: of 60 in one second 50 pass, a second
// later 5 more, and after ten seconds the bucket is full again.
func TestBucketOfUpdateService(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{Fault: plant.Buckets()}, plant.Service{Load: constant(1), Desired: 1})
	key := fleet.ServiceKey{Cluster: "demo", Service: "web"}
	pass := func(calls int) (n int) {
		for k := range calls {
			switch err := b.Services().SetDesiredCount(t.Context(), key, 1+k%2); {
			case err == nil:
				n++
			case !errors.Is(err, plant.ErrThrottled):
				t.Fatal(err)
			}
		}
		return n
	}
	for _, tc := range []struct {
		at          time.Duration
		calls, pass int
	}{{0, 60, 50}, {time.Second, 60, 5}, {11 * time.Second, 60, 50}, {time.Minute, 60, 50}} {
		b.to(tc.at)
		if got := pass(tc.calls); got != tc.pass {
			t.Errorf("at %s %d of %d calls pass, want %d", tc.at, got, tc.calls, tc.pass)
		}
	}
}

// 1,000 services are 100 calls of DescribeServices, the whole bucket: the next may
// be asked for a second later, 200 services then, and Application Auto Scaling's and
// the writes' buckets are none of it.
func TestBucketOfDescribeServices(t *testing.T) {
	t.Parallel()
	b := newBed(t, plant.Options{Fault: plant.Buckets()}, plant.Service{Load: constant(1), Desired: 1})
	names := make([]fleet.ServiceName, 1000)
	for k := range names {
		names[k] = fleet.ServiceName(fmt.Sprintf("web-%d", k))
	}
	describe := func(n int) error {
		_, err := b.Services().Describe(t.Context(), "demo", names[:n])
		return err
	}
	if err := describe(1000); err != nil {
		t.Errorf("1,000 of a full bucket: %v", err)
	}
	if err := describe(1); !errors.Is(err, plant.ErrThrottled) {
		t.Errorf("one more answered %v, want %v", err, plant.ErrThrottled)
	}
	b.to(time.Second)
	if err := describe(201); !errors.Is(err, plant.ErrThrottled) {
		t.Errorf("201 after a second answered %v, want %v", err, plant.ErrThrottled)
	}
	b.must(describe(200))
	b.must(b.Services().SetDesiredCount(t.Context(), fleet.ServiceKey{Cluster: "demo", Service: "web"}, 2))
	if _, err := b.Owners().Service(t.Context(), fleet.ServiceKey{Cluster: "demo", Service: "web"}, true); err != nil {
		t.Errorf("the owners' API: %v", err)
	}
}
