package event

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clip cuts text to at most n bytes, never inside a character.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// isECSName tells whether text is a name as ECS allows for clusters and
// services: 1 to 255 letters, digits, hyphens and underscores.
func isECSName(text string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return text != "" && len(text) <= 255 && strings.Trim(text, allowed) == ""
}

// isGroupName tells whether text is a name as EC2 Auto Scaling allows for
// groups: 1 to 255 characters, no control characters and no colon.
func isGroupName(text string) bool {
	return text != "" && len(text) <= 255 && !strings.ContainsRune(text, ':') && !strings.ContainsFunc(text, unicode.IsControl)
}

// isInstanceID tells whether text is the id of an EC2 instance: i- and 17
// hexadecimal digits, 8 for the oldest.
func isInstanceID(text string) bool {
	digits, ok := strings.CutPrefix(text, "i-")
	return ok && (len(digits) == 17 || len(digits) == 8) && strings.Trim(digits, "0123456789abcdef") == ""
}

// isHookName tells whether text is a name as EC2 Auto Scaling allows for
// lifecycle hooks: 1 to 255 letters, digits and any of "-_/".
func isHookName(text string) bool {
	return isECSName(strings.ReplaceAll(text, "/", "-"))
}

// isAlarmName tells whether text is a name as CloudWatch allows for alarms: 1
// to 255 characters, no control characters.
func isAlarmName(text string) bool {
	return text != "" && utf8.RuneCountInString(text) <= 255 && !strings.ContainsFunc(text, unicode.IsControl)
}

// arn is the part of an Amazon Resource Name that is read here.
type arn struct{ service, region, account, resource string }

// parseARN splits arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE; the partition
// differs in China and GovCloud and does not matter here.
func parseARN(text string) (arn, bool) {
	p := strings.SplitN(text, ":", 6)
	if len(p) != 6 || p[0] != "arn" || len(text) > MaxText {
		return arn{}, false
	}
	return arn{service: p[2], region: p[3], account: p[4], resource: p[5]}, true
}
