package ebnotice_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trimtab-ecs/trimtab/internal/aws/ebnotice"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

// TestMoto sends notices through moto's EventBridge and a rule to a queue, as a
// user would who listens for decisions.
func TestMoto(t *testing.T) {
	t.Parallel()
	server, err := local.StartMoto(t.Context(), localtest.Require(t, local.ToolMoto), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	var used atomic.Int64
	porttest.Notices(t, func(t *testing.T) porttest.NoticesBed {
		t.Helper()
		a := account{url: server.URL(), id: fmt.Sprintf("%012d", used.Add(1))}
		queue := a.listen(t)
		return porttest.NoticesBed{
			Notices:  ebnotice.New(a.client(), "ops"),
			Received: func(t *testing.T) []reconcile.Notice { t.Helper(); return a.received(t, queue) },
		}
	})
}

// account is an account of its own in moto.
type account struct{ url, id string }

func (a account) client() *eventbridge.Client {
	return eventbridge.NewFromConfig(local.Endpoints{Region: "eu-west-1"}.Config(a.url), func(o *eventbridge.Options) {
		o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("x-moto-account-id", a.id))
	})
}

// listen makes the bus "ops" with a rule that sends our decisions to a queue,
// whose URL it gives.
func (a account) listen(t *testing.T) string {
	t.Helper()
	var queue struct{ QueueURL string }
	a.sqs(t, "CreateQueue", map[string]any{"QueueName": "decisions"}, &queue)
	c := a.client()
	if _, err := c.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("ops")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("decisions"), EventBusName: aws.String("ops"),
		EventPattern: aws.String(fmt.Sprintf(`{"source":[%q],"detail-type":[%q]}`, ebnotice.Source, ebnotice.DetailType)),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: aws.String("decisions"), EventBusName: aws.String("ops"),
		Targets: []types.Target{{Id: aws.String("queue"), Arn: aws.String("arn:aws:sqs:eu-west-1:" + a.id + ":decisions")}},
	}); err != nil {
		t.Fatal(err)
	}
	return queue.QueueURL
}

// received takes every event off the queue.
func (a account) received(t *testing.T, queue string) []reconcile.Notice {
	t.Helper()
	var out []reconcile.Notice
	for {
		var batch struct{ Messages []struct{ Body string } }
		a.sqs(t, "ReceiveMessage", map[string]any{"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600}, &batch)
		if len(batch.Messages) == 0 {
			return out
		}
		for _, m := range batch.Messages {
			var event struct {
				Source     string
				DetailType string `json:"detail-type"`
				Resources  []string
				Detail     reconcile.Notice
			}
			if err := json.Unmarshal([]byte(m.Body), &event); err != nil {
				t.Fatalf("read event %s: %v", m.Body, err)
			}
			if event.Source != ebnotice.Source || event.DetailType != ebnotice.DetailType || len(event.Resources) != 0 {
				t.Errorf("the event is %s", m.Body)
			}
			out = append(out, event.Detail)
		}
	}
}

// sqs makes one call in the JSON protocol of SQS, whose client we do not have.
func (a account) sqs(t *testing.T, operation string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	req.Header.Set("X-Moto-Account-Id", a.id)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261123/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=none")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s: %s %v", operation, res.Status, answer, err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("read the answer of %s: %v", operation, err)
	}
}
