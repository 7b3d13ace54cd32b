package ecsfleet

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// maxWords bounds what is kept of an event's text, in bytes: the reason stands
// in its first sentences, and a decision record is stored with every decision.
const maxWords = 300

// fragments are the parts of ECS's sentences that have stood for years around
// changing ones: "(service web) was unable to place a task because no container
// instance met all of its requirements. ...", "(service web) was unable to place
// a task. Reason: Capacity is unavailable at this time. ...", "(service web) is
// unable to consistently start tasks successfully. ...".
var fragments = [...]struct {
	kind fleet.TroubleKind
	text string
}{
	{fleet.PlacementFailure, "unable to place a task"},
	{fleet.StartImpaired, "unable to consistently start tasks"},
}

// troublesOf gives the newest report of each kind among the service's events,
// the hundred newest of which ECS shows.
func troublesOf(s types.Service) []fleet.Trouble {
	var out []fleet.Trouble
	for _, f := range fragments {
		newest := fleet.Trouble{Kind: f.kind}
		found := false
		for _, e := range s.Events {
			at := aws.ToTime(e.CreatedAt)
			if !strings.Contains(strings.ToLower(aws.ToString(e.Message)), f.text) || found && !at.After(newest.At) {
				continue
			}
			newest.At, newest.Words, found = at.UTC(), short(aws.ToString(e.Message)), true
		}
		if found {
			out = append(out, newest)
		}
	}
	return out
}

// short cuts a text, at the end of a character.
func short(text string) string {
	if len(text) <= maxWords {
		return text
	}
	return strings.ToValidUTF8(text[:maxWords], "")
}

// stackOf gives the CloudFormation stack that made the service: CloudFormation
// tags what it makes, unless its parts are too old for tags.
func stackOf(s types.Service) string {
	for _, t := range s.Tags {
		if aws.ToString(t.Key) == "aws:cloudformation:stack-name" {
			return aws.ToString(t.Value)
		}
	}
	return ""
}
