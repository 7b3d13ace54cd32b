package calendar_test

import (
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/calendar"
)

var office = calendar.Words{Days: "mon-fri", From: "08:00", To: "19:00", TimeZone: "Europe/Paris"}

// asked are the cases of the benchmarks: where clocks are left alone, and in the
// hour that occurs twice, where the edges are looked for.
var asked = []struct {
	name  string
	words calendar.Words
	at    time.Time
}{
	{"plain", office, time.Date(2026, 7, 15, 9, 30, 0, 0, time.UTC)},
	{"moving", calendar.Words{From: "02:15", To: "02:45", TimeZone: "Europe/Paris"}, time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC)},
}

// TestOpenAllocatesNothing: a decision asks 500 services whether their windows are open.
func TestOpenAllocatesNothing(t *testing.T) {
	for _, tt := range asked {
		w := parse(t, tt.words)
		if n := testing.AllocsPerRun(100, func() {
			w.Open(tt.at)
			w.Next(tt.at)
			w.Previous(tt.at)
		}); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, bb := range asked {
		b.Run(bb.name, func(b *testing.B) {
			w := parse(b, bb.words)
			b.ReportAllocs()
			for b.Loop() {
				w.Open(bb.at)
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	for _, bb := range asked {
		b.Run(bb.name, func(b *testing.B) {
			w := parse(b, bb.words)
			b.ReportAllocs()
			for b.Loop() {
				w.Next(bb.at)
			}
		})
	}
}

// BenchmarkParse compares reading the zone for each window with keeping it for a
// whole decision.
func BenchmarkParse(b *testing.B) {
	b.Run("zone read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			calendar.Parse(office)
		}
	})
	b.Run("zone kept", func(b *testing.B) {
		b.ReportAllocs()
		zones := calendar.Zones{}
		for b.Loop() {
			zones.Parse(office)
		}
	})
}
