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

// hostDetail is what ECS Task State Change and ECS Container Instance State
// Change have in common, and the few fields of each that are read.
type hostDetail struct {
	ClusterARN    string `json:"clusterArn"`
	HostARN       string `json:"containerInstanceArn"` // of a task: only where it runs on an instance
	InstanceID    string `json:"ec2InstanceId"`        // of a container instance
	Status        string `json:"status"`               // of a container instance
	StatusReason  string `json:"statusReason"`
	LastStatus    string `json:"lastStatus"` // of a task
	StoppedReason string `json:"stoppedReason"`
}

// taskFromDetail reads ECS Task State Change. A task on Fargate is on no instance
// of ours and makes the event Unknown.
func taskFromDetail(env envelope, ev *Event) error {
	var d hostDetail
	if err := readDetail(env.detail, &d); err != nil {
		return err
	}
	if d.HostARN == "" {
		ev.Kind = Unknown
		return nil
	}
	ev.Name, ev.Reason = d.LastStatus, d.StoppedReason
	return d.locate(ev)
}

// hostFromDetail reads ECS Container Instance State Change. An external instance
// has an id of Systems Manager, which is no InstanceID.
func hostFromDetail(env envelope, ev *Event) error {
	var d hostDetail
	if err := readDetail(env.detail, &d); err != nil {
		return err
	}
	if isInstanceID(d.InstanceID) {
		ev.Instance = fleet.InstanceID(d.InstanceID)
	}
	ev.Name, ev.Reason = d.Status, d.StatusReason
	return d.locate(ev)
}

// locate gives the container instance and its cluster. Its ARN is
// container-instance/CLUSTER/ID, or the older form container-instance/ID.
func (d hostDetail) locate(ev *Event) error {
	n, ok := parseARN(d.HostARN)
	path, isHost := strings.CutPrefix(n.resource, "container-instance/")
	if !ok || n.service != "ecs" || !isHost || path == "" {
		return fmt.Errorf("detail.containerInstanceArn %q is no ARN of a container instance; it must be arn:PARTITION:ecs:REGION:ACCOUNT:container-instance/CLUSTER/ID", clip(d.HostARN, 256))
	}
	cluster := clusterOf(d.ClusterARN)
	if cluster == "" {
		cluster, _, _ = strings.Cut(path, "/")
		if cluster == path {
			cluster = ""
		}
	}
	if !isECSName(cluster) {
		return fmt.Errorf("detail.clusterArn %q names no cluster, and detail.containerInstanceArn %q neither; one must", clip(d.ClusterARN, 256), clip(d.HostARN, 256))
	}
	ev.Cluster, ev.HostARN = fleet.ClusterName(cluster), d.HostARN
	return nil
}
