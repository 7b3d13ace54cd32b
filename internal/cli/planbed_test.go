package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/sim/replay"
)

// busyDays is a metric as ECS publishes it: six tasks that are 25 % busy, and 50 % in every
// other six hours.
func busyDays(days int) local.Metric {
	m := local.ECSUtilization("prod", "checkout", "CPUUtilization", 25, 6, days*24*60)
	m.Repeat = false
	for i := range m.Points {
		if i/360%2 == 1 {
			m.Points[i].Value = aws.Float64(50)
		}
	}
	return m
}

// tracked puts a service under Application Auto Scaling.
func tracked(ctx context.Context, e local.Endpoints) error {
	client := applicationautoscaling.NewFromConfig(e.Config(e.AWSDirect))
	id, dimension := aws.String("service/prod/checkout"), types.ScalableDimensionECSServiceDesiredCount
	_, err := client.RegisterScalableTarget(ctx, &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: id, ScalableDimension: dimension, MinCapacity: aws.Int32(6), MaxCapacity: aws.Int32(12),
	})
	if err != nil {
		return err
	}
	_, err = client.PutScalingPolicy(ctx, &applicationautoscaling.PutScalingPolicyInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: id, ScalableDimension: dimension, PolicyName: aws.String("cpu"), PolicyType: types.PolicyTypeTargetTrackingScaling,
		TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
			TargetValue: aws.Float64(50), PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: types.MetricTypeECSServiceAverageCPUUtilization},
		},
	})
	return err
}

// A plan with the clients that a person's AWS configuration makes: the history comes from
// the stand-in for CloudWatch in pages, the policy and the task's size from moto, and
// nothing is written anywhere.
func TestPlanOnTheBed(t *testing.T) { // not parallel: it sets the environment
	bed := localtest.Bed(t, local.BedOptions{Metrics: []local.Metric{busyDays(3)}, Seed: tracked})
	bed.CloudWatch.SetPageSize(1000)
	e := bed.Endpoints()
	noAWS(t)
	for name, value := range e.Env() {
		t.Setenv(name, value)
	}
	t.Setenv("TRIMTAB_TABLE", "")
	dir := t.TempDir()
	file, html, policy := filepath.Join(dir, "history.csv"), filepath.Join(dir, "plan.html"), filepath.Join(dir, "policy.yaml")
	doc := "cluster: prod\nservices: {checkout: {minCapacity: 2, maxCapacity: 12, policies: [{targetTracking: {predefinedMetric: ECSServiceAverageCPUUtilization, targetValue: 60}}]}}\n"
	if err := os.WriteFile(policy, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, messages := system(t, "plan", "prod/checkout", "--since", "2d", "--policy", policy, "--save-history", file, "--html", html, "--seeds", "2", "--json")
	if code != ExitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, out, messages)
	}
	var got planShown
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Missing != 0 || got.PeriodSeconds != 60 || got.Datapoints < 2*1440-15 || got.Datapoints > 2*1440 || len(got.Policies) != 4 || got.TaskHour == 0 {
		t.Errorf("%+v", got)
	}
	notes := []string{"Trimtab, target 60 % CPU, 2 to 12 tasks", "Application Auto Scaling, target 50 % CPU, 6 to 12 tasks", "Application Auto Scaling, target 60 % CPU, 2 to 12 tasks"}
	for i, want := range notes {
		if got.Policies[i].Note != want {
			t.Errorf("policy %d is %q, want %q", i, got.Policies[i].Note, want)
		}
	}
	// 3 and 1.5 tasks' worth at 60 % are 5 and 3 tasks, and a bit more by the scale-in window; six ran.
	was, now := got.Policies[3].TaskHours.Median, got.Policies[0].TaskHours.Median
	if was < 6*46.5 || was > 6*47.1 || now < 0.6*was || now > 0.8*was {
		t.Errorf("%.1f task-hours in place of %.1f", now, was)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h, err := replay.Read(strings.NewReader(string(src)), file)
	if err != nil || len(h.Points) != got.Datapoints || h.Points[0].Tasks != 6 {
		t.Errorf("the saved history has %d datapoints, %v", len(h.Points), err)
	}
	if page, err := os.ReadFile(html); err != nil || !strings.Contains(string(page), "Trimtab plan of prod/checkout") {
		t.Errorf("the report: %v", err)
	}
	if calls := bed.DynamoDB.Calls(""); len(calls) > 0 {
		t.Errorf("a plan without a ledger asked DynamoDB: %v", calls)
	}
	if calls := bed.AWS.Calls(""); len(calls) < 5 {
		t.Errorf("%d calls of AWS, the test looks in the wrong place", len(calls))
	} else if i := slices.IndexFunc(calls, func(c local.Call) bool { return !strings.HasPrefix(c.Op, "Describe") }); i >= 0 {
		t.Errorf("a plan calls %s", calls[i].Op)
	}
	// Longer than minutes are kept.
	code, out, messages = system(t, "plan", "prod/checkout", "--since", "20d", "--seeds", "1")
	if code != ExitOK || !strings.Contains(out, "datapoints of 5m, tasks start as on fargate") {
		t.Errorf("exit code %d\n%s\n%s", code, out, messages)
	}
}
