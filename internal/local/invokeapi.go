package local

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// invokeAPI is what callers see of Lambda: POST /2015-03-31/functions/{name}/invocations.
func (r *Runtime) invokeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", r.handleInvoke)
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		lambdaError(w, http.StatusNotFound, "UnknownOperationException",
			fmt.Sprintf("the local Lambda has only the Invoke API, not %s %s", req.Method, req.URL.Path))
	})
	return mux
}

// handleInvoke is one Invoke call of any type.
func (r *Runtime) handleInvoke(w http.ResponseWriter, req *http.Request) {
	name := req.PathValue("name")
	payload, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxSyncPayload))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		r.answerError(w, name, fmt.Errorf("%w: Lambda takes at most %d bytes", ErrPayloadTooLarge, maxSyncPayload))
		return
	}
	if err != nil {
		lambdaError(w, http.StatusBadRequest, "InvalidRequestContentException", err.Error())
		return
	}
	switch kind := req.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		r.answerSync(w, req, name, payload)
	case "Event":
		id, err := r.InvokeEvent(req.Context(), name, payload)
		if err != nil {
			r.answerError(w, name, err)
			return
		}
		w.Header().Set("X-Amzn-Requestid", id)
		w.WriteHeader(http.StatusAccepted)
	case "DryRun":
		if _, err := r.lookup(name, len(payload), maxSyncPayload); err != nil {
			r.answerError(w, name, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		lambdaError(w, http.StatusBadRequest, "InvalidParameterValueException",
			fmt.Sprintf("X-Amz-Invocation-Type %q is none of RequestResponse, Event, DryRun", kind))
	}
}

// answerSync runs a RequestResponse invoke and answers with its result.
func (r *Runtime) answerSync(w http.ResponseWriter, req *http.Request, name string, payload []byte) {
	res, err := r.Invoke(req.Context(), name, payload)
	if err != nil {
		r.answerError(w, name, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Requestid", res.RequestID)
	h.Set("X-Amz-Executed-Version", "$LATEST")
	if res.FunctionError != "" {
		h.Set("X-Amz-Function-Error", res.FunctionError)
	}
	if req.Header.Get("X-Amz-Log-Type") == "Tail" {
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(res.LogTail))
	}
	_, _ = w.Write(res.Payload)
}

// answerError maps the errors of Invoke to Lambda's.
func (r *Runtime) answerError(w http.ResponseWriter, name string, err error) {
	switch {
	case errors.Is(err, ErrUnknownFunction):
		lambdaError(w, http.StatusNotFound, "ResourceNotFoundException",
			"Function not found: "+functionARN(r.region, functionName(name)))
	case errors.Is(err, ErrPayloadTooLarge):
		lambdaError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", err.Error())
	case errors.Is(err, ErrTooManyInvokes):
		lambdaError(w, http.StatusTooManyRequests, "TooManyRequestsException", err.Error())
	default:
		lambdaError(w, http.StatusInternalServerError, "ServiceException", err.Error())
	}
}

// lambdaError answers in the form that the SDKs turn into a typed error.
func lambdaError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("X-Amzn-Errortype", kind)
	fault := "User"
	if status >= http.StatusInternalServerError {
		fault = "Service"
	}
	writeJSON(w, status, map[string]string{"Type": fault, "Message": message})
}

// functionARN is the ARN that the function sees and that the Invoke API accepts as a name.
func functionARN(region, name string) string {
	return "arn:aws:lambda:" + region + ":" + AccountID + ":function:" + name
}

// functionName takes the name out of what the Invoke API accepts: NAME, NAME:QUALIFIER, ACCOUNT:function:NAME and the ARN
// with or without a qualifier. Every qualifier means the one version that there is.
func functionName(nameOrARN string) string {
	name := nameOrARN
	if _, after, ok := strings.Cut(nameOrARN, "function:"); ok {
		name = after
	}
	name, _, _ = strings.Cut(name, ":")
	return name
}
