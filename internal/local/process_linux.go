package local

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// childAttributes makes a child leader of its own group, and lets the kernel end it when we die without a word: a test
// binary that is killed leaves nothing behind.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// processIdentity tells a process from a later one with the same id: the id of this boot and the start time in clock ticks
// since then. It is empty when there is no such process.
func processIdentity(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the start time of process %d: %w", pid, err)
	}
	// Field 2 is the command in parentheses and may hold spaces, so count from its end: state is field 3, start time 22.
	_, rest, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(rest)
	const state, startTime = 0, 19
	if !ok || len(fields) <= startTime {
		return "", fmt.Errorf("read the start time of process %d: /proc/%d/stat has %d fields after the command", pid, pid, len(fields))
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return "", nil // dead already, only not reaped yet
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return strings.TrimSpace(string(boot)) + "/" + fields[startTime], nil
}
