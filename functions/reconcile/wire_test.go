package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

// environment is a full one with this spend cap.
func environment(spend string) func(string) string {
	full := map[string]string{
		"TRIMTAB_TABLE": "trimtab", "TRIMTAB_MODE": "observe", "TRIMTAB_EVENT_BUS": "default", "TRIMTAB_MAX_HOURLY_SPEND": spend,
	}
	return func(k string) string { return full[k] }
}

func TestWireNamesEveryProblem(t *testing.T) {
	t.Parallel()
	stair, err := wire(aws.Config{Region: "eu-west-1"}, environment(""))
	if err != nil {
		t.Fatalf("a full environment: %v", err)
	}
	localtest.Wired(t, stair)
	_, err = wire(aws.Config{}, func(k string) string { return map[string]string{"TRIMTAB_MODE": "Act"}[k] })
	if err == nil {
		t.Fatal("an empty environment was taken")
	}
	for _, want := range []string{"TRIMTAB_TABLE is empty", "TRIMTAB_EVENT_BUS is empty", `TRIMTAB_MODE is "Act": set it to observe or act`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not say %q", err, want)
		}
	}
}

func TestWireReadsTheSpendCap(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"": 0, "0": 0, "12.5": 12.5, "1e3": 1000, "1000000000": 1e9} {
		stair, err := wire(aws.Config{Region: "eu-west-1"}, environment(text))
		if err != nil || stair.SpendPerHour != want || stair.Queues == nil || stair.Activities == nil || stair.Hosts == nil || stair.Drains == nil {
			t.Errorf("%q: %v, want a stair with %g dollars an hour", text, err, want)
		}
	}
	for _, text := range []string{"-1", "NaN", "Inf", "1e10", "ten", "$5", "5 USD"} {
		_, err := wire(aws.Config{Region: "eu-west-1"}, environment(text))
		if err == nil || !strings.Contains(err.Error(), "TRIMTAB_MAX_HOURLY_SPEND is ") || !strings.Contains(err.Error(), "US dollars an hour") {
			t.Errorf("%q: error %v, want one that names the variable and the remedy", text, err)
		}
	}
}
