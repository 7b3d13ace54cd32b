package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/trimtab-ecs/trimtab/internal/aws/asgfleet"
	"github.com/trimtab-ecs/trimtab/internal/aws/cwsignal"
	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/aws/nativescaling"
	"github.com/trimtab-ecs/trimtab/internal/aws/sqssignal"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// Eyes sees ECS, Auto Scaling and CloudWatch as the function does, with the caller's
// own credentials. It orders nothing.
type Eyes interface {
	// See gives the input of a decision about a group as it is now.
	See(ctx context.Context, c fleet.ClusterName, g fleet.GroupName) (policy.Input, error)
	// Homes gives the group of each instance; one that is in none is left out.
	Homes(ctx context.Context, ids []fleet.InstanceID) (map[fleet.InstanceID]fleet.GroupName, error)
	// Fetch answers every query, in their order, with a series.
	Fetch(ctx context.Context, now time.Time, queries []signal.Query) ([]signal.Series, error)
	// Service gives a service as ECS shows it; ok is false if there is none.
	Service(ctx context.Context, k fleet.ServiceKey) (v fleet.Service, ok bool, err error)
	natives
}

// natives sees what is set beside Trimtab: what one task of a service buys of Fargate,
// and the target tracking of Application Auto Scaling.
type natives interface {
	Bought(ctx context.Context, k fleet.ServiceKey) (size fleet.Resources, arm, ok bool, err error)
	Tracking(ctx context.Context, k fleet.ServiceKey) (t nativescaling.Tracking, ok bool, err error)
}

// awsNatives asks AWS.
type awsNatives struct {
	*ecsfleet.Services
	*nativescaling.Owners
}

// stairEyes are the eyes of a staircase that is never run.
type stairEyes struct {
	*reconcile.Stair
	natives
}

// Service asks ECS.
func (e stairEyes) Service(ctx context.Context, k fleet.ServiceKey) (fleet.Service, bool, error) {
	found, err := e.Services.Describe(ctx, k.Cluster, []fleet.ServiceName{k.Service})
	if err != nil || len(found) == 0 {
		return fleet.Service{}, false, err
	}
	return found[0], true, nil
}

// Homes asks Auto Scaling.
func (e stairEyes) Homes(ctx context.Context, ids []fleet.InstanceID) (map[fleet.InstanceID]fleet.GroupName, error) {
	homes, err := e.Activities.Homes(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("find the groups of instances: %w", err)
	}
	return homes, nil
}

// Fetch asks CloudWatch.
func (e stairEyes) Fetch(ctx context.Context, now time.Time, queries []signal.Query) ([]signal.Series, error) {
	got, err := e.Signals.Fetch(ctx, now, queries)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return got, nil
}

// newEyes wires the hands that read. The function's Mode parameter is not known here,
// so the mode is what the policies say, as in status.
func newEyes(book ledger.Book, cfg, metrics aws.Config) Eyes {
	groups, client := autoscaling.NewFromConfig(cfg), ecs.NewFromConfig(cfg)
	services := ecsfleet.New(client)
	owners := nativescaling.New(client, groups, applicationautoscaling.NewFromConfig(cfg), time.Now)
	return stairEyes{&reconcile.Stair{
		Book:       book,
		Services:   services,
		Groups:     asgfleet.New(groups),
		Activities: asgfleet.NewActivities(groups),
		Hosts:      ecsfleet.NewHosts(client),
		Signals:    cwsignal.New(cloudwatch.NewFromConfig(metrics)),
		Queues:     sqssignal.New(sqs.NewFromConfig(cfg)),
		Owners:     owners,
		Now:        time.Now,
		Mode:       spec.Act,
	}, awsNatives{services, owners}}
}
