package main

import (
	"crypto/rand"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/trimtab-ecs/trimtab/internal/aws/asgfleet"
	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/aws/ebnotice"
	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// wire gives the drainage its hands. The environment is TRIMTAB_TABLE (the
// ledger), TRIMTAB_MODE (observe or act, the ceiling of every group's mode) and
// TRIMTAB_EVENT_BUS (where removals are announced). Endpoints come from the
// standard AWS_ENDPOINT_URL_* variables.
func wire(cfg aws.Config, getenv func(string) string) (*reconcile.Drainage, error) {
	set, err := reconcile.ReadSettings(getenv)
	if err != nil {
		return nil, err
	}
	groups, services := autoscaling.NewFromConfig(cfg), ecs.NewFromConfig(cfg)
	book, eyes := dynamoledger.New(dynamodb.NewFromConfig(cfg), set.Table), ecsfleet.New(services)
	return &reconcile.Drainage{
		Book:       book,
		Drains:     book,
		Services:   eyes,
		Hosts:      eyes.Hosts(services),
		Groups:     asgfleet.New(groups),
		Activities: asgfleet.NewActivities(groups),
		Exits:      asgfleet.NewExits(groups),
		Owners:     nativescaling.New(services, groups, nil, time.Now),
		Notices:    ebnotice.New(eventbridge.NewFromConfig(cfg), set.Bus),
		Log:        lambdacontext.NewLogger(),
		Metrics:    os.Stdout,
		Now:        time.Now,
		NewID:      rand.Text,
		Mode:       set.Mode,
	}, nil
}
