package policyfile

import (
	"cmp"
	"reflect"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// strange gives what a field that a part of the document does not have may mean: one
// that it has, empty for none, and what to do.
func (p *parsing) strange(part reflect.Type, name string) (means, remedy string) {
	known := fields(part)
	lower := strings.ToLower(name)
	for _, at := range []string{part.Name() + ".", ""} {
		if s, ok := strangers[at+lower]; ok {
			return s.means, s.remedy
		}
	}
	if near := nearest(name, known); near != "" {
		return near, Suggest(name, known)
	}
	if at := p.home(part, name); at != "" {
		return "", "it belongs at " + at + "; the fields here are " + list(known)
	}
	return "", Suggest(name, known)
}

// home gives where in the same target a field of that name stands, or in a target of
// the other kind; empty for nowhere, or too many places.
func (p *parsing) home(part reflect.Type, name string) string {
	service, group := reflect.TypeFor[spec.Service](), reflect.TypeFor[spec.Group]()
	if p.elsewhere == nil {
		p.elsewhere = map[reflect.Type]map[string][]string{service: homes(service), group: homes(group)}
	}
	places := func(kind reflect.Type, of string) string {
		at := p.elsewhere[kind][name]
		if len(at) == 0 || len(at) > 3 {
			return ""
		}
		return strings.Join(at, " or ") + of
	}
	if partOf(group, part) && !partOf(service, part) {
		return cmp.Or(places(group, " of the group"), places(service, " of a service"))
	}
	return cmp.Or(places(service, " of the service"), places(group, " of a group"))
}

// partOf tells whether a target of a kind holds a part of that type.
func partOf(kind, part reflect.Type) bool {
	found := false
	walkFields(kind, "", func(owner reflect.Type, _, _ string) { found = found || owner == part })
	return found
}

// homes gives where the fields of a target stand, by their names: their paths in it.
func homes(target reflect.Type) map[string][]string {
	out := map[string][]string{}
	walkFields(target, "", func(_ reflect.Type, name, at string) { out[name] = append(out[name], at) })
	return out
}

// walkFields does something for every field of a type and of its parts.
func walkFields(t reflect.Type, path string, do func(owner reflect.Type, name, at string)) {
	list := ""
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		if t.Kind() == reflect.Slice {
			list = "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[spec.Metric]() {
		return // a metric may stand in many places
	}
	for f := range t.Fields() {
		if name := fieldName(f); name != "" {
			at := strings.TrimPrefix(path+list+"."+name, ".")
			do(t, name, at)
			walkFields(f.Type, at, do)
		}
	}
}

// stranger is a name that people bring from Application Auto Scaling or from the
// Kubernetes HPA, and where it goes here.
type stranger struct {
	means  string // the field here that it means, empty for none
	remedy string
}

const (
	asEntry        = "make it an entry of policies: - "
	besideType     = "write disableScaleIn beside the policy's type, in the same entry of policies"
	ofDirections   = "each direction has one: scaleOut.cooldown and scaleIn.cooldown of the service, as 60s"
	outCooldown    = "write it as scaleOut.cooldown of the service, as 60s"
	inCooldown     = "write it as scaleIn.cooldown of the service, as 60s"
	countIsFound   = "leave it out: Trimtab finds the count; to fix one for a while, use trimtab service hold"
	ofGroup        = "leave it out: MinSize and MaxSize are those of the Auto Scaling group itself; for a while, use trimtab group min or max"
	groupIsFound   = "leave it out: Trimtab finds the number of instances; to fix one for a while, use trimtab group hold"
	tasksOrPercent = "write tasks: N, or percent: N, and period"
	inGroupScaleIn = "write it into scaleIn of the group"
	noTargetShare  = "leave it out: tasks are packed on the instances; for free room beyond them, use headroom: {cpu: 10%, memory: 10%}"
)

// strangers are known by their names in lower case, those of one part of the
// document after the name of its type.
var strangers = map[string]stranger{
	// What stands one level too high.
	"Service.targettracking":     {"policies", asEntry + "targetTracking: {...}"},
	"Service.stepscaling":        {"policies", asEntry + "stepScaling: {...}"},
	"Service.backlog":            {"policies", asEntry + "backlog: {...}"},
	"Service.concurrency":        {"policies", asEntry + "concurrency: {...}"},
	"Service.predefinedmetric":   {"policies", asEntry + "targetTracking: {predefinedMetric: ..., targetValue: ...}"},
	"Service.targetvalue":        {"policies", asEntry + "targetTracking: {predefinedMetric: ..., targetValue: ...}"},
	"Service.disablescalein":     {"", besideType},
	"Policy.predefinedmetric":    {"targetTracking", "write it into targetTracking: {predefinedMetric: ..., targetValue: ...}"},
	"Policy.targetvalue":         {"targetTracking", "write it into targetTracking: {predefinedMetric: ..., targetValue: ...}"},
	"Policy.metric":              {"targetTracking", "write it into the policy's type, as targetTracking: {metric: {...}, targetValue: ...}"},
	"Policy.stepadjustments":     {"stepScaling", "write it into stepScaling: {...}"},
	"Policy.adjustmenttype":      {"stepScaling", "write it into stepScaling: {...}"},
	"TargetTracking.metricname":  {"metric", "write it as metric: {namespace: ..., name: ...}"},
	"StepScaling.metricname":     {"metric", "write it as metric: {namespace: ..., name: ...}"},
	"TargetTracking.expression":  {"metric", "write it as metric: {expression: ..., metrics: {...}}"},
	"StepScaling.disablescalein": {"", besideType},
	// Application Auto Scaling.
	"targettrackingscalingpolicyconfiguration": {"targetTracking", "write it as targetTracking: {predefinedMetric: ..., targetValue: ...}, an entry of policies"},
	"stepscalingpolicyconfiguration":           {"stepScaling", "write it as stepScaling: {...}, an entry of policies"},
	"predictivescalingpolicyconfiguration":     {"", "there is no predictive policy: use scheduled for what is known ahead"},
	"Policy.policyname":                        {"name", "write it as name"},
	"Policy.policytype":                        {"", "leave it out: the type is the name of its field, targetTracking, stepScaling, backlog or concurrency"},
	"Service.scalingpolicies":                  {"policies", "write it as policies"},
	"Service.scheduledactions":                 {"scheduled", "write it as scheduled: windows with days, from and to, or with start and end"},
	"Service.suspendedstate":                   {"", "leave it out: to suspend a direction for a while, use trimtab service suspend-in or suspend-out"},
	"Service.cooldown":                         {"", ofDirections},
	"Service.desiredcount":                     {"", countIsFound},
	"Service.desiredcapacity":                  {"", countIsFound},
	"Service.desired":                          {"", countIsFound},
	"Scheduled.schedule":                       {"", "write the times as days, from and to, or as start and end: a window has an end"},
	"TargetTracking.disablescalein":            {"", besideType},
	"predefinedmetricspecification":            {"predefinedMetric", "write its PredefinedMetricType as predefinedMetric, and its ResourceLabel as resourceLabel"},
	"predefinedmetrictype":                     {"predefinedMetric", "write it as predefinedMetric"},
	"customizedmetricspecification":            {"metric", "write it as metric: {namespace: ..., name: ..., dimensions: {NAME: VALUE}}"},
	"Metric.metricname":                        {"name", "write it as name"},
	"MathInput.metricname":                     {"name", "write it as name"},
	"Metric.stat":                              {"statistic", "write it as statistic"},
	"MathInput.stat":                           {"statistic", "write it as statistic"},
	"Metric.unit":                              {"", "leave it out: CloudWatch answers in the unit that was published"},
	"StepScaling.metricaggregationtype":        {"", "write it as statistic of the metric"},
	"StepScaling.cooldown":                     {"", ofDirections},
	"TargetTracking.cooldown":                  {"", ofDirections},
	"Policy.cooldown":                          {"", ofDirections},
	"scaleincooldown":                          {"", inCooldown},
	"scaleoutcooldown":                         {"", outCooldown},
	"ScaleIn.scaleincooldown":                  {"cooldown", "write it as cooldown"},
	"ScaleOut.scaleoutcooldown":                {"cooldown", "write it as cooldown"},
	// The HPA.
	"minreplicas":                            {"minCapacity", "write it as minCapacity"},
	"maxreplicas":                            {"maxCapacity", "write it as maxCapacity"},
	"Service.replicas":                       {"", countIsFound},
	"Service.behavior":                       {"", "write its scaleUp as scaleOut and its scaleDown as scaleIn of the service"},
	"Service.scaleup":                        {"scaleOut", "write it as scaleOut"},
	"Service.scaledown":                      {"scaleIn", "write it as scaleIn"},
	"Service.metrics":                        {"policies", "each metric is an entry of policies, as - targetTracking: {predefinedMetric: ..., targetValue: ...}"},
	"Service.targetcpuutilizationpercentage": {"policies", asEntry + "targetTracking: {predefinedMetric: " + spec.CPUUtilization + ", targetValue: ...}"},
	"stabilizationwindowseconds":             {"stabilizationWindow", "write it as stabilizationWindow of scaleOut or scaleIn, with its unit, as 300s"},
	"ScaleOut.policies":                      {"rateLimits", "write them as rateLimits: a list of {tasks: N, period: 60s} or {percent: N, period: 60s}"},
	"ScaleIn.policies":                       {"rateLimits", "write them as rateLimits: a list of {tasks: N, period: 60s} or {percent: N, period: 60s}"},
	"RateLimit.periodseconds":                {"period", "write it as period, with its unit, as 60s"},
	"RateLimit.type":                         {"tasks", tasksOrPercent},
	"RateLimit.value":                        {"tasks", tasksOrPercent},
	// An Auto Scaling group.
	"Group.mincapacity": {"", ofGroup}, "Group.maxcapacity": {"", ofGroup},
	"Group.minsize": {"", ofGroup}, "Group.maxsize": {"", ofGroup},
	"Group.min": {"", ofGroup}, "Group.max": {"", ofGroup},
	"Group.desiredcapacity": {"", groupIsFound}, "Group.desired": {"", groupIsFound},
	"Group.policies":        {"", "leave it out: the group follows the tasks of the services that run on it"},
	"GroupScaleIn.cooldown": {"coolOff", "write it as coolOff"}, "GroupScaleOut.cooldown": {"", "leave it out: several raises may be under way at once; after a failed launch there is launchBackoff"},
	"GroupScaleIn.ratelimits": {"budget", "write it as budget: a list of {instances: N, period: 15m} or {percent: N, period: 15m}"}, "GroupScaleIn.removalbudget": {"budget", "write it as budget"},
	"InstanceLimit.tasks": {"instances", "write it as instances"}, "InstanceLimit.nodes": {"instances", "write it as instances, or as percent"},
	"InstanceShape.memory": {"memoryMiB", "write it as memoryMiB, as ECS registers it"}, "InstanceShape.vcpu": {"cpu", "write it as cpu, in units of which a virtual processor has 1024"},
	"InstanceShape.type": {"", "leave it out: the group knows its instance types; write what one instance offers, as cpu and memoryMiB"},
	// A capacity provider of ECS.
	"Group.managedscaling": {"", "leave it out: Trimtab takes its place, and refuses a group that ECS managed scaling owns"},
	"Group.targetcapacity": {"", noTargetShare}, "Group.targetutilization": {"", noTargetShare},
	"Group.managedterminationprotection": {"", "write manageProtection: true into scaleIn of the group"},
	"Group.manageddraining":              {"", "leave it out: an instance is always drained before it goes"},
	"instancewarmupperiod":               {"", "leave it out: how long an instance takes is learnt"},
	// Karpenter.
	"Group.disruption":                 {"scaleIn", inGroupScaleIn},
	"Group.budgets":                    {"", inGroupScaleIn + " as budget"},
	"GroupScaleIn.budgets":             {"budget", "write it as budget: a list of {instances: N, period: 15m} or {percent: N, period: 15m}"},
	"GroupScaleIn.consolidationpolicy": {"consolidate", "write consolidate: true, or false for empty instances alone"},
	"GroupScaleIn.consolidateafter":    {"stabilizationWindow", "write it as stabilizationWindow, as 3m"},
	"InstanceLimit.schedule":           {"", "write the times into windows of the group's scaleIn: windows with days, from and to, or with start and end"},
	"terminationgraceperiod":           {"", "write it as drainTimeout of the group's scaleIn, as 30m"},
}
