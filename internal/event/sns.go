package event

import (
	"encoding/json"
	"fmt"
)

// The sources of records that are read.
const (
	sourceSNS = "aws:sns"
	sourceSQS = "aws:sqs"
)

// record is one of the Records of a Lambda event, in the fields that SNS has; those
// of SQS are read by fromQueue.
type record struct {
	EventSource string `json:"eventSource"`
	SNS         struct {
		MessageID string `json:"MessageId"`
		Message   string `json:"Message"`
		Timestamp stamp  `json:"Timestamp"`
		TopicARN  string `json:"TopicArn"`
	} `json:"Sns"`
}

// snsAlarm is the message that a CloudWatch alarm publishes. Its Region is a
// display name such as "US East (N. Virginia)", so the ARN's is taken.
type snsAlarm struct {
	AlarmName       string `json:"AlarmName"`
	AlarmARN        string `json:"AlarmArn"`
	AWSAccountID    string `json:"AWSAccountId"`
	NewStateValue   string `json:"NewStateValue"`
	OldStateValue   string `json:"OldStateValue"`
	StateChangeTime stamp  `json:"StateChangeTime"`
	Trigger         struct {
		MetricName        string        `json:"MetricName"`
		Namespace         string        `json:"Namespace"`
		Dimensions        dimensions    `json:"Dimensions"`
		Statistic         string        `json:"Statistic"`
		ExtendedStatistic string        `json:"ExtendedStatistic"`
		Period            float64       `json:"Period"`
		Metrics           []metricQuery `json:"Metrics"`
	} `json:"Trigger"`
	TriggeringChildren []childAlarm `json:"TriggeringChildren"`
	AlarmTags          tags         `json:"AlarmTags"`
}

// fromRecords reads a batch of records, which are all of one service. Messages of
// SNS that are no alarms are passed over; a batch without an alarm is Unknown.
func fromRecords(raw json.RawMessage) (Event, *Error) {
	var records []record
	if err := json.Unmarshal(raw, &records); err != nil {
		return Event{}, refuse("Records", "", explain("Records", err).Error())
	}
	if len(records) > 0 && records[0].EventSource == sourceSQS {
		return fromQueue(raw)
	}
	ev := Event{Kind: Unknown}
	for i, r := range records {
		if i == 0 {
			ev.describe(r)
		}
		if r.EventSource != sourceSNS {
			continue
		}
		a, ok, err := readSNSAlarm(r.SNS.Message)
		if err != nil {
			return Event{}, refuse("aws:sns alarm", r.SNS.MessageID, fmt.Sprintf("Records[%d].Sns.Message: %s", i, err))
		}
		if !ok {
			continue
		}
		if ev.Kind == Unknown {
			// The event is named after the first alarm of the batch.
			ev.describe(r)
			ev.Kind = Alarm
			ev.Account = firstOf(a.AWSAccountID, ev.Account)
			if n, ok := parseARN(a.AlarmARN); ok {
				ev.Region = n.region
			}
		}
		ev.Alarms = append(ev.Alarms, a.change(r))
	}
	ev.bound()
	return ev, nil
}

// describe fills what the record itself says. The topic's ARN gives account and
// region where the message does not.
func (ev *Event) describe(r record) {
	ev.Source = r.EventSource
	if r.EventSource != sourceSNS {
		return
	}
	ev.Via, ev.ID, ev.Time = ViaSNS, r.SNS.MessageID, r.SNS.Timestamp.utc()
	if n, ok := parseARN(r.SNS.TopicARN); ok {
		ev.Account, ev.Region = n.account, n.region
	}
}

// readSNSAlarm reads a message. It is an alarm if it is an object with the two
// fields that every alarm has; people publish anything to a topic, so whatever
// else it is, is no error.
func readSNSAlarm(message string) (a snsAlarm, ok bool, err error) {
	if !isSNSAlarm(message) {
		return snsAlarm{}, false, nil
	}
	if err := json.Unmarshal([]byte(message), &a); err != nil {
		return snsAlarm{}, false, explain("", err)
	}
	if err := checkAlarmName("AlarmName", a.AlarmName); err != nil {
		return snsAlarm{}, false, err
	}
	return a, true, nil
}

func isSNSAlarm(message string) bool {
	doc, err := object([]byte(message))
	return err == nil && has(doc, "AlarmName") && has(doc, "NewStateValue")
}

// change gives the alarm as a hint. SNS hears of a composite alarm only when
// its actions are not suppressed, and nothing of the evaluation state.
func (a snsAlarm) change(r record) AlarmChange {
	c := AlarmChange{
		Name:     a.AlarmName,
		State:    AlarmState(clip(a.NewStateValue, MaxText)),
		Previous: AlarmState(clip(a.OldStateValue, MaxText)),
		At:       a.StateChangeTime.utc(),
		Metrics:  metricsOf(a.Trigger.Metrics),
		Children: childARNs(a.TriggeringChildren),
		Tags:     a.AlarmTags,
	}
	if isAlarmARN(a.AlarmARN) {
		c.ARN = a.AlarmARN
	}
	if c.At.IsZero() {
		c.At = r.SNS.Timestamp.utc()
	}
	t := a.Trigger
	if m, ok := metric(t.Namespace, t.MetricName, t.Dimensions, firstOf(t.Statistic, t.ExtendedStatistic), t.Period); ok {
		c.Metrics = append(c.Metrics, m)
	}
	return c
}
