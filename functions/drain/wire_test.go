package main

import (
	"os"
	"reflect"
	"slices"
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
	wantWired(t, drainage)
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

// wantWired finds a hand that was not given: it is missed at the first call, in production.
func wantWired(t *testing.T, of any) {
	t.Helper()
	v := reflect.ValueOf(of).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if slices.Contains([]reflect.Kind{reflect.Interface, reflect.Func, reflect.Pointer}, f.Kind()) && f.IsNil() {
			t.Errorf("%s is not wired", v.Type().Field(i).Name)
		}
	}
}
