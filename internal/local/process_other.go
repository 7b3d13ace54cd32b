//go:build !unix

package local

import (
	"errors"
	"os"
	"syscall"
)

const isWindows = true

func childAttributes() *syscall.SysProcAttr { return nil }

func detachedAttributes() (*syscall.SysProcAttr, error) {
	return nil, errors.New("the local bed runs on Linux and macOS only: use it in WSL")
}

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

func terminate(pid int) error {
	killGroup(pid)
	return nil
}

func processIdentity(int) (string, error) { return "", nil }

func lockFile(*os.File) error { return nil }

func drainPipe(*os.File, func([]byte)) {}
