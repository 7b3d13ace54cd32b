package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as "90s", "15m", "1h30m" or "3d".
type Duration time.Duration

// What a duration and a percentage look like, as the document's JSON Schema says
// it too. Go reads more: a bare "0", ".5s", "0x1p-2%".
const (
	DurationPattern = `^-?([0-9]+d|([0-9]+d)?([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|ns))+)$`
	PercentPattern  = `^ *-?[0-9]+(\.[0-9]+)? *% *$`
)

var (
	durationText = regexp.MustCompile(DurationPattern)
	percentText  = regexp.MustCompile(PercentPattern)
)

// MarshalJSON writes the duration in Go's form without zero parts.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// String gives the shortest usual form: 15m, not 15m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// UnmarshalJSON reads a duration with its unit; a bare number is refused,
// since it would leave the unit to guessing.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("duration %s has no unit: write it as \"60s\", \"15m\" or \"1h\"", b)
	}
	v, err := ParseDuration(s)
	if err != nil {
		return fmt.Errorf("duration %q %w: write it as \"60s\", \"15m\" or \"1h\"", cut(s, 64), err)
	}
	*d = Duration(v)
	return nil
}

var (
	errNoDuration = errors.New("is not understood")
	errTooLong    = errors.New("is out of range")
)

// ParseDuration reads a duration as Go writes it, with whole days before the rest:
// 250ms, 90m, 3d, 1d12h. After days there is less than one more day.
func ParseDuration(text string) (time.Duration, error) {
	if !durationText.MatchString(text) {
		return 0, errNoDuration
	}
	days, rest, split := strings.Cut(strings.TrimPrefix(text, "-"), "d")
	if !split {
		d, err := time.ParseDuration(text)
		if err != nil { // its form is right
			return 0, errTooLong
		}
		return d, nil
	}
	n, err := strconv.ParseUint(days, 10, 16) // 65,535 days fit in a duration
	if err != nil {
		return 0, errTooLong
	}
	d := time.Duration(n) * day
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more >= day {
			return 0, errNoDuration
		}
		d += more
	}
	if text[0] == '-' {
		d = -d
	}
	return d, nil
}

// Percent is a ratio written as "5%"; 0.05 is read too.
type Percent float64

// MarshalJSON writes the ratio in percent.
func (p Percent) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// String gives "5%".
func (p Percent) String() string {
	// Rounded to 1e-9 %: 0.07*100 is 7.000000000000001 in binary.
	return strconv.FormatFloat(math.Round(float64(p)*1e11)/1e9, 'f', -1, 64) + "%"
}

// UnmarshalJSON reads "5%" or the ratio 0.05. A bare number above 1 is
// refused: 5 could mean 5 % or 500 %.
func (p *Percent) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		v, err := strconv.ParseFloat(strings.Trim(s, " %"), 64)
		if err != nil || !percentText.MatchString(s) {
			return fmt.Errorf("percentage %q is not understood: write it as \"5%%\"", s)
		}
		*p = Percent(v / 100)
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("percentage %s is not understood: write it as \"5%%\"", b)
	}
	if f > 1 {
		return fmt.Errorf("percentage %v is ambiguous: write it as \"%v%%\"", f, f)
	}
	*p = Percent(f)
	return nil
}

// MarshalJSON writes "hold" or {"atLeast": N}.
func (o OnMissing) MarshalJSON() ([]byte, error) {
	if o.AtLeast == 0 {
		return []byte(`"hold"`), nil
	}
	return json.Marshal(map[string]int{"atLeast": o.AtLeast})
}

// UnmarshalJSON reads "hold" or {"atLeast": N}.
func (o *OnMissing) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		if s != "hold" {
			return fmt.Errorf("onMissingData %q is not known: write hold or {atLeast: N}", s)
		}
		*o = OnMissing{}
		return nil
	}
	var v map[string]json.Number
	if err := json.Unmarshal(b, &v); err != nil || len(v) != 1 || v["atLeast"] == "" {
		return fmt.Errorf("onMissingData %s is not understood: write hold or {atLeast: N}", b)
	}
	n, err := strconv.Atoi(v["atLeast"].String())
	if err != nil || n < 1 {
		return fmt.Errorf("onMissingData.atLeast %s must be a whole number of tasks, at least 1", v["atLeast"])
	}
	*o = OnMissing{AtLeast: n}
	return nil
}

// IsZero tells whether the value is the default, hold.
func (o OnMissing) IsZero() bool { return o.AtLeast == 0 }

var errNotOne = errors.New("exactly one must be set")

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
