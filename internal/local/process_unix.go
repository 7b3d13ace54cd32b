//go:build unix

package local

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const isWindows = false

// detachedAttributes makes a child leader of its own session: closing the terminal or pressing Ctrl-C does not end it.
func detachedAttributes() (*syscall.SysProcAttr, error) {
	return &syscall.SysProcAttr{Setsid: true}, nil
}

// killGroup ends every process of the group at once.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// terminate asks one process to end.
func terminate(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d: %w", pid, err)
	}
	return nil
}

// lockFile takes the file's advisory lock, waiting for another holder. The system gives it back when the process ends.
func lockFile(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// drainPipe reads what is in the pipe now, without waiting for more.
func drainPipe(r *os.File, emit func([]byte)) {
	conn, err := r.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 32<<10)
	_ = conn.Read(func(fd uintptr) bool {
		for {
			n, err := syscall.Read(int(fd), buf)
			if n > 0 {
				emit(buf[:n])
				continue
			}
			if !errors.Is(err, syscall.EINTR) {
				return true
			}
		}
	})
}
