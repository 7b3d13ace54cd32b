// Command panics is the reconcile function with a hand that panics after the
// claim, before the order: the crash that the ledger must heal.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/trimtab-ecs/trimtab/internal/aws/asgfleet"
	"github.com/trimtab-ecs/trimtab/internal/aws/cwsignal"
	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/aws/ebnotice"
	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/aws/lambdaenv"
	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/aws/sqssignal"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

type panics struct{ reconcile.Services }

func (panics) SetDesiredCount(context.Context, fleet.ServiceKey, int) error {
	panic("the hand fell off")
}

func main() {
	cfg, err := lambdaenv.Load(os.Getenv)
	if err != nil {
		panic(err)
	}
	services, groups := ecs.NewFromConfig(cfg), autoscaling.NewFromConfig(cfg)
	book := dynamoledger.New(dynamodb.NewFromConfig(cfg), os.Getenv("TRIMTAB_TABLE"))
	stair := &reconcile.Stair{
		Book:     book,
		Desk:     book,
		Services: panics{ecsfleet.New(services)},
		Groups:   asgfleet.New(groups),
		Signals:  cwsignal.New(cloudwatch.NewFromConfig(cfg)),
		Queues:   sqssignal.New(sqs.NewFromConfig(cfg)),
		Owners:   nativescaling.New(services, groups, applicationautoscaling.NewFromConfig(cfg), time.Now),
		Notices:  ebnotice.New(eventbridge.NewFromConfig(cfg), os.Getenv("TRIMTAB_EVENT_BUS")),
		Log:      lambdacontext.NewLogger(),
		Metrics:  os.Stdout,
		Now:      time.Now,
		NewID:    rand.Text,
		Mode:     spec.Mode(os.Getenv("TRIMTAB_MODE")),
	}
	lambda.Start(func(ctx context.Context, raw json.RawMessage) (reconcile.Report, error) {
		ev, err := event.Decode(raw)
		if err != nil {
			return reconcile.Report{}, err
		}
		return stair.Run(ctx, ev)
	})
}
