package main

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

func TestWireNamesEveryProblem(t *testing.T) {
	t.Parallel()
	full := map[string]string{"TRIMTAB_TABLE": "trimtab", "TRIMTAB_MODE": "observe", "TRIMTAB_EVENT_BUS": "default"}
	drainage, err := wire(aws.Config{Region: "eu-west-1"}, func(k string) string { return full[k] })
	if err != nil || drainage.Mode != spec.Observe {
		t.Fatalf("a full environment: %+v, %v", drainage, err)
	}
	localtest.Wired(t, drainage)
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
