package local

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxRecordedCalls = 10_000  // older ones are forgotten
	maxRecordedBody  = 1 << 20 // bytes of a body that are kept
)

// Recorder is a loopback reverse proxy in front of an AWS endpoint that keeps every call and can spoil coming ones:
//
//	GET    /__calls?op=UpdateService   the calls, oldest first
//	DELETE /__calls                    forget them
//	PUT    /__faults  [Fault, ...]     spoil coming calls, in place of what was set before
type Recorder struct {
	server *httpServer
	proxy  *httputil.ReverseProxy

	mu     sync.Mutex
	calls  []Call
	first  int // calls forgotten before calls[0]
	faults []Fault
}

// Call is one request that went through a Recorder.
type Call struct {
	Service string    `json:"service"` // the prefix of X-Amz-Target, or the signing name; "" when it cannot be told
	Op      string    `json:"op"`      // for example UpdateService; METHOD PATH for anything else
	At      time.Time `json:"at"`
	Body    string    `json:"body"`   // JSON, or a form for the query protocol; at most 1 MB of it
	Status  int       `json:"status"` // of the answer; 0 while there is none
	Spoilt  bool      `json:"spoilt"` // by a Fault
}

// Fault spoils the next calls of one operation. With a Code or a Body the call is answered here and never forwarded; with
// CutReply it is forwarded and carried out, and the connection closes without an answer, as when a reply is lost.
type Fault struct {
	Op       string `json:"op"`      // "" means every operation
	Count    int    `json:"count"`   // how many calls; 0 means 1
	Status   int    `json:"status"`  // 0 means 400
	Code     string `json:"code"`    // for example ThrottlingException
	Message  string `json:"message"` // beside Code
	Body     string `json:"body"`    // the whole answer, in place of the one built of Code and Message
	CutReply bool   `json:"cutReply"`
	DelayMs  int    `json:"delayMs"` // wait so long before anything else
}

// StartRecorder serves a Recorder in front of upstream, for example http://127.0.0.1:5000, on a free loopback port.
func StartRecorder(ctx context.Context, upstream string) (*Recorder, error) {
	target, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("parse upstream of the recorder: %w", err)
	}
	r := &Recorder{}
	r.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host // moto tells services apart by it
		},
		ModifyResponse: addChecksum,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "upstream "+upstream+": "+err.Error(), http.StatusBadGateway)
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /__calls", func(w http.ResponseWriter, req *http.Request) {
		writeJSON(w, http.StatusOK, r.Calls(req.URL.Query().Get("op")))
	})
	mux.HandleFunc("DELETE /__calls", func(w http.ResponseWriter, _ *http.Request) {
		r.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /__faults", func(w http.ResponseWriter, req *http.Request) {
		control(w, req, func(faults []Fault) error {
			r.Fail(faults...)
			return nil
		})
	})
	mux.HandleFunc("/", r.forward)
	if r.server, err = serveLoopback(ctx, loopbackAny, mux); err != nil {
		return nil, fmt.Errorf("serve the recorder: %w", err)
	}
	return r, nil
}

// URL is the endpoint that clients use in place of the upstream's.
func (r *Recorder) URL() string { return r.server.url }

// Close ends the proxy, not the upstream.
func (r *Recorder) Close() error { return r.server.close() }

// Calls returns the calls of one operation, or all with "", oldest first.
func (r *Recorder) Calls(op string) []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Call, 0, len(r.calls))
	for _, c := range r.calls {
		if op == "" || c.Op == op {
			out = append(out, c)
		}
	}
	return out
}

// Reset forgets the calls. Faults stay.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first += len(r.calls)
	r.calls = nil
}

// Fail spoils coming calls, in place of what was set before; without arguments nothing is spoilt any more.
func (r *Recorder) Fail(faults ...Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = slices.Clone(faults)
	for i := range r.faults {
		r.faults[i].Count = max(r.faults[i].Count, 1)
	}
}

// forward records one call and passes it on, unless a fault says otherwise.
func (r *Recorder) forward(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxControlBody))
	if err != nil {
		http.Error(w, "read request: "+err.Error(), http.StatusBadRequest)
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	service, op := operation(req, body)
	index, fault := r.record(Call{Service: service, Op: op, At: time.Now(), Body: string(body[:min(len(body), maxRecordedBody)])})
	if !sleep(req.Context(), time.Duration(fault.DelayMs)*time.Millisecond) {
		return
	}
	switch {
	case fault.Code != "" || fault.Body != "":
		status := fault.Status
		if status == 0 {
			status = http.StatusBadRequest
		}
		answer := fault.document(isQuery(req))
		w.Header().Set("Content-Type", contentType(req))
		w.Header().Set(checksumHeader, checksum([]byte(answer)))
		r.answered(index, status)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	case fault.CutReply:
		lost := &lostReply{header: http.Header{}}
		r.proxy.ServeHTTP(lost, req)
		r.answered(index, lost.status)
		panic(http.ErrAbortHandler) // net/http's way to close a connection without an answer
	default:
		out := &statusWriter{ResponseWriter: w}
		r.proxy.ServeHTTP(out, req)
		r.answered(index, out.status)
	}
}

// checksumHeader is on every answer of DynamoDB; the Go client logs a warning when it is absent or wrong.
const checksumHeader = "X-Amz-Crc32"

func checksum(body []byte) string { return strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10) }

// addChecksum does for DynamoDB Local what it forgets on error answers, so that the log of a function shows what it would
// show on AWS.
func addChecksum(resp *http.Response) error {
	if !strings.HasPrefix(resp.Request.Header.Get("X-Amz-Target"), "DynamoDB_") {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	resp.Header.Set(checksumHeader, checksum(body))
	return nil
}

// record keeps a call and uses up the first fault that fits it. The zero Fault spoils nothing.
func (r *Recorder) record(c Call) (index int, fault Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.faults {
		if f := r.faults[i]; f.Op == "" || f.Op == c.Op {
			fault = f
			c.Spoilt = true
			if r.faults[i].Count--; r.faults[i].Count == 0 {
				r.faults = slices.Delete(r.faults, i, i+1)
			}
			break
		}
	}
	if len(r.calls) == maxRecordedCalls {
		r.calls = slices.Delete(r.calls, 0, 1)
		r.first++
	}
	r.calls = append(r.calls, c)
	return r.first + len(r.calls) - 1, fault
}

// answered notes the status of a call that may have been forgotten since.
func (r *Recorder) answered(index, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := index - r.first; i >= 0 && i < len(r.calls) {
		r.calls[i].Status = status
	}
}

// document is the error answer in the protocol of the request.
func (f Fault) document(query bool) string {
	if f.Body != "" {
		return f.Body
	}
	message := f.Message
	if message == "" {
		message = f.Code
	}
	if query {
		var text strings.Builder
		_ = xml.EscapeText(&text, []byte(message)) // a Builder takes everything
		return "<ErrorResponse><Error><Type>Sender</Type><Code>" + f.Code + "</Code><Message>" + text.String() +
			"</Message></Error><RequestId>" + newRequestID() + "</RequestId></ErrorResponse>"
	}
	doc, err := json.Marshal(map[string]string{"__type": f.Code, "message": message})
	if err != nil {
		return `{"__type":` + strconv.Quote(f.Code) + `}` // unreachable: strings always encode
	}
	return string(doc)
}

// operation tells the service and the operation of an AWS request, by protocol: the target header of AWS JSON, the path of
// Smithy RPC v2, the Action of the query protocol.
func operation(req *http.Request, body []byte) (service, op string) {
	if target := req.Header.Get("X-Amz-Target"); target != "" {
		if dot := strings.LastIndexByte(target, '.'); dot >= 0 {
			return target[:dot], target[dot+1:]
		}
		return "", target
	}
	if parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/"); len(parts) == 4 && parts[0] == "service" && parts[2] == "operation" {
		return parts[1], parts[3]
	}
	if isQuery(req) {
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
			return signingName(req), form.Get("Action")
		}
	}
	return signingName(req), req.Method + " " + req.URL.Path
}

func isQuery(req *http.Request) bool {
	return strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

func contentType(req *http.Request) string {
	if isQuery(req) {
		return "text/xml"
	}
	return "application/x-amz-json-1.1"
}

// signingName is the service in the credential scope of a signed request: KEY/DATE/REGION/SERVICE/aws4_request.
func signingName(req *http.Request) string {
	_, scope, ok := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(scope, "/")
	if !ok || len(parts) < 4 {
		return ""
	}
	return parts[3]
}

// sleep waits and says whether the caller is still there.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// statusWriter remembers the status that passes through it.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives net/http the writer below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// lostReply is an answer that nobody gets.
type lostReply struct {
	header http.Header
	status int
}

// Header is what the upstream may set in vain.
func (l *lostReply) Header() http.Header { return l.header }

// Write drops p.
func (l *lostReply) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader notes the status for the record.
func (l *lostReply) WriteHeader(status int) { l.status = status }
