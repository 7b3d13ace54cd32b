package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// loopbackAny asks for a free port of the loopback interface.
const loopbackAny = "127.0.0.1:0"

// httpServer is one HTTP listener on the loopback interface.
type httpServer struct {
	url  string // for example http://127.0.0.1:40123, without a slash at its end
	addr string // host:port
	srv  *http.Server
}

// serveLoopback listens on addr (host:port, port 0 for a free one) and serves h until close. An address that other
// machines could reach is refused.
func serveLoopback(ctx context.Context, addr string, h http.Handler) (*httpServer, error) {
	if addr == "" {
		addr = loopbackAny
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("parse listen address %q: %w (want 127.0.0.1:PORT)", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen address %q is not loopback: use 127.0.0.1:PORT", addr)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	bound := ln.Addr().String()
	s := &httpServer{
		url:  "http://" + bound,
		addr: bound,
		srv:  &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second},
	}
	go func() { _ = s.srv.Serve(ln) }() // always ends with ErrServerClosed, by close
	return s, nil
}

// close ends the listener and every open connection at once.
func (s *httpServer) close() error {
	if err := s.srv.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("close listener %s: %w", s.addr, err)
	}
	return nil
}

// maxControlBody bounds the JSON documents that the control endpoints read, in bytes.
const maxControlBody = 16 << 20

// readJSON decodes a control request into v. Unknown fields are refused: a misspelt one would silently do nothing.
func readJSON(r *http.Request, v any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxControlBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("decode %s %s: %w", r.Method, r.URL.Path, err)
	}
	return nil
}

// writeJSON answers with v. The client being gone is its own affair.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// writeControlError answers a control request that cannot be carried out.
func writeControlError(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}
