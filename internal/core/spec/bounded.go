package spec

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// bounded is an expression with the most characters of what it matches. A count of
// hundreds within the expression is compiled anew, character by character, at every
// cold start of a function.
type bounded struct {
	text *regexp.Regexp
	most int
}

func atMost(characters int, expression string) bounded {
	return bounded{regexp.MustCompile(expression), characters}
}

// MatchString tells whether the text is of the form and not too long.
func (b bounded) MatchString(s string) bool {
	return utf8.RuneCountInString(s) <= b.most && b.text.MatchString(s)
}

var (
	queueWord = atMost(80, `^[a-zA-Z0-9_-]+$`)
	queueURL  = regexp.MustCompile(`^https?://[^/\s]+/([^/\s]+/)*([^/\s]+)$`)
)

// isQueue tells whether a text is the name or the URL of an SQS queue.
func isQueue(s string) bool {
	if at := queueURL.FindStringSubmatch(s); at != nil {
		s = at[len(at)-1]
	}
	return queueWord.MatchString(strings.TrimSuffix(s, ".fifo"))
}
