package ecsfleet_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

func TestWhatATaskBuysOfFargate(t *testing.T) {
	t.Parallel()
	f := withCapacity(serving(on("web", item("FARGATE", 1, 0))))
	web, size := fleet.ServiceKey{Cluster: prod, Service: "web"}, fleet.Resources{CPU: 256, Memory: 512}
	if got, arm, ok, err := ecsfleet.New(f).Bought(t.Context(), web); err != nil || !ok || arm || got != size {
		t.Errorf("a task buys %+v, ARM %v, known %v, %v", got, arm, ok, err)
	}
	f.definitions["web:1"].RuntimePlatform = &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureArm64}
	if _, arm, _, err := ecsfleet.New(f).Bought(t.Context(), web); err != nil || !arm {
		t.Errorf("ARM is %v, %v", arm, err)
	}
	if _, _, ok, err := ecsfleet.New(f).Bought(t.Context(), fleet.ServiceKey{Cluster: prod, Service: "nope"}); err != nil || ok {
		t.Errorf("a service that is not there: known %v, %v", ok, err)
	}
	delete(f.definitions, "web:1")
	if _, _, _, err := ecsfleet.New(f).Bought(t.Context(), web); err == nil {
		t.Error("without the task definition there is no error")
	}
}
