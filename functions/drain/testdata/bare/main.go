// Command bare is a handler that links the clients of the drain function, makes
// one request with each and does nothing else: what the function's size is
// compared with. It takes its configuration from the SDK's loader, as handlers do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		os.Exit(1)
	}
	services, groups := ecs.NewFromConfig(cfg), autoscaling.NewFromConfig(cfg)
	table, bus := dynamodb.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg)
	lambda.Start(func(ctx context.Context, _ json.RawMessage) error {
		_, err1 := services.DescribeServices(ctx, &ecs.DescribeServicesInput{})
		_, err2 := groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{})
		_, err3 := table.Query(ctx, &dynamodb.QueryInput{})
		_, err4 := bus.PutEvents(ctx, &eventbridge.PutEventsInput{})
		return errors.Join(err1, err2, err3, err4)
	})
}
