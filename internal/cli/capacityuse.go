package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// usedOver is the time over which the use of the tasks is averaged.
const usedOver = time.Hour

// waste is the share of an amount that is idle, in one dimension.
type waste struct {
	Dimension string `json:"dimension"` // cpu, memoryMiB, gpu or enis
	// Of is the amount: what instances registered, or what tasks reserve whose use is known.
	Of int `json:"of"`
	// Idle is the share of it that is idle, from 0 to 1, and below 0 where tasks use more
	// than they reserve. It is absent where nothing is known.
	Idle *float64 `json:"idle,omitempty"`
	// Without names what is not in the amount, and why.
	Without []string `json:"without,omitempty"`
}

// dimension is one kind of resource.
type dimension struct {
	name, words string
	of          func(fleet.Resources) int
}

var dimensions = []dimension{
	{"cpu", "CPU", func(r fleet.Resources) int { return r.CPU }},
	{"memoryMiB", "memory", func(r fleet.Resources) int { return r.Memory }},
	{"gpu", "GPU", func(r fleet.Resources) int { return r.GPU }},
	{"enis", "ENIs", func(r fleet.Resources) int { return r.ENI }},
}

// packing gives the first waste: what is registered and no task reserves. ECS reports no
// interfaces, so of those nothing is known while the tasks are not.
func packing(registered, reserved fleet.Resources, tasksRead bool) []waste {
	out := []waste{}
	for _, d := range dimensions {
		all := d.of(registered)
		if all == 0 {
			continue
		}
		w := waste{Dimension: d.name, Of: all}
		if d.name == "enis" && !tasksRead {
			w.Without = []string{"the tasks, which were not read"}
		} else {
			w.Idle = new(1 - float64(d.of(reserved))/float64(all))
		}
		out = append(out, w)
	}
	return out
}

// useOf is what the tasks of one service use of what they reserve, in percent.
type useOf struct {
	service  fleet.ServiceName
	reserved fleet.Resources // of its tasks on the group
	percent  [2]float64      // CPU, memory
	unknown  [2]string       // why not
}

// usedMetrics are the metrics of AWS/ECS in the order of useOf.
var usedMetrics = [2]string{"CPUUtilization", "MemoryUtilization"}

// uses reads what the services of a cell use on the average. What cannot be read is
// unknown, and says why.
func uses(ctx context.Context, eyes Eyes, in policy.Input) []useOf {
	var out []useOf
	var queries []signal.Query
	for _, v := range in.Fleet.Services {
		u := useOf{service: v.Name, reserved: reservedBy(in.Fleet, v)}
		if u.reserved == (fleet.Resources{}) {
			continue
		}
		out = append(out, u)
		for _, name := range usedMetrics {
			m := spec.ServiceMetric(fleet.ServiceKey{Cluster: in.Cell.Cluster, Service: v.Name}, name, "Average")
			queries = append(queries, signal.Query{Metric: m, Window: usedOver})
		}
	}
	if len(queries) == 0 {
		return nil
	}
	got, err := eyes.Fetch(ctx, in.Fleet.At, queries)
	if err == nil && len(got) != len(queries) {
		err = fmt.Errorf("%d answers for %d queries", len(got), len(queries))
	}
	for i := range out {
		for k := range usedMetrics {
			if err != nil {
				out[i].unknown[k] = err.Error()
				continue
			}
			out[i].percent[k], out[i].unknown[k] = average(in.Fleet.At, got[len(usedMetrics)*i+k])
		}
	}
	return out
}

// reservedBy is what the tasks of a service reserve on the group: by the tasks, or by
// the running ones of the service where the tasks were not read.
func reservedBy(f fleet.Snapshot, v fleet.Service) fleet.Resources {
	if !f.TasksRead {
		return v.TaskSize.Times(v.Running)
	}
	var sum fleet.Resources
	for _, t := range f.Tasks {
		if t.Service == v.Name && t.Running {
			sum = sum.Plus(t.Size)
		}
	}
	return sum
}

// useShown is what the tasks of one service use of what they reserve.
type useShown struct {
	Service  fleet.ServiceName `json:"service"`
	Reserved fleet.Resources   `json:"reserved"` // on the group
	// The mean use in percent, absent where it is not known.
	CPU    *float64 `json:"cpuPercent,omitempty"`
	Memory *float64 `json:"memoryPercent,omitempty"`
	idle   float64
}

// usesShown gives the uses, those first that leave most of the group idle: by the larger
// share of all that is reserved on it.
func usesShown(us []useOf) []useShown {
	var all fleet.Resources
	for _, u := range us {
		all = all.Plus(u.reserved)
	}
	out := make([]useShown, 0, len(us))
	for _, u := range us {
		x := useShown{Service: u.service, Reserved: u.reserved}
		for k, into := range []**float64{&x.CPU, &x.Memory} {
			if u.unknown[k] != "" {
				continue
			}
			*into = new(u.percent[k])
			if n := dimensions[k].of(all); n > 0 {
				x.idle = max(x.idle, float64(dimensions[k].of(u.reserved))*(1-u.percent[k]/100)/float64(n))
			}
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b useShown) int { return cmp.Or(cmp.Compare(b.idle, a.idle), cmp.Compare(a.Service, b.Service)) })
	return out
}

// usesTold is how many services are told of, of more than that.
const usesTold = 5

// useWords tells of the services that leave most of what they reserve idle.
func useWords(us []useShown) string {
	percent := func(v *float64) string {
		if v == nil {
			return "unknown"
		}
		return fmt.Sprintf("%.0f %%", *v)
	}
	words := make([]string, 0, usesTold)
	for _, u := range us[:min(len(us), usesTold)] {
		words = append(words, fmt.Sprintf("%s CPU %s, memory %s", u.Service, percent(u.CPU), percent(u.Memory)))
	}
	if n := len(us) - usesTold; n > 0 {
		words = append(words, fmt.Sprintf("%d more with --json", n))
	}
	return "used of what they reserve: " + strings.Join(words, "; ")
}

// average gives the mean of the datapoints. A part of them is not known to be like the
// rest.
func average(now time.Time, s signal.Series) (percent float64, unknown string) {
	if s.Status != signal.Complete {
		return 0, strings.TrimSuffix("could not be read: "+s.Why, ": ")
	}
	n, sum := 0, 0.0
	for _, p := range s.Closed(now) {
		if p.Value.OK() {
			n++
			sum += float64(p.Value)
		}
	}
	if n == 0 {
		return 0, "no datapoint in the last hour"
	}
	return sum / float64(n), ""
}

// reservations gives the second waste: what tasks reserve and do not use, where that is
// known. Standalone tasks have no metric.
func reservations(f fleet.Snapshot, us []useOf) []waste {
	alone := fleet.Resources{}
	for _, t := range f.Tasks {
		if t.Service == "" && t.Running {
			alone = alone.Plus(t.Size)
		}
	}
	out := []waste{}
	for k, d := range dimensions[:len(usedMetrics)] {
		w, used := waste{Dimension: d.name}, 0.0
		why := map[string][]string{}
		for _, u := range us {
			n := d.of(u.reserved)
			switch {
			case u.unknown[k] != "":
				why[u.unknown[k]] = append(why[u.unknown[k]], string(u.service))
			case n == 0:
				const none = "reserves none of it"
				why[none] = append(why[none], string(u.service))
			default:
				w.Of += n
				used += float64(n) * u.percent[k] / 100
			}
		}
		if d.of(alone) > 0 {
			why["ECS has no metric of it"] = []string{"standalone tasks"}
		}
		for reason, names := range why {
			w.Without = append(w.Without, strings.Join(names, ", ")+": "+reason)
		}
		slices.Sort(w.Without)
		if w.Of > 0 {
			w.Idle = new(1 - used/float64(w.Of))
		}
		out = append(out, w)
	}
	return out
}
