package event_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/event"
)

// TestRequestFields walks over the edges of every field of a request.
func TestRequestFields(t *testing.T) {
	t.Parallel()
	group := event.Request{Target: fleet.GroupOf("prod", "prod/m7g"), Override: spec.Pause, For: time.Hour, Why: "w", By: "b"}
	ends := event.Request{Target: checkout.Target(), Override: spec.Pause, Until: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Why: "w", By: "b"}
	held := event.Request{Target: checkout.Target(), Override: spec.HoldAt, For: time.Hour, Why: "w", By: "b"}
	most := held
	most.Count = spec.MaxTasks
	groupHeld := event.Request{Target: fleet.GroupOf("prod", "m7g"), Override: spec.HoldAt, Count: 2, For: time.Hour, Why: "w", By: "b"}
	groupKept := event.Request{Target: fleet.GroupOf("prod", "m7g"), Override: spec.SuspendIn, For: time.Hour, Why: "w", By: "b"}
	groupMost := groupHeld
	groupMost.Override, groupMost.Count = spec.MaxAt, spec.MaxInstances
	const service = `"cluster":"prod","service":"checkout"`
	for name, c := range map[string]struct {
		doc     string
		want    *event.Request
		problem string
	}{
		"a group":               {`"kind":"pause","cluster":"prod","group":"prod/m7g","for":"1h","why":"w","by":"b"`, &group, ""},
		"until, with a zone":    {`"kind":"pause",` + service + `,"until":"2026-11-23T13:00:00+01:00","why":"w","by":"b"`, &ends, ""},
		"hold at none":          {`"kind":"hold",` + service + `,"count":0,"for":"60m","why":"w","by":"b"`, &held, ""},
		"hold at the quota":     {`"kind":"hold",` + service + `,"count":5000,"for":"60m","why":"w","by":"b"`, &most, ""},
		"count above the quota": {`"kind":"hold",` + service + `,"count":5001,"for":"60m","why":"w","by":"b"`, nil, `field "count" is 5001; it must be a whole number of tasks from 0 to 5000`},
		"count below none":      {`"kind":"hold",` + service + `,"count":-1,"for":"60m","why":"w","by":"b"`, nil, `field "count" is -1; it must be a whole`},
		"count with a point":    {`"kind":"hold",` + service + `,"count":2.0,"for":"60m","why":"w","by":"b"`, nil, `field "count" is 2.0; it must be a whole`},
		"count of no number":    {`"kind":"hold",` + service + `,"count":null,"for":"60m","why":"w","by":"b"`, nil, `field "count" is null; it must be a whole`},
		"count of a pause":      {`"kind":"pause",` + service + `,"count":2,"for":"60m","why":"w","by":"b"`, nil, `field "count" is unknown; the fields of pause are`},
		"hold of a group":       {`"kind":"hold","cluster":"prod","group":"m7g","count":2,"for":"60m","why":"w","by":"b"`, &groupHeld, ""},
		"most of a group":       {`"kind":"max","cluster":"prod","group":"m7g","count":5000,"for":"60m","why":"w","by":"b"`, &groupMost, ""},
		"suspendIn of a group":  {`"kind":"suspendIn","cluster":"prod","group":"m7g","for":"60m","why":"w","by":"b"`, &groupKept, ""},
		"too many instances":    {`"kind":"min","cluster":"prod","group":"m7g","count":5001,"for":"60m","why":"w","by":"b"`, nil, `field "count" is 5001; it must be a whole number of instances from 0 to 5000`},
		"hold of nothing":       {`"kind":"hold","cluster":"prod","count":2,"for":"60m","why":"w","by":"b"`, nil, `field "service" or "group" is missing; give the name of one`},
		"group without count":   {`"kind":"hold","cluster":"prod","group":"m7g","for":"60m","why":"w","by":"b"`, nil, `field "count" is missing; the fields of hold are kind, cluster, service, group, count, for`},
		"both":                  {`"kind":"pause",` + service + `,"group":"m7g","for":"1h","why":"w","by":"b"`, nil, `fields "service" and "group" exclude each other; give one`},
		"neither":               {`"kind":"pause","cluster":"prod","for":"1h","why":"w","by":"b"`, nil, `field "service" or "group" is missing; give the name of one`},
		"group by its ARN":      {`"kind":"pause","cluster":"prod","group":"arn:aws:autoscaling:x","for":"1h","why":"w","by":"b"`, nil, `field "group" is "arn:aws:autoscaling:x", no name of an Auto Scaling group; give its name, not its ARN`},
		"group of no text":      {`"kind":"pause","cluster":"prod","group":7,"for":"1h","why":"w","by":"b"`, nil, `field "group" is 7; it must be the name of the group as a string`},
		"two ends":              {`"kind":"pause",` + service + `,"for":"1h","until":"2026-11-23T12:00:00Z","why":"w","by":"b"`, nil, `fields "for" and "until" exclude each other; give one`},
		"too short":             {`"kind":"pause",` + service + `,"for":"59s","why":"w","by":"b"`, nil, `field "for" is 59s; give 1m to 30d`},
		"too long":              {`"kind":"pause",` + service + `,"for":"31d","why":"w","by":"b"`, nil, `field "for" is 31d; give 1m to 30d`},
		"until without a zone":  {`"kind":"pause",` + service + `,"until":"2026-11-23T12:00:00","why":"w","by":"b"`, nil, `field "until" is "2026-11-23T12:00:00"; give a time with its zone`},
		"until of no text":      {`"kind":"pause",` + service + `,"until":1795867200,"why":"w","by":"b"`, nil, `field "until" is 1795867200; it must be a string`},
		"a long reason":         {`"kind":"pause",` + service + `,"for":"1h","why":"` + strings.Repeat("x", 501) + `","by":"b"`, nil, `field "why" has 501 characters; give at most 500`},
		"two lines":             {`"kind":"pause",` + service + `,"for":"1h","why":"a\nb","by":"b"`, nil, `field "why" holds a control character`},
		"nobody":                {`"kind":"pause",` + service + `,"for":"1h","why":"w","by":" "`, nil, `field "by" is empty; name who does this`},
		"resume of what":        {`"kind":"resume",` + service + `,"only":"suspend-in","by":"b"`, nil, `field "only" is "suspend-in" (did you mean "suspendIn"?); it must be one of pause, suspendIn, suspendOut, hold, min, max, or left out`},
		"resume with an end":    {`"kind":"resume",` + service + `,"for":"1h","by":"b"`, nil, `field "for" is unknown; the fields of resume are`},
		"stop with an end":      {`"kind":"stop","cluster":"prod","for":"1h","why":"w","by":"b"`, nil, `field "for" is unknown; the fields of stop are kind, cluster, why, by, dryRun`},
		"stop without a reason": {`"kind":"stop","cluster":"prod","by":"b"`, nil, `field "why" is missing; the fields of stop are`},
		"stop of a service":     {`"kind":"stop",` + service + `,"why":"w","by":"b"`, nil, `field "service" is unknown; the fields of stop are`},
		"start by nobody":       {`"kind":"start","cluster":"prod"`, nil, `field "by" is missing; the fields of start are`},
		"cluster by its ARN":    {`"kind":"stop","cluster":"arn:aws:ecs:us-east-1:123456789012:cluster/prod","why":"w","by":"b"`, nil, `give the name "prod"`},
	} {
		ev, err := event.Decode([]byte("{" + c.doc + "}"))
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) || ev.Request != nil {
				t.Errorf("%s: %+v, %v; want %s", name, ev, err, c.problem)
			}
			continue
		}
		if diff := cmp.Diff(c.want, ev.Request); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// A request acts unless it says otherwise; an evaluation and a drain are dry unless
// they do, but undoing a drain acts.
func TestDryRunDefaults(t *testing.T) {
	t.Parallel()
	const service = `"cluster":"prod","service":"checkout"`
	for doc, byDefault := range map[string]bool{
		`"kind":"evaluate",` + service: true,
		`"kind":"tick"`:                true,
		`"kind":"pause",` + service + `,"for":"1h","why":"w","by":"b"`:                 false,
		`"kind":"hold",` + service + `,"count":2,"for":"1h","why":"w","by":"b"`:        false,
		`"kind":"resume",` + service + `,"by":"b"`:                                     false,
		`"kind":"stop","cluster":"prod","why":"w","by":"b"`:                            false,
		`"kind":"start","cluster":"prod","by":"b"`:                                     false,
		`"kind":"drain","cluster":"prod","instance":"i-0a1b2c3d","why":"w","by":"b"`:   true,
		`"kind":"drain","cluster":"prod","instance":"i-0a1b2c3d","undo":true,"by":"b"`: false,
	} {
		for said, want := range map[string]bool{"": byDefault, `,"dryRun":true`: true, `,"dryRun":false`: false} {
			raw := fmt.Sprintf("{%s%s}", doc, said)
			ev, err := event.Decode([]byte(raw))
			if err != nil || ev.DryRun != want {
				t.Errorf("%s: dry run %t (%v), want %t", raw, ev.DryRun, err, want)
			}
		}
	}
}

func TestRequestEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	if got := (event.Request{For: 2 * time.Hour}).Ends(now); !got.Equal(now.Add(2 * time.Hour)) {
		t.Errorf("for 2h ends %s", got)
	}
	if got := (event.Request{Until: now.Add(time.Hour)}).Ends(now); !got.Equal(now.Add(time.Hour)) {
		t.Errorf("until 11:00 ends %s", got)
	}
}
