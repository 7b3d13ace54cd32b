package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	autoscalingtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// bed is a local bed with the compiled function and a policy of group prod-m7g.
func bed(t *testing.T) *local.Bed {
	t.Helper()
	b := localtest.Bed(t, local.BedOptions{
		Functions: []local.Function{{Name: "drain", Bootstrap: localtest.BuildBootstrap(t, ".")}},
		Group:     &local.GroupSeed{Name: "prod-m7g", DesiredCapacity: 2},
	})
	e := b.Endpoints()
	err := dynamoledger.New(local.NewDynamoDBClient(e.DynamoDBDirect), e.Table).Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{{
		Target: fleet.GroupOf("prod", "prod-m7g"), Policy: &ledger.Policy{Group: &spec.Group{Mode: spec.Act}, Version: 1, Author: "e2e", At: time.Now()},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every sample goes through the compiled function: good ones without an error,
// bad ones, and those that only the reconcile function takes, with one clear
// message. The drains name an instance that moto has in no group.
func TestEverySample(t *testing.T) {
	t.Parallel()
	b := bed(t)
	files, err := filepath.Glob("../../events/*.json")
	bad, err2 := filepath.Glob("../../events/bad/*.json")
	if err != nil || err2 != nil || len(files) < 10 || len(bad) < 10 {
		t.Fatalf("%d samples and %d bad ones (%v, %v)", len(files), len(bad), err, err2)
	}
	for _, f := range append(files, bad...) {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		want := ""
		switch {
		case strings.HasPrefix(name, "error."):
			want = "decode event"
		case strings.HasPrefix(name, "trimtab.drain."):
			want = "no group of cluster prod with a policy has it"
		case strings.HasPrefix(name, "trimtab.") && !strings.HasPrefix(name, "trimtab.tick"):
			want = "to the reconcile function"
		}
		res, err := b.Lambda.Invoke(t.Context(), "drain", raw)
		if err != nil || (res.FunctionError != "") != (want != "") || !strings.Contains(string(res.Payload), want) {
			t.Errorf("%s: function error %q (%v), want %q: %s", name, res.FunctionError, err, want, res.Payload)
		}
	}
}

// The compiled function answers a queue as Lambda reads it: the message that
// cannot be read is named, and its neighbour is done.
func TestQueue(t *testing.T) {
	t.Parallel()
	b := bed(t)
	raw := sample(t, "aws.sqs.batch.one-refused")
	var sent events.SQSEvent
	if err := json.Unmarshal(raw, &sent); err != nil {
		t.Fatal(err)
	}
	res, err := b.Lambda.Invoke(t.Context(), "drain", raw)
	if err != nil || res.FunctionError != "" {
		t.Fatalf("%v, %s %s", err, res.FunctionError, res.Payload)
	}
	var answer events.SQSEventResponse
	if err := json.Unmarshal(res.Payload, &answer); err != nil {
		t.Fatal(err)
	}
	if got := answer.BatchItemFailures; len(got) != 1 || got[0].ItemIdentifier != sent.Records[0].MessageId {
		t.Errorf("answer %s, want the first of %d messages alone", res.Payload, len(sent.Records))
	}
}

// A person's drain of an instance without tasks, from the payload to its end: a dry
// run changes nothing; then DRAINING is ordered, the instance is terminated with its
// group lowered by one, and its row is closed.
func TestDrainByHand(t *testing.T) {
	t.Parallel()
	b := bed(t)
	e := b.Endpoints()
	groups := autoscaling.NewFromConfig(e.Config(e.MotoDirect))
	group := func() autoscalingtypes.AutoScalingGroup {
		t.Helper()
		out, err := groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"prod-m7g"}})
		if err != nil {
			t.Fatal(err)
		}
		return out.AutoScalingGroups[0]
	}
	id := *group().Instances[0].InstanceId
	drain := func(dryRun bool) reconcile.Report {
		t.Helper()
		payload := `{"kind":"drain","cluster":"prod","instance":"` + id + `","why":"its disk is failing","by":"ann","dryRun":` + strconv.FormatBool(dryRun) + `}`
		res, err := b.Lambda.Invoke(t.Context(), "drain", []byte(payload))
		var rep reconcile.Report
		if err != nil || res.FunctionError != "" || json.Unmarshal(res.Payload, &rep) != nil || len(rep.Drains) == 0 {
			t.Fatalf("%v, %s %s", err, res.FunctionError, res.Payload)
		}
		return rep
	}
	changes := func() (ops []string) {
		for _, c := range b.AWS.Calls("") {
			if c.Op == "UpdateContainerInstancesState" || c.Op == "TerminateInstanceInAutoScalingGroup" {
				ops = append(ops, c.Op)
			}
		}
		return ops
	}

	rep := drain(true)
	if ops := changes(); ops != nil || *group().DesiredCapacity != 2 || rep.Drains[0].Acts[0] != "setDraining" {
		t.Fatalf("a dry run called %v: %+v", ops, rep.Drains)
	}
	rep = drain(false)
	if last := rep.Drains[len(rep.Drains)-1]; last.State != "terminated" || last.By != "ann" || last.ARN == "" {
		t.Errorf("the drain ended as %+v, want it terminated", last)
	}
	if diff := cmp.Diff([]string{"UpdateContainerInstancesState", "TerminateInstanceInAutoScalingGroup"}, changes()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	for op, wants := range map[string][]string{
		"UpdateContainerInstancesState":       {`"status":"DRAINING"`, rep.Drains[0].ARN, `"cluster":"prod"`},
		"TerminateInstanceInAutoScalingGroup": {id, "ShouldDecrementDesiredCapacity=true"},
	} {
		for _, want := range wants {
			if body := b.AWS.Calls(op)[0].Body; !strings.Contains(body, want) {
				t.Errorf("%s: %s, want %s in it", op, body, want)
			}
		}
	}
	if g := group(); *g.DesiredCapacity != 1 || len(g.Instances) != 1 || *g.Instances[0].InstanceId == id {
		t.Errorf("the group has desired capacity %d and %d instances, want the other one alone", *g.DesiredCapacity, len(g.Instances))
	}
	rows, err := dynamoledger.New(local.NewDynamoDBClient(e.DynamoDBDirect), e.Table).Read(t.Context(), "prod")
	if err != nil || len(rows.Drains) != 1 || string(rows.Drains[0].Instance) != id || !rows.Drains[0].State.Closed() {
		t.Errorf("the ledger holds %+v (%v), want the closed drain", rows.Drains, err)
	}
}
