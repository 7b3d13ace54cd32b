//go:build unix && !linux

package local

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// childAttributes makes a child leader of its own group. These systems have no signal on the death of a parent: Down ends
// what a killed supervisor leaves behind.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// processIdentity tells a process from a later one with the same id, by its start time. It is empty when there is no such
// process.
func processIdentity(pid int) (string, error) {
	out, err := exec.CommandContext(context.Background(), "ps", "-o", "lstart=", "-p", strconv.Itoa(pid)).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", nil // ps found no such process
	}
	if err != nil {
		return "", fmt.Errorf("read the start time of process %d: %w", pid, err)
	}
	return strings.TrimSpace(string(out)), nil
}
