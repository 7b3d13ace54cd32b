package ebnotice

import (
	"context"
	"time"
)

// SetSleep replaces the waiting between attempts.
func (n *Notices) SetSleep(f func(context.Context, time.Duration) error) { n.sleep = f }
