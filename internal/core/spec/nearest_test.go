package spec_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine that lacks its own

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"minCapacity", "maxCapacity", "mode", "policies", "targetTracking"}
	for word, want := range map[string]string{
		"maxCapacty": "maxCapacity", "MINCAPACITY": "minCapacity", "target": "targetTracking", "policys": "policies", "m": "", "": "", "replicas": "",
		strings.Repeat("x", 1000): "",
	} {
		if got := spec.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// The remedy for a word that is not known begins with the one that was meant.
func TestNearestWord(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"ECSServiceAverageCPU": spec.CPUUtilization, "ecsServiceAverageCPUUtilization": spec.CPUUtilization, "CPUUtilization": spec.CPUUtilization,
		"memory": spec.MemoryUtilization, "RequestCount": spec.ALBRequestCountPerTarget, "ECSServiceAverageMemoryUtilisation": spec.MemoryUtilization,
		"Utilization": "", "EC2": "", "x": "",
	} {
		s := service()
		s.Policies[0].TargetTracking.PredefinedMetric = word
		ps := s.Validate()
		if len(ps) != 1 {
			t.Fatalf("%s: %+v", word, ps)
		}
		if got, _, _ := strings.Cut(ps[0].Remedy, "? Write "); want != "" && got != "did you mean "+want || want == "" && !strings.HasPrefix(ps[0].Remedy, "write ") {
			t.Errorf("%s: %s, want %s", word, ps[0].Remedy, want)
		}
	}
}

// The zone that a faulty name means is a zone, and the remedy begins with it.
func TestNearestZone(t *testing.T) {
	t.Parallel()
	const rest = "se a name of the IANA time zone database, such as Europe/Paris or UTC"
	for name, want := range map[string]string{
		"America/New_york": "America/New_York", "America/New York": "America/New_York", "new_york": "America/New_York", "Berlin": "Europe/Berlin",
		"europe/pariss": "Europe/Paris", "PST": "America/Los_Angeles", "cest": "Europe/Paris", "utc": "UTC", "Buenos_Aires": "America/Argentina/Buenos_Aires",
		"Mars/Olympus": "", "Local": "", strings.Repeat("Europe/", 50): "",
	} {
		s := service()
		s.Scheduled = []spec.Scheduled{{Name: "w", TimeZone: name, MinCapacity: new(3)}}
		ps := s.Validate()
		if len(ps) != 1 {
			t.Errorf("%s: %+v", name, ps)
			continue
		}
		remedy := "u" + rest
		if want != "" {
			remedy = "did you mean " + want + "? U" + rest
			if _, err := time.LoadLocation(want); err != nil {
				t.Error(err)
			}
		}
		if ps[0].Remedy != remedy {
			t.Errorf("%s: %s, want %s", name, ps[0].Remedy, remedy)
		}
	}
}

// A file with thousands of faulty zones is judged in no time all the same.
func TestNearestZoneIsNotLookedForWithoutEnd(t *testing.T) {
	t.Parallel()
	s := service()
	for i := range 2000 {
		s.Scheduled = append(s.Scheduled, spec.Scheduled{Name: fmt.Sprint("w", i), TimeZone: fmt.Sprint("Europe/Pariss", i), MinCapacity: new(3)})
	}
	begin := time.Now()
	ps := s.Validate()
	if len(ps) < 2000 || time.Since(begin) > 2*time.Second {
		t.Errorf("%d problems after %s", len(ps), time.Since(begin))
	}
}
