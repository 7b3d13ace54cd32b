package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The history of a target is read with every evaluation and written with every
// order, and is part of every record's input: its JSON is kept below 8 KB. Plain
// JSON of 48 orders and 337 hours would take 5 KB of that by itself.

// MarshalJSON writes the order as "2026-11-23T12:00:00Z 4 to 6".
func (o Order) MarshalJSON() ([]byte, error) {
	b, err := o.At.AppendText([]byte{'"'})
	if err != nil {
		return nil, fmt.Errorf("write the time of an order: %w", err)
	}
	return fmt.Appendf(b, " %d to %d\"", o.From, o.To), nil
}

// UnmarshalJSON reads the order as MarshalJSON writes it, or as an object with
// at, from and to.
func (o *Order) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		type object Order // without this method
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if err := dec.Decode((*object)(o)); err != nil {
			return fmt.Errorf("read an order: %w", err)
		}
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read an order: %w", err)
	}
	var read Order
	parts := strings.Split(s, " ")
	if len(parts) != 4 || parts[2] != "to" {
		return fmt.Errorf("read an order: %q is not understood: write it as %q", s, orderForm)
	}
	at, errAt := time.Parse(time.RFC3339Nano, parts[0])
	from, errFrom := strconv.Atoi(parts[1])
	to, errTo := strconv.Atoi(parts[3])
	if errAt != nil || errFrom != nil || errTo != nil {
		return fmt.Errorf("read an order: %q is not understood: write it as %q", s, orderForm)
	}
	read.At, read.From, read.To = at, from, to
	*o = read
	return nil
}

const orderForm = "2026-11-23T12:00:00Z 4 to 6"

// hours is the JSON of Hours.
type hours struct {
	// Lows holds the entries from the oldest hour that was seen to Newest, each as
	// its difference from the one before it: 0, -1, 1, -2, ... are written as 0, 1,
	// 2, 3, ... to the base of 32, the lowest digit first.
	Lows   string `json:"lows"`
	Newest int64  `json:"newest"`
}

// The 64 digits: those that another one of the same entry follows, and those
// that end an entry. A difference below 16, as most are, is one character.
const (
	moreDigits = "0123456789abcdefghijklmnopqrstuv"
	lastDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZwxyz-_"
)

// MarshalJSON writes the hours compactly.
func (h Hours) MarshalJSON() ([]byte, error) {
	if len(h.Lows) == 0 {
		return []byte("{}"), nil
	}
	if len(h.Lows) != HoursKept || h.Newest < 0 {
		return nil, fmt.Errorf("write the hours: %d entries to hour %d, want %d to one after 1970", len(h.Lows), h.Newest, HoursKept)
	}
	var b strings.Builder
	before := 0
	for i := range int64(HoursKept) {
		low := h.Lows[(h.Newest+1+i)%HoursKept] // from the oldest: the one after the newest in the ring
		if low == 0 && b.Len() == 0 {
			continue
		}
		n := 2 * (low - before)
		if n < 0 {
			n = -n - 1
		}
		before = low
		for ; n >= 32; n /= 32 {
			b.WriteByte(moreDigits[n%32])
		}
		b.WriteByte(lastDigits[n])
	}
	return json.Marshal(hours{Lows: b.String(), Newest: h.Newest})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (h *Hours) UnmarshalJSON(b []byte) error {
	var read hours
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&read); err != nil {
		return fmt.Errorf("read the hours: %w", err)
	}
	*h = Hours{}
	if read == (hours{}) {
		return nil
	}
	entries, err := entriesOf(read.Lows)
	if err == nil && read.Newest < int64(len(entries))-1 {
		err = fmt.Errorf("newest %d is too low: it counts the hours since 1970", read.Newest)
	}
	if err != nil {
		return fmt.Errorf("read the hours: %w: leave hours out, and they are learnt anew", err)
	}
	lows := make([]int, HoursKept)
	for i, low := range entries {
		lows[(read.Newest-int64(len(entries)-1-i))%HoursKept] = low
	}
	*h = Hours{Lows: lows, Newest: read.Newest}
	return nil
}

// entriesOf reads the text of hours.
func entriesOf(text string) ([]int, error) {
	var entries []int
	low, n, factor := 0, 0, 1
	for i := range len(text) {
		last := strings.IndexByte(lastDigits, text[i])
		digit := max(last, strings.IndexByte(moreDigits, text[i]))
		if digit < 0 || factor > 1<<40 || len(entries) == HoursKept {
			return nil, fmt.Errorf("lows is not understood at byte %d", i)
		}
		n, factor = n+digit*factor, factor*32
		if last < 0 {
			continue
		}
		if n%2 == 1 {
			n = -n - 1
		}
		if low += n / 2; low < 0 {
			return nil, fmt.Errorf("lows is below 0 at byte %d", i)
		}
		entries = append(entries, low)
		n, factor = 0, 1
	}
	if factor > 1 || len(entries) == 0 {
		return nil, fmt.Errorf("lows ends within an entry after %d", len(entries))
	}
	return entries, nil
}
