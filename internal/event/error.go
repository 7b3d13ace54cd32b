package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Error is the one error of Decode: it names the document as well as could be
// read and says what is wrong with it.
type Error struct {
	// Kind is what the document says it is: "aws.ecs ECS Service Action" for an
	// event, "evaluate" for a manual payload. Empty where that could not be read.
	Kind string
	// ID is the event id, the SNS message id or the alarm's ARN, empty where there
	// is none.
	ID string
	// Problem names the field, its value and the remedy.
	Problem string
}

// Error gives the whole message on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("decode event")
	if e.Kind != "" {
		fmt.Fprintf(&b, " %q", e.Kind)
	}
	if e.ID != "" {
		fmt.Fprintf(&b, " with id %q", e.ID)
	}
	return b.String() + ": " + e.Problem
}

// refuse makes the error of a document whose kind and id are known. Both are
// cut, since whoever sent the document chose them.
func refuse(kind, id, problem string) *Error {
	return &Error{Kind: clip(kind, 128), ID: clip(id, 128), Problem: problem}
}

// refuseUnread makes the error of a document that was refused before it was
// decoded. Its kind and id are looked for in what can be read of it.
func refuseUnread(raw []byte, problem string) *Error {
	kind, id := glimpse(raw)
	return refuse(kind, id, problem)
}

// glimpse reads kind and id from the top of a document that may break off, be
// too large or nest too deeply. EventBridge writes both before the detail, so
// 64 KiB is ample.
func glimpse(raw []byte) (kind, id string) {
	seen := map[string]string{}
	eachMember(raw[:min(len(raw), 64<<10)], func(name string, value json.RawMessage) {
		var text string
		if json.Unmarshal(value, &text) == nil {
			seen[name] = text
		}
	})
	return firstOf(title(seen["source"], seen["detail-type"]), seen["kind"]), firstOf(seen["id"], seen["alarmArn"])
}

// title names an event by what identifies its shape.
func title(source, detailType string) string { return strings.TrimSpace(source + " " + detailType) }

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// explain puts an error of encoding/json in the words of the sender: the path
// of the field, what it is and what it must be. Where is the path of the
// document that was read, empty for the whole.
func explain(where string, err error) error {
	if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		path := strings.Trim(where+"."+wrongType.Field, ".")
		if path == "" {
			path = "the document"
		}
		return fmt.Errorf("%s is a JSON %s; it must be %s", clip(path, 256), clip(wrongType.Value, 64), jsonWord(wrongType.Type))
	}
	subject := where
	if subject == "" {
		subject = "the document"
	}
	return fmt.Errorf("%s is not valid JSON: %w", subject, err)
}

// jsonWord names the JSON type that a Go type is read from.
func jsonWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a number"
	}
}
