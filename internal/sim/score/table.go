package score

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Table is scores with what names them.
type Table struct {
	Keys []string // headings of the names, as trace, policy, seed
	Rows []Row
}

// Row is one score. Names has one entry for each of the table's keys.
type Row struct {
	Names []string
	Score Score
}

// CSV writes a heading and a line for each row: the names, then the marks, empty where
// there is no such number.
func (t Table) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	fields := Fields()
	line := append([]string(nil), t.Keys...)
	for _, f := range fields {
		line = append(line, f.Name)
	}
	lines := [][]string{line}
	for _, r := range t.Rows {
		line := append([]string(nil), r.Names...)
		for _, f := range fields {
			line = append(line, f.text(r.Score))
		}
		lines = append(lines, line)
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("write scores as CSV: %w", err)
	}
	return nil
}

// JSON writes an array with an object for each row, a line each: the names as strings,
// then the marks as in Score, rounded as in CSV.
func (t Table) JSON(w io.Writer) error {
	out := []byte("[")
	fields := Fields()
	for i, r := range t.Rows {
		if i > 0 {
			out = append(out, ',')
		}
		var members []string
		for k, key := range t.Keys {
			members = append(members, quote(key)+":"+quote(r.Names[k]))
		}
		for _, f := range fields {
			if v := f.text(r.Score); v != "" {
				members = append(members, quote(f.Name)+":"+v)
			}
		}
		out = append(out, "\n{"+strings.Join(members, ",")+"}"...)
	}
	if _, err := w.Write(append(out, "\n]\n"...)); err != nil {
		return fmt.Errorf("write scores as JSON: %w", err)
	}
	return nil
}

// text gives a mark with six significant digits: more would tell one processor from
// another. It is a JSON number, or empty where there is none.
func (f Field) text(s Score) string {
	v := f.Get(s)
	if f.Absent && v == 0 || !isFinite(v) {
		return ""
	}
	if v == float64(int64(v)) {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// quote writes a string as JSON.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // a string always marshals
	}
	return string(b)
}
