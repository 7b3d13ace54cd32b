package policyfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Action is what becomes of a target's policy.
type Action string

// The actions.
const (
	Added   Action = "added"
	Changed Action = "changed"
	Removed Action = "removed"
)

// Change is one target whose policy differs between two documents.
type Change struct {
	Target fleet.Target
	Action Action
	// Lines is the policy as YAML, each line led by "+ ", "- " or two spaces.
	Lines []string
}

// Changes compares two documents target by target, each with the document's
// mode folded in, as the ledger keeps them. Targets are sorted.
func Changes(before, after spec.Document) []Change {
	cluster := after.Cluster
	if cluster == "" {
		cluster = before.Cluster
	}
	oldServices, oldGroups := before.Rows()
	newServices, newGroups := after.Rows()
	out := compare(cluster, fleet.GroupTarget, oldGroups, newGroups)
	return append(out, compare(cluster, fleet.ServiceTarget, oldServices, newServices)...)
}

func compare[N ~string, P any](cluster fleet.ClusterName, kind fleet.TargetKind, before, after map[N]P) []Change {
	all := maps.Clone(before)
	maps.Copy(all, after)
	var out []Change
	for _, name := range slices.Sorted(maps.Keys(all)) {
		was, had := before[name]
		is, has := after[name]
		c := Change{Target: fleet.Target{Cluster: cluster, Kind: kind, Name: string(name)}}
		var from, to []string
		if had {
			from = readableLines(was)
		}
		if has {
			to = readableLines(is)
		}
		switch {
		case !had:
			c.Action = Added
		case !has:
			c.Action = Removed
		case bytes.Equal(canonical(was), canonical(is)):
			continue
		default:
			c.Action = Changed
		}
		c.Lines = lineDiff(from, to)
		out = append(out, c)
	}
	return out
}

// String gives the change as a header and its lines.
func (c Change) String() string {
	sign := map[Action]string{Added: "+", Changed: "~", Removed: "-"}[c.Action]
	head := fmt.Sprintf("%s %s %s (%s)\n", sign, c.Target.Kind, c.Target.Name, c.Action)
	return head + "    " + strings.Join(c.Lines, "\n    ") + "\n"
}

// Diff gives what changes from one document to another, target by target, empty
// if nothing does.
func Diff(before, after spec.Document) string {
	var b strings.Builder
	for _, c := range Changes(before, after) {
		b.WriteString(c.String())
	}
	return b.String()
}

// readableLines gives a policy as the lines of block YAML.
func readableLines(policy any) []string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(canonical(policy)))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return nil
	}
	return yamlLines(v)
}

func yamlLines(v any) []string {
	var out []string
	switch t := v.(type) {
	case map[string]any:
		if len(t) == 0 {
			return []string{"{}"}
		}
		for _, name := range slices.Sorted(maps.Keys(t)) {
			out = append(out, nested(yamlScalar(name)+":", yamlLines(t[name]), t[name], "  ")...)
		}
	case []any:
		if len(t) == 0 {
			return []string{"[]"}
		}
		for _, item := range t {
			lines := yamlLines(item)
			for i, l := range lines {
				lead := "  "
				if i == 0 {
					lead = "- "
				}
				out = append(out, lead+l)
			}
		}
	default:
		out = []string{yamlScalar(v)}
	}
	return out
}

// nested puts a value after its name, or below it when it has lines of its own.
func nested(name string, lines []string, v any, lead string) []string {
	switch v.(type) {
	case map[string]any, []any:
		if len(lines) == 1 && (lines[0] == "{}" || lines[0] == "[]") {
			break
		}
		out := []string{name}
		for _, l := range lines {
			out = append(out, lead+l)
		}
		return out
	}
	return []string{name + " " + lines[0]}
}

// yamlScalar writes a value so that Parse would read it back: a string that
// is not one plain word stands in quotes.
func yamlScalar(v any) string {
	s, ok := v.(string)
	if !ok {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(raw)
	}
	if plainText.MatchString(s) && !slices.Contains(reservedWords, strings.ToLower(s)) {
		return s
	}
	return string(canonical(s))
}

// plainText is text that every YAML reader takes for text: a word, a duration,
// a percentage. reservedWords are the words that some take for something else.
var (
	plainText     = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9_./-]*|([0-9.]+(h|m|s|ms|us|ns))+|[0-9.]+%)$`)
	reservedWords = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
)

// lineDiff leads every line with "- " if only the old text has it, "+ " if only
// the new one has it, by the longest common subsequence of lines.
func lineDiff(before, after []string) []string {
	common := make([][]int, len(before)+1) // of before[i:] and after[j:]
	for i := range common {
		common[i] = make([]int, len(after)+1)
	}
	for i, old := range slices.Backward(before) {
		for j, young := range slices.Backward(after) {
			if old == young {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			out = append(out, "  "+before[i])
			i, j = i+1, j+1
		case i < len(before) && (j == len(after) || common[i+1][j] >= common[i][j+1]):
			out = append(out, "- "+before[i])
			i++
		default:
			out = append(out, "+ "+after[j])
			j++
		}
	}
	return out
}
