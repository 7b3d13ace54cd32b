package local

import "time"

// SetInitTimeout shortens the time that a process has for its start.
func (r *Runtime) SetInitTimeout(d time.Duration) { r.initTimeout = d }
