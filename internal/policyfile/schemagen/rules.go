package main

import (
	"github.com/invopop/jsonschema"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// choices are the words that a text field takes, by Type.Field or by type.
func choices() map[string][]string {
	metrics := []string{
		spec.CPUUtilization, spec.MemoryUtilization, spec.CPUUtilizationHighRes, spec.MemoryUtilizationHighRes, spec.ALBRequestCountPerTarget,
	}
	return map[string][]string{
		"Mode":                            {string(spec.Observe), string(spec.Act)},
		"Select":                          {string(spec.SelectMax), string(spec.SelectMin)},
		"TargetTracking.PredefinedMetric": metrics,
		"StepScaling.PredefinedMetric":    metrics,
		"StepScaling.AdjustmentType":      {spec.ChangeInCapacity, spec.ExactCapacity, spec.PercentChangeInCapacity},
		"Veto.TreatMissingData":           {spec.Breaching, spec.NotBreaching},
		"GroupScaleIn.OnDrainTimeout":     {spec.DrainUndo, spec.DrainTerminate},
		"GroupScaleIn.StandaloneTasks":    {spec.StandaloneLeave, spec.StandaloneWait},
	}
}

// texts are the forms of text fields and of names, by Type.Field.
func texts() map[string]*jsonschema.Schema {
	length := func(most uint64) *jsonschema.Schema {
		return &jsonschema.Schema{MinLength: new(uint64(1)), MaxLength: &most}
	}
	statistic := &jsonschema.Schema{Pattern: `^(Average|Sum|SampleCount|Minimum|Maximum|p[0-9]{1,2}(\.[0-9]{1,2})?)$`}
	label := &jsonschema.Schema{Pattern: `^app/[^/]+/[^/]+/targetgroup/[^/]+/[^/]+$`}
	return map[string]*jsonschema.Schema{
		"Document.Cluster":             {Pattern: `^[a-zA-Z0-9_-]{1,255}$`},
		"FallbackFor.Service":          {Pattern: `^[a-zA-Z0-9_-]{1,255}$`},
		"Policy.Name":                  length(64),
		"Scheduled.Name":               length(64),
		"Veto.Name":                    length(64),
		"Constraint.Name":              length(64),
		"DisruptionWindow.Name":        length(64),
		"TargetTracking.ResourceLabel": label,
		"StepScaling.ResourceLabel":    label,
		"Backlog.Queue":                {Pattern: `^(https?://[^/\s]+/([^/\s]+/)*)?[a-zA-Z0-9_-]{1,80}(\.fifo)?$`},
		"Metric.Namespace":             length(255),
		"Metric.Name":                  length(255),
		"Metric.Statistic":             statistic,
		"Metric.Expression":            length(1024),
		"MathInput.Namespace":          length(255),
		"MathInput.Name":               length(255),
		"MathInput.Statistic":          statistic,
	}
}

// names are the forms of the names in a map, by Type.Field.
func names() map[string]*jsonschema.Schema {
	dimension := &jsonschema.Schema{MinLength: new(uint64(1)), MaxLength: new(uint64(255))}
	return map[string]*jsonschema.Schema{
		"Document.Services":    {Pattern: `^[a-zA-Z0-9_-]{1,255}$`},
		"Document.Groups":      {Pattern: `^[^\x00-\x1f:]{1,255}$`},
		"Headroom.Tasks":       {Pattern: `^[a-zA-Z0-9_-]{1,255}$`},
		"Metric.Dimensions":    dimension,
		"Metric.Metrics":       {Pattern: `^[a-z][a-zA-Z0-9_]{0,254}$`},
		"MathInput.Dimensions": dimension,
	}
}

// filled are the lists that may not be empty, by Type.Field.
func filled() []string {
	return []string{
		"StepScaling.StepAdjustments", "ScaleOut.RateLimits", "ScaleIn.RateLimits", "ScaleIn.RemovalBudget",
		"GroupScaleIn.Budget", "GroupScaleIn.EmptyBudget",
	}
}

func has(names ...string) *jsonschema.Schema { return &jsonschema.Schema{Required: names} }

func not(s *jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{Not: s} }

// oneOf wants exactly one of the fields.
func oneOf(names ...string) *jsonschema.Schema {
	s := &jsonschema.Schema{}
	for _, n := range names {
		s.OneOf = append(s.OneOf, has(n))
	}
	return s
}

// anyOf wants one of the fields at least.
func anyOf(names ...string) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: oneOf(names...).OneOf}
}

// property narrows one field.
func property(name string, s *jsonschema.Schema) *jsonschema.Schema {
	out := &jsonschema.Schema{Properties: jsonschema.NewProperties()}
	out.Properties.Set(name, s)
	return out
}

// all wants all of the parts.
func all(parts ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AllOf: parts} }

// rules are what a type demands of its fields together, by type. They are never
// stricter than Validate: what a schema cannot say is left to it.
func rules() map[string]*jsonschema.Schema {
	const alb, predefined, label = spec.ALBRequestCountPerTarget, "predefinedMetric", "resourceLabel"
	some := &jsonschema.Schema{MinProperties: new(uint64(1))}
	none := &jsonschema.Schema{MaxProperties: new(uint64(0))}
	requests := all(has(predefined), property(predefined, &jsonschema.Schema{Const: alb}))
	utilization := all(has(predefined), property(predefined, &jsonschema.Schema{Not: &jsonschema.Schema{Const: alb}}))
	source := func(more ...*jsonschema.Schema) *jsonschema.Schema {
		return all(append([]*jsonschema.Schema{
			oneOf(predefined, "metric"), {If: requests, Then: has(label), Else: not(has(label))},
		}, more...)...)
	}
	inPercent := property("adjustmentType", &jsonschema.Schema{Const: spec.PercentChangeInCapacity})
	atMost100 := &jsonschema.Schema{Items: property("percent", &jsonschema.Schema{Maximum: "100"})}
	return map[string]*jsonschema.Schema{
		"Document": {AnyOf: []*jsonschema.Schema{all(has("services"), property("services", some)), all(has("groups"), property("groups", some))}},
		"Service": {
			AnyOf: []*jsonschema.Schema{all(has("policies"), property("policies", &jsonschema.Schema{MinItems: new(uint64(1))})), has("fallbackFor")},
			DependentSchemas: map[string]*jsonschema.Schema{
				"activation":  sleeps(),
				"fallbackFor": all(not(has("activation")), property("policies", &jsonschema.Schema{MaxItems: new(uint64(0))})),
			},
		},
		"Policy": oneOf("targetTracking", "stepScaling", "backlog", "concurrency"),
		"TargetTracking": source(
			oneOf("targetValue", "targetPerTask"),
			&jsonschema.Schema{If: utilization, Then: property("targetValue", &jsonschema.Schema{Minimum: "1", Maximum: "100"})},
			&jsonschema.Schema{
				DependentRequired: map[string][]string{"ceiling": {"metric", "targetValue"}},
				DependentSchemas:  map[string]*jsonschema.Schema{predefined: not(has("targetPerTask"))},
			},
		),
		"StepScaling":    source(&jsonschema.Schema{DependentSchemas: map[string]*jsonschema.Schema{"minAdjustmentMagnitude": inPercent}}),
		"StepAdjustment": anyOf("metricIntervalLowerBound", "metricIntervalUpperBound"),
		"Backlog":        all(oneOf("queue", "metrics"), &jsonschema.Schema{DependentRequired: map[string][]string{"concurrency": {"processingTime"}}}),
		"Metric": {OneOf: []*jsonschema.Schema{
			all(has("namespace", "name"), not(has("expression")), property("metrics", none)),
			all(has("expression", "metrics"), not(anyOf("namespace", "name", "statistic")), property("metrics", some), property("dimensions", none)),
		}},
		"Scheduled":     anyOf("minCapacity", "maxCapacity"),
		"ScaleIn":       all(property("rateLimits", atMost100), property("removalBudget", atMost100)),
		"RateLimit":     oneOf("tasks", "percent"),
		"Veto":          oneOf("above", "below"),
		"InstanceLimit": oneOf("instances", "percent"),
	}
}

// sleeps wants a minCapacity of 0, of the service or of a window.
func sleeps() *jsonschema.Schema {
	zero := property("minCapacity", &jsonschema.Schema{Const: 0})
	window := property("scheduled", &jsonschema.Schema{Contains: all(has("minCapacity"), zero)})
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{zero, all(has("scheduled"), window)}}
}
