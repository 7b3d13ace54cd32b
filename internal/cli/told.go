package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// told is what can be said of one record beside what it holds.
type told struct {
	At         time.Time             `json:"at"` // of the record
	Conditions []explain.Condition   `json:"conditions"`
	Otherwise  []explain.Alternative `json:"otherwise"`
	// BoundBy are the rules that bind the decision where nothing that was tried
	// changes it.
	BoundBy []string `json:"boundBy,omitempty"`

	decision policy.ServiceDecision
	search   *explain.Search // nil where the record has not kept its input
}

// tell reads the decision out of a service's record and, where the record has
// kept its input, finds what would have changed it.
func tell(rec ledger.Record) (told, bool) {
	var d policy.Decision
	if rec.Target.Kind != fleet.ServiceTarget || len(rec.Decision) == 0 || json.Unmarshal(rec.Decision, &d) != nil {
		return told{}, false
	}
	for _, sd := range d.Services {
		if string(sd.Service) != rec.Target.Name {
			continue
		}
		t := told{At: rec.At, Conditions: explain.Conditions(sd), Otherwise: []explain.Alternative{}, decision: sd}
		var in policy.Input
		if len(rec.Input) > 0 && json.Unmarshal(rec.Input, &in) == nil {
			t.search = new(explain.Otherwise(rec.At, in, sd.Service))
			t.Otherwise, t.BoundBy = append(t.Otherwise, t.search.Found...), t.search.Bound
		}
		return t, true
	}
	return told{}, false
}

// recordWords explains one record: from its decision, or from its own fields
// where the decision was not kept.
func recordWords(rec ledger.Record) string {
	head := recordHead(rec)
	if t, ok := tell(rec); ok {
		return head + "\n" + strings.TrimSuffix(explain.Service(t.decision, t.search), "\n")
	}
	noun := "task"
	if rec.Target.Kind == fleet.GroupTarget {
		if d, ok := groupDecision(rec); ok {
			return head + "\n" + strings.TrimSuffix(explain.Group(d), "\n")
		}
		noun = "instance"
	}
	return fmt.Sprintf("%s\n%s: %s\n  reason      %s: %s", head, title(rec.Target),
		explain.Headline(rec.Mode, rec.Before, rec.Desired, noun), rec.Rule, rec.Because)
}

// groupDecision reads the decision out of a group's record.
func groupDecision(rec ledger.Record) (policy.GroupDecision, bool) {
	var d policy.Decision
	if len(rec.Decision) == 0 || json.Unmarshal(rec.Decision, &d) != nil || d.Group == nil || string(d.Group.Group) != rec.Target.Name {
		return policy.GroupDecision{}, false
	}
	return *d.Group, true
}
