package local

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// autoScalingVersion is that of EC2 Auto Scaling's query protocol.
const autoScalingVersion = "2011-01-01"

// Standin is a proxy in front of moto. It answers the calls about instances that moto 5.2.1 lacks: a termination of several,
// the waits of lifecycle hooks, instance refreshes, the protection of tasks. It refuses a termination below the group's
// least size, which moto carries out. What it answers itself is checked against the SDK's shapes first.
//
// It also does what an ECS agent and the scheduler would for the services of an EC2Seed: see tasks.
type Standin struct {
	server *httpServer
	proxy  *httputil.ReverseProxy
	region string
	groups *autoscaling.Client // of moto
	ecs    *ecs.Client         // of this stand-in, whose answers the SDK can read

	mu        sync.Mutex
	waits     map[string]Wait // by instance
	tokens    int
	protected map[string]bool     // by the ARN of a task
	refreshes map[string][]string // statuses of a group's, newest first

	tasks tasks
}

// refusal is an answer of an AWS service that is an error.
type refusal struct{ code, message string }

// Error gives both.
func (r refusal) Error() string { return r.code + ": " + r.message }

func invalid(format string, args ...any) refusal {
	return refusal{"ValidationError", fmt.Sprintf(format, args...)}
}

// StartStandin serves one in front of moto, for example http://127.0.0.1:5000, on a free loopback port. What it answers
// itself it takes from the groups of this region.
func StartStandin(ctx context.Context, moto, region string) (*Standin, error) {
	upstream, err := url.Parse(moto)
	if err != nil {
		return nil, fmt.Errorf("parse the endpoint of moto: %w", err)
	}
	e := Endpoints{Region: region}
	s := &Standin{
		region: region, groups: autoscaling.NewFromConfig(e.Config(moto)),
		waits: map[string]Wait{}, protected: map[string]bool{}, refreshes: map[string][]string{},
	}
	s.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(upstream)
			p.Out.Host = p.In.Host
			p.Out.Header.Del("Accept-Encoding") // the answers are read here
		},
		ModifyResponse: s.amend,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "stand-in for AWS: "+err.Error(), http.StatusBadGateway)
		},
	}
	if s.server, err = serveLoopback(ctx, loopbackAny, s); err != nil {
		return nil, fmt.Errorf("serve the stand-in for AWS: %w", err)
	}
	s.ecs = ecs.NewFromConfig(e.Config(s.server.url))
	return s, nil
}

// URL is the endpoint that clients use in place of moto's.
func (s *Standin) URL() string { return s.server.url }

// Close ends the proxy, not moto.
func (s *Standin) Close() error { return s.server.close() }

// opKey is where the operation of a request is kept for its answer.
type opKey struct{}

// ServeHTTP answers one request, or has moto do it.
func (s *Standin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxControlBody))
	if err != nil {
		http.Error(w, "read request: "+err.Error(), http.StatusBadRequest)
		return
	}
	_, op := operation(r, body)
	var answer string
	switch op {
	case "GetTaskProtection":
		answer, err = s.protection(op, string(body))
	case "DescribeInstanceRefreshes", "TerminateInstanceInAutoScalingGroup", "RecordLifecycleActionHeartbeat", "CompleteLifecycleAction":
		answer, err = s.exit(r.Context(), op, string(body))
	case "SetDesiredCapacity":
		body, err = s.uncover(body)
	}
	if err == nil && answer == "" {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		s.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), opKey{}, op)))
		return
	}
	if err == nil {
		err = s.follow(r.Context(), op)
	}
	respond(w, isQuery(r), op, answer, err)
}

// respond writes the answer, or the refusal, in the protocol of the request.
func respond(w http.ResponseWriter, query bool, op, answer string, err error) {
	no, refused := err.(refusal) //nolint:errorlint // nothing here wraps a refusal
	switch {
	case err != nil && !refused:
		http.Error(w, "stand-in for AWS: "+err.Error(), http.StatusInternalServerError)
	case query:
		w.Header().Set("Content-Type", "text/xml")
		const ns = `xmlns="http://autoscaling.amazonaws.com/doc/` + autoScalingVersion + `/"`
		if refused {
			w.WriteHeader(http.StatusBadRequest)
			printf(w, `<ErrorResponse %s><Error><Type>Sender</Type>%s%s</Error>%s</ErrorResponse>`, ns,
				element("Code", no.code), element("Message", no.message), element("RequestId", newRequestID()))
			return
		}
		printf(w, `<%[1]sResponse %[2]s><%[1]sResult>%[3]s</%[1]sResult><ResponseMetadata>%[4]s</ResponseMetadata></%[1]sResponse>`,
			op, ns, answer, element("RequestId", newRequestID()))
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if refused {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": no.code, "message": no.message}) // the client may be gone
			return
		}
		printf(w, "%s", answer)
	}
}

// element gives one XML element with a text in it.
func element(name, text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return "<" + name + ">" + b.String() + "</" + name + ">"
}

// amend makes an answer of moto's one of AWS, and does what follows from the request.
func (s *Standin) amend(r *http.Response) error {
	op, _ := r.Request.Context().Value(opKey{}).(string)
	if r.StatusCode != http.StatusOK {
		return nil
	}
	var change func(string) (string, error)
	switch op {
	case "DescribeTasks", "StartTask", "StopTask", "RunTask":
		change = func(body string) (string, error) { return number.ReplaceAllString(body, `$1"$2"`), nil }
	case "DescribeAutoScalingGroups":
		change = s.cover
	default:
		return s.follow(r.Request.Context(), op)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if err := r.Body.Close(); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	text, err := change(string(body))
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}

// number is the CPU or the memory of a container of a task, which moto gives as a number and ECS as a text.
var number = regexp.MustCompile(`("(?:cpu|memory|memoryReservation)": ?)(\d+)`)

// Protect sets the scale-in protection of a task, as UpdateTaskProtection does.
func (s *Standin) Protect(taskARN string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.protected[taskARN] = on
}

// protection answers GetTaskProtection.
func (s *Standin) protection(op, body string) (string, error) {
	if err := CheckShape(op, body); err != nil {
		return "", refusal{"InvalidParameterException", err.Error()}
	}
	var in struct {
		Cluster string
		Tasks   []string
	}
	if err := json.Unmarshal([]byte(body), &in); err != nil || in.Cluster == "" || len(in.Tasks) == 0 {
		return "", refusal{"InvalidParameterException", fmt.Sprintf("cluster %q and %d tasks (%v): both are needed", in.Cluster, len(in.Tasks), err)}
	}
	type task struct {
		ARN string `json:"taskArn"`
		On  bool   `json:"protectionEnabled"`
	}
	out := struct {
		Failures []string `json:"failures"`
		Tasks    []task   `json:"protectedTasks"`
	}{Failures: []string{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, arn := range in.Tasks {
		out.Tasks = append(out.Tasks, task{arn, s.protected[arn]})
	}
	answer, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("encode the answer of %s: %w", op, err)
	}
	return string(answer), nil
}
