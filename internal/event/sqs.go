package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sqsRecord is one message of a queue that Lambda reads for us.
type sqsRecord struct {
	MessageID  string `json:"messageId"`
	Body       string `json:"body"`
	Attributes struct {
		SentTimestamp string `json:"SentTimestamp"` // milliseconds since 1970
	} `json:"attributes"`
	QueueARN string `json:"eventSourceARN"`
}

// fromQueue reads a batch of messages, each as an event of its own: one that
// cannot be read must not keep the others from being heard.
func fromQueue(raw json.RawMessage) (Event, *Error) {
	var records []sqsRecord
	if err := json.Unmarshal(raw, &records); err != nil {
		return Event{}, refuse("aws:sqs", "", explain("Records", err).Error())
	}
	ev := Event{Kind: Batch, Via: ViaSQS, Source: sourceSQS, Batch: make([]Event, 0, len(records))}
	for i, r := range records {
		if i == 0 {
			ev.ID = r.MessageID
			r.date(&ev)
		}
		one, err := fromMessage(r)
		if err != nil {
			one = Event{Kind: Unknown, Failed: true, Reason: fmt.Sprintf("Records[%d]: %s", i, err)}
		}
		one.MessageID = r.MessageID
		one.Via, one.Source = Via(firstOf(string(one.Via), string(ViaSQS))), firstOf(one.Source, sourceSQS)
		r.date(&one)
		one.bound()
		ev.Batch = append(ev.Batch, one)
	}
	ev.bound()
	return ev, nil
}

// date fills what the event itself does not say: the queue's ARN gives account
// and region, and the message was sent no earlier than what it tells of.
func (r sqsRecord) date(ev *Event) {
	n, _ := parseARN(r.QueueARN)
	ev.Account, ev.Region = firstOf(ev.Account, n.account), firstOf(ev.Region, n.region)
	if ms, err := strconv.ParseInt(r.Attributes.SentTimestamp, 10, 64); err == nil && ev.Time.IsZero() {
		ev.Time = time.UnixMilli(ms).UTC()
	}
}

// fromMessage reads one body: an event of EventBridge, an alarm, or the
// notification of a lifecycle hook, each as it is or as SNS wraps it.
func fromMessage(r sqsRecord) (Event, error) {
	doc, err := object([]byte(r.Body))
	if err != nil {
		return Event{}, fmt.Errorf("body: %w", err)
	}
	if !isNotification(doc) {
		ev, err := fromBody(doc, r.Body)
		if err != nil {
			return Event{}, fmt.Errorf("body: %w", err)
		}
		return ev, nil
	}
	var n notification
	if err := json.Unmarshal([]byte(r.Body), &n); err != nil {
		return Event{}, explain("body", err)
	}
	ev := Event{Kind: Unknown}
	if said, noObject := object([]byte(n.Message)); noObject == nil { // else people publish anything, see readSNSAlarm
		if ev, err = fromBody(said, n.Message); err != nil {
			return Event{}, fmt.Errorf("body.Message: %w", err)
		}
	}
	if ev.Via == "" {
		ev.Via, ev.ID, ev.Source = ViaSNS, n.MessageID, sourceSNS
	}
	if ev.Time.IsZero() {
		ev.Time = n.Timestamp.utc()
	}
	return ev, nil
}

// notification is how SNS wraps a message for a queue, unless the subscription
// asks for raw delivery.
type notification struct {
	MessageID string `json:"MessageId"`
	Message   string `json:"Message"`
	Timestamp stamp  `json:"Timestamp"`
}

func isNotification(doc map[string]json.RawMessage) bool {
	return string(doc["Type"]) == `"Notification"` && has(doc, "TopicArn") && has(doc, "Message")
}

// fromBody reads what a message says. Who may fill a queue may not give orders,
// so a manual payload is refused by name, and what is no event of AWS as well: a
// message that nobody reads belongs in the queue's dead letters, not in oblivion.
func fromBody(doc map[string]json.RawMessage, text string) (Event, error) {
	switch {
	case has(doc, "source"), has(doc, "detail-type"):
		ev, refused := fromEnvelope(doc)
		if refused != nil {
			return Event{}, refused
		}
		return ev, nil
	case isSNSAlarm(text):
		a, _, err := readSNSAlarm(text)
		if err != nil {
			return Event{}, err
		}
		ev := Event{Kind: Alarm, Account: a.AWSAccountID, Alarms: []AlarmChange{a.change(record{})}}
		if n, ok := parseARN(a.AlarmARN); ok {
			ev.Region = n.region
		}
		ev.Time = ev.Alarms[0].At
		return ev, nil
	case has(doc, "LifecycleTransition"), isGroupNotice(doc):
		return fromHook(text)
	case has(doc, "Records"), has(doc, "alarmData"):
		return Event{Kind: Unknown}, nil
	case has(doc, "kind"):
		return Event{}, errors.New("a manual payload is not obeyed from a queue; invoke the function with it")
	}
	return Event{}, errors.New("this is no AWS event (no source, detail-type, AlarmName or LifecycleTransition)")
}

// isGroupNotice tells the notices of Auto Scaling that are no hook's, such as
// autoscaling:TEST_NOTIFICATION, sent when a hook is given a queue.
func isGroupNotice(doc map[string]json.RawMessage) bool {
	return strings.HasPrefix(string(doc["Event"]), `"autoscaling:`)
}

// fromHook reads what a lifecycle hook sends to a queue or topic of its own.
func fromHook(text string) (Event, error) {
	var d groupDetail
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return Event{}, explain("", err)
	}
	ev := Event{Kind: Lifecycle, Account: d.Account, Time: d.Time.utc()}
	if err := d.lifecycle("", &ev); err != nil {
		return Event{}, err
	}
	return ev, nil
}

// BatchAnswer is what Lambda wants to hear of a batch: the messages that are to
// be delivered again, none if all went well. The queue must be read with
// ReportBatchItemFailures, else Lambda does not listen and deletes them all.
type BatchAnswer struct {
	Failures []BatchFailure `json:"batchItemFailures"`
}

// BatchFailure names one message. Lambda takes an empty name for a failure of
// the whole batch, which is right for a message that has none.
type BatchFailure struct {
	MessageID string `json:"itemIdentifier"`
}

// Refused tells whether the event is a record of a batch that could not be decoded.
func (ev *Event) Refused() bool { return ev.Kind == Unknown && ev.Failed }

// EachMessage runs the events of a batch one by one and answers with the
// messages that failed. One that was refused when it was decoded fails without a
// run, so that the queue's dead letters get it in the end.
func (ev *Event) EachMessage(run func(Event) error) BatchAnswer {
	answer := BatchAnswer{Failures: []BatchFailure{}}
	for _, one := range ev.Batch {
		if one.Refused() || run(one) != nil {
			answer.Failures = append(answer.Failures, BatchFailure{MessageID: one.MessageID})
		}
	}
	return answer
}
