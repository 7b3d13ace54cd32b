package capacity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-ecs/trimtab/internal/core/capacity"
	"github.com/trimtab-ecs/trimtab/internal/core/drain"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/history"
	"github.com/trimtab-ecs/trimtab/internal/core/placement"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// What a drain asks between two of its steps.
func TestHalt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(in *capacity.Input)
		want string
	}{
		{"nothing speaks against it", func(*capacity.Input) {}, ""},
		{"half of the agents are gone", func(in *capacity.Input) { in.Instances[0].Connected, in.Instances[2].Connected = false, false }, "2 of 3 instances are unhealthy"},
		{"an override keeps all", func(in *capacity.Input) {
			in.Overrides = []spec.Override{{Kind: spec.MinAt, Count: 4, Until: noon.Add(time.Hour)}}
		}, "an override keeps 4 instances"},
		{"an override keeps all but the one", func(in *capacity.Input) {
			in.Overrides = []spec.Override{{Kind: spec.MinAt, Count: 3, Until: noon.Add(time.Hour)}}
		}, ""},
		{"launches fail", func(in *capacity.Input) {
			in.Group.Failures = []fleet.LaunchFailure{{At: noon, Words: "no capacity"}}
		}, "launches fail: 1 launch failed"},
		{"the tasks that leave are no reason", func(in *capacity.Input) { in.Waiting = []placement.Item{tasks("web", 512, 1024, 2)} }, ""},
		{"others are", func(in *capacity.Input) { in.Waiting = []placement.Item{tasks("web", 512, 1024, 3)} }, "1 task must find a place first"},
	}
	for _, tt := range tests {
		in := running(2, 2, 0, 0)
		in.Drains = []drain.Row{{Instance: "i-02", Cause: drain.Consolidation, State: drain.Draining}}
		tt.edit(&in)
		if got := capacity.Halt(in); got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Protection is on the instances with tasks that do not run on all, and on no other.
func TestProtection(t *testing.T) {
	t.Parallel()
	in := running(2, 1, 0, 0, 1, 1)
	in.Tasks = append(in.Tasks, fleet.Task{ARN: "arn/d", Instance: "i-04", Service: "agent", Daemon: true, Running: true})
	in.Group.Members[0].Protected, in.Group.Members[3].Protected, in.Group.Members[4].Protected = true, true, true
	in.Drains = []drain.Row{{Instance: "i-05", State: drain.Draining}}
	in.Group.Members[5].State = "Pending"
	on, off := capacity.Protection(in)
	if d := cmp.Diff(ids(2), on); d != "" {
		t.Errorf("to protect (-want +got):\n%s", d)
	}
	if d := cmp.Diff(ids(4, 5), off); d != "" {
		t.Errorf("to release (-want +got):\n%s", d)
	}
	in.Tasks, in.TasksRead = nil, false
	if on, off := capacity.Protection(in); len(on)+len(off) > 0 {
		t.Errorf("without the tasks: %v, %v", on, off)
	}
}

// A person is told of every instance why it stays.
func TestLook(t *testing.T) {
	t.Parallel()
	in := running(4, 1, 0, 3, 4)
	in.Instances[3].Connected = false
	in.Group.Members[4].State = "Pending:Wait"
	could, stay := capacity.Look(in)
	if len(could) != 1 || could[0].Instance != "i-03" {
		t.Errorf("could go: %+v", could)
	}
	because := map[fleet.InstanceID]string{"i-01": "would have no other place", "i-02": "would have no other place", "i-04": "agent is not connected", "i-05": "Pending:Wait"}
	for _, s := range stay {
		if !strings.Contains(s.Because, because[s.Instance]) {
			t.Errorf("%s stays: %s", s.Instance, s.Because)
		}
		delete(because, s.Instance)
	}
	if len(because) > 0 {
		t.Errorf("nothing is said of %v", because)
	}
	in.Group.Refreshing = true
	if could, stay := capacity.Look(in); len(could) > 0 || len(stay) != 5 {
		t.Errorf("during a refresh %+v could go, %d stay", could, len(stay))
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(in *capacity.Input)
		ids  []fleet.InstanceID
		want string
	}{
		{"they fit", func(*capacity.Input) {}, ids(2), ""},
		{"several together", func(*capacity.Input) {}, ids(2, 3), ""},
		{"more than there is room", func(*capacity.Input) {}, ids(1, 2, 3), "would have no other place"},
		{"one that is gone", func(*capacity.Input) {}, ids(9), ""},
		{"the tasks are not known", func(in *capacity.Input) { in.TasksRead, in.TasksUnread = false, "throttled" }, ids(2), "throttled"},
		{"tasks wait that fit nowhere", func(in *capacity.Input) { in.Waiting = []placement.Item{tasks("web", 512, 1024, 12)} }, ids(3), "without a place"},
		{"tasks wait and take the room", func(in *capacity.Input) { in.Waiting = []placement.Item{tasks("web", 512, 1024, 8)} }, ids(2), "place"},
		{"the headroom", func(in *capacity.Input) { in.Policy.Headroom.LargestTask = 8 }, ids(2), "headroom"},
	}
	for _, tt := range tests {
		in := running(4, 1, 0, 0)
		tt.edit(&in)
		if got := capacity.Fits(in, tt.ids); got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestUsualAndLeft(t *testing.T) {
	t.Parallel()
	in := running(1, 1)
	in.Daemons = fleet.Resources{CPU: 48, Memory: 80}
	if b, ok := capacity.Usual(in); !ok || b.Whole != shape().Minus(in.Daemons) {
		t.Errorf("usual %+v, %v", b, ok)
	}
	if _, ok := capacity.Usual(capacity.Input{Now: noon}); ok {
		t.Error("a group that nobody has seen has a shape")
	}
	in.Memory.Orders = []history.Order{{At: noon.Add(-time.Minute), From: 3, To: 2}}
	if n, words := capacity.Left(in); n != 0 || !strings.Contains(words, "of which 1 went") {
		t.Errorf("left %d: %s", n, words)
	}
}

// Many instances: what fits on the roomiest few fits, and where it does not all are tried.
func TestMovesAmongMany(t *testing.T) {
	t.Parallel()
	crowd := make([]int, 40)
	for i := range crowd {
		crowd[i] = 3
	}
	crowd[0] = 1
	in := running(crowd...)
	in.Policy.ScaleIn.MinSavings = new(1.0)
	if got := drained(capacity.Decide(in)); !cmp.Equal(got, ids(1), cmpopts.EquateEmpty()) {
		t.Errorf("drains %v, want i-01", got)
	}
	// Only the last instances bear the attribute that the task asks for, and have least room.
	only := fleet.Rules{Constraints: []fleet.Constraint{{Type: fleet.MemberOf, Expression: "attribute:disk == fast"}}}
	in.Services = append(in.Services, fleet.Service{Name: "db", Compute: fleet.EC2, Active: true, Desired: 1, Running: 1, TaskSize: fleet.Resources{CPU: 8, Memory: 8}, Rules: only})
	in.Tasks[0].Service, in.Tasks[0].Size = "db", fleet.Resources{CPU: 8, Memory: 8}
	for _, i := range []int{0, 39} {
		in.Instances[i].Attributes = map[string]string{"disk": "fast"}
	}
	in.Instances[39].Remaining = fleet.Resources{CPU: 16, Memory: 16}
	got := capacity.Decide(in)
	if len(got.Drains) != 1 || got.Drains[0].Instance != "i-01" || got.Drains[0].Moves[0].Bin != "i-40" {
		t.Errorf("drains %+v (%s), want i-01 with its task to i-40", got.Drains, got.Because)
	}
}

// A task that asks for attributes in a group at zero starts one instance to show them, and
// waits while that is on the way.
func TestAttributesAreLearntByOne(t *testing.T) {
	t.Parallel()
	in := running()
	in.Group.MinSize = 0
	in.Waiting = []placement.Item{{Name: "db", Size: quarter(), Count: 3, Rules: fleet.Rules{Constraints: []fleet.Constraint{{Type: fleet.MemberOf, Expression: "attribute:disk == fast"}}}}}
	if r := capacity.Decide(in); r.Desired != 1 || r.Reason != history.ShapeUnknown {
		t.Errorf("at first: desired %d (%s: %s)", r.Desired, r.Reason, r.Because)
	}
	in.Base = 1
	if r := capacity.Decide(in); r.Desired != 1 || !strings.Contains(r.Because, "that the first instance will show") {
		t.Errorf("while it is on the way: desired %d (%s: %s)", r.Desired, r.Reason, r.Because)
	}
}
