package spec_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

var ten = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func wantError(t *testing.T, name string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v, want none", name, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: %v, want %q", name, err, want)
	}
}

func TestOverrideCheck(t *testing.T) {
	t.Parallel()
	good := spec.Override{Kind: spec.Pause, Until: ten.Add(2 * time.Hour), Why: "database migration", By: "ann"}
	for name, c := range map[string]struct {
		change func(*spec.Override)
		want   string
	}{
		"good":                {func(*spec.Override) {}, ""},
		"one minute":          {func(o *spec.Override) { o.Until = ten.Add(time.Minute) }, ""},
		"less than a minute":  {func(o *spec.Override) { o.Until = ten.Add(59 * time.Second) }, "until is 2026-11-23T10:00:59Z, 59s ahead; give a time 1m to 30d ahead"},
		"30 days":             {func(o *spec.Override) { o.Until = ten.Add(30 * 24 * time.Hour) }, ""},
		"30 days and a bit":   {func(o *spec.Override) { o.Until = ten.Add(30*24*time.Hour + time.Second) }, "30d1s ahead; give a time 1m to 30d ahead"},
		"past":                {func(o *spec.Override) { o.Until = ten.Add(-time.Hour) }, "until is 2026-11-23T09:00:00Z, which is past"},
		"no end":              {func(o *spec.Override) { o.Until = time.Time{} }, "until is missing; every override ends"},
		"no reason":           {func(o *spec.Override) { o.Why = "" }, "why is empty; give the reason"},
		"blank reason":        {func(o *spec.Override) { o.Why = " \u00a0 " }, "why is empty"},
		"longest reason":      {func(o *spec.Override) { o.Why = strings.Repeat("é", 500) }, ""},
		"reason too long":     {func(o *spec.Override) { o.Why = strings.Repeat("é", 501) }, "why has 501 characters; give at most 500"},
		"two lines":           {func(o *spec.Override) { o.Why = "a\nb" }, "why holds a control character"},
		"escape sequence":     {func(o *spec.Override) { o.Why = "\x1b[2J" }, "why holds a control character"},
		"no UTF-8":            {func(o *spec.Override) { o.Why = "a\xff" }, "why holds a control character"},
		"nobody":              {func(o *spec.Override) { o.By = "" }, "by is empty; name who does this"},
		"longest name":        {func(o *spec.Override) { o.By = strings.Repeat("a", 128) }, ""},
		"name too long":       {func(o *spec.Override) { o.By = strings.Repeat("a", 129) }, "by has 129 characters; give at most 128"},
		"unknown kind":        {func(o *spec.Override) { o.Kind = "stop" }, `override "stop" is not known; the known ones are [pause suspendIn suspendOut hold min max]`},
		"count without need":  {func(o *spec.Override) { o.Count = 3 }, "count is 3; pause takes none"},
		"count of a hold":     {func(o *spec.Override) { o.Kind, o.Count = spec.HoldAt, 3 }, ""},
		"several at once (1)": {func(o *spec.Override) { o.Why, o.By = "", "" }, "why is empty"},
		"several at once (2)": {func(o *spec.Override) { o.Why, o.By = "", "" }, "by is empty"},
	} {
		o := good
		c.change(&o)
		wantError(t, name, o.Check(ten), c.want)
	}
}

func TestParseLife(t *testing.T) {
	t.Parallel()
	const unit = "give a duration with its unit, as 90m, 2h or 3d"
	for text, c := range map[string]struct {
		want  time.Duration
		fault string
	}{
		"2h": {2 * time.Hour, ""}, "90m": {90 * time.Minute, ""}, "1h30m": {90 * time.Minute, ""},
		"60s": {time.Minute, ""}, "59s": {0, "is 59s; give 1m to 30d"},
		"3d": {72 * time.Hour, ""}, "1d12h": {36 * time.Hour, ""}, "30d": {720 * time.Hour, ""}, "720h": {720 * time.Hour, ""},
		"30d1s": {0, "is 30d1s; give 1m to 30d"}, "31d": {0, "is 31d; give 1m to 30d"}, "999999h": {0, "give 1m to 30d"}, "9999999h": {0, "which is out of range; give 1m to 30d"},
		"": {0, unit}, "2": {0, unit}, "d": {0, unit}, "-1d": {0, "is -24h; give 1m to 30d"}, "1d-1h": {0, unit}, "1d24h": {0, unit}, "1.5d": {0, unit},
		"0": {0, unit}, "0s": {0, "is 0s"}, "-2h": {0, "is -2h; give 1m to 30d"}, "two hours": {0, unit}, "1w": {0, unit}, "70000d": {0, "which is out of range"},
		strings.Repeat("9", 100): {0, `9..."; ` + unit},
	} {
		got, err := spec.ParseLife(text)
		wantError(t, text, err, c.fault)
		if c.fault == "" && got != c.want {
			t.Errorf("%q is %s, want %s", text, got, c.want)
		}
	}
}

// What is written is read back as the same.
func TestLifeWordsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		life := time.Duration(rapid.Int64Range(60, 30*24*3600).Draw(rt, "seconds")) * time.Second
		got, err := spec.ParseLife(spec.LifeWords(life))
		if err != nil || got != life {
			rt.Fatalf("%s is written %q and read as %s (%v)", life, spec.LifeWords(life), got, err)
		}
	})
}

func TestParseUntil(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-23T12:00:00Z": "", "2026-11-23T13:00:00+01:00": "",
		"2026-11-23T12:00:00": "give a time with its zone", "18:00": "give a time with its zone", "": `is ""`, "tomorrow": "give a time with its zone",
	} {
		got, err := spec.ParseUntil(text)
		wantError(t, text, err, want)
		if want == "" && (!got.Equal(ten.Add(2*time.Hour)) || got.Location() != time.UTC) {
			t.Errorf("%q is %s, want noon in UTC", text, got)
		}
	}
}
