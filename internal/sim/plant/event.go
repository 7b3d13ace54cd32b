package plant

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// awsStamp is how CloudWatch writes a time inside its events: not RFC 3339.
const awsStamp = "2006-01-02T15:04:05.000-0700"

// idSource draws names as AWS draws them.
type idSource struct{ rng *rand.Rand }

func (s idSource) hex(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("0123456789abcdef"[s.rng.IntN(16)])
	}
	return b.String()
}

func (s idSource) uuid() string {
	return s.hex(8) + "-" + s.hex(4) + "-4" + s.hex(3) + "-8" + s.hex(3) + "-" + s.hex(12)
}

// envelope is the frame of an EventBridge event.
type envelope struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	Detail     any      `json:"detail"`
}

func (e envelope) bytes(at time.Time) []byte {
	e.Version, e.Account, e.Region, e.Time = "0", Account, Region, at.UTC().Format(time.RFC3339)
	return encode(e)
}

// encode writes a document of this file. They hold strings and finite numbers
// only, which always encode; anything else would be an empty event, refused by
// the decoder.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

// Tick gives the bytes of the schedule's event, as an EventBridge rule sends it.
func Tick(at time.Time, id string) []byte {
	return envelope{
		ID: id, DetailType: "Scheduled Event", Source: "aws.events",
		Resources: []string{arn("events", "rule/trimtab-tick")}, Detail: struct{}{},
	}.bytes(at)
}

type alarmMetric struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Dimensions map[string]string `json:"dimensions"`
}

type alarmMetricStat struct {
	Metric alarmMetric `json:"metric"`
	Period int         `json:"period"`
	Stat   string      `json:"stat"`
}

type alarmQuery struct {
	ID         string          `json:"id"`
	MetricStat alarmMetricStat `json:"metricStat"`
	ReturnData bool            `json:"returnData"`
}

type alarmSide struct {
	Value      string `json:"value"`
	Reason     string `json:"reason"`
	ReasonData string `json:"reasonData,omitempty"`
	Timestamp  string `json:"timestamp"`
}

type alarmData struct {
	AlarmName     string    `json:"alarmName"`
	State         alarmSide `json:"state"`
	PreviousState alarmSide `json:"previousState"`
	Configuration struct {
		Description string       `json:"description"`
		Metrics     []alarmQuery `json:"metrics"`
	} `json:"configuration"`
}

// EventBridge gives the bytes of the transition as EventBridge delivers it.
func (c Change) EventBridge() []byte {
	return envelope{
		ID: c.ID, DetailType: "CloudWatch Alarm State Change", Source: "aws.cloudwatch",
		Resources: []string{c.arn()}, Detail: c.data(),
	}.bytes(c.At)
}

// Direct gives the bytes of the transition as an alarm that invokes a Lambda
// function itself passes them.
func (c Change) Direct() []byte {
	return encode(struct {
		Source    string    `json:"source"`
		AlarmARN  string    `json:"alarmArn"`
		AccountID string    `json:"accountId"`
		Time      string    `json:"time"`
		Region    string    `json:"region"`
		AlarmData alarmData `json:"alarmData"`
	}{"aws.cloudwatch", c.arn(), Account, c.At.UTC().Format(awsStamp), Region, c.data()})
}

func (c Change) arn() string { return arn("cloudwatch", "alarm:"+c.Alarm.Name) }

func (c Change) data() alarmData {
	var d alarmData
	d.AlarmName = c.Alarm.Name
	d.State = alarmSide{Value: string(c.To), Reason: c.reason(), ReasonData: c.reasonData(), Timestamp: c.At.UTC().Format(awsStamp)}
	d.PreviousState = alarmSide{Value: string(c.From), Reason: "Unchecked: Initial alarm creation", Timestamp: c.Since.UTC().Format(awsStamp)}
	d.Configuration.Description = "Wakes Trimtab for " + string(c.Alarm.Service) + "."
	watched, dimensions := c.Alarm.watched(c.Cluster), map[string]string{}
	for _, v := range watched.Dimensions {
		dimensions[v.Name] = v.Value
	}
	d.Configuration.Metrics = []alarmQuery{{ID: "m1", ReturnData: true, MetricStat: alarmMetricStat{
		Metric: alarmMetric{Namespace: watched.Namespace, Name: watched.Name, Dimensions: dimensions},
		Period: c.Alarm.seconds(), Stat: watched.Statistic,
	}}}
	return d
}

func (c Change) reason() string {
	if len(c.Points) == 0 {
		return "Insufficient Data: no datapoints were received"
	}
	side := "greater"
	if c.Alarm.Below {
		side = "less"
	}
	return fmt.Sprintf("Threshold Crossed: of the last %d datapoints (newest %.1f) at least %d had to be %s than the threshold (%.1f)",
		c.Alarm.Periods, float64(c.Points[len(c.Points)-1].Value), c.Alarm.Breaching, side, c.Alarm.Threshold)
}

// reasonData is a JSON document inside a string, as CloudWatch sends it.
func (c Change) reasonData() string {
	type evaluated struct {
		Timestamp   string       `json:"timestamp"`
		SampleCount signal.Value `json:"sampleCount"`
		Value       signal.Value `json:"value"`
	}
	d := struct {
		Version    string         `json:"version"`
		QueryDate  string         `json:"queryDate"`
		StartDate  string         `json:"startDate,omitempty"`
		Statistic  string         `json:"statistic"`
		Period     int            `json:"period"`
		Recent     []signal.Value `json:"recentDatapoints"`
		Threshold  float64        `json:"threshold"`
		Datapoints []evaluated    `json:"evaluatedDatapoints,omitempty"`
	}{Version: "1.0", QueryDate: c.At.UTC().Format(awsStamp), Statistic: c.Alarm.watched(c.Cluster).Statistic, Period: c.Alarm.seconds(), Recent: []signal.Value{}, Threshold: c.Alarm.Threshold}
	for i, p := range c.Points {
		if i == 0 {
			d.StartDate = p.Start.UTC().Format(awsStamp)
		}
		d.Recent = append(d.Recent, p.Value)
		d.Datapoints = append(d.Datapoints, evaluated{p.Start.UTC().Format(awsStamp), p.Samples, p.Value})
	}
	return string(encode(d))
}

func arn(service, resource string) string {
	return "arn:aws:" + service + ":" + Region + ":" + Account + ":" + resource
}

// emit hands an event out once the plant is unlocked, at the same instant.
func (p *Plant) emit(raw []byte) {
	p.clock.After(0, sim.Events, func() { p.opt.Emit(raw) })
}

func (p *Plant) emitDeployment(s *service, name string) {
	now := p.clock.Now()
	id := fmt.Sprintf("ecs-svc/%019d", s.revision)
	p.emit(envelope{
		ID: p.ids.uuid(), DetailType: "ECS Deployment State Change", Source: "aws.ecs",
		Resources: []string{p.serviceARN(s)}, Detail: map[string]string{
			"eventType": "INFO", "eventName": name, "deploymentId": id,
			"updatedAt": now.UTC().Format(time.RFC3339Nano), "reason": "ECS deployment " + id + " completed.",
		},
	}.bytes(now))
}

// emitAction sends an ECS service action of kind ERROR.
func (p *Plant) emitAction(s *service, name, reason string) {
	now := p.clock.Now()
	p.emit(envelope{
		ID: p.ids.uuid(), DetailType: "ECS Service Action", Source: "aws.ecs",
		Resources: []string{p.serviceARN(s)}, Detail: map[string]any{
			"eventType": "ERROR", "eventName": name, "clusterArn": arn("ecs", "cluster/"+string(p.opt.Cluster)),
			"reason": reason, "createdAt": now.UTC().Format(time.RFC3339Nano),
		},
	}.bytes(now))
}

func (p *Plant) serviceARN(s *service) string {
	return arn("ecs", "service/"+string(p.opt.Cluster)+"/"+string(s.cfg.Name))
}
