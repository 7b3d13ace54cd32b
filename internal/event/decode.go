package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// Limits of a document. Lambda hands over at most 1 MB asynchronously, and no
// event of AWS nests deeper than a dozen levels.
const (
	MaxBytes = 1 << 20
	MaxDepth = 64
	// MaxText is the length in bytes at which free text of an event is cut; a name
	// or ARN that is longer is no name and is left out or refused.
	MaxText = 2048
)

// envelope is what is read of an EventBridge event beside the fields that go
// into Event as they are.
type envelope struct {
	resources []string
	detail    json.RawMessage
}

// routeKey is what identifies the shape of an EventBridge event.
type routeKey struct{ source, detailType string }

// route says how the detail of one shape is read into an event of a kind. Where
// the detail shows that it is not for us, the event is made Unknown.
type route struct {
	kind   Kind
	via    Via
	detail func(envelope, *Event) error
}

// routes holds every EventBridge shape that is more than a counted no-op. Keys
// match exactly: "CloudWatch Alarm Configuration Change" shares its source with
// the state change and means something else.
var routes = map[routeKey]route{
	{"aws.cloudwatch", "CloudWatch Alarm State Change"}: {Alarm, ViaEventBridge, alarmFromDetail},
	{"aws.ecs", "ECS Service Action"}:                   {ServiceAction, ViaEventBridge, serviceFromDetail},
	{"aws.ecs", "ECS Deployment State Change"}:          {Deployment, ViaEventBridge, serviceFromDetail},
	{"aws.ecs", "ECS Task State Change"}:                {TaskChange, ViaEventBridge, taskFromDetail},
	{"aws.ecs", "ECS Container Instance State Change"}:  {HostChange, ViaEventBridge, hostFromDetail},

	{"aws.autoscaling", "EC2 Instance-terminate Lifecycle Action"}: {Lifecycle, ViaEventBridge, lifecycleFromDetail},
	{"aws.autoscaling", "EC2 Instance Launch Successful"}:          {Launch, ViaEventBridge, activityFromDetail},
	{"aws.autoscaling", "EC2 Instance Launch Unsuccessful"}:        {Launch, ViaEventBridge, failureFromDetail},
	{"aws.autoscaling", "EC2 Instance Terminate Successful"}:       {Termination, ViaEventBridge, activityFromDetail},
	{"aws.autoscaling", "EC2 Instance Terminate Unsuccessful"}:     {Termination, ViaEventBridge, failureFromDetail},

	{"aws.ec2", "EC2 Spot Instance Interruption Warning"}: {Spot, ViaEventBridge, instanceFromDetail},
	{"aws.ec2", "EC2 Instance Rebalance Recommendation"}:  {Rebalance, ViaEventBridge, instanceFromDetail},
	{"aws.ec2", "EC2 Instance State-change Notification"}: {InstanceState, ViaEventBridge, instanceFromDetail},

	{"aws.events", "Scheduled Event"}:    {Tick, ViaEventBridge, tickFromDetail},
	{"aws.scheduler", "Scheduled Event"}: {Tick, ViaScheduler, tickFromDetail},
}

// Decode reads one invocation payload. The shape of the document decides how:
// Records is SNS or SQS, alarmData is a direct alarm action, source or
// detail-type is EventBridge, and only what has none of them is a manual payload.
// A manual payload inside an envelope is therefore never one.
//
// The error is always an *Error, and the Event beside it is zero. An event that
// is well formed but not for us is no error: its Kind is Unknown.
func Decode(raw []byte) (Event, error) {
	top, err := object(raw)
	if err != nil {
		return Event{}, refuseUnread(raw, err.Error())
	}
	var ev Event
	var refused *Error
	switch {
	case has(top, "Records"):
		ev, refused = fromRecords(top["Records"])
	case has(top, "alarmData"):
		ev, refused = fromAlarmAction(top)
	case has(top, "source"), has(top, "detail-type"):
		ev, refused = fromEnvelope(top)
	default:
		ev, refused = fromManual(raw)
	}
	if refused != nil {
		return Event{}, refused
	}
	return ev, nil
}

// fromEnvelope reads an EventBridge event.
func fromEnvelope(top map[string]json.RawMessage) (Event, *Error) {
	ev := Event{Kind: Unknown, Via: ViaEventBridge}
	env := envelope{detail: top["detail"]}
	var at stamp
	err := read(top,
		member{"source", &ev.Source}, member{"detail-type", &ev.DetailType}, member{"id", &ev.ID}, member{"account", &ev.Account},
		member{"time", &at}, member{"region", &ev.Region}, member{"resources", &env.resources})
	if err != nil {
		return Event{}, refuse(title(ev.Source, ev.DetailType), ev.ID, err.Error())
	}
	ev.Time = at.utc()
	if r, ok := routes[routeKey{ev.Source, ev.DetailType}]; ok {
		ev.Kind, ev.Via = r.kind, r.via
		if err := r.detail(env, &ev); err != nil {
			return Event{}, refuse(title(ev.Source, ev.DetailType), ev.ID, err.Error())
		}
	}
	ev.bound()
	return ev, nil
}

// bound cuts the texts that the sender chose.
func (ev *Event) bound() {
	for _, text := range []*string{&ev.ID, &ev.MessageID, &ev.Account, &ev.Region, &ev.Source, &ev.DetailType, &ev.Name, &ev.Reason} {
		*text = clip(*text, MaxText)
	}
}

// member is one field of a document and where its value goes.
type member struct {
	name string
	into any
}

// read fills what is given of the members, exactly as spelled. It reads them
// all and gives the first error, so that what names the document is known.
func read(doc map[string]json.RawMessage, fields ...member) error {
	var first error
	for _, m := range fields {
		if raw, given := doc[m.name]; given {
			if text, ok := m.into.(*string); ok && plain(raw) {
				*text = string(raw[1 : len(raw)-1])
				continue
			}
			if err := json.Unmarshal(raw, m.into); err != nil && first == nil {
				first = explain(m.name, err)
			}
		}
	}
	return first
}

// plain tells whether a value of a document that has been read is a string in which every
// byte stands for itself: the texts of an envelope are, and there are six in each.
func plain(raw json.RawMessage) bool {
	if len(raw) < 2 || raw[0] != '"' {
		return false
	}
	for _, c := range raw[1 : len(raw)-1] {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// object checks that raw is one JSON object within the limits and gives its
// members. The limits come first: they cost one pass and no memory.
func object(raw []byte) (map[string]json.RawMessage, error) {
	if err := within(raw); err != nil {
		return nil, err
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, explain("", err)
	}
	if doc == nil {
		return nil, errors.New("the document is null; it must be an object")
	}
	return doc, nil
}

// eachMember visits the members of an object in their order, equal names and
// all. It stops where the document is no longer JSON.
func eachMember(raw []byte, visit func(name string, value json.RawMessage)) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return
	}
	for dec.More() {
		tok, err := dec.Token()
		name, isName := tok.(string)
		var value json.RawMessage
		if err != nil || !isName || dec.Decode(&value) != nil {
			return
		}
		visit(name, value)
	}
}

// within refuses a document that is too large or nests too deeply.
func within(raw []byte) error {
	if len(raw) > MaxBytes {
		return fmt.Errorf("the document is %d bytes long; the limit is %d", len(raw), MaxBytes)
	}
	if d := depth(raw); d > MaxDepth {
		return fmt.Errorf("the document nests %d levels deep; the limit is %d", d, MaxDepth)
	}
	return nil
}

// depth counts how deeply objects and arrays nest. It need not judge whether
// raw is JSON: it only has to be right where it is.
func depth(raw []byte) int {
	deepest, now := 0, 0
	inString, escaped := false, false
	for _, c := range raw {
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// readDetail reads the detail of an envelope. EventBridge Scheduler sends the
// detail as a string that holds the object, and a rule's input transformer can
// do the same for any kind, so one layer of string is taken off.
func readDetail(raw json.RawMessage, into any) error {
	if isAbsent(raw) {
		return errors.New("detail is missing; it must be an object")
	}
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return explain("detail", err)
		}
		raw = json.RawMessage(text)
		if _, err := object(raw); err != nil {
			return fmt.Errorf("detail is a string that holds no object: %w", err)
		}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return explain("detail", err)
	}
	return nil
}

func has(doc map[string]json.RawMessage, name string) bool {
	_, ok := doc[name]
	return ok
}

func isAbsent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// stamp is a time as AWS writes it. CloudWatch stamps "+0000", which RFC 3339
// and so encoding/json refuse. A text that is no time is left zero: the time of
// a hint is worth no error.
type stamp time.Time

// UnmarshalJSON reads a string, and null as no time.
func (s *stamp) UnmarshalJSON(raw []byte) error {
	var text string
	if plain(raw) {
		text = string(raw[1 : len(raw)-1])
	} else if err := json.Unmarshal(raw, &text); err != nil {
		return err // as it is: explain needs the type error to name the field
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			*s = stamp(t)
			return nil
		}
	}
	return nil
}

func (s stamp) utc() time.Time {
	if time.Time(s).IsZero() {
		return time.Time{}
	}
	return time.Time(s).UTC()
}

// dimensions are written as an object by EventBridge and by direct alarm
// actions, and as an array of name and value by SNS.
type dimensions []signal.Dimension

// UnmarshalJSON reads either form.
func (d *dimensions) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, (*[]signal.Dimension)(d)) // as it is, like stamp
	}
	var byName map[string]string
	if err := json.Unmarshal(raw, &byName); err != nil {
		return err
	}
	for name, value := range byName {
		*d = append(*d, signal.Dimension{Name: name, Value: value})
	}
	return nil
}
