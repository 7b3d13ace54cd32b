package spec

import (
	"strings"
	"testing"
)

func TestBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		is   func(string) bool
		text string
		want bool
	}{
		{"ECS", isECSName, strings.Repeat("a", 255), true},
		{"ECS", isECSName, strings.Repeat("a", 256), false},
		{"ECS", isECSName, "", false},
		{"group", isGroupName, strings.Repeat("é", 255), true},
		{"group", isGroupName, strings.Repeat("é", 256), false},
		{"group", isGroupName, "a:b", false},
		{"math", isMathID, "a" + strings.Repeat("B", 254), true},
		{"math", isMathID, "a" + strings.Repeat("B", 255), false},
		{"math", isMathID, "Ab", false},
		{"queue", isQueue, strings.Repeat("q", 80), true},
		{"queue", isQueue, strings.Repeat("q", 80) + ".fifo", true},
		{"queue", isQueue, strings.Repeat("q", 81), false},
		{"queue", isQueue, ".fifo", false},
		{"queue", isQueue, "q.fifo.fifo", false},
		{"queue", isQueue, "https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo", true},
		{"queue", isQueue, "https://sqs.eu-west-1.amazonaws.com/123456789012/" + strings.Repeat("q", 81), false},
		{"queue", isQueue, "https://sqs.eu-west-1.amazonaws.com/", false},
		{"queue", isQueue, "arn:aws:sqs:eu-west-1:123456789012:q", false},
	} {
		if got := c.is(c.text); got != c.want {
			t.Errorf("%s %q (%d bytes): %t, want %t", c.name, c.text, len(c.text), got, c.want)
		}
	}
}
