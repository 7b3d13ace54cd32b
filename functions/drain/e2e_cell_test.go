package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/aws/dynamoledger"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
)

// The group and the service of the samples in events/; an instance holds four tasks.
const (
	group   = "prod-m7g"
	service = "checkout"
	sampled = "i-0a1b2c3d4e5f60718" // the instance that the samples name
)

// stage is a cell on EC2 with both compiled functions, DynamoDB Local behind their
// ledger, and moto with its stand-in behind ECS, Auto Scaling and EventBridge.
type stage struct {
	*local.Bed
	ledger *dynamoledger.Ledger
	ecs    *ecs.Client
	groups *autoscaling.Client
}

// play starts a stage with so many instances and tasks. Whatever a function asked of
// ECS or Auto Scaling until its end had the shape of the SDK's requests.
func play(t *testing.T, instances, tasks int32, policies ...func(*spec.Group)) stage {
	t.Helper()
	bed := localtest.Bed(t, local.BedOptions{
		Functions: []local.Function{
			{Name: "drain", Bootstrap: localtest.BuildBootstrap(t, ".")},
			{Name: "reconcile", Bootstrap: localtest.BuildBootstrap(t, "../reconcile")},
		},
		Services: []local.ServiceSeed{},
		EC2: &local.EC2Seed{
			Group:    local.GroupSeed{Name: group, MinSize: 1, DesiredCapacity: instances},
			Services: []local.ServiceSeed{{Name: service, DesiredCount: tasks, CPU: 1024, Memory: 1024}},
		},
	})
	e := bed.Endpoints()
	s := stage{
		Bed: bed, ledger: dynamoledger.New(local.NewDynamoDBClient(e.DynamoDBDirect), e.Table),
		ecs: ecs.NewFromConfig(e.Config(e.AWSDirect)), groups: autoscaling.NewFromConfig(e.Config(e.MotoDirect)),
	}
	none, all := new(spec.Duration(0)), []spec.RateLimit{{Tasks: 100, Period: spec.Duration(time.Minute)}}
	g := spec.Group{Mode: spec.Act, ScaleIn: spec.GroupScaleIn{StabilizationWindow: none, CoolOff: none}}
	for _, p := range policies {
		p(&g)
	}
	policy := spec.Service{
		Mode: spec.Act, MinCapacity: 2, MaxCapacity: 20,
		Policies: []spec.Policy{{TargetTracking: &spec.TargetTracking{PredefinedMetric: spec.CPUUtilization, TargetValue: 60}}},
		ScaleIn:  spec.ScaleIn{StabilizationWindow: none, Cooldown: none, RateLimits: all, RemovalBudget: all, Datapoints: 1},
	}
	err := s.ledger.Change(t.Context(), ledger.Change{Cluster: "prod", Edits: []ledger.Edit{
		{Target: fleet.GroupOf("prod", group), Policy: &ledger.Policy{Group: &g, Version: 1, Author: "e2e", At: time.Now()}},
		{Target: fleet.ServiceKey{Cluster: "prod", Service: service}.Target(), Policy: &ledger.Policy{Service: &policy, Version: 1, Author: "e2e", At: time.Now()}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.checkShapes(t) })
	return s
}

// checkShapes looks at every request to ECS and Auto Scaling.
func (s stage) checkShapes(t *testing.T) {
	t.Helper()
	if err := s.AWS.CheckShapes(); err != nil {
		t.Error(err)
	}
}

// invoke gives the report of a function.
func (s stage) invoke(t *testing.T, function string, payload []byte) reconcile.Report {
	t.Helper()
	res, err := s.Lambda.Invoke(t.Context(), function, payload)
	if err != nil || res.FunctionError != "" {
		t.Fatalf("%s: %v, function error %s", function, err, res.Payload)
	}
	var rep reconcile.Report
	if err := json.Unmarshal(res.Payload, &rep); err != nil {
		t.Fatalf("%s: read the report: %v in %s", function, err, res.Payload)
	}
	return rep
}

// tick is the minute's tick as EventBridge sends it.
func (s stage) tick(t *testing.T, function string) reconcile.Report {
	t.Helper()
	return s.invoke(t, function, sample(t, "aws.events.scheduled-event.minute"))
}

// about is a sample about this instance, at a time that is so long ago. The events
// of a batch keep theirs.
func about(t *testing.T, name string, id fleet.InstanceID, ago time.Duration, replace ...string) []byte {
	t.Helper()
	pairs := append([]string{sampled, string(id)}, replace...)
	out := strings.NewReplacer(pairs...).Replace(string(sample(t, name)))
	if !strings.Contains(out, string(id)) {
		t.Fatalf("sample %s names no instance %s", name, sampled)
	}
	return []byte(strings.Replace(out, `"time": "2026-11-23T10:05:12Z"`, `"time": "`+time.Now().Add(-ago).UTC().Format(time.RFC3339)+`"`, 1))
}

// load publishes a CPU average over tasks, minute by minute, up to the one that began
// so many minutes ago: each order needs a newer one.
func (s stage) load(t *testing.T, average float64, tasks, upTo int) {
	t.Helper()
	m := local.ECSUtilization("prod", service, "CPUUtilization", average, tasks, 30)
	m.Repeat = false
	m.Points = slices.DeleteFunc(m.Points, func(p local.Point) bool { return p.MinutesAgo < float64(upTo) })
	if err := s.CloudWatch.Set(m); err != nil {
		t.Fatal(err)
	}
}

// host is one instance as ECS shows it.
type host struct {
	id     fleet.InstanceID
	arn    string
	status string
	tasks  int
}

// hosts gives the container instances, the busiest first.
func (s stage) hosts(t *testing.T) []host {
	t.Helper()
	list, err := s.ecs.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Cluster: aws.String("prod")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.ecs.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{Cluster: aws.String("prod"), ContainerInstances: list.ContainerInstanceArns})
	if err != nil {
		t.Fatal(err)
	}
	var all []host
	for _, i := range out.ContainerInstances {
		all = append(all, host{fleet.InstanceID(*i.Ec2InstanceId), *i.ContainerInstanceArn, *i.Status, int(i.RunningTasksCount)})
	}
	slices.SortFunc(all, func(a, b host) int { return b.tasks - a.tasks })
	return all
}

// wantGroup checks moto's desired capacity and how many instances are in the cluster
// with so many tasks each.
func (s stage) wantGroup(t *testing.T, desired int, tasks ...int) {
	t.Helper()
	out, err := s.groups.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
	if err != nil || len(out.AutoScalingGroups) != 1 {
		t.Fatalf("describe the group in moto: %v, %+v", err, out)
	}
	var got []int
	for _, h := range s.hosts(t) {
		got = append(got, h.tasks)
	}
	if diff := cmp.Diff(tasks, got); diff != "" || int(*out.AutoScalingGroups[0].DesiredCapacity) != desired {
		t.Errorf("desired capacity %d, want %d; tasks on each instance (-want +got):\n%s", *out.AutoScalingGroups[0].DesiredCapacity, desired, diff)
	}
}

// drain gives the row of an instance's removal, of generation 0 for none.
func (s stage) drain(t *testing.T, id fleet.InstanceID) ledger.Drain {
	t.Helper()
	c, err := s.ledger.Read(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	return c.Drain(id)
}

// wantDrain gives the row of an instance's removal, which must be in this state.
func (s stage) wantDrain(t *testing.T, id fleet.InstanceID, cause drain.Cause, state drain.State) ledger.Drain {
	t.Helper()
	d := s.drain(t, id)
	if d.Cause != cause || d.State != state || d.Generation == 0 {
		t.Errorf("the drain of %s is %+v, want cause %s and state %s", id, d, cause, state)
	}
	return d
}

// written gives the requests so far that change something in AWS, with the parameters
// of each, and forgets them.
func (s stage) written(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, c := range s.AWS.Calls("") {
		switch {
		case c.Op == "PutEvents", strings.HasPrefix(c.Op, "Describe"), strings.HasPrefix(c.Op, "List"), strings.HasPrefix(c.Op, "Get"):
			continue
		case c.Status != 200:
			t.Errorf("%s was answered %d: %s", c.Op, c.Status, c.Body)
		}
		if strings.HasPrefix(c.Body, "{") {
			out = append(out, c.Op+" "+c.Body)
			continue
		}
		form, err := url.ParseQuery(c.Body)
		if err != nil {
			t.Fatal(err)
		}
		form.Del("Action")
		form.Del("Version")
		out = append(out, c.Op+" "+form.Encode())
	}
	s.checkShapes(t)
	s.AWS.Reset()
	return out
}

// wantWritten expects these requests and no other that changes something.
func (s stage) wantWritten(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.written(t)); diff != "" {
		t.Errorf("requests that change something (-want +got):\n%s", diff)
	}
}

func setDraining(status string, h host) string {
	return fmt.Sprintf(`UpdateContainerInstancesState {"cluster":"prod","containerInstances":["%s"],"status":"%s"}`, h.arn, status)
}

func terminate(h host) string {
	return "TerminateInstanceInAutoScalingGroup InstanceId=" + string(h.id) + "&ShouldDecrementDesiredCapacity=true"
}

func setCapacity(n int) string {
	return fmt.Sprintf("SetDesiredCapacity AutoScalingGroupName=%s&DesiredCapacity=%d&HonorCooldown=false", group, n)
}

// notices gives what was announced since the last look at the requests.
func (s stage) notices(t *testing.T) []reconcile.Notice {
	t.Helper()
	var out []reconcile.Notice
	for _, c := range s.AWS.Calls("PutEvents") {
		var in struct {
			Entries []struct{ Source, DetailType, Detail, EventBusName string }
		}
		if err := json.Unmarshal([]byte(c.Body), &in); err != nil {
			t.Fatal(err)
		}
		for _, e := range in.Entries {
			var n reconcile.Notice
			if err := json.Unmarshal([]byte(e.Detail), &n); err != nil || e.DetailType != "Trimtab Decision" || e.EventBusName != "default" {
				t.Fatalf("entry %+v: %v", e, err)
			}
			out = append(out, n)
		}
	}
	return out
}

// record gives the newest record of the group.
func (s stage) record(t *testing.T) ledger.Record {
	t.Helper()
	recs, err := s.ledger.Records(t.Context(), fleet.GroupOf("prod", group), time.Time{}, 1)
	if err != nil || len(recs) != 1 {
		t.Fatalf("records of the group: %+v, %v", recs, err)
	}
	return recs[0]
}

// The whole way: with the load the service and its group are raised in one
// invocation, instances first; without it the service goes back, and the instance
// that is empty then is drained, ended and gone, by one decision and one tick.
func TestCellGrowsAndShrinks(t *testing.T) {
	t.Parallel()
	s := play(t, 1, 3)
	first := s.hosts(t)[0]
	s.load(t, 120, 3, 3) // 360 % are six tasks at 60 %
	s.invoke(t, "reconcile", sample(t, "aws.cloudwatch.alarm-state-change.high-cpu"))
	s.wantGroup(t, 2, 4, 2)
	if ns := s.notices(t); len(ns) != 2 {
		t.Errorf("announced %+v, want the group and the service", ns)
	}
	s.wantWritten(t, setCapacity(2), `UpdateService {"cluster":"prod","desiredCount":6,"service":"checkout"}`)

	s.load(t, 15, 6, 2) // 90 % are two tasks
	s.invoke(t, "reconcile", sample(t, "aws.cloudwatch.alarm-state-change.high-cpu"))
	s.wantGroup(t, 2, 2, 0)
	s.wantWritten(t, `UpdateService {"cluster":"prod","desiredCount":2,"service":"checkout"}`)

	s.load(t, 45, 2, 1)
	s.invoke(t, "reconcile", []byte(`{"kind":"evaluate","cluster":"prod","service":"checkout","dryRun":false}`))
	empty := s.hosts(t)[1]
	if empty.id == first.id {
		t.Fatalf("the first instance %+v is the empty one", first)
	}
	s.wantDrain(t, empty.id, drain.Empty, drain.Candidate)
	if ns := s.notices(t); len(ns) != 1 || !slices.Equal(ns[0].Drains, []fleet.InstanceID{empty.id}) || ns[0].Before != 2 || ns[0].Desired != 2 {
		t.Errorf("announced %+v, want the drain of %s and no other capacity", ns, empty.id)
	}
	s.wantWritten(t)

	rep := s.tick(t, "drain")
	d := s.wantDrain(t, empty.id, drain.Empty, drain.Terminated)
	if d.Before != 2 || d.After != 1 || rep.Drains[len(rep.Drains)-1].State != drain.Terminated {
		t.Errorf("row %+v in report %+v, want 2 instances before and 1 after", d, rep.Drains)
	}
	if ns := s.notices(t); len(ns) != 1 || ns[0].Outcome != "ordered" || ns[0].Before != 2 || ns[0].Desired != 1 || !slices.Equal(ns[0].Drains, []fleet.InstanceID{empty.id}) {
		t.Errorf("announced %+v, want the end of %s", ns, empty.id)
	}
	s.wantWritten(t, setDraining("DRAINING", empty), terminate(empty))
	s.wantGroup(t, 1, 2)
	if r := s.record(t); r.Kind != ledger.Ordered || r.Before != 2 || r.Desired != 1 || !strings.Contains(r.Because, string(empty.id)) {
		t.Errorf("record %s of %d to %d because %s, want the end of %s", r.Kind, r.Before, r.Desired, r.Because, empty.id)
	}
	s.tick(t, "drain")
	s.wantWritten(t)
}
