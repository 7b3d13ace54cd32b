package score_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
)

func TestStepsAppend(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   []score.Step
		want score.Steps
	}{
		{"the first is kept", []score.Step{{5, 0}}, score.Steps{{5, 0}}},
		{"no change is none", []score.Step{{0, 2}, {3, 2}, {4, 3}}, score.Steps{{0, 2}, {4, 3}}},
		{"the last of a second counts", []score.Step{{0, 2}, {3, 4}, {3, 5}}, score.Steps{{0, 2}, {3, 5}}},
		{"back within a second", []score.Step{{0, 2}, {3, 4}, {3, 2}}, score.Steps{{0, 2}}},
		{"the first second too", []score.Step{{0, 2}, {0, 0}, {1, 1}}, score.Steps{{0, 0}, {1, 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s score.Steps
			for _, x := range tt.in {
				s = s.Append(x.At, x.N)
			}
			if diff := cmp.Diff(tt.want, s); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStepsAppendRefusesThePast(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a step before the last was taken")
		}
	}()
	score.Steps{{At: 5, N: 1}}.Append(4, 2)
}

func TestStepsAt(t *testing.T) {
	t.Parallel()
	s := score.Steps{{At: 2, N: 3}, {At: 5, N: 0}, {At: 6, N: 7}}
	for second, want := range []int{0, 0, 3, 3, 3, 0, 7, 7} {
		if got := s.At(second); got != want {
			t.Errorf("at %d: got %d, want %d", second, got, want)
		}
	}
	if got := s.Integral(1, 8); got != 3*3+2*7 {
		t.Errorf("integral %v", got)
	}
	if got := s.Integral(6, 2); got != 0 {
		t.Errorf("integral backwards %v", got)
	}
}

func TestIntegralIsTheSumOfItsSeconds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s score.Steps
		at := -5
		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			at += rapid.IntRange(0, 6).Draw(t, "pause")
			s = s.Append(at, rapid.IntRange(0, 9).Draw(t, "n"))
		}
		from := rapid.IntRange(-10, 80).Draw(t, "from")
		to := from + rapid.IntRange(0, 40).Draw(t, "length")
		sum := 0
		for second := from; second < to; second++ {
			sum += s.At(second)
		}
		if got := s.Integral(from, to); got != float64(sum) {
			t.Fatalf("integral of %v over %d..%d is %v, want %d", s, from, to, got, sum)
		}
	})
}

func TestBilled(t *testing.T) {
	t.Parallel()
	got := score.Billed([]score.Life{{From: 100, To: 300}, {From: 0, To: 59}, {From: 40, To: 100}, {From: 60, To: 60}}, score.MinimumBill)
	// 0..60 by the minimum, 40..100, 60..120 by the minimum, 100..300.
	want := score.Steps{{At: 0, N: 1}, {At: 40, N: 2}, {At: 120, N: 1}, {At: 300, N: 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBilledIsTheSumOfTheLives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var lives []score.Life
		sum := 0
		for range rapid.IntRange(0, 20).Draw(t, "lives") {
			from, length := rapid.IntRange(0, 500).Draw(t, "from"), rapid.IntRange(0, 200).Draw(t, "length")
			lives = append(lives, score.Life{From: from, To: from + length})
			sum += max(length, score.MinimumBill)
		}
		if got := score.Billed(lives, score.MinimumBill).Integral(0, 1000); got != float64(sum) {
			t.Fatalf("billed %v, want %d", got, sum)
		}
	})
}

func TestListPrices(t *testing.T) {
	t.Parallel()
	list := score.ListPrices()
	// A quarter of a vCPU and half a GB: 0.25 * 0.03238 + 0.5 * 0.00356 dollars.
	if got := list.ARM.Task(256, 512); !near(got, 0.009875) {
		t.Errorf("a small ARM task costs %v an hour", got)
	}
	list.Instances["m7g.large"] = 1
	if score.ListPrices().Instances["m7g.large"] != 0.0816 {
		t.Error("one caller changed the list of another")
	}
}
