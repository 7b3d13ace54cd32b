package ecsfleet_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// said is an event so many minutes after noon.
func said(minute int, text string) types.ServiceEvent {
	at := time.Date(2026, 11, 23, 12, minute, 0, 0, time.FixedZone("CET", 3600))
	return types.ServiceEvent{CreatedAt: &at, Message: &text}
}

func at(minute int) time.Time { return time.Date(2026, 11, 23, 11, minute, 0, 0, time.UTC) }

func TestTroublesAreTheNewestOfEachKind(t *testing.T) {
	t.Parallel()
	// The sentences are ECS's own, from its list of service event messages.
	const (
		instances = "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1 has insufficient CPU units available."
		fargate   = "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone."
		impaired  = "(service web) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section."
		steady    = "(service web) has reached a steady state."
	)
	for _, c := range []struct {
		name   string
		events []types.ServiceEvent
		want   []fleet.Trouble
	}{
		{"none", nil, nil},
		{"calm", []types.ServiceEvent{said(1, steady), said(2, "(service web) has started 2 tasks: (task 1).")}, nil},
		{"newest first, as ECS gives them", []types.ServiceEvent{said(3, steady), said(2, fargate), said(1, instances)}, []fleet.Trouble{
			{Kind: fleet.PlacementFailure, At: at(2), Words: fargate},
		}},
		{"in any order", []types.ServiceEvent{said(1, instances), said(4, impaired), said(2, fargate), said(3, impaired)}, []fleet.Trouble{
			{Kind: fleet.PlacementFailure, At: at(2), Words: fargate}, {Kind: fleet.StartImpaired, At: at(4), Words: impaired},
		}},
		{"in capitals", []types.ServiceEvent{said(1, "Unable To Place A Task")}, []fleet.Trouble{
			{Kind: fleet.PlacementFailure, At: at(1), Words: "Unable To Place A Task"},
		}},
		{"without a text", []types.ServiceEvent{{}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := running("web")
			s.Events = c.events
			if diff := cmp.Diff(c.want, one(t, serving(s)).Troubles); diff != "" {
				t.Errorf("troubles (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWordsOfATroubleAreCut(t *testing.T) {
	t.Parallel()
	for _, pad := range []int{0, 1, 2, 3} { // the cut falls at every byte of a character
		s := running("web")
		s.Events = []types.ServiceEvent{said(1, "unable to place a task "+strings.Repeat("x", pad)+strings.Repeat("€", 200))}
		words := one(t, serving(s)).Troubles[0].Words
		if len(words) > 300 || len(words) < 298 || !utf8.ValidString(words) || !strings.HasPrefix(words, "unable to place a task") {
			t.Errorf("%d bytes are kept: %q", len(words), words)
		}
	}
}

func TestStackComesFromTheTag(t *testing.T) {
	t.Parallel()
	s := running("web")
	s.Tags = []types.Tag{
		{Key: aws.String("aws:cloudformation:logical-id"), Value: aws.String("Web")},
		{Key: aws.String("aws:cloudformation:stack-name"), Value: aws.String("shop")},
		{Key: aws.String("team"), Value: aws.String("checkout")},
	}
	f := serving(s)
	if got := one(t, f); got.Stack != "shop" || f.untagged != 0 || len(f.described) != 1 {
		t.Errorf("the stack is %q after %d calls, %d without tags", got.Stack, len(f.described), f.untagged)
	}
}

func TestARefusalOfTagsBlindsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		calls int // for two readings
	}{
		{&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "ecs:ListTagsForResource"}, 3}, // with, without; from then on without
		{&types.InvalidParameterException{Message: aws.String("long ARN format")}, 4},
	} {
		f := serving(running("web"))
		f.tagsErr = c.err
		s := ecsfleet.New(f)
		for range 2 {
			got, err := s.Describe(t.Context(), prod, []fleet.ServiceName{"web"})
			if err != nil || len(got) != 1 || got[0].Stack != "" {
				t.Errorf("described %v, %v after %v", got, err, c.err)
			}
		}
		if len(f.described) != c.calls {
			t.Errorf("%d calls after %v, want %d", len(f.described), c.err, c.calls)
		}
	}
	// Any other error is no matter of tags.
	f := serving(running("web"))
	f.tagsErr = &types.ServerException{Message: aws.String("busy")}
	if _, err := ecsfleet.New(f).Describe(t.Context(), prod, []fleet.ServiceName{"web"}); err == nil || len(f.described) != 1 {
		t.Errorf("error %v after %d calls, want ECS's after one", err, len(f.described))
	}
}
