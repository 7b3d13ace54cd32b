// Package ledger gives what Trimtab remembers between evaluations: one row per
// scalable target, guarded by a generation, and a record of every decision.
//
// The protocol is design.md's: read, decide, claim, act, close. A claim is
// conditional on the generations that were read and stores the intent before
// the act; closing is conditional on the claim's own generation. An open
// intent is the lease of its cell until Intent.Free.
//
// A reply can be lost, so every write may be repeated as it is: it succeeds if
// what it would store is what the ledger holds, one generation above what it
// was conditional on. Whoever moved the row further makes the repeat a
// conflict. Within ten minutes DynamoDB itself may still recognise a repeat
// and call it a success although the row has moved on, which is true as well.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Errors that callers branch on. Implementations wrap them.
var (
	// ErrConflict: a row changed since it was read, or is leased; nothing was written.
	ErrConflict = errors.New("the ledger row changed since it was read")
	// ErrTooLarge: an item would pass DynamoDB's 400 KB, or all of a write its
	// 4 MB; nothing was written.
	ErrTooLarge = errors.New("the ledger item is too large")
	// ErrUnavailable: the ledger did not answer within the deadline. Whether a
	// write took effect is unknown; repeating it unchanged is safe.
	ErrUnavailable = errors.New("the ledger did not answer")
)

// Limits.
const (
	// MaxItemBytes is DynamoDB's limit of one item.
	MaxItemBytes = 400 * 1024
	// MaxClaimServices is the most service rows in one claim, beside the lock row.
	MaxClaimServices = 24
	// RecordLife is how long decision records are kept: as long as Application
	// Auto Scaling keeps its activities, six weeks.
	RecordLife = 42 * 24 * time.Hour
)

// The timing of a claim: the act must end ActMargin before ActBy, and another
// evaluation takes over TakeoverMargin after it.
const (
	ActWithin      = 20 * time.Second
	ActMargin      = 5 * time.Second
	TakeoverMargin = 10 * time.Second
)

// Row is what the ledger holds of one scalable target.
type Row struct {
	Target fleet.Target `json:"target"`
	// Generation rises by one with every write of the row; 0 means that there is no row.
	Generation int64   `json:"generation"`
	Policy     *Policy `json:"policy,omitempty"`
	// Overrides holds the expired ones too: readers compare spec.Override.Live.
	Overrides []spec.Override `json:"overrides,omitempty"`
	Intent    *Intent         `json:"intent,omitempty"`
	History   history.History `json:"history,omitzero"`
	Reason    *Reason         `json:"reason,omitempty"`
}

// Policy is the active policy of a target; the field of its kind is set.
type Policy struct {
	Service *spec.Service `json:"service,omitempty"`
	Group   *spec.Group   `json:"group,omitempty"`
	Version int           `json:"version"` // counts the applications, from 1
	Author  string        `json:"author"`
	At      time.Time     `json:"at"`
}

// Intent is an order that was claimed and is not closed yet.
type Intent struct {
	ID      string    `json:"id"` // of the claim; one claim may hold several intents
	At      time.Time `json:"at"` // of the decision
	ActBy   time.Time `json:"actBy"`
	Before  int       `json:"before"`
	Desired int       `json:"desired"`
	Mode    spec.Mode `json:"mode"`
	// Lock marks the intent of the cell's lock row when the target itself is not changed.
	Lock bool `json:"lock,omitempty"`
	// Rule and Because are the decision's reason, so that whoever heals the
	// intent can still record it.
	Rule    string `json:"rule,omitempty"`
	Because string `json:"because,omitempty"`
	// Marks are the marks before the order, given back if it is dropped.
	Marks []history.Mark `json:"marks,omitempty"`
	// Drains are the instances whose removal the order opens, beside the counts.
	Drains []fleet.InstanceID `json:"drains,omitempty"`
}

// Free gives the time from which another evaluation may take the cell over.
func (i Intent) Free() time.Time { return i.ActBy.Add(TakeoverMargin) }

// Reason is the last reason of a target: a run of equal holds is one.
type Reason struct {
	Rule    string    `json:"rule"`
	Because string    `json:"because"`
	Wanted  int       `json:"wanted"`
	Desired int       `json:"desired"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"` // last time it was written, not last seen
}

// Control is the switch of a whole cluster.
type Control struct {
	Generation int64     `json:"generation"`
	Stop       bool      `json:"stop"`
	Why        string    `json:"why,omitempty"`
	By         string    `json:"by,omitempty"`
	At         time.Time `json:"at,omitzero"`
}

// Cluster is everything the ledger holds of one cluster, rows sorted by target.
type Cluster struct {
	Name    fleet.ClusterName `json:"cluster"`
	Control Control           `json:"control"`
	Rows    []Row             `json:"rows"`
	// Drains are the removals of instances, sorted by instance, closed ones too until
	// they expire.
	Drains []Drain `json:"drains,omitempty"`
}

// Drain is one removal of an instance as it is stored.
type Drain struct {
	Generation int64 `json:"generation"`
	drain.Row
}

// DrainLife is how long a closed drain is kept.
const DrainLife = 24 * time.Hour

// Row finds the row of a target; a target without one has generation 0.
func (c Cluster) Row(t fleet.Target) Row {
	i, found := slices.BinarySearchFunc(c.Rows, t, func(r Row, t fleet.Target) int { return r.Target.Compare(t) })
	if !found {
		return Row{Target: t}
	}
	return c.Rows[i]
}

// Claim takes a cell: every row gets generation + 1, its intent and its next
// history in one transaction, or none does. The first entry is the lock.
//
// A row whose stored intent is not free yet when the new one begins is leased:
// the claim conflicts even at the right generation. The control row is not
// part of a claim, so a stop holds for the evaluations that read after it.
type Claim struct {
	// ID makes a repeated claim a no-op: a claim whose intents and histories are
	// already stored under this ID succeeds. It must belong to one evaluation
	// alone: two evaluations with one ID and one outcome would both win.
	ID      string
	Entries []ClaimEntry // at most MaxClaimServices + 1, of one cluster
}

// ClaimEntry is one row of a claim.
type ClaimEntry struct {
	Target     fleet.Target
	Generation int64  // as read; the row must exist and still have it
	Intent     Intent // its ID is the claim's, or empty and filled in
	History    history.History
}

// Closing ends a claim: intents are removed, generations raised by one, the
// reasons set and the records written, in one transaction, if every row still
// has its generation and the intent of the ID. Whoever heals or drops another
// evaluation's intent closes it with that intent's ID. A repeat succeeds if the
// rows are one generation higher without the intent and the records are stored.
type Closing struct {
	ID      string
	Entries []CloseEntry
	Records []Record // of targets in Entries, generation one above theirs
}

// CloseEntry is one row of a closing.
type CloseEntry struct {
	Target     fleet.Target
	Generation int64 // as the claim left it: read generation + 1
	// History replaces the row's history when set: an order that was not
	// carried out is not remembered as one.
	History *history.History
	Reason  *Reason // nil keeps the row's reason
}

// Note stores what changed although nothing was ordered: the reason of a hold
// with its record, what was learnt, or both. It does so if the row still has the
// generation read and no open intent: a note under an intent would make its
// closing fail. A repeat succeeds if the row is one generation higher, without
// an intent and with what the note holds.
type Note struct {
	Target     fleet.Target
	Generation int64
	Reason     *Reason          // nil keeps the row's reason
	Record     *Record          // of Target, generation one above Generation; goes with a reason
	History    *history.History // nil keeps the row's history
}

// Kind says what a record is about.
type Kind string

// The kinds of record.
const (
	Ordered Kind = "ordered" // an order was given
	Refused Kind = "refused" // an order was claimed and the act failed
	Holding Kind = "holding" // the reason of a hold changed
	Healed  Kind = "healed"  // an intent past its time was closed, since the world showed it done
	Dropped Kind = "dropped" // an intent past its time was dropped
)

// Record is one decision as it is kept for RecordLife.
type Record struct {
	Target     fleet.Target `json:"target"`
	At         time.Time    `json:"at"`
	Generation int64        `json:"generation"` // of the row after the write that carries the record
	ID         string       `json:"id"`
	Kind       Kind         `json:"kind"`
	Mode       spec.Mode    `json:"mode"`
	Before     int          `json:"before"`
	Desired    int          `json:"desired"`
	Rule       string       `json:"rule"`
	Because    string       `json:"because"`
	Outcome    string       `json:"outcome,omitempty"` // what the act answered
	// Decision and Input are policy.Decision and policy.Input as JSON, kept byte
	// for byte: the decision about the target, and what it rests on.
	Decision json.RawMessage `json:"decision,omitempty"`
	Input    json.RawMessage `json:"input,omitempty"`
	// InputOmitted is true where the input was left out since it would not fit.
	InputOmitted bool `json:"inputOmitted,omitempty"`
}

// Change edits policies, overrides and the control of one cluster, as a person
// does. Every edited row's generation is raised, so that a claim that had not
// seen the change fails. Intent, history and reason are left as they are; a
// closing that was under way conflicts, and the open intent is healed later.
type Change struct {
	Cluster fleet.ClusterName
	Edits   []Edit
	// Control replaces the control row when set, conditional on its Generation
	// as read; the stored one is one higher.
	Control *Control
}

// Edit is one row of a change, conditional on the generation read (0: the row
// must not exist). Nil fields are left as they are.
type Edit struct {
	Target     fleet.Target
	Generation int64
	Policy     *Policy
	Overrides  *[]spec.Override // pointing to none: there are no more overrides
	// Remove deletes the row with its policy, history and overrides. Generations
	// are not used twice: rows that are created later in the cluster start above
	// every one that was removed, else at 1.
	Remove bool
}

// MaxEdits is the most edits in one change, so that it stays one transaction.
const MaxEdits = 90

// MaxEditBytes is the most that policy and overrides of one edit may take, so
// that history, intent and reason still fit beside them and the row can be claimed.
const MaxEditBytes = MaxItemBytes - 64*1024

// Book is the ledger as the staircase uses it. Values are copied on their way
// in and out. A misused request (no ID, two entries for one row, ...) is
// refused with an error that is none of the package's errors.
type Book interface {
	// Clusters lists the clusters that have rows, sorted.
	Clusters(ctx context.Context) ([]fleet.ClusterName, error)
	// Read gives everything of one cluster, consistently read; an unknown cluster is empty.
	Read(ctx context.Context, cluster fleet.ClusterName) (Cluster, error)
	// Claim, Close and Note write all of what they are given or nothing.
	Claim(ctx context.Context, c Claim) error
	Close(ctx context.Context, c Closing) error
	Note(ctx context.Context, n Note) error
}

// Drains keeps the removals of instances, which Book.Read gives with their cluster.
type Drains interface {
	// WriteDrain stores the row with its generation one higher, if the stored one still
	// has the generation given (0: there is none). ErrConflict tells that it has not;
	// a repeat of a write that took effect succeeds. A closed row is deleted some time
	// after Since + DrainLife.
	WriteDrain(ctx context.Context, d Drain) error
}

// Desk is the ledger as people and their tools use it.
type Desk interface {
	Read(ctx context.Context, cluster fleet.ClusterName) (Cluster, error)
	// Change writes all of what it is given or nothing.
	Change(ctx context.Context, c Change) error
	// Records gives the records of a target before a time (zero: all), newest first, at most limit.
	// Records past RecordLife may still be among them: deletion is late.
	Records(ctx context.Context, t fleet.Target, before time.Time, limit int) ([]Record, error)
}
