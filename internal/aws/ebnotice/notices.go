// Package ebnotice gives EventBridge behind reconcile's Notices port: one
// "Trimtab Decision" event on a bus for each change.
package ebnotice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// What rules match on.
const (
	Source     = "trimtab"
	DetailType = "Trimtab Decision"
)

// What goes in one call. EventBridge takes less than 1 MB; 256 KB is what it
// took of old and still takes everywhere.
const (
	entriesPerCall = 10
	bytesPerCall   = 256 << 10
)

// How often refused entries are sent, and how long the first wait is; each
// further one is twice as long. A whole call is retried by the client below.
const (
	attempts  = 4
	firstWait = 100 * time.Millisecond
)

// api is what Notices needs of *eventbridge.Client.
type api interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Notices announces decisions on a bus. It is safe for concurrent use.
type Notices struct {
	client api
	bus    string
	sleep  func(context.Context, time.Duration) error
}

// New makes Notices over the client of EventBridge. The bus is a name or an
// ARN; "" is the account's default bus.
func New(client api, bus string) *Notices {
	return &Notices{client: client, bus: bus, sleep: sleep}
}

// Announce sends every notice as an event. Entries that EventBridge refused for
// the moment are sent again, alone, a few times while the context allows; the
// same notice may then arrive twice, with the same id. What stays undelivered
// is one error that names how many and the codes; the rest has been delivered.
func (n *Notices) Announce(ctx context.Context, ns []reconcile.Notice) error {
	entries, err := n.entries(ns)
	if err != nil {
		return err
	}
	failed := newTally()
	for _, batch := range batches(entries) {
		n.send(ctx, batch, failed)
	}
	return failed.err(n.bus, len(entries))
}

// send delivers one call's entries, or writes down the ones it could not.
func (n *Notices) send(ctx context.Context, entries []types.PutEventsRequestEntry, failed *tally) {
	wait := firstWait
	for attempt := 1; ; attempt++ {
		out, err := n.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
		if err != nil {
			failed.call(len(entries), err)
			return
		}
		again, last := sortOut(entries, out, failed)
		if len(again) == 0 {
			return
		}
		if attempt == attempts {
			failed.add(last)
			return
		}
		if err := n.sleep(ctx, wait); err != nil {
			failed.add(last)
			failed.because(err)
			return
		}
		entries, wait = again, 2*wait
	}
}

// sortOut gives the entries that are worth sending again, with the code of
// each, and writes down the ones that never will be accepted.
func sortOut(entries []types.PutEventsRequestEntry, out *eventbridge.PutEventsOutput, failed *tally) (again []types.PutEventsRequestEntry, codes []string) {
	if out.FailedEntryCount == 0 {
		return nil, nil
	}
	for i, e := range entries {
		code := "NoAnswer"
		if i < len(out.Entries) {
			code = aws.ToString(out.Entries[i].ErrorCode)
		}
		switch {
		case code == "":
		case final(code):
			failed.add([]string{code})
		default:
			again, codes = append(again, e), append(codes, code)
		}
	}
	return again, codes
}

// final tells the codes of an entry that no repetition will get accepted. What
// is not known here may pass.
func final(code string) bool {
	switch code {
	case "AccessDeniedException", "InvalidAccountIdException", "InvalidArgument", "MalformedDetail", "RedactionFailure",
		"NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException":
		return true
	}
	return false
}

func (n *Notices) entries(ns []reconcile.Notice) ([]types.PutEventsRequestEntry, error) {
	out := make([]types.PutEventsRequestEntry, len(ns))
	for i, notice := range ns {
		detail, err := json.Marshal(notice)
		if err != nil {
			return nil, fmt.Errorf("encode notice %s of %s: %w", notice.ID, notice.Target, err)
		}
		out[i] = types.PutEventsRequestEntry{
			Source:     aws.String(Source),
			DetailType: aws.String(DetailType),
			Detail:     aws.String(string(detail)),
		}
		if n.bus != "" {
			out[i].EventBusName = aws.String(n.bus)
		}
		if !notice.At.IsZero() {
			out[i].Time = aws.Time(notice.At)
		}
	}
	return out, nil
}

// batches cuts the entries into calls. An entry larger than a call goes alone.
func batches(entries []types.PutEventsRequestEntry) [][]types.PutEventsRequestEntry {
	var out [][]types.PutEventsRequestEntry
	first, bytes := 0, 0
	for i, e := range entries {
		size := sizeOf(e)
		if i > first && (i-first == entriesPerCall || bytes+size > bytesPerCall) {
			out = append(out, entries[first:i])
			first, bytes = i, 0
		}
		bytes += size
	}
	if first < len(entries) {
		out = append(out, entries[first:])
	}
	return out
}

// sizeOf counts an entry's bytes as EventBridge does: 14 for the time, then the
// UTF-8 length of source, detail type and detail.
func sizeOf(e types.PutEventsRequestEntry) int {
	size := len(aws.ToString(e.Source)) + len(aws.ToString(e.DetailType)) + len(aws.ToString(e.Detail))
	if e.Time != nil {
		size += 14
	}
	return size
}

// tally counts what could not be delivered, by code.
type tally struct {
	codes map[string]int
	cause error // the first one there was: the others say the same
}

func newTally() *tally { return &tally{codes: make(map[string]int)} }

func (t *tally) add(codes []string) {
	for _, c := range codes {
		t.codes[c]++
	}
}

// call notes n entries whose call failed.
func (t *tally) call(n int, err error) {
	code := "NoAnswer"
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		code = e.ErrorCode()
	}
	t.codes[code] += n
	t.because(err)
}

func (t *tally) because(err error) {
	if t.cause == nil {
		t.cause = err
	}
}

func (t *tally) err(bus string, total int) error {
	if len(t.codes) == 0 {
		return nil
	}
	undelivered, words := 0, make([]string, 0, len(t.codes))
	for _, c := range slices.Sorted(maps.Keys(t.codes)) {
		undelivered += t.codes[c]
		words = append(words, fmt.Sprintf("%d %s", t.codes[c], c))
	}
	if bus == "" {
		bus = "default"
	}
	err := fmt.Errorf("announce %d of %d notices on bus %q: %s", undelivered, total, bus, strings.Join(words, ", "))
	if t.cause != nil {
		return fmt.Errorf("%w: %w", err, t.cause)
	}
	return err
}

// sleep waits for d. It gives up at once when the context would end before.
func sleep(ctx context.Context, d time.Duration) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return fmt.Errorf("wait %s to announce again: %w", d, context.DeadlineExceeded)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait %s to announce again: %w", d, ctx.Err())
	}
}
