package spec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of an override.
const (
	// MinOverride is the shortest life: less would pass between two ticks.
	MinOverride = time.Minute
	// MaxOverride is the longest life: what is meant to last longer belongs in the policy.
	MaxOverride = 30 * 24 * time.Hour
	// MaxWhy is the length of a reason, MaxBy that of a name, in characters.
	MaxWhy = 500
	MaxBy  = 128
)

const day = 24 * time.Hour

// OverrideKinds lists the kinds in the order in which they are told.
func OverrideKinds() []OverrideKind {
	return []OverrideKind{Pause, SuspendIn, SuspendOut, HoldAt, MinAt, MaxAt}
}

// Counted tells whether the kind has a count.
func (k OverrideKind) Counted() bool { return k == HoldAt || k == MinAt || k == MaxAt }

// String gives the kind with its count: pause, hold 20.
func (o Override) String() string {
	if o.Kind.Counted() {
		return string(o.Kind) + " " + strconv.Itoa(o.Count)
	}
	return string(o.Kind)
}

// Check tells everything that is wrong with an override that is set at now,
// whatever its target.
func (o Override) Check(now time.Time) error {
	var errs []error
	add := func(field string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %w", field, err))
		}
	}
	if !slices.Contains(OverrideKinds(), o.Kind) {
		errs = append(errs, fmt.Errorf("override %q is not known; the known ones are %v", o.Kind, OverrideKinds()))
	}
	if !o.Kind.Counted() && o.Count != 0 {
		errs = append(errs, fmt.Errorf("count is %d; %s takes none", o.Count, o.Kind))
	}
	add("until", CheckUntil(o.Until, now))
	add("why", CheckWhy(o.Why))
	add("by", CheckBy(o.By))
	return errors.Join(errs...)
}

// The checks of one field each: their errors go on after the field's name, which
// is a flag at the command line and a field of a payload.

// CheckWhy judges the reason of an override or a stop.
func CheckWhy(why string) error {
	return checkLine(why, MaxWhy, "give the reason: whoever meets this next has nothing else to go by")
}

// CheckBy judges the name of who sets an override or a stop.
func CheckBy(by string) error { return checkLine(by, MaxBy, "name who does this") }

func checkLine(text string, most int, remedy string) error {
	n := utf8.RuneCountInString(text)
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("is empty; %s", remedy)
	case n > most:
		return fmt.Errorf("has %d characters; give at most %d", n, most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("holds a control character; give one line of plain text")
	}
	return nil
}

// CheckLife judges how long an override is to hold.
func CheckLife(life time.Duration) error {
	if life < MinOverride || life > MaxOverride {
		return fmt.Errorf("is %s; give %s to %s", LifeWords(life), LifeWords(MinOverride), LifeWords(MaxOverride))
	}
	return nil
}

// CheckUntil judges when an override that is set at now is to end.
func CheckUntil(until, now time.Time) error {
	life := until.Sub(now)
	switch {
	case until.IsZero():
		return errors.New("is missing; every override ends")
	case life < 0:
		return fmt.Errorf("is %s, which is past; give a time %s to %s ahead",
			until.UTC().Format(time.RFC3339), LifeWords(MinOverride), LifeWords(MaxOverride))
	case CheckLife(life) != nil:
		return fmt.Errorf("is %s, %s ahead; give a time %s to %s ahead",
			until.UTC().Format(time.RFC3339), LifeWords(life.Truncate(time.Second)), LifeWords(MinOverride), LifeWords(MaxOverride))
	}
	return nil
}

// ParseLife reads how long an override is to hold: 90m, 2h, 3d, 1d12h. A number
// without a unit is refused, since it would leave the unit to guessing.
func ParseLife(text string) (time.Duration, error) {
	life, err := ParseDuration(text)
	switch {
	case errors.Is(err, errTooLong):
		return 0, fmt.Errorf("is %q, which is out of range; give %s to %s", cut(text, 64), LifeWords(MinOverride), LifeWords(MaxOverride))
	case err != nil:
		return 0, fmt.Errorf("is %q; give a duration with its unit, as 90m, 2h or 3d", cut(text, 64))
	}
	return life, CheckLife(life)
}

// LifeWords writes a duration as ParseLife reads it: 2h, 1d12h, 30d.
func LifeWords(life time.Duration) string {
	if life < 2*day {
		return Duration(life).String()
	}
	words := strconv.Itoa(int(life/day)) + "d"
	if rest := life % day; rest != 0 {
		words += Duration(rest).String()
	}
	return words
}

// ParseUntil reads when an override is to end. A time without a zone is
// refused: the function's clock is UTC and the person's is not.
func ParseUntil(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("is %q; give a time with its zone, as 2026-11-27T20:00:00Z or 2026-11-27T21:00:00+01:00", cut(text, 64))
	}
	return t.UTC(), nil
}

// cut bounds a value that an error repeats.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
