// Command bare is a handler that links the clients of the reconcile function,
// makes one request with each and does nothing else: what the function's size
// and start are compared with. It takes its configuration from the SDK's loader,
// as handlers do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		os.Exit(1)
	}
	services, groups, targets := ecs.NewFromConfig(cfg), autoscaling.NewFromConfig(cfg), applicationautoscaling.NewFromConfig(cfg)
	metrics, table, bus := cloudwatch.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg)
	queues := sqs.NewFromConfig(cfg)
	lambda.Start(func(ctx context.Context, _ json.RawMessage) error {
		_, err1 := services.DescribeServices(ctx, &ecs.DescribeServicesInput{})
		_, err2 := groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{})
		_, err3 := targets.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{})
		_, err4 := metrics.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{})
		_, err5 := table.Query(ctx, &dynamodb.QueryInput{})
		_, err6 := bus.PutEvents(ctx, &eventbridge.PutEventsInput{})
		_, err7 := queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{})
		return errors.Join(err1, err2, err3, err4, err5, err6, err7)
	})
}
