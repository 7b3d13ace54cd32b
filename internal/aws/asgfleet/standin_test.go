package asgfleet_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/trimtab-ecs/trimtab/internal/local"
)

// standin speaks as much of EC2 Auto Scaling's query protocol as the tests need
// where moto lacks the call. It refuses an action that it does not know and a
// parameter that the action does not have, so that a request is checked as it
// goes over the wire.
type standin struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	now    time.Time
	groups map[string]*asg
	calls  []url.Values
	older  bool   // the call for several instances is not known
	lose   string // the action whose replies are lost after it was carried out
	fault  string // the code of a fault that every termination meets
	tokens int
}

// asg is a group of the standin.
type asg struct {
	min, max, desired int
	instances         []*member
	hooks             map[string]int // timeout in seconds
	refreshes         []string       // statuses, newest first
	activities        []activity     // newest first
	warm              []string       // lifecycle states
	warmStatus        string
}

// member is an instance; token is that of its wait.
type member struct {
	id, state, token string
	protected        bool
}

type activity struct {
	description, status, words, details string
	start, end                          time.Time
}

// newStandin starts one with no groups.
func newStandin(t *testing.T) *standin {
	t.Helper()
	s := &standin{t: t, now: time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC), groups: make(map[string]*asg)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// client gives the SDK's client with its standard retries.
func (s *standin) client() *autoscaling.Client {
	return autoscaling.NewFromConfig(local.Endpoints{Region: "eu-west-1"}.Config(s.url))
}

// create makes a group with so many instances in service.
func (s *standin) create(name string, minSize, maxSize, desired int) *asg {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &asg{min: minSize, max: maxSize, desired: desired, hooks: make(map[string]int)}
	for i := range desired {
		g.instances = append(g.instances, &member{id: fmt.Sprintf("i-%s-%03d", name, i), state: "InService"})
	}
	s.groups[name] = g
	return g
}

// record adds an activity that lasted two seconds.
func (s *standin) record(group, status, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := s.now.Add(time.Second)
	s.now = start.Add(2 * time.Second)
	g := s.groups[group]
	g.activities = slices.Insert(g.activities, 0, activity{
		description: "Launching a new EC2 instance.  Status Reason: " + words, status: status, words: words,
		details: `{"Subnet ID":"subnet-1","Availability Zone":"eu-west-1a"}`, start: start, end: s.now,
	})
}

// asked gives the requests of an action so far.
func (s *standin) asked(action string) []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []url.Values
	for _, c := range s.calls {
		if c.Get("Action") == action {
			out = append(out, c)
		}
	}
	return out
}

// refusal is an answer of Auto Scaling that is an error.
type refusal struct{ code, message string }

func invalid(format string, args ...any) *refusal {
	return &refusal{"ValidationError", fmt.Sprintf(format, args...)}
}

// handler carries out one action and gives the inside of its result.
type handler struct {
	run        func(*standin, url.Values) (string, *refusal)
	parameters string // separated by spaces; a number is written #
}

var handlers = map[string]handler{
	"DescribeAutoScalingGroups":           {(*standin).describeGroups, "AutoScalingGroupNames.member.#"},
	"DescribeAutoScalingInstances":        {(*standin).describeInstances, "InstanceIds.member.# MaxRecords NextToken"},
	"DescribeInstanceRefreshes":           {(*standin).describeRefreshes, "AutoScalingGroupName MaxRecords"},
	"DescribeScalingActivities":           {(*standin).describeActivities, "AutoScalingGroupName MaxRecords NextToken Filters.member.#.Name Filters.member.#.Values.member.#"},
	"DescribeWarmPool":                    {(*standin).describeWarmPool, "AutoScalingGroupName MaxRecords NextToken"},
	"DescribeLifecycleHooks":              {(*standin).describeHooks, "AutoScalingGroupName"},
	"TerminateInstanceInAutoScalingGroup": {(*standin).terminate, "ShouldDecrementDesiredCapacity AutoScalingGroupName InstanceId InstanceIds.member.#"},
	"SetInstanceProtection":               {(*standin).protect, "AutoScalingGroupName InstanceIds.member.# ProtectedFromScaleIn"},
	"RecordLifecycleActionHeartbeat":      {(*standin).heartbeat, "AutoScalingGroupName LifecycleHookName InstanceId LifecycleActionToken"},
	"CompleteLifecycleAction":             {(*standin).complete, "AutoScalingGroupName LifecycleHookName InstanceId LifecycleActionToken LifecycleActionResult"},
}

var digits = regexp.MustCompile(`\.\d+`)

func (s *standin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.PostForm.Get("Version") != "2011-01-01" {
		s.t.Errorf("request %s %v: %v", r.Method, r.PostForm, err)
	}
	in := r.PostForm
	action := in.Get("Action")
	h, ok := handlers[action]
	if !ok {
		s.t.Errorf("action %q was asked for", action)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for name := range in {
		if name != "Action" && name != "Version" && !slices.Contains(strings.Fields(h.parameters), digits.ReplaceAllString(name, ".#")) {
			s.t.Errorf("%s was asked for with %s", action, name)
		}
	}
	s.mu.Lock()
	s.calls = append(s.calls, in)
	body, no := h.run(s, in)
	lost := s.lose == action
	s.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "text/xml")
	if no != nil {
		w.WriteHeader(map[bool]int{true: http.StatusBadRequest, false: http.StatusInternalServerError}[no.code == "ValidationError"])
		_, _ = fmt.Fprintf(w, `<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type>%s%s</Error><RequestId>r</RequestId></ErrorResponse>`,
			element("Code", no.code), element("Message", no.message))
		return
	}
	_, _ = fmt.Fprintf(w, `<%[1]sResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><%[1]sResult>%[2]s</%[1]sResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></%[1]sResponse>`,
		action, body)
}

// element gives one element with a text in it.
func element(name, text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	return "<" + name + ">" + b.String() + "</" + name + ">"
}

// listed gives a list of members, each of its elements.
func listed[T any](name string, all []T, one func(T) string) string {
	var b strings.Builder
	for _, v := range all {
		b.WriteString("<member>" + one(v) + "</member>")
	}
	return "<" + name + ">" + b.String() + "</" + name + ">"
}

// members gives the values of a list in a request.
func members(in url.Values, name string) []string {
	var out []string
	for i := 1; in.Has(fmt.Sprintf("%s.member.%d", name, i)); i++ {
		out = append(out, in.Get(fmt.Sprintf("%s.member.%d", name, i)))
	}
	return out
}

// paged cuts a page of at most size.
func paged[T any](all []T, in url.Values, size int) (page []T, next string) {
	from := 0
	if token := in.Get("NextToken"); token != "" {
		if _, err := fmt.Sscan(token, &from); err != nil {
			panic(err) // the token is one of ours
		}
	}
	if from+size < len(all) {
		return all[from : from+size], element("NextToken", fmt.Sprint(from+size))
	}
	return all[from:], ""
}
