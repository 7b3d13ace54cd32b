package sqssignal_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trimtab-ecs/trimtab/internal/aws/sqssignal"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

// TestMoto runs against moto, which takes our requests for what AWS would.
func TestMoto(t *testing.T) {
	t.Parallel()
	server, err := local.StartMoto(t.Context(), localtest.Require(t, local.ToolMoto), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	var used atomic.Int64
	porttest.Queues(t, func(t *testing.T) porttest.QueuesBed {
		t.Helper()
		id := fmt.Sprintf("%012d", used.Add(1))
		a := account{sqs.NewFromConfig(local.Endpoints{Region: "eu-west-1"}.Config(server.URL()), func(o *sqs.Options) {
			o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("x-moto-account-id", id))
		})}
		return porttest.QueuesBed{
			Queues: sqssignal.New(a.client), Now: time.Date(2026, 11, 23, 12, 34, 56, 0, time.UTC),
			Create: a.create, Receive: a.receive,
			Send:  func(t *testing.T, name string, n int) { t.Helper(); a.send(t, name, n, 0) },
			Delay: func(t *testing.T, name string, n int) { t.Helper(); a.send(t, name, n, 600) },
		}
	})
}

// account is an account of its own in moto.
type account struct{ client *sqs.Client }

func (a account) create(t *testing.T, name string) string {
	t.Helper()
	out, err := a.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.QueueUrl)
}

func (a account) url(t *testing.T, name string) *string {
	t.Helper()
	out, err := a.client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return out.QueueUrl
}

func (a account) send(t *testing.T, name string, messages, delaySeconds int) {
	t.Helper()
	url := a.url(t, name)
	for range messages {
		if _, err := a.client.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: url, MessageBody: aws.String("work"), DelaySeconds: int32(delaySeconds),
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func (a account) receive(t *testing.T, name string, messages int) {
	t.Helper()
	out, err := a.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: a.url(t, name), MaxNumberOfMessages: int32(messages), VisibilityTimeout: 600,
	})
	if err != nil || len(out.Messages) != messages {
		t.Fatalf("received %v, %v; want %d messages", out, err, messages)
	}
}
