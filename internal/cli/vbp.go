package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/vector"
)

// The bounds of a VBP file: beyond them packing would take more memory than it should.
const (
	maxVBP           = 16 << 20 // bytes
	maxVBPDimensions = 64
	maxVBPLines      = 100_000
	maxVBPItems      = 200_000
	maxVBPSize       = 1<<31 - 1
)

// readVBP reads an instance of vector bin packing: the number of dimensions, the
// capacity of a bin in each, the number of lines that follow, and on each of those the
// size of an item in each dimension and how many there are of it. Equal lines are
// added up.
func readVBP(src []byte) (vector.Problem, error) {
	r := &vbpReader{lines: bytes.Split(src, []byte("\n"))}
	head, err := r.next("the number of dimensions", 1)
	if err != nil {
		return vector.Problem{}, err
	}
	d := head[0]
	if d < 1 || d > maxVBPDimensions {
		return vector.Problem{}, r.fault("%d dimensions: give 1 to %d", d, maxVBPDimensions)
	}
	room, err := r.next("the capacities", d)
	if err != nil {
		return vector.Problem{}, err
	}
	head, err = r.next("the number of items", 1)
	if err != nil {
		return vector.Problem{}, err
	}
	if head[0] < 0 || head[0] > maxVBPLines {
		return vector.Problem{}, r.fault("%d lines of items: give 0 to %d", head[0], maxVBPLines)
	}
	p := vector.Problem{Shapes: []vector.Shape{{Free: room, Limit: -1}}}
	total := 0
	for n := range head[0] {
		row, err := r.next(fmt.Sprintf("item %d of %d: %d sizes and the demand", n+1, head[0], d), d+1)
		if err != nil {
			return vector.Problem{}, err
		}
		size, demand := row[:d:d], row[d]
		for k := range size {
			if size[k] > room[k] {
				return vector.Problem{}, r.fault("size %d in dimension %d is larger than the capacity %d: no bin holds the item", size[k], k+1, room[k])
			}
		}
		if total += demand; total > maxVBPItems {
			return vector.Problem{}, r.fault("more than %d items", maxVBPItems)
		}
		p.Items = append(p.Items, vector.Item{Size: size, Count: demand})
	}
	if line, more := r.rest(); more {
		return vector.Problem{}, r.fault("%q comes after the last of %d items", line, head[0])
	}
	p.Items = added(p.Items)
	return p, nil
}

// added sorts the items and adds up equal ones, so that the order of the lines does not
// matter.
func added(items []vector.Item) []vector.Item {
	slices.SortStableFunc(items, func(a, b vector.Item) int { return slices.Compare(b.Size, a.Size) })
	out := items[:0]
	for _, it := range items {
		switch n := len(out); {
		case it.Count == 0:
		case n > 0 && slices.Equal(out[n-1].Size, it.Size):
			out[n-1].Count += it.Count
		default:
			out = append(out, it)
		}
	}
	return out
}

// vbpReader gives the lines of a file that are not empty.
type vbpReader struct {
	lines [][]byte
	at    int // lines read
}

// fault is an error at the line read last.
func (r *vbpReader) fault(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", r.at, fmt.Sprintf(format, args...))
}

// rest gives the next line that is not empty.
func (r *vbpReader) rest() (string, bool) {
	for r.at < len(r.lines) {
		r.at++
		if line := strings.TrimSpace(string(r.lines[r.at-1])); line != "" {
			return line, true
		}
	}
	return "", false
}

// next reads a line of so many whole numbers from 0 up.
func (r *vbpReader) next(what string, n int) ([]int, error) {
	line, more := r.rest()
	if !more {
		return nil, r.fault("the file ends where %s should be", what)
	}
	fields := strings.Fields(line)
	if len(fields) != n {
		return nil, r.fault("%d numbers, want %d: %s", len(fields), n, what)
	}
	out := make([]int, n)
	for i, f := range fields {
		v, err := strconv.ParseInt(f, 10, 64)
		if err != nil || v < 0 || v > maxVBPSize {
			return nil, r.fault("%q is no whole number from 0 to %d: %s", f, maxVBPSize, what)
		}
		out[i] = int(v)
	}
	return out, nil
}
