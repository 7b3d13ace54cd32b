package history_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// tenth waits ten minutes for each failure in a row.
func tenth(failures int) time.Duration { return time.Duration(failures) * 10 * time.Minute }

func failed(kind string, at time.Time) fleet.LaunchFailure {
	return fleet.LaunchFailure{At: at, Type: kind, Zone: "a"}
}

func TestLaunches(t *testing.T) {
	t.Parallel()
	waits := history.Capacity{Failures: 1, FailedAt: ago(5 * time.Minute), RetryAt: ago(-5 * time.Minute)}
	held := history.Capacity{Failures: 2, FailedAt: ago(time.Hour), RetryAt: ago(40 * time.Minute)}
	for _, tt := range []struct {
		name     string
		was      history.Capacity
		failed   []fleet.LaunchFailure
		launched time.Time
		want     history.Capacity
	}{
		{"nothing happened", history.Capacity{}, nil, time.Time{}, history.Capacity{}},
		{"the first failure", history.Capacity{}, []fleet.LaunchFailure{failed("m7g.large", ago(time.Minute))}, time.Time{}, history.Capacity{
			Failures: 1, FailedAt: ago(time.Minute), RetryAt: ago(-9 * time.Minute),
		}},
		{"a failure while held is the same", waits, []fleet.LaunchFailure{failed("m7g.large", ago(time.Minute))}, time.Time{}, waits},
		{"the next after the wait", held, []fleet.LaunchFailure{failed("m7g.large", ago(time.Minute))}, time.Time{}, history.Capacity{
			Failures: 3, FailedAt: ago(time.Minute), RetryAt: ago(-29 * time.Minute),
		}},
		{"a success", held, nil, ago(20 * time.Minute), history.Capacity{FailedAt: ago(time.Hour), MendedAt: ago(20 * time.Minute)}},
		{"a success at the time of the failure", held, nil, ago(time.Hour), history.Capacity{FailedAt: ago(time.Hour), MendedAt: ago(time.Hour)}},
		{"a success before the failure is none", held, nil, ago(2 * time.Hour), held},
		{"three hours without a failure", history.Capacity{Failures: 1, FailedAt: ago(3*time.Hour + 1)}, nil, time.Time{}, history.Capacity{FailedAt: ago(3*time.Hour + 1), MendedAt: noon}},
		{"a failure ends being mended", history.Capacity{FailedAt: ago(time.Hour), MendedAt: ago(20 * time.Minute)}, []fleet.LaunchFailure{failed("", ago(time.Minute))}, ago(20 * time.Minute), history.Capacity{
			Failures: 1, FailedAt: ago(time.Minute), RetryAt: ago(-9 * time.Minute),
		}},
		{"one type fails, another was launched since", history.Capacity{}, []fleet.LaunchFailure{failed("m7g.large", ago(time.Minute))}, ago(30 * time.Second), history.Capacity{}},
		{"one type fails, another was launched with it", history.Capacity{}, []fleet.LaunchFailure{failed("m7g.large", ago(time.Minute))}, ago(time.Minute), history.Capacity{}},
		{"one type fails again and again while another comes", held, []fleet.LaunchFailure{failed("m7g.large", ago(10*time.Minute)), failed("m7g.large", ago(time.Minute))}, ago(time.Minute), history.Capacity{
			FailedAt: ago(time.Hour), MendedAt: ago(time.Minute),
		}},
		{"every type fails after one was launched", history.Capacity{}, []fleet.LaunchFailure{failed("m7g.large", ago(2*time.Minute)), failed("m7i.large", ago(time.Minute))}, ago(90 * time.Second), history.Capacity{
			Failures: 1, FailedAt: ago(time.Minute), RetryAt: ago(-9 * time.Minute),
		}},
	} {
		got := tt.was.Launches(noon, tt.failed, tt.launched, tenth)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if again := got.Launches(noon, tt.failed, tt.launched, tenth); !again.Equal(got) {
			t.Errorf("%s: a second look learns %+v, want %+v", tt.name, again, got)
		}
	}
}

func TestMended(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		c    history.Capacity
		want bool
	}{
		{"never failed", history.Capacity{}, true},
		{"fails", history.Capacity{Failures: 1, FailedAt: ago(2 * time.Hour)}, false},
		{"since half an hour", history.Capacity{MendedAt: ago(30 * time.Minute)}, true},
		{"since a moment less", history.Capacity{MendedAt: ago(30*time.Minute - 1)}, false},
	} {
		if got := tt.c.Mended(noon, 30*time.Minute); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Whatever comes, a group is mended only after so long without a failure that counted, and
// what was learnt is different wherever Equal says so.
func TestMendedIsNeverSoonAfterAFailure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const coolOff = 30 * time.Minute
		var c history.Capacity
		last := time.Time{}
		for now := noon; now.Before(noon.Add(8 * time.Hour)); now = now.Add(10 * time.Minute) {
			var fails []fleet.LaunchFailure
			launched := time.Time{}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				fails = append(fails, failed("", now.Add(-time.Minute)))
			case 1:
				launched = now.Add(-time.Minute)
			}
			next := c.Launches(now, fails, launched, tenth)
			if next.Failures > c.Failures {
				last = now
			}
			c = next
			if c.Mended(now, coolOff) && !last.IsZero() && now.Sub(last) < coolOff {
				t.Fatalf("mended %s after a failure: %+v", now.Sub(last), c)
			}
			if (c.Failures > 0) == c.Mended(now, 0) {
				t.Fatalf("%+v", c)
			}
		}
	})
}
