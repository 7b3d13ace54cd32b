package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
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
	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/aws/sqssignal"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// wire gives the staircase its hands. The environment is TRIMTAB_TABLE (the
// ledger), TRIMTAB_MODE (observe or act, the ceiling of every target's mode),
// TRIMTAB_EVENT_BUS (where decisions are announced) and TRIMTAB_MAX_HOURLY_SPEND
// (dollars an hour for the account; empty or 0 is no limit). Endpoints come from
// the standard AWS_ENDPOINT_URL_* variables.
func wire(cfg aws.Config, getenv func(string) string) (*reconcile.Stair, error) {
	set, err := reconcile.ReadSettings(getenv)
	spend, unread := dollars(getenv("TRIMTAB_MAX_HOURLY_SPEND"))
	if unread != nil {
		unread = fmt.Errorf("TRIMTAB_MAX_HOURLY_SPEND is %w", unread)
	}
	if err := errors.Join(err, unread); err != nil {
		return nil, err
	}
	groups, services := autoscaling.NewFromConfig(cfg), ecs.NewFromConfig(cfg)
	book, eyes := dynamoledger.New(dynamodb.NewFromConfig(cfg), set.Table), ecsfleet.New(services)
	return &reconcile.Stair{
		Book:       book,
		Desk:       book,
		Services:   eyes,
		Groups:     asgfleet.New(groups),
		Signals:    cwsignal.New(cloudwatch.NewFromConfig(cfg)),
		Queues:     sqssignal.New(sqs.NewFromConfig(cfg)),
		Owners:     nativescaling.New(services, groups, applicationautoscaling.NewFromConfig(cfg), time.Now),
		Activities: asgfleet.NewActivities(groups),
		Hosts:      eyes.Hosts(services),
		Drains:     book,
		Notices:    ebnotice.New(eventbridge.NewFromConfig(cfg), set.Bus),
		Log:        lambdacontext.NewLogger(),
		Metrics:    os.Stdout,
		Now:        time.Now,
		NewID:      rand.Text,
		Mode:       set.Mode,

		SpendPerHour: spend,
	}, nil
}

// maxDollars is more than any account spends in an hour: above it is a slip.
const maxDollars = 1e9

// dollars reads an amount. A cap that cannot be read must not become none.
func dollars(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= maxDollars) {
		return 0, fmt.Errorf("%q: set it to US dollars an hour, such as 12.5, or 0 for no limit", text)
	}
	return v, nil
}
