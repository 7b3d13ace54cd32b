package local

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// runtimeAPI is what the process sees of Lambda: the Runtime API of 2018-06-01.
func (w *worker) runtimeAPI() http.Handler {
	const prefix = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"invocation/next", w.handleNext)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/response", func(rw http.ResponseWriter, r *http.Request) {
		w.handleAnswer(rw, r, false)
	})
	mux.HandleFunc("POST "+prefix+"invocation/{id}/error", func(rw http.ResponseWriter, r *http.Request) {
		w.handleAnswer(rw, r, true)
	})
	mux.HandleFunc("POST "+prefix+"init/error", w.handleInitError)
	return mux
}

// handleNext ends the invocation that was answered and holds the request until there is another.
func (w *worker) handleNext(rw http.ResponseWriter, r *http.Request) {
	<-w.spawned
	if !w.finishCurrent() {
		runtimeError(rw, http.StatusForbidden, "InvalidStateTransition", "the current invocation has no response yet")
		return
	}
	var inv *invocation
	select {
	case inv = <-w.jobs:
	case <-r.Context().Done():
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", functionARN(w.region, w.function.Name))
	h.Set("Lambda-Runtime-Trace-Id", traceID(inv.id))
	_, _ = rw.Write(inv.payload) // a process that is gone by now is seen by its exit
}

// finishCurrent ends the answered invocation, if there is one, and marks the first request of the process. It says false
// when an invocation is still unanswered.
func (w *worker) finishCurrent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if inv := w.current; inv != nil {
		if !inv.answered {
			return false
		}
		w.current = nil
		close(inv.done)
		return true
	}
	if w.initTook == 0 {
		w.initTook = time.Since(w.started)
		w.onReady(Start{Function: w.function.Name, PID: w.proc.pid(), InitDuration: w.initTook})
		close(w.ready)
	}
	return true
}

// handleAnswer takes the response or the error of the current invocation.
func (w *worker) handleAnswer(rw http.ResponseWriter, r *http.Request, isError bool) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxSyncPayload))
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	if err != nil && !tooLarge {
		runtimeError(rw, http.StatusBadRequest, "InvalidRequestBody", err.Error())
		return
	}
	if tooLarge {
		isError = true
		body = errorDocument("Function.ResponseSizeTooLarge",
			"Response payload size exceeded maximum allowed payload size ("+strconv.Itoa(maxSyncPayload)+" bytes).")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	inv := w.current
	switch {
	case inv == nil || inv.id != r.PathValue("id"):
		runtimeError(rw, http.StatusBadRequest, "InvalidRequestID", "no such invocation is under way")
		return
	case inv.answered:
		runtimeError(rw, http.StatusForbidden, "InvalidStateTransition", "the invocation has a response already")
		return
	}
	inv.answered, inv.failed, inv.answer = true, isError, body
	if tooLarge {
		runtimeError(rw, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is larger than 6 MB")
		return
	}
	writeJSON(rw, http.StatusAccepted, map[string]string{"status": "OK"})
}

// handleInitError keeps what the process says about its failed start; its exit follows.
func (w *worker) handleInitError(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxSyncPayload))
	if err != nil {
		runtimeError(rw, http.StatusBadRequest, "InvalidRequestBody", err.Error())
		return
	}
	w.mu.Lock()
	w.initError = body
	w.mu.Unlock()
	writeJSON(rw, http.StatusAccepted, map[string]string{"status": "OK"})
}

// runtimeError answers the process in the Runtime API's error form.
func runtimeError(rw http.ResponseWriter, status int, kind, message string) {
	writeJSON(rw, status, map[string]string{"errorType": kind, "errorMessage": message})
}

// traceID derives an X-Ray trace header from the request id, so that it is the same in every log of the invoke.
func traceID(requestID string) string {
	hex := make([]byte, 0, 32)
	for i := range len(requestID) {
		if requestID[i] != '-' {
			hex = append(hex, requestID[i])
		}
	}
	return "Root=1-" + string(hex[:8]) + "-" + string(hex[8:32]) + ";Sampled=0"
}
