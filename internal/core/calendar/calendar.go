// Package calendar gives windows of time as people write them: weekdays, times
// of day and dates in a time zone, or one stretch that never returns.
package calendar

import "time"

// Words are a window as it is written; see spec.Scheduled for the forms.
type Words struct {
	Days, From, To, TimeZone, StartDate, EndDate string
	Start, End                                   string
}

// Fault is one field that does not make sense.
type Fault struct {
	Field, Message, Remedy string
}

// Window is one window. The zero value is never open.
type Window struct{}

// Parse reads a window, or gives every fault.
func Parse(Words) (Window, []Fault) {
	return Window{}, []Fault{{Field: "from", Message: "calendar windows are not read yet", Remedy: "wait"}}
}

// Open tells whether the window is open at t.
func (w Window) Open(time.Time) bool { return false }

// Next gives the first edge after t and whether the window opens there; ok is
// false where there is none.
func (w Window) Next(time.Time) (edge time.Time, opens, ok bool) { return time.Time{}, false, false }

// Previous gives the last edge at or before t and whether the window opened
// there; ok is false where there is none.
func (w Window) Previous(time.Time) (edge time.Time, opened, ok bool) {
	return time.Time{}, false, false
}
