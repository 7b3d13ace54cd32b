package asgfleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// What Auto Scaling allows in one call.
const (
	instancesPerCall  = 50
	activitiesPerCall = 100
	refreshesPerCall  = 10
)

// maxFailures bounds the failures of an answer: the newest tell enough.
const maxFailures = 100

// launchMargin is how long before the time asked for a launch may have begun that
// failed after it: Auto Scaling filters by the start.
const launchMargin = 15 * time.Minute

// maxWords bounds what is kept of a failure's text, in bytes, as ecsfleet does.
const maxWords = 300

// launching begins the description of an activity that starts an instance.
const launching = "Launching a new EC2 instance"

// instanceType finds the type that a failure names, such as m7g.large or u7i-12tb.224xlarge.
var instanceType = regexp.MustCompile(`\b[a-z][a-z0-9-]*\.(?:nano|micro|small|medium|(?:\d+)?x?large|metal(?:-\d+xl)?)\b`)

// activityAPI is what Activities needs of *autoscaling.Client.
type activityAPI interface {
	DescribeAutoScalingInstances(context.Context, *autoscaling.DescribeAutoScalingInstancesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error)
	DescribeInstanceRefreshes(context.Context, *autoscaling.DescribeInstanceRefreshesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeInstanceRefreshesOutput, error)
	DescribeScalingActivities(context.Context, *autoscaling.DescribeScalingActivitiesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeScalingActivitiesOutput, error)
}

// Activities observes what goes on in Auto Scaling groups. It is safe for
// concurrent use.
type Activities struct {
	client activityAPI
}

// NewActivities makes Activities over the client of EC2 Auto Scaling.
func NewActivities(client activityAPI) *Activities { return &Activities{client: client} }

// Homes gives the group of each instance, fifty a call; one that is in none is
// left out. Asking for none asks nothing: AWS would tell of every instance.
func (a *Activities) Homes(ctx context.Context, ids []fleet.InstanceID) (map[fleet.InstanceID]fleet.GroupName, error) {
	homes := make(map[fleet.InstanceID]fleet.GroupName, len(ids))
	for batch := range slices.Chunk(distinct(ids), instancesPerCall) {
		pages := autoscaling.NewDescribeAutoScalingInstancesPaginator(a.client, &autoscaling.DescribeAutoScalingInstancesInput{
			InstanceIds: batch, MaxRecords: aws.Int32(instancesPerCall),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("describe Auto Scaling instances %s: %w", strings.Join(batch, ", "), err)
			}
			for _, i := range page.AutoScalingInstances {
				homes[fleet.InstanceID(aws.ToString(i.InstanceId))] = fleet.GroupName(aws.ToString(i.AutoScalingGroupName))
			}
		}
	}
	return homes, nil
}

// Refreshing tells whether an instance refresh of the group is under way. The
// newest come first and only one runs at a time, so the first page tells.
func (a *Activities) Refreshing(ctx context.Context, g fleet.GroupName) (bool, error) {
	out, err := a.client.DescribeInstanceRefreshes(ctx, &autoscaling.DescribeInstanceRefreshesInput{
		AutoScalingGroupName: aws.String(string(g)), MaxRecords: aws.Int32(refreshesPerCall),
	})
	if err != nil {
		return false, fmt.Errorf("describe instance refreshes of Auto Scaling group %q: %w", g, err)
	}
	return slices.ContainsFunc(out.InstanceRefreshes, underWay), nil
}

// underWay takes a status that this version does not know for one under way:
// nothing is removed then.
func underWay(r types.InstanceRefresh) bool {
	switch r.Status {
	case types.InstanceRefreshStatusSuccessful, types.InstanceRefreshStatusFailed, types.InstanceRefreshStatusCancelled,
		types.InstanceRefreshStatusRollbackFailed, types.InstanceRefreshStatusRollbackSuccessful:
		return false
	case types.InstanceRefreshStatusPending, types.InstanceRefreshStatusInProgress, types.InstanceRefreshStatusCancelling,
		types.InstanceRefreshStatusBaking, types.InstanceRefreshStatusRollbackInProgress:
	}
	return true
}

// Failures gives the launches that failed since a time, oldest first, the newest
// hundred of them; launched is when the newest launch succeeded, if that is after
// the last failure.
func (a *Activities) Failures(ctx context.Context, g fleet.GroupName, since time.Time) (failed []fleet.LaunchFailure, launched time.Time, err error) {
	pages := autoscaling.NewDescribeScalingActivitiesPaginator(a.client, &autoscaling.DescribeScalingActivitiesInput{
		AutoScalingGroupName: aws.String(string(g)), MaxRecords: aws.Int32(activitiesPerCall),
		Filters: []types.Filter{
			{Name: aws.String("StartTimeLowerBound"), Values: []string{since.Add(-launchMargin).UTC().Format(time.RFC3339)}},
			{Name: aws.String("Status"), Values: []string{string(types.ScalingActivityStatusCodeSuccessful), string(types.ScalingActivityStatusCodeFailed)}},
		},
	})
	for pages.HasMorePages() && len(failed) < maxFailures {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("describe scaling activities of Auto Scaling group %q: %w", g, err)
		}
		for _, activity := range page.Activities {
			at := endOf(activity)
			if at.Before(since) || !strings.HasPrefix(aws.ToString(activity.Description), launching) {
				continue
			}
			switch activity.StatusCode {
			case types.ScalingActivityStatusCodeFailed:
				failed = append(failed, failureOf(activity))
			case types.ScalingActivityStatusCodeSuccessful:
				if at.After(launched) {
					launched = at
				}
			default:
			}
		}
	}
	slices.SortStableFunc(failed, func(a, b fleet.LaunchFailure) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Words, b.Words))
	})
	failed = failed[max(len(failed)-maxFailures, 0):]
	if len(failed) > 0 && !launched.After(failed[len(failed)-1].At) {
		launched = time.Time{}
	}
	return failed, launched, nil
}

// endOf gives when an activity ended, or its start where that is not said.
func endOf(a types.Activity) time.Time {
	if a.EndTime != nil {
		return a.EndTime.UTC()
	}
	return aws.ToTime(a.StartTime).UTC()
}

// failureOf puts a failed launch in the words of the core. The details are JSON in
// a string; without them the zone is not known, which is no error.
func failureOf(a types.Activity) fleet.LaunchFailure {
	words := aws.ToString(a.StatusMessage)
	if words == "" {
		words = aws.ToString(a.Description)
	}
	var details struct {
		Zone string `json:"Availability Zone"`
	}
	if json.Unmarshal([]byte(aws.ToString(a.Details)), &details) != nil {
		details.Zone = ""
	}
	return fleet.LaunchFailure{At: endOf(a), Zone: details.Zone, Type: instanceType.FindString(words), Words: short(words)}
}

// short cuts a text, at the end of a character.
func short(text string) string {
	if len(text) <= maxWords {
		return text
	}
	return strings.ToValidUTF8(text[:maxWords], "")
}

// distinct gives the ids sorted and each once.
func distinct(ids []fleet.InstanceID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
