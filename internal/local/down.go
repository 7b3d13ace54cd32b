package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Down ends the bed that Up started: its supervisor, then whatever of its children is left, each only if it is still the
// very process that was started. It says what it ended. With nothing up it says so and succeeds.
func Down(ctx context.Context, dir string, out io.Writer) error {
	return withLock(dir, func() error {
		state, err := loadState(dir)
		if errors.Is(err, ErrNotUp) {
			printf(out, "No local bed is up; nothing to end.\n")
			return nil
		}
		if err != nil {
			return err
		}
		return end(ctx, dir, state, out)
	})
}

// end ends every process of a state that still runs, and forgets the state.
func end(ctx context.Context, dir string, state State, out io.Writer) error {
	children := make([]Process, 0, len(state.Children))
	for _, p := range state.Children {
		if p.running() {
			children = append(children, p)
		}
	}
	var problems []error
	if state.Supervisor.running() {
		problems = append(problems, endSupervisor(ctx, state.Supervisor))
		printf(out, "Ended %s (pid %d).\n", state.Supervisor.Name, state.Supervisor.PID)
	} else {
		printf(out, "The supervisor (pid %d) was gone already.\n", state.Supervisor.PID)
	}
	for _, p := range state.Children {
		switch {
		case p.running(): // the supervisor did not get to it
			killGroup(p.PID)
			if !gone(ctx, p) {
				problems = append(problems, fmt.Errorf("end %s: process %d does not go away", p.Name, p.PID))
				continue
			}
			printf(out, "Ended %s (pid %d).\n", p.Name, p.PID)
		case slices.Contains(children, p):
			printf(out, "Ended %s (pid %d).\n", p.Name, p.PID)
		default:
			printf(out, "%s (pid %d) was gone already.\n", p.Name, p.PID)
		}
	}
	return errors.Join(append(problems, removeState(dir))...)
}

// endSupervisor asks the supervisor to end its children and itself, and insists when it does not.
func endSupervisor(ctx context.Context, p Process) error {
	if err := terminate(p.PID); err != nil {
		return err
	}
	if gone(ctx, p) {
		return nil
	}
	killGroup(p.PID)
	if !gone(ctx, p) {
		return fmt.Errorf("end %s: process %d does not go away", p.Name, p.PID)
	}
	return nil
}

// gone waits for the process to end, and says whether it did.
func gone(ctx context.Context, p Process) bool {
	deadline := time.Now().Add(downTimeout)
	for p.running() {
		if time.Now().After(deadline) || !sleep(ctx, statePoll) {
			return false
		}
	}
	return true
}
