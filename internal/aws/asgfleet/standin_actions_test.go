package asgfleet_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (s *standin) describeGroups(in url.Values) (string, *refusal) {
	names := members(in, "AutoScalingGroupNames")
	if len(names) != 1 {
		return "", invalid("%d groups were asked for", len(names))
	}
	g, ok := s.groups[names[0]]
	if !ok {
		return "<AutoScalingGroups/>", nil
	}
	pool := ""
	if g.warm != nil {
		pool = "<WarmPoolConfiguration><MinSize>2</MinSize>" + element("Status", g.warmStatus) + "</WarmPoolConfiguration>"
	}
	return listed("AutoScalingGroups", names, func(n string) string {
		return element("AutoScalingGroupName", n) + element("MinSize", fmt.Sprint(g.min)) + element("MaxSize", fmt.Sprint(g.max)) +
			element("DesiredCapacity", fmt.Sprint(g.desired)) + pool + listed("Instances", g.instances, func(m *member) string {
			return element("InstanceId", m.id) + element("LifecycleState", m.state) + element("HealthStatus", "Healthy") +
				element("ProtectedFromScaleIn", fmt.Sprint(m.protected)) + element("AvailabilityZone", "eu-west-1a") + element("InstanceType", "m7g.large")
		})
	}), nil
}

func (s *standin) describeInstances(in url.Values) (string, *refusal) {
	ids := members(in, "InstanceIds")
	if len(ids) == 0 || len(ids) > 50 || in.Get("MaxRecords") != "50" {
		return "", invalid("%d instances were asked for in pages of %s", len(ids), in.Get("MaxRecords"))
	}
	var found [][2]string
	for name, g := range s.groups {
		for _, m := range g.instances {
			if slices.Contains(ids, m.id) {
				found = append(found, [2]string{m.id, name})
			}
		}
	}
	slices.SortFunc(found, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	page, next := paged(found, in, 20)
	return listed("AutoScalingInstances", page, func(f [2]string) string {
		return element("InstanceId", f[0]) + element("AutoScalingGroupName", f[1])
	}) + next, nil
}

func (s *standin) describeRefreshes(in url.Values) (string, *refusal) {
	g, no := s.group(in)
	if no != nil {
		return "", no
	}
	return listed("InstanceRefreshes", g.refreshes, func(status string) string { return element("Status", status) }), nil
}

func (s *standin) describeActivities(in url.Values) (string, *refusal) {
	g, no := s.group(in)
	if no != nil {
		return "", no
	}
	if in.Get("Filters.member.1.Name") != "StartTimeLowerBound" || in.Get("Filters.member.2.Name") != "Status" {
		return "", invalid("filters are %v", in)
	}
	from, err := time.Parse(time.RFC3339, in.Get("Filters.member.1.Values.member.1"))
	if err != nil {
		return "", invalid("%v", err)
	}
	statuses := members(in, "Filters.member.2.Values")
	var found []activity
	for _, a := range g.activities {
		if !a.start.Before(from) && slices.Contains(statuses, a.status) {
			found = append(found, a)
		}
	}
	page, next := paged(found, in, 100)
	return listed("Activities", page, func(a activity) string {
		return element("ActivityId", "a") + element("AutoScalingGroupName", in.Get("AutoScalingGroupName")) + element("Description", a.description) +
			element("StatusCode", a.status) + element("StatusMessage", a.words) + element("Details", a.details) +
			element("StartTime", a.start.Format(time.RFC3339)) + element("EndTime", a.end.Format(time.RFC3339))
	}) + next, nil
}

func (s *standin) describeWarmPool(in url.Values) (string, *refusal) {
	g, no := s.group(in)
	if no != nil {
		return "", no
	}
	page, next := paged(g.warm, in, 2)
	return listed("Instances", page, func(state string) string {
		return element("InstanceId", "i-warm") + element("LifecycleState", state)
	}) + next, nil
}

func (s *standin) describeHooks(in url.Values) (string, *refusal) {
	g, no := s.group(in)
	if no != nil {
		return "", no
	}
	return listed("LifecycleHooks", slices.Sorted(maps.Keys(g.hooks)), func(name string) string {
		return element("LifecycleHookName", name) + element("HeartbeatTimeout", fmt.Sprint(g.hooks[name])) +
			element("LifecycleTransition", "autoscaling:EC2_INSTANCE_TERMINATING")
	}), nil
}

// terminate is all or nothing. The group's name goes with the ids of several, and
// with nothing else.
func (s *standin) terminate(in url.Values) (string, *refusal) {
	ids, one := members(in, "InstanceIds"), in.Get("InstanceId")
	switch {
	case s.fault != "":
		return "", &refusal{s.fault, "try again"}
	case in.Get("ShouldDecrementDesiredCapacity") != "true":
		return "", invalid("the desired capacity would stay")
	case len(ids) > 100 || len(ids) > 0 && (one != "" || in.Get("AutoScalingGroupName") == ""):
		return "", invalid("%d instances and %q were asked for", len(ids), one)
	case len(ids) > 0 && s.older:
		return "", invalid("1 validation error detected: Value null at 'instanceId' failed to satisfy constraint: Member must not be null")
	case len(ids) == 0:
		ids = []string{one}
	}
	going := make(map[string]*asg)
	for _, id := range ids {
		for name, g := range s.groups {
			if i := g.find(id); i >= 0 && g.instances[i].state == "InService" && (one != "" || name == in.Get("AutoScalingGroupName")) {
				going[id] = g
			}
		}
		if going[id] == nil {
			return "", invalid("Instance Id not found - No managed instance found for instance ID: %s", id)
		}
	}
	if g := going[ids[0]]; g.desired-len(ids) < g.min {
		return "", invalid("Currently, desiredSize equals minSize (%d). Terminating instance without replacement will violate group's min size constraint.", g.min)
	}
	for id, g := range going {
		g.desired--
		i := g.find(id)
		if len(g.hooks) == 0 {
			g.instances = slices.Delete(g.instances, i, i+1)
			continue
		}
		s.tokens++
		g.instances[i].state, g.instances[i].token = "Terminating:Wait", fmt.Sprintf("token-%d", s.tokens)
	}
	return "", nil
}

func (s *standin) protect(in url.Values) (string, *refusal) {
	g, no := s.group(in)
	if no != nil {
		return "", no
	}
	ids := members(in, "InstanceIds")
	if len(ids) == 0 || len(ids) > 50 {
		return "", invalid("%d instances were asked for", len(ids))
	}
	for _, id := range ids {
		i := g.find(id)
		if i < 0 {
			return "", invalid("The instance %s is not part of Auto Scaling group %s.", id, in.Get("AutoScalingGroupName"))
		}
		g.instances[i].protected = in.Get("ProtectedFromScaleIn") == "true"
	}
	return "", nil
}

func (s *standin) heartbeat(in url.Values) (string, *refusal) {
	_, _, no := s.wait(in)
	return "", no
}

func (s *standin) complete(in url.Values) (string, *refusal) {
	g, i, no := s.wait(in)
	if no == nil && in.Get("LifecycleActionResult") != "CONTINUE" {
		no = invalid("the result is %q", in.Get("LifecycleActionResult"))
	}
	if no == nil {
		g.instances = slices.Delete(g.instances, i, i+1)
	}
	return "", no
}

// wait finds the wait that a request names by its hook and by instance and token.
func (s *standin) wait(in url.Values) (*asg, int, *refusal) {
	g, no := s.group(in)
	if no != nil {
		return nil, 0, no
	}
	i := g.find(in.Get("InstanceId"))
	_, known := g.hooks[in.Get("LifecycleHookName")]
	if i < 0 || !known || g.instances[i].state != "Terminating:Wait" || in.Has("LifecycleActionToken") && in.Get("LifecycleActionToken") != g.instances[i].token {
		return nil, 0, invalid("No active Lifecycle Action found with instance ID %s", in.Get("InstanceId"))
	}
	return g, i, nil
}

func (s *standin) group(in url.Values) (*asg, *refusal) {
	g, ok := s.groups[in.Get("AutoScalingGroupName")]
	if !ok {
		return nil, invalid("AutoScalingGroup name not found - null")
	}
	return g, nil
}

// find gives the place of an instance, -1 for none.
func (g *asg) find(id string) int {
	return slices.IndexFunc(g.instances, func(m *member) bool { return m.id == id })
}
