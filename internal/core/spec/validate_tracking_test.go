package spec_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

func TestValidateTargetTracking(t *testing.T) {
	t.Parallel()
	own := &spec.Metric{Namespace: "App", Name: "InFlight"}
	const path = "policies 0 targetTracking"
	metrics := func(remedy string) spec.Problem {
		return problem(path, "predefinedMetric and metric: exactly one must be set", remedy)
	}
	targets := func(remedy string) spec.Problem {
		return problem(path, "targetValue and targetPerTask: exactly one must be set", remedy)
	}
	share := func(v float64, message, remedy string) []spec.Problem {
		return []spec.Problem{problem(path+" targetValue", fmt.Sprintf("targetValue %v %s", v, message), remedy)}
	}
	of := func(predefined string, target float64) spec.TargetTracking {
		return spec.TargetTracking{PredefinedMetric: predefined, TargetValue: target}
	}
	out := func(field, message string) spec.Problem {
		return problem(path+" "+field, message, "use a number above 0")
	}
	noLabel := func(l string) spec.Problem {
		return problem(path+" resourceLabel", fmt.Sprintf("resourceLabel %q does not name a load balancer and a target group", l),
			"give the ends of the two ARNs, as app/NAME/ID/targetgroup/NAME/ID")
	}
	needless := problem(path+" resourceLabel", "resourceLabel goes with predefinedMetric ALBRequestCountPerTarget alone", "remove it")
	noCeiling := problem(path+" ceiling", "ceiling goes with a metric of your own and targetValue: a total has none, CPU has one by itself", "remove it")
	requests := func(l string) spec.TargetTracking {
		return spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: l, TargetValue: 600}
	}
	tests := []struct {
		name string
		t    spec.TargetTracking
		want []spec.Problem
	}{
		{"memory", spec.TargetTracking{PredefinedMetric: spec.MemoryUtilization, TargetValue: 75}, nil},
		{"own metric, average", spec.TargetTracking{Metric: own, TargetValue: 0.25}, nil},
		{"own metric, total", spec.TargetTracking{Metric: own, TargetPerTask: 40}, nil},
		{"nothing", spec.TargetTracking{}, []spec.Problem{metrics("add one of predefinedMetric and metric"), targets("add one of targetValue and targetPerTask")}},
		{"both metrics", spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, Metric: own, TargetValue: 60}, []spec.Problem{metrics("keep one of the two")}},
		{"unknown metric", spec.TargetTracking{PredefinedMetric: "EC2SpotFleetRequestAverageCPUUtilization", TargetValue: 60}, []spec.Problem{
			problem(path+" predefinedMetric", `predefinedMetric "EC2SpotFleetRequestAverageCPUUtilization" is not known`, "did you mean ECSServiceAverageCPUUtilization? Write ECSServiceAverageCPUUtilization, "+
				"ECSServiceAverageMemoryUtilization, ECSServiceAverageCPUUtilizationHighResolution, ECSServiceAverageMemoryUtilizationHighResolution or ALBRequestCountPerTarget"),
		}},
		{"CPU every 20 s", spec.TargetTracking{PredefinedMetric: spec.CPUUtilizationHighRes, TargetValue: 60}, nil},
		{"memory every 20 s", spec.TargetTracking{PredefinedMetric: spec.MemoryUtilizationHighRes, TargetValue: 60}, nil},
		{"above 100 % memory every 20 s", spec.TargetTracking{PredefinedMetric: spec.MemoryUtilizationHighRes, TargetValue: 101}, []spec.Problem{
			problem(path+" targetValue", "targetValue 101 is above 100 %", "use a percentage from 1 to 100"),
		}},
		{"requests per target", requests(label), nil},
		{"requests without a label", requests(""), []spec.Problem{
			problem(path+" resourceLabel", "resourceLabel is missing: predefinedMetric ALBRequestCountPerTarget needs the load balancer and the target group",
				"give the ends of the two ARNs, as app/NAME/ID/targetgroup/NAME/ID"),
		}},
		{"requests of a network load balancer", requests("net/a/b/targetgroup/c/d"), []spec.Problem{noLabel("net/a/b/targetgroup/c/d")}},
		{"requests of a load balancer alone", requests("app/a/b"), []spec.Problem{noLabel("app/a/b")}},
		{"requests of a target group by ARN", requests("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/c/d"), []spec.Problem{noLabel("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/c/d")}},
		{"a label and more", requests(label + "/x"), []spec.Problem{noLabel(label + "/x")}},
		{"a label that CPU has no use for", spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, ResourceLabel: label, TargetValue: 60}, []spec.Problem{needless}},
		{"a label that a metric of one's own has no use for", spec.TargetTracking{Metric: own, ResourceLabel: label, TargetValue: 60}, []spec.Problem{needless}},
		{"requests per target as a total", spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: label, TargetPerTask: 600}, []spec.Problem{
			problem(path+" targetPerTask", "a predefined metric has a target for each task: targetValue", "use targetValue"),
		}},
		{"requests with a ceiling", spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: label, TargetValue: 600, Ceiling: 900}, []spec.Problem{noCeiling}},
		{"CPU with a ceiling", spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60, Ceiling: 99}, []spec.Problem{noCeiling}},
		{"a total with a ceiling", spec.TargetTracking{Metric: own, TargetPerTask: 60, Ceiling: 99}, []spec.Problem{noCeiling}},
		{"a ceiling above the target", spec.TargetTracking{Metric: own, TargetValue: 60, Ceiling: 60.5}, nil},
		{"a ceiling at the target", spec.TargetTracking{Metric: own, TargetValue: 60, Ceiling: 60}, []spec.Problem{
			problem(path+" ceiling", "ceiling 60 is not above targetValue 60", "give the value at which the metric is pinned"),
		}},
		{"a ceiling below zero", spec.TargetTracking{Metric: own, TargetValue: 60, Ceiling: -1}, []spec.Problem{out("ceiling", "ceiling -1 is out of range")}},
		{"a ceiling too high", spec.TargetTracking{Metric: own, TargetValue: 60, Ceiling: 1.1e15}, []spec.Problem{out("ceiling", "ceiling 1.1e+15 is out of range")}},
		{"both targets", spec.TargetTracking{Metric: own, TargetValue: 60, TargetPerTask: 40}, []spec.Problem{targets("keep one of the two")}},
		{"a predefined metric per task", spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetPerTask: 60}, []spec.Problem{
			problem(path+" targetPerTask", "a predefined metric has a target for each task: targetValue", "use targetValue"),
		}},
		{"CPU as a share", of(spec.CPUUtilization, 0.6), share(0.6, "is 0.6 %, not a share of 1", "did you mean 60? Use a percentage from 1 to 100")},
		{"memory as a share", of(spec.MemoryUtilizationHighRes, 0.07), share(0.07, "is 0.07 %, not a share of 1", "did you mean 7? Use a percentage from 1 to 100")},
		{"almost 1 % CPU", of(spec.CPUUtilizationHighRes, 0.999), share(0.999, "is 0.999 %, not a share of 1", "did you mean 99.9? Use a percentage from 1 to 100")},
		{"1 % memory", of(spec.MemoryUtilization, 1), nil},
		{"next to no CPU", of(spec.CPUUtilization, 1e-300), share(1e-300, "is below 1 %", "use a percentage from 1 to 100")},
		{"half a request per target", spec.TargetTracking{PredefinedMetric: spec.ALBRequestCountPerTarget, ResourceLabel: label, TargetValue: 0.5}, nil},
		{"100 % CPU", spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 100}, nil},
		{"above 100 % CPU", spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 100.5}, []spec.Problem{
			problem(path+" targetValue", "targetValue 100.5 is above 100 %", "use a percentage from 1 to 100"),
		}},
		{"above 100 of the user's own", spec.TargetTracking{Metric: own, TargetValue: 1e15}, nil},
		{"too much of the user's own", spec.TargetTracking{Metric: own, TargetPerTask: 1e16}, []spec.Problem{out("targetPerTask", "targetPerTask 1e+16 is out of range")}},
		{"below zero", spec.TargetTracking{Metric: own, TargetValue: -1}, []spec.Problem{out("targetValue", "targetValue -1 is out of range")}},
		{"NaN", spec.TargetTracking{Metric: own, TargetPerTask: math.NaN()}, []spec.Problem{out("targetPerTask", "targetPerTask NaN is out of range")}},
		{"infinite", spec.TargetTracking{Metric: own, TargetValue: math.Inf(1)}, []spec.Problem{out("targetValue", "targetValue +Inf is out of range")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := service()
			s.Policies = []spec.Policy{tracking(tt.t)}
			if diff := cmp.Diff(tt.want, s.Validate()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
