package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
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
