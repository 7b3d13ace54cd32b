package event

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// ecsDetail is what ECS Service Action and ECS Deployment State Change have in
// common. The service itself is named only in the resources.
type ecsDetail struct {
	EventName  string `json:"eventName"`
	Reason     string `json:"reason"`
	ClusterARN string `json:"clusterArn"` // not in ECS Deployment State Change
}

// serviceFromDetail reads ECS Service Action and ECS Deployment State Change:
// the service, the event's name and its reason.
func serviceFromDetail(env envelope, ev *Event) error {
	var d ecsDetail
	if err := readDetail(env.detail, &d); err != nil {
		return err
	}
	key, err := serviceOf(env.resources, d.ClusterARN)
	if err != nil {
		return err
	}
	ev.Service, ev.Name, ev.Reason = key, d.EventName, d.Reason
	return nil
}

// serviceOf finds the service among the resources: service/CLUSTER/NAME, or the
// older form service/NAME, whose cluster only the detail knows.
func serviceOf(resources []string, clusterARN string) (fleet.ServiceKey, error) {
	for i, r := range resources {
		n, ok := parseARN(r)
		path, isService := strings.CutPrefix(n.resource, "service/")
		if !ok || n.service != "ecs" || !isService {
			continue
		}
		cluster, service, long := strings.Cut(path, "/")
		if !long {
			cluster, service = clusterOf(clusterARN), path
		}
		if cluster == "" {
			return fleet.ServiceKey{}, fmt.Errorf("resources[%d] %q has the older ARN form without the cluster, and detail.clusterArn names none", i, clip(r, 256))
		}
		if !isECSName(cluster) || !isECSName(service) {
			return fleet.ServiceKey{}, fmt.Errorf("resources[%d] %q has no valid cluster and service name", i, clip(r, 256))
		}
		return fleet.ServiceKey{Cluster: fleet.ClusterName(cluster), Service: fleet.ServiceName(service)}, nil
	}
	if len(resources) == 0 {
		return fleet.ServiceKey{}, errors.New("resources is empty; it must hold the ARN of the service")
	}
	return fleet.ServiceKey{}, fmt.Errorf("resources[0] %q is no service ARN; it must be arn:PARTITION:ecs:REGION:ACCOUNT:service/CLUSTER/NAME", clip(resources[0], 256))
}

// clusterOf gives the name in a cluster's ARN, empty if it is none.
func clusterOf(clusterARN string) string {
	n, ok := parseARN(clusterARN)
	name, isCluster := strings.CutPrefix(n.resource, "cluster/")
	if !ok || n.service != "ecs" || !isCluster {
		return ""
	}
	return name
}
