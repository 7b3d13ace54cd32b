package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestWireNamesEveryProblem(t *testing.T) {
	t.Parallel()
	full := map[string]string{"TRIMTAB_TABLE": "trimtab", "TRIMTAB_MODE": "observe", "TRIMTAB_EVENT_BUS": "default"}
	if _, err := wire(aws.Config{Region: "eu-west-1"}, func(k string) string { return full[k] }); err != nil {
		t.Errorf("a full environment: %v", err)
	}
	_, err := wire(aws.Config{}, func(k string) string { return map[string]string{"TRIMTAB_MODE": "Act"}[k] })
	if err == nil {
		t.Fatal("an empty environment was taken")
	}
	for _, want := range []string{"TRIMTAB_TABLE is empty", "TRIMTAB_EVENT_BUS is empty", `TRIMTAB_MODE is "Act": set it to observe or act`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not say %q", err, want)
		}
	}
}
