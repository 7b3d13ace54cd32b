// Package sqssignal gives the state of SQS queues behind reconcile's Queues
// port: how many messages wait, are in flight and are delayed.
//
// The counts are approximate, as SQS says itself, and may lag a minute behind
// the last message: one zero is a sign of an idle queue, several are proof.
package sqssignal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// maxURLs bounds the URLs kept, at about 200 bytes each.
const maxURLs = 4096

// api is what Queues needs of *sqs.Client.
type api interface {
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Queues reads the state of SQS queues. It keeps the URLs of queues, which
// follow from their names; losing them costs a call each. It is safe for
// concurrent use.
type Queues struct {
	client api

	mu   sync.Mutex
	urls map[string]string // by name
}

// New makes Queues over the client of SQS.
func New(client api) *Queues { return &Queues{client: client, urls: make(map[string]string)} }

// atOnce is how many queues are read at once: one after the other, a thousand
// would take longer than a read of the world may.
const atOnce = 16

// States answers every queue, a name or a URL, in their order. One that could not
// be read is Failed and says why, and does not spoil the others. The error is for
// when SQS answered for none.
func (q *Queues) States(ctx context.Context, now time.Time, queues []string) ([]signal.Queue, error) {
	names := slices.Compact(slices.Sorted(slices.Values(queues)))
	states, errs := make([]signal.Queue, len(names)), make([]error, len(names))
	var wait sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i, name := range names {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			states[i], errs[i] = q.state(ctx, name)
		})
	}
	wait.Wait()
	answered := false
	for i, name := range names {
		states[i].Name, states[i].At = name, now
		if errs[i] != nil {
			states[i] = signal.Queue{Name: name, At: now, Status: signal.Failed, Why: errs[i].Error()}
		}
		answered = answered || errs[i] == nil || isAnswer(errs[i])
	}
	if !answered && len(names) > 0 {
		return nil, fmt.Errorf("read %d SQS queues: %w", len(names), errs[0])
	}
	out := make([]signal.Queue, len(queues))
	for i, name := range queues {
		at, _ := slices.BinarySearch(names, name)
		out[i] = states[at]
	}
	return out, nil
}

// isAnswer tells whether SQS said something about the queue, rather than
// nothing at all or that it has no time.
func isAnswer(err error) bool {
	_, ok := errors.AsType[*answerError](err)
	return ok
}

// answerError is what SQS, or what it sent, says of one queue.
type answerError struct {
	words string
	cause error
}

func (e *answerError) Error() string { return e.words }
func (e *answerError) Unwrap() error { return e.cause }

// state reads one queue.
func (q *Queues) state(ctx context.Context, name string) (signal.Queue, error) {
	url, err := q.url(ctx, name)
	if err != nil {
		return signal.Queue{}, explained("get URL of queue", name, err)
	}
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url),
		AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		},
	})
	if err != nil {
		q.forget(name)
		return signal.Queue{}, explained("get attributes of queue", name, err)
	}
	state := signal.Queue{Status: signal.Complete}
	for _, a := range []struct {
		attribute types.QueueAttributeName
		into      *int
	}{
		{types.QueueAttributeNameApproximateNumberOfMessages, &state.Visible},
		{types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, &state.InFlight},
		{types.QueueAttributeNameApproximateNumberOfMessagesDelayed, &state.Delayed},
	} {
		text, ok := out.Attributes[string(a.attribute)]
		n, err := strconv.Atoi(text)
		if !ok || err != nil || n < 0 {
			return signal.Queue{}, &answerError{words: fmt.Sprintf("get attributes of queue %q: SQS gave %s as %q, which is no number of messages", name, a.attribute, text), cause: err}
		}
		*a.into = n
	}
	return state, nil
}

// explained adds the remedy to what SQS refuses for good.
func explained(doing, name string, err error) error {
	err = fmt.Errorf("%s %q: %w", doing, name, err)
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	var remedy string
	switch api.ErrorCode() {
	case "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue":
		remedy = "name a queue of this account and region, and let the role see it (parameter QueueName of the template)"
	case "AccessDenied", "AccessDeniedException", "KMS.AccessDeniedException":
		remedy = "allow sqs:GetQueueUrl and sqs:GetQueueAttributes on it (parameter QueueName of the template)"
	case "InvalidAddress", "InvalidParameterValue", "InvalidParameterValueException", "UnsupportedOperation", "InvalidSecurity":
		remedy = "write the queue's name, or its URL as SQS gives it"
	default:
		return err
	}
	return &answerError{words: err.Error() + "; " + remedy, cause: err}
}

// url gives the URL of a queue. What is one already is used as it is.
func (q *Queues) url(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") {
		return name, nil
	}
	q.mu.Lock()
	url, ok := q.urls[name]
	q.mu.Unlock()
	if ok {
		return url, nil
	}
	out, err := q.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(name)})
	if err != nil {
		return "", err
	}
	if url = aws.ToString(out.QueueUrl); url == "" {
		return "", errors.New("SQS answered without it")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.urls) >= maxURLs {
		clear(q.urls)
	}
	q.urls[name] = url
	return url, nil
}

// forget drops a URL that did not lead to the queue: asking for it anew tells
// whether the queue is gone.
func (q *Queues) forget(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.urls, name)
}
