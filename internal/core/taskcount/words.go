package taskcount

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// plural writes a count with its noun, or its noun and verb: "1 task", "2 tasks".
func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

func taskWords(n int) string { return plural(n, "task", "tasks") }

// onEach writes the tasks that carry a demand, which may be a mean: 7.5.
func onEach(tasks float64) string {
	if n := number(tasks); n != "1" {
		return "each of " + n + " tasks"
	}
	return "1 task"
}

// messageWords writes a number of messages.
func messageWords(n float64, one, more string) string {
	return plainly(n, "message "+one, "messages "+more)
}

// plainly writes a value with its verb.
func plainly(v float64, one, more string) string {
	if v == 1 {
		return "1 " + one
	}
	return number(v) + " " + more
}

// needed writes a need, which beyond maxCount is no number any more.
func needed(v float64) string {
	if v >= maxCount {
		return "more than a million"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// unitOf is what a predefined metric is in.
func unitOf(predefined string) string {
	switch predefined {
	case "":
		return ""
	case spec.ALBRequestCountPerTarget:
		return " requests"
	}
	return " %"
}

// amount writes a value with the unit of the metric where it is known.
func amount(v float64, unit string) string { return number(v) + unit }

// number writes a value plainly, to two decimals: a demand of 16412, not of
// 1.641e+04, and 1234567 bytes as such.
func number(v float64) string {
	if abs := math.Abs(v); abs >= 1e15 || abs < 0.01 && abs > 0 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

func limitWords(l spec.RateLimit) string {
	if l.Tasks > 0 {
		return taskWords(l.Tasks) + " in " + l.Period.String()
	}
	return fmt.Sprintf("%s %% in %s", number(l.Percent), l.Period)
}
