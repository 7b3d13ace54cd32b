package local

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

const (
	getMetricDataPath = "/service/GraniteServiceVersion20100801/operation/GetMetricData"
	cborType          = "application/cbor"
	maxRequestBody    = 8 << 20 // 500 queries with 30 dimensions each are below 1 MB
)

// serviceError is an error answer of CloudWatch.
type serviceError struct {
	status  int
	code    string
	message string
}

// Error names the code and the message.
func (e *serviceError) Error() string { return e.code + ": " + e.message }

// validationError is the answer to a request that CloudWatch would not take.
func validationError(format string, args ...any) error {
	return &serviceError{status: http.StatusBadRequest, code: "ValidationError", message: fmt.Sprintf(format, args...)}
}

// handlers tells the client's one operation and the control endpoints apart.
func (c *CloudWatch) handlers() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+getMetricDataPath, c.handleGetMetricData)
	mux.HandleFunc("PUT /metrics", c.putMetrics)
	mux.HandleFunc("DELETE /metrics", c.deleteMetrics)
	mux.HandleFunc("PUT /faults", func(w http.ResponseWriter, r *http.Request) {
		control(w, r, func(f Faults) error {
			c.Fail(f)
			return nil
		})
	})
	mux.HandleFunc("PUT /paging", func(w http.ResponseWriter, r *http.Request) {
		control(w, r, func(p pagingRequest) error {
			c.SetPageSize(p.Size)
			return nil
		})
	})
	mux.HandleFunc("PUT /barrier", func(w http.ResponseWriter, r *http.Request) {
		control(w, r, func(b barrierRequest) error {
			c.Barrier(b.Count, time.Duration(b.TimeoutMs)*time.Millisecond)
			return nil
		})
	})
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, c.Requests())
	})
	mux.HandleFunc("DELETE /requests", func(w http.ResponseWriter, _ *http.Request) {
		c.ResetRequests()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeServiceError(w, &serviceError{
			status: http.StatusNotFound, code: "UnknownOperationException",
			message: fmt.Sprintf("the local CloudWatch answers GetMetricData only, not %s %s", r.Method, r.URL.Path),
		})
	})
	return mux
}

// pagingRequest is the body of PUT /paging.
type pagingRequest struct {
	Size int `json:"size"`
}

// barrierRequest is the body of PUT /barrier.
type barrierRequest struct {
	Count     int `json:"count"`
	TimeoutMs int `json:"timeoutMs"`
}

// control decodes a request of the control endpoints and carries it out.
func control[T any](w http.ResponseWriter, r *http.Request, apply func(T) error) {
	var v T
	if err := readJSON(r, &v); err != nil {
		writeControlError(w, err)
		return
	}
	if err := apply(v); err != nil {
		writeControlError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *CloudWatch) putMetrics(w http.ResponseWriter, r *http.Request) {
	control(w, r, func(metrics []Metric) error { return c.Set(metrics...) })
}

func (c *CloudWatch) deleteMetrics(w http.ResponseWriter, r *http.Request) {
	var m Metric
	err := readJSON(r, &m)
	switch {
	case errors.Is(err, io.EOF):
		c.mu.Lock()
		c.metrics = map[string]storedMetric{}
		c.mu.Unlock()
	case err != nil:
		writeControlError(w, err)
		return
	default:
		c.Remove(m.Namespace, m.Name, m.Dimensions)
	}
	w.WriteHeader(http.StatusNoContent)
}

// handleGetMetricData answers one call of the Go client.
func (c *CloudWatch) handleGetMetricData(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
	if err != nil {
		writeServiceError(w, validationError("read request: %v", err))
		return
	}
	req, err := decodeRequest(body)
	c.mu.Lock()
	c.requests.Calls++
	c.requests.Queries += len(req.queries)
	c.mu.Unlock()
	if err != nil {
		writeServiceError(w, err)
		return
	}
	c.waitAtBarrier(r.Context())
	if err := c.nextFault(); err != nil {
		writeServiceError(w, err)
		return
	}
	page, err := c.evaluate(req)
	if err != nil {
		writeServiceError(w, err)
		return
	}
	writeCBOR(w, http.StatusOK, page.encode())
}

// nextFault uses up one fault, if any is left. A cut ends the handler without an answer.
func (c *CloudWatch) nextFault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.faults
	switch {
	case f.Throttle > 0:
		f.Throttle--
		return &serviceError{status: http.StatusBadRequest, code: "ThrottlingException", message: "Rate exceeded"}
	case f.Fail > 0:
		f.Fail--
		e := &serviceError{status: f.Status, code: f.Code, message: f.Message}
		if e.status == 0 {
			e.status = http.StatusInternalServerError
		}
		if e.code == "" {
			e.code = "InternalServiceFault"
		}
		return e
	case f.Cut > 0:
		f.Cut--
		panic(http.ErrAbortHandler) // net/http's way to close a connection without an answer
	}
	return nil
}

// writeServiceError answers with the error's code in both forms that the client reads.
func writeServiceError(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*serviceError](err)
	if !ok {
		e = &serviceError{status: http.StatusInternalServerError, code: "InternalServiceFault", message: err.Error()}
	}
	fault := "Sender"
	if e.status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	w.Header().Set("X-Amzn-Query-Error", e.code+";"+fault)
	writeCBOR(w, e.status, cbor.Map{
		"__type":  cbor.String("com.amazonaws.cloudwatch#" + e.code),
		"message": cbor.String(e.message),
	})
}

func writeCBOR(w http.ResponseWriter, status int, v cbor.Value) {
	body := cbor.Encode(v)
	h := w.Header()
	h.Set("Content-Type", cborType)
	h.Set("Smithy-Protocol", "rpc-v2-cbor")
	h.Set("X-Amzn-Requestid", newRequestID())
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
