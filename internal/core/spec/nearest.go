package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest gives the known word that a mistyped one means, empty for none: one that
// differs in letter case or by few letters, or the only one that it begins.
func Nearest(word string, known []string) string {
	if len(word) > 60 { // longer than any word here, and its distance costs its length
		return ""
	}
	best, distance := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := edits(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best == "" && len(word) > 2 {
		best = only(word, known, strings.HasPrefix)
	}
	return best
}

// only gives the one known word that has a part, such as targetTracking for target,
// empty for none or several. Of a word and longer forms of it the word counts.
func only(part string, known []string, has func(word, part string) bool) string {
	found := ""
	for _, k := range known {
		switch {
		case !has(strings.ToLower(k), strings.ToLower(part)) || found != "" && strings.HasPrefix(k, found):
		case found == "" || strings.HasPrefix(found, k):
			found = k
		default:
			return ""
		}
	}
	return found
}

// edits is the least number of inserted, removed and changed letters between
// two words (the Levenshtein distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// oneWord wants one of a field's words, or none where empty is none.
func (c *checker) oneWord(path []string, name, got string, words ...string) {
	if slices.Contains(words, got) {
		return
	}
	remedy := "write " + choice(words)
	if near := nearWord(got, words); near != "" {
		remedy = "did you mean " + near + "? Write " + choice(words)
	}
	c.add(path, remedy, "%s %q is not known", name, got)
}

// nearWord gives the word that a mistyped value means, empty for none: fast is no
// slip of act.
func nearWord(got string, words []string) string {
	near := Nearest(got, words)
	a, b := strings.ToLower(got), strings.ToLower(near)
	if near != "" && (strings.HasPrefix(b, a) || 2*edits(a, b) < len(a)) {
		return near
	}
	if len(got) > 2 {
		return only(got, words, strings.Contains)
	}
	return ""
}

// choice lists words: a, b or c.
func choice(words []string) string {
	last := len(words) - 1
	return fmt.Sprintf("%s or %s", strings.Join(words[:last], ", "), words[last])
}

// oneOf wants exactly one of two fields.
func (c *checker) oneOf(path []string, a string, hasA bool, b string, hasB bool) bool {
	switch {
	case hasA && hasB:
		c.add(path, "keep one of the two", "%s and %s: %s", a, b, errNotOne)
	case !hasA && !hasB:
		c.add(path, "add one of "+a+" and "+b, "%s and %s: %s", a, b, errNotOne)
	}
	return hasA != hasB
}
