package local

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// terminating is the transition whose hooks wait before an instance ends.
const terminating = "autoscaling:EC2_INSTANCE_TERMINATING"

// Wait is an instance that leaves its group as soon as its lifecycle hook lets it. In moto it is in service until then, and
// counted.
type Wait struct {
	Group, Hook, Token string
	Beats              int // how often it was prolonged
}

// Refresh tells the statuses of the group's instance refreshes, the newest first; none means that there was none.
func (s *Standin) Refresh(group string, statuses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshes[group] = statuses
}

// Leave has Auto Scaling end an instance of its own accord, and lower the group by it. It gives the wait of the group's hook,
// the zero Wait where there is none and the instance is gone at once.
func (s *Standin) Leave(ctx context.Context, instance string) (Wait, error) {
	group, err := s.groupOf(ctx, instance)
	if err != nil {
		return Wait{}, err
	}
	if err := s.leave(ctx, group, instance); err != nil {
		return Wait{}, err
	}
	w, _ := s.Waiting(instance)
	return w, s.Settle(ctx)
}

// Waiting gives the wait of an instance; ok is false where no hook waits for it.
func (s *Standin) Waiting(instance string) (w Wait, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok = s.waits[instance]
	return w, ok
}

// exit answers a call about instances that leave.
func (s *Standin) exit(ctx context.Context, op, body string) (string, error) {
	if err := CheckShape(op, body); err != nil {
		return "", refusal{"ValidationError", err.Error()}
	}
	in, err := url.ParseQuery(body)
	if err != nil {
		return "", fmt.Errorf("read the form of %s: %w", op, err)
	}
	switch op {
	case "TerminateInstanceInAutoScalingGroup":
		return s.terminate(ctx, in)
	case "DescribeInstanceRefreshes":
		return s.describeRefreshes(in)
	}
	id := in.Get("InstanceId")
	s.mu.Lock()
	w, ok := s.waits[id]
	ok = ok && w.Group == in.Get("AutoScalingGroupName") && w.Hook == in.Get("LifecycleHookName") &&
		(!in.Has("LifecycleActionToken") || in.Get("LifecycleActionToken") == w.Token)
	if !ok {
		s.mu.Unlock()
		return "", invalid("No active Lifecycle Action found with instance ID %s", id)
	}
	if op == "RecordLifecycleActionHeartbeat" {
		w.Beats++
		s.waits[id] = w
		s.mu.Unlock()
		return " ", nil
	}
	if result := in.Get("LifecycleActionResult"); result != "CONTINUE" && result != "ABANDON" {
		s.mu.Unlock()
		return "", invalid("LifecycleActionResult is %q: want CONTINUE or ABANDON", result)
	}
	delete(s.waits, id)
	s.mu.Unlock()
	return " ", s.end(ctx, id)
}

// terminate is all or nothing, as AWS is: the name of the group goes with the ids of several, and with nothing else.
func (s *Standin) terminate(ctx context.Context, in url.Values) (string, error) {
	ids, one, name := members(in, "InstanceIds"), in.Get("InstanceId"), in.Get("AutoScalingGroupName")
	switch {
	case in.Get("ShouldDecrementDesiredCapacity") != "true":
		return "", invalid("ShouldDecrementDesiredCapacity is %q: the stand-in knows only true", in.Get("ShouldDecrementDesiredCapacity"))
	case (one == "") == (len(ids) == 0), len(ids) > 0 && name == "", one != "" && name != "":
		return "", invalid("InstanceId %q, %d InstanceIds and AutoScalingGroupName %q: give InstanceId alone, or the others", one, len(ids), name)
	case one != "":
		ids = []string{one}
	}
	for _, id := range ids {
		group, err := s.groupOf(ctx, id)
		if err != nil {
			return "", err
		}
		if name == "" {
			name = group
		}
		if _, waits := s.Waiting(id); group != name || waits {
			return "", invalid("Instance Id not found - No managed instance found for instance ID: %s", id)
		}
	}
	if err := s.mayShrink(ctx, name, len(ids)); err != nil {
		return "", err
	}
	var activities strings.Builder
	for _, id := range ids {
		if err := s.leave(ctx, name, id); err != nil {
			return "", err
		}
		activity := element("ActivityId", newRequestID()) + element("AutoScalingGroupName", name) + element("Cause", "user request") +
			element("Description", "Terminating EC2 instance: "+id) + element("StartTime", time.Now().UTC().Format(time.RFC3339)) +
			element("StatusCode", "InProgress") + element("Progress", "0")
		if one != "" {
			return "<Activity>" + activity + "</Activity>", nil
		}
		activities.WriteString("<member>" + activity + "</member>")
	}
	return "<Activities>" + activities.String() + "</Activities>", nil
}

// mayShrink refuses what would leave a group below its least size.
func (s *Standin) mayShrink(ctx context.Context, name string, by int) error {
	out, err := s.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil || len(out.AutoScalingGroups) != 1 {
		return fmt.Errorf("describe group %s in moto: %v, %w", name, out, err)
	}
	g := out.AutoScalingGroups[0]
	least := aws.ToInt32(g.MinSize)
	if int(aws.ToInt32(g.DesiredCapacity))-s.covered(name)-by < int(least) {
		return invalid("Currently, desiredSize equals minSize (%d). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.", least)
	}
	return nil
}

// leave ends an instance at once, or has it wait for the hook of its group.
func (s *Standin) leave(ctx context.Context, group, id string) error {
	out, err := s.groups.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &group})
	if err != nil {
		return fmt.Errorf("describe the hooks of group %s in moto: %w", group, err)
	}
	i := slices.IndexFunc(out.LifecycleHooks, func(h types.LifecycleHook) bool { return aws.ToString(h.LifecycleTransition) == terminating })
	if i < 0 {
		return s.end(ctx, id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	s.waits[id] = Wait{
		Group: group, Hook: aws.ToString(out.LifecycleHooks[i].LifecycleHookName),
		Token: fmt.Sprintf("%08d-0000-4000-8000-000000000000", s.tokens),
	}
	return nil
}

// end removes an instance from moto's group and lowers the group.
func (s *Standin) end(ctx context.Context, id string) error {
	_, err := s.groups.TerminateInstanceInAutoScalingGroup(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{
		InstanceId: &id, ShouldDecrementDesiredCapacity: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("end instance %s in moto: %w", id, err)
	}
	return nil
}

// groupOf gives the group of an instance, and AWS's refusal for one that has none.
func (s *Standin) groupOf(ctx context.Context, id string) (string, error) {
	out, err := s.groups.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return "", fmt.Errorf("describe instance %s in moto: %w", id, err)
	}
	if len(out.AutoScalingInstances) != 1 {
		return "", invalid("Instance Id not found - No managed instance found for instance ID: %s", id)
	}
	return aws.ToString(out.AutoScalingInstances[0].AutoScalingGroupName), nil
}

func (s *Standin) describeRefreshes(in url.Values) (string, error) {
	if in.Get("AutoScalingGroupName") == "" {
		return "", invalid("AutoScalingGroupName is needed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, status := range s.refreshes[in.Get("AutoScalingGroupName")] {
		b.WriteString("<member>" + element("Status", status) + "</member>")
	}
	return "<InstanceRefreshes>" + b.String() + "</InstanceRefreshes>", nil
}

// covered counts the instances of a group that moto counts and Auto Scaling would not.
func (s *Standin) covered(group string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, w := range s.waits {
		if w.Group == group {
			n++
		}
	}
	return n
}

var (
	desired   = regexp.MustCompile(`<DesiredCapacity>(\d+)</DesiredCapacity>`)
	lifecycle = regexp.MustCompile(`<LifecycleState>\w+</LifecycleState>`)
)

// errSeveral is an answer that cannot be amended.
var errSeveral = errors.New("an instance waits for its hook: describe the groups one by one")

// cover shows in an answer of moto's about a group the instances that wait: they are not counted any more.
func (s *Standin) cover(body string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, w := range s.waits {
		at := strings.Index(body, element("InstanceId", id))
		if at < 0 {
			continue
		}
		counts := desired.FindAllStringSubmatch(body, -1)
		if len(counts) != 1 {
			return "", errSeveral
		}
		begin, end := strings.LastIndex(body[:at], "<member>"), at+strings.Index(body[at:], "</member>")
		body = body[:begin] + lifecycle.ReplaceAllLiteralString(body[begin:end], element("LifecycleState", "Terminating:Wait")) + body[end:]
		n, err := strconv.Atoi(counts[0][1])
		if err != nil {
			return "", fmt.Errorf("read the desired capacity of group %s: %w", w.Group, err)
		}
		body = strings.Replace(body, counts[0][0], element("DesiredCapacity", strconv.Itoa(n-1)), 1)
	}
	return body, nil
}

// uncover adds to a desired capacity for moto the instances that wait, which it counts.
func (s *Standin) uncover(body []byte) ([]byte, error) {
	in, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("read the form of SetDesiredCapacity: %w", err)
	}
	if n := s.covered(in.Get("AutoScalingGroupName")); n > 0 {
		asked, err := strconv.Atoi(in.Get("DesiredCapacity"))
		if err != nil {
			return nil, invalid("DesiredCapacity is %q", in.Get("DesiredCapacity"))
		}
		in.Set("DesiredCapacity", strconv.Itoa(asked+n))
	}
	return []byte(in.Encode()), nil
}

// members gives the values of a list in a form.
func members(in url.Values, name string) []string {
	var out []string
	for i := 1; in.Has(fmt.Sprintf("%s.member.%d", name, i)); i++ {
		out = append(out, in.Get(fmt.Sprintf("%s.member.%d", name, i)))
	}
	return out
}
