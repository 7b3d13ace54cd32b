package sqssignal_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/trimtab-ecs/trimtab/internal/aws/sqssignal"
)

const host = "https://sqs.eu-west-1.amazonaws.com/123456789012/"

// fakeSQS stands where the network is: behind it is the real client, which
// turns SQS's errors into codes as it does in production.
type fakeSQS struct {
	attributes map[string]map[string]string // by URL
	refused    map[string]string            // by name or URL: the error's type
	lost       map[string]error             // by name or URL: no answer at all
	// each is how long every call takes; atOnce is the most calls at one time.
	each   time.Duration
	mu     sync.Mutex
	open   int
	atOnce int
	asked  []string
	wanted []string // attributes of the last call
}

func (f *fakeSQS) queues() *sqssignal.Queues {
	return sqssignal.New(sqs.New(sqs.Options{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""), HTTPClient: f, RetryMaxAttempts: 1,
	}))
}

func (f *fakeSQS) Do(req *http.Request) (*http.Response, error) {
	var in struct {
		QueueName, QueueURL string
		AttributeNames      []string
	}
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		return nil, err
	}
	f.enter()
	defer f.leave()
	which := in.QueueName + in.QueueURL
	_, operation, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	f.asked = append(f.asked, operation+" "+which)
	if err := f.lost[which]; err != nil {
		return nil, err
	}
	if kind := f.refused[which]; kind != "" {
		return answer(http.StatusBadRequest, map[string]any{"__type": "com.amazonaws.sqs#" + kind, "message": kind + " it is"}), nil
	}
	if operation == "GetQueueUrl" {
		return answer(http.StatusOK, map[string]any{"QueueUrl": host + in.QueueName}), nil
	}
	f.wanted = in.AttributeNames
	return answer(http.StatusOK, map[string]any{"Attributes": f.attributes[which]}), nil
}

// enter counts a call and lets it take its time; from then on it is alone.
func (f *fakeSQS) enter() {
	f.mu.Lock()
	f.open++
	f.atOnce = max(f.atOnce, f.open)
	f.mu.Unlock()
	time.Sleep(f.each)
	f.mu.Lock()
}

func (f *fakeSQS) leave() {
	f.open--
	f.mu.Unlock()
}

func answer(status int, body map[string]any) *http.Response {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	h := http.Header{"Content-Type": {"application/x-amz-json-1.0"}}
	if kind, ok := body["__type"].(string); ok && strings.HasSuffix(kind, "QueueDoesNotExist") {
		h.Set("X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender") // the code that the client then gives
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text))}
}

func counts(visible, inFlight, delayed string) map[string]string {
	return map[string]string{
		"ApproximateNumberOfMessages": visible, "ApproximateNumberOfMessagesNotVisible": inFlight, "ApproximateNumberOfMessagesDelayed": delayed,
	}
}

var _ aws.HTTPClient = (*fakeSQS)(nil)
