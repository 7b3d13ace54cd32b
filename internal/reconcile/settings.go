package reconcile

import (
	"errors"
	"fmt"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Settings are what both functions read from their environment.
type Settings struct {
	// Table is the ledger: TRIMTAB_TABLE.
	Table string
	// Bus is where decisions and removals are announced: TRIMTAB_EVENT_BUS.
	Bus string
	// Mode is the ceiling of every target's mode: TRIMTAB_MODE.
	Mode spec.Mode
}

// ReadSettings reads them; an error names every variable that is wrong and what to set.
func ReadSettings(getenv func(string) string) (Settings, error) {
	s := Settings{Table: getenv("TRIMTAB_TABLE"), Bus: getenv("TRIMTAB_EVENT_BUS"), Mode: spec.Mode(getenv("TRIMTAB_MODE"))}
	var errs []error
	if s.Table == "" {
		errs = append(errs, errors.New("TRIMTAB_TABLE is empty: set it to the name of the ledger's DynamoDB table"))
	}
	if s.Bus == "" {
		errs = append(errs, errors.New("TRIMTAB_EVENT_BUS is empty: set it to the event bus for decisions, usually default"))
	}
	if s.Mode != spec.Observe && s.Mode != spec.Act {
		errs = append(errs, fmt.Errorf("TRIMTAB_MODE is %q: set it to observe or act", s.Mode))
	}
	return s, errors.Join(errs...)
}
