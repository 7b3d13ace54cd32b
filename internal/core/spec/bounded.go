package spec

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// The forms of names, of which each has a length as well: a count of hundreds within
// an expression would be compiled anew, character by character, at every cold start
// of a function.
var (
	ecsWord   = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	groupWord = regexp.MustCompile(`^[^\x00-\x1f:]+$`)
	mathWord  = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
	queueURL  = regexp.MustCompile(`^https?://[^/\s]+/([^/\s]+/)*([^/\s]+)$`)
)

// The most characters of a name, and of that of an SQS queue.
const (
	nameCharacters  = 255
	queueCharacters = 80
)

func isECSName(s string) bool   { return bounded(ecsWord, s, nameCharacters) }
func isGroupName(s string) bool { return bounded(groupWord, s, nameCharacters) }
func isMathID(s string) bool    { return bounded(mathWord, s, nameCharacters) }

// isQueue tells whether a text is the name or the URL of an SQS queue.
func isQueue(s string) bool {
	if at := queueURL.FindStringSubmatch(s); at != nil {
		s = at[len(at)-1]
	}
	return bounded(ecsWord, strings.TrimSuffix(s, ".fifo"), queueCharacters)
}

func bounded(form *regexp.Regexp, s string, most int) bool {
	return utf8.RuneCountInString(s) <= most && form.MatchString(s)
}
