package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// alarmDetail is an alarm as EventBridge (detail) and the direct alarm action
// (alarmData) describe it.
type alarmDetail struct {
	AlarmName     string     `json:"alarmName"`
	State         alarmState `json:"state"`
	PreviousState alarmState `json:"previousState"`
	Configuration struct {
		Metrics []metricQuery `json:"metrics"`
	} `json:"configuration"`
	AlarmTags tags `json:"alarmTags"`
}

// alarmState is one side of a state change.
type alarmState struct {
	Value               string `json:"value"`
	ReasonData          string `json:"reasonData"` // a JSON document in a string, absent on first creation
	Timestamp           stamp  `json:"timestamp"`
	EvaluationState     string `json:"evaluationState"`
	ActionsSuppressedBy string `json:"actionsSuppressedBy"`
}

// metricQuery is one entry of an alarm's metrics. An expression has no
// metricStat. EventBridge calls the metric's name "name", SNS "MetricName"; for
// the rest the two differ in case only, which encoding/json does not mind.
type metricQuery struct {
	MetricStat *struct {
		Metric struct {
			Namespace  string     `json:"namespace"`
			Name       string     `json:"name"`
			MetricName string     `json:"metricName"`
			Dimensions dimensions `json:"dimensions"`
		} `json:"metric"`
		Period float64 `json:"period"` // seconds
		Stat   string  `json:"stat"`
	} `json:"metricStat"`
}

// alarmFromDetail reads CloudWatch Alarm State Change.
func alarmFromDetail(env envelope, ev *Event) error {
	var d alarmDetail
	if err := readDetail(env.detail, &d); err != nil {
		return err
	}
	change, err := d.change("detail")
	if err != nil {
		return err
	}
	for _, r := range env.resources {
		if isAlarmARN(r) {
			change.ARN = r
			break
		}
	}
	if change.At.IsZero() {
		change.At = ev.Time
	}
	ev.Alarms = []AlarmChange{change}
	return nil
}

// fromAlarmAction reads the payload of an alarm that invokes the function
// itself.
func fromAlarmAction(top map[string]json.RawMessage) (Event, *Error) {
	ev := Event{Kind: Unknown, Via: ViaAlarmAction}
	var alarmARN string
	var at stamp
	err := read(top, member{"source", &ev.Source}, member{"alarmArn", &alarmARN}, member{"accountId", &ev.Account}, member{"region", &ev.Region}, member{"time", &at})
	ev.Time = at.utc()
	if err == nil && ev.Source == "aws.cloudwatch" {
		ev.Kind = Alarm
		err = alarmFromData(top, alarmARN, &ev)
	}
	if err != nil {
		return Event{}, refuse(title(ev.Source, "alarm action"), alarmARN, err.Error())
	}
	ev.bound()
	return ev, nil
}

func alarmFromData(top map[string]json.RawMessage, alarmARN string, ev *Event) error {
	var d alarmDetail
	if err := read(top, member{"alarmData", &d}); err != nil {
		return err
	}
	change, err := d.change("alarmData")
	if err != nil {
		return err
	}
	if isAlarmARN(alarmARN) {
		change.ARN = alarmARN
	}
	if change.At.IsZero() {
		change.At = ev.Time
	}
	ev.Alarms = []AlarmChange{change}
	return nil
}

// change gives the alarm as a hint. Only its name is required; where is the
// path of the detail, for the error.
func (d alarmDetail) change(where string) (AlarmChange, error) {
	if err := checkAlarmName(where+".alarmName", d.AlarmName); err != nil {
		return AlarmChange{}, err
	}
	return AlarmChange{
		Name:            d.AlarmName,
		State:           AlarmState(clip(d.State.Value, MaxText)),
		Previous:        AlarmState(clip(d.PreviousState.Value, MaxText)),
		EvaluationState: clip(d.State.EvaluationState, MaxText),
		SuppressedBy:    clip(d.State.ActionsSuppressedBy, MaxText),
		At:              d.State.Timestamp.utc(),
		Metrics:         metricsOf(d.Configuration.Metrics),
		Children:        childrenOf(d.State.ReasonData),
		Tags:            d.AlarmTags,
	}, nil
}

func checkAlarmName(field, name string) error {
	switch {
	case name == "":
		return errors.New(field + " is missing; it must name the alarm")
	case !isAlarmName(name):
		return fmt.Errorf("%s %q is no alarm name; it must be 1 to 255 characters without control characters", field, clip(name, 64))
	}
	return nil
}

func isAlarmARN(text string) bool {
	a, ok := parseARN(text)
	return ok && a.service == "cloudwatch" && strings.HasPrefix(a.resource, "alarm:")
}

// childrenOf gives the alarms that made a composite alarm change. reasonData
// that is no such document is worth no error: children are one hint of several.
func childrenOf(reasonData string) []string {
	var d struct {
		TriggeringAlarms []childAlarm `json:"triggeringAlarms"`
	}
	if json.Unmarshal([]byte(reasonData), &d) != nil {
		return nil
	}
	return childARNs(d.TriggeringAlarms)
}

// childAlarm is an alarm below a composite alarm.
type childAlarm struct {
	ARN string `json:"arn"`
}

func childARNs(children []childAlarm) []string {
	var arns []string
	for _, c := range children {
		if isAlarmARN(c.ARN) {
			arns = append(arns, c.ARN)
		}
	}
	return arns
}

// metricsOf gives the metrics that an alarm reads. Expressions, such as
// SUM(METRICS()) or an anomaly detection band, name no metric of their own.
func metricsOf(queries []metricQuery) []signal.Metric {
	var metrics []signal.Metric
	for _, q := range queries {
		if q.MetricStat == nil {
			continue
		}
		m := q.MetricStat.Metric
		if v, ok := metric(m.Namespace, firstOf(m.Name, m.MetricName), m.Dimensions, q.MetricStat.Stat, q.MetricStat.Period); ok {
			metrics = append(metrics, v)
		}
	}
	return metrics
}

// metric makes a metric of what an alarm says, with its dimensions sorted. It
// refuses what CloudWatch cannot have sent: no name, or a name, a value or a
// list longer than CloudWatch stores.
func metric(namespace, name string, dims dimensions, statistic string, seconds float64) (signal.Metric, bool) {
	if name == "" || len(name) > 255 || len(namespace) > 255 || len(statistic) > 64 || len(dims) > 30 {
		return signal.Metric{}, false
	}
	for _, d := range dims {
		if d.Name == "" || len(d.Name) > 255 || len(d.Value) > 1024 {
			return signal.Metric{}, false
		}
	}
	sorted := slices.Clone([]signal.Dimension(dims))
	slices.SortFunc(sorted, func(a, b signal.Dimension) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	m := signal.Metric{Namespace: namespace, Name: name, Dimensions: sorted, Statistic: canonicalStatistic(statistic)}
	const week = 7 * 24 * 60 * 60 // the longest window of an alarm, and so the longest period
	if seconds > 0 && seconds <= week {
		m.Period = time.Duration(seconds * float64(time.Second))
	}
	return m, true
}

// canonicalStatistic gives CloudWatch's spelling: SNS writes AVERAGE and
// SAMPLE_COUNT where every other shape writes Average and SampleCount.
func canonicalStatistic(s string) string {
	plain := strings.ReplaceAll(s, "_", "")
	for _, known := range []string{"Average", "Sum", "SampleCount", "Minimum", "Maximum"} {
		if strings.EqualFold(plain, known) {
			return known
		}
	}
	return s
}

// tags are the alarm's tags. AWS documents an object for EventBridge; no sample
// of the SNS form has been seen, so the list form of AWS's tag APIs is read too,
// and any other shape is no tags rather than an error.
type tags map[string]string

// UnmarshalJSON reads an object, or an array of Key and Value.
func (t *tags) UnmarshalJSON(raw []byte) error {
	pairs := tagPairs(raw)
	// AWS allows keys of 128 and values of 256 characters of at most four bytes.
	for k, v := range pairs {
		if k == "" || len(k) > 4*128 || len(v) > 4*256 {
			delete(pairs, k)
		}
	}
	if len(pairs) > 0 {
		*t = pairs
	}
	return nil
}

// tagPairs gives the tags of either form, nil if it is neither.
func tagPairs(raw []byte) map[string]string {
	var pairs map[string]string
	if json.Unmarshal(raw, &pairs) == nil {
		return pairs
	}
	var list []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	pairs = make(map[string]string, len(list))
	for _, p := range list {
		pairs[p.Key] = p.Value
	}
	return pairs
}
