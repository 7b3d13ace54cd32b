package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// logTailBytes is how much of an invoke's log the Invoke API returns: the last 4 KB.
const logTailBytes = 4 << 10

// logPipe carries the output of one worker to the log and keeps its tail. The worker holds the write end itself, so all it
// wrote before it asked for the next invoke is in the pipe by then, and flush can wait for exactly that.
type logPipe struct {
	r, w    *os.File
	out     io.Writer
	tail    *tailBuffer
	flushes chan chan struct{}
	done    chan struct{}
}

func newLogPipe(out io.Writer) (*logPipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open log pipe: %w", err)
	}
	p := &logPipe{
		r: r, w: w, out: out,
		tail:    newTailBuffer(logTailBytes),
		flushes: make(chan chan struct{}, 1),
		done:    make(chan struct{}),
	}
	go p.loop()
	return p, nil
}

// loop reads until the last holder of the write end is gone. A read that meets its deadline is a flush that asks for
// everything that has been written so far.
func (p *logPipe) loop() {
	defer close(p.done)
	buf := make([]byte, 32<<10)
	for {
		n, err := p.r.Read(buf)
		p.emit(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_ = p.r.SetReadDeadline(time.Time{})
			drainPipe(p.r, p.emit)
			close(<-p.flushes)
			continue
		}
		if err != nil {
			return
		}
	}
}

// emit takes lines from the worker, and from the host itself (its START and REPORT lines).
func (p *logPipe) emit(b []byte) {
	if len(b) == 0 {
		return
	}
	_, _ = p.tail.Write(b)
	_, _ = p.out.Write(b)
}

// flush returns once all that the worker has written is emitted. One caller at a time.
func (p *logPipe) flush() {
	ack := make(chan struct{})
	select {
	case <-p.done:
		return
	case p.flushes <- ack:
	}
	_ = p.r.SetReadDeadline(time.Unix(1, 0))
	select {
	case <-ack:
	case <-p.done:
	}
}

// started gives up our copy of the write end, which the worker now holds.
func (p *logPipe) started() { _ = p.w.Close() }

// close gives up both ends.
func (p *logPipe) close() {
	_ = p.w.Close()
	_ = p.r.Close()
	<-p.done
}
