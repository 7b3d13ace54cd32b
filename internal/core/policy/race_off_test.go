//go:build !race

package policy_test

// raceEnabled tells whether the race detector slows everything down.
const raceEnabled = false
