package score

// Run is what one policy did with one trace. Seconds are counted from the start of the
// trace.
type Run struct {
	// From and To bound the scored seconds, From <= t < To: the warm-up is before From.
	From, To int
	// Demand is the fewest tasks that meet the objective, by second; at least To of them.
	// It is read only, so that runs may share it.
	Demand []int32
	// Ready counts the tasks that serve, Desired those that are ordered, Billed those that
	// are paid for, Instances the billed instances. The first step of Desired is what the
	// service began with, each later one an order.
	Ready, Desired, Billed, Instances Steps

	// Requests of the scored seconds. Violated were answered later than the objective, or
	// not at all.
	Arrived, Violated float64
	P50, P95, P99     float64 // seconds to the answer, 0 where there was none
	OldestMessage     float64 // seconds, the greatest age; 0 where there is no queue
	ViolationSeconds  int     // seconds in which the objective was missed
	LongestViolation  int     // seconds of the longest episode of them

	Started, Stopped      int // tasks
	APICalls, Invocations int // of the scaler

	StartDelay int // mean seconds from the order of a task to its first request
	StartBill  int // seconds billed for each start of a task before it serves
	// TasksPerInstance is how many tasks an instance holds, 0 on Fargate;
	// InstanceStartBill the seconds billed for each start of one before it serves.
	TasksPerInstance, InstanceStartBill int
	Prices                              Prices
}

// Score is the marks of a run. A ratio is 0, and left out of JSON, where what it would
// be divided by is 0.
type Score struct {
	ViolationPercent        float64 `json:"violationPercent"` // of the requests
	ViolationSeconds        int     `json:"violationSeconds"`
	LongestViolationSeconds int     `json:"longestViolationSeconds"`
	P50Seconds              float64 `json:"p50Seconds,omitempty"`
	P95Seconds              float64 `json:"p95Seconds,omitempty"`
	P99Seconds              float64 `json:"p99Seconds,omitempty"`
	OldestMessageSeconds    float64 `json:"oldestMessageSeconds,omitempty"`

	TaskHours     float64 `json:"taskHours"` // billed
	InstanceHours float64 `json:"instanceHours,omitempty"`
	Dollars       float64 `json:"dollars"`
	// To the oracle, to the demand, and to the peak of the demand all the time.
	TaskHoursPerOracle     float64 `json:"taskHoursPerOracle,omitempty"`
	TaskHoursPerDemand     float64 `json:"taskHoursPerDemand,omitempty"`
	TaskHoursPerPeak       float64 `json:"taskHoursPerPeak,omitempty"`
	InstanceHoursPerOracle float64 `json:"instanceHoursPerOracle,omitempty"`
	InstanceHoursPerDemand float64 `json:"instanceHoursPerDemand,omitempty"`
	DollarsPerOracle       float64 `json:"dollarsPerOracle,omitempty"`
	DollarsPerDemand       float64 `json:"dollarsPerDemand,omitempty"`

	ActionsPerHour       float64 `json:"actionsPerHour"`
	Outs                 int     `json:"outs"` // orders of more tasks
	Ins                  int     `json:"ins"`  // orders of fewer
	ReversalsWithin15Min int     `json:"reversalsWithin15Min"`
	TasksStarted         int     `json:"tasksStarted"`
	TasksStopped         int     `json:"tasksStopped"`

	ThetaUPercent  float64 `json:"thetaUPercent"`
	ThetaOPercent  float64 `json:"thetaOPercent"`
	ThetaO3Percent float64 `json:"thetaO3Percent"` // against at least 3 tasks: one more than 1 or 2 would be 100 or 50 %
	TauUPercent    float64 `json:"tauUPercent"`
	TauOPercent    float64 `json:"tauOPercent"`
	UpsilonPercent float64 `json:"upsilonPercent"`
	Epsilon        float64 `json:"epsilon"` // times better than no scaling at the mean demand

	APICalls    int `json:"apiCalls"`
	Invocations int `json:"invocations"`
}

// Score marks the run; without scored seconds all marks are 0.
func (r Run) Score() Score {
	if r.To <= r.From {
		return Score{}
	}
	s := Score{
		ViolationPercent: 100 * ratio(r.Violated, r.Arrived), ViolationSeconds: r.ViolationSeconds, LongestViolationSeconds: r.LongestViolation,
		P50Seconds: r.P50, P95Seconds: r.P95, P99Seconds: r.P99, OldestMessageSeconds: r.OldestMessage,
		TasksStarted: r.Started, TasksStopped: r.Stopped, APICalls: r.APICalls, Invocations: r.Invocations,
	}
	tasks, instances := r.Bounds()
	r.cost(&s, tasks, instances)
	r.orders(&s)
	r.elasticity(&s, tasks)
	return s
}

// Bounds are the least that the scored seconds can cost, in tasks and, where the tasks
// are on instances, in instances. What stood before the first second was paid before it:
// a policy does not pay for it either.
func (r Run) Bounds() (tasks, instances Bound) {
	scored := r.Demand[r.From:r.To]
	tasks = oracle(scored, 1, r.StartBill, true)
	if r.TasksPerInstance > 0 {
		instances = oracle(scored, r.TasksPerInstance, r.InstanceStartBill, true)
	}
	return tasks, instances
}

const hour = 3600

func (r Run) cost(s *Score, least, leastInstances Bound) {
	tasks, instances := r.Billed.Integral(r.From, r.To), r.Instances.Integral(r.From, r.To)
	s.TaskHours, s.InstanceHours = tasks/hour, instances/hour
	s.Dollars = r.dollars(tasks, instances)

	s.TaskHoursPerOracle = ratio(tasks, float64(least.Seconds))
	s.TaskHoursPerDemand = ratio(tasks, float64(least.Demand))
	s.TaskHoursPerPeak = ratio(tasks, float64(least.Peak*(r.To-r.From)))
	s.InstanceHoursPerOracle = ratio(instances, float64(leastInstances.Seconds))
	s.InstanceHoursPerDemand = ratio(instances, float64(leastInstances.Demand))
	s.DollarsPerOracle = ratio(s.Dollars, r.dollars(float64(least.Seconds), float64(leastInstances.Seconds)))
	s.DollarsPerDemand = ratio(s.Dollars, r.dollars(float64(least.Demand), float64(leastInstances.Demand)))
}

// dollars prices task-seconds and instance-seconds.
func (r Run) dollars(tasks, instances float64) float64 {
	return float64(tasks/hour*r.Prices.TaskHour) + float64(instances/hour*r.Prices.InstanceHour)
}

// ratio gives a/b, 0 where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// flap is the time in seconds within which an order against the one before is a reversal.
const flap = 15 * 60

// orders counts the orders of the scored seconds, and as reversals those that go against
// the order before and come at most 15 minutes after it. That one may lie in the warm-up.
func (r Run) orders(s *Score) {
	for i := 1; i < len(r.Desired); i++ {
		at := r.Desired[i].At
		if at < r.From || at >= r.To {
			continue
		}
		if r.out(i) {
			s.Outs++
		} else {
			s.Ins++
		}
		if i > 1 && r.out(i) != r.out(i-1) && at-r.Desired[i-1].At <= flap {
			s.ReversalsWithin15Min++
		}
	}
	s.ActionsPerHour = float64(s.Outs+s.Ins) * hour / float64(r.To-r.From)
}

// out tells whether the order i > 0 is for more tasks.
func (r Run) out(i int) bool { return r.Desired[i].N > r.Desired[i-1].N }

// elasticity compares with no scaling at the mean demand in whole tasks, halves up.
func (r Run) elasticity(s *Score, least Bound) {
	e := compare(r.Demand, r.Ready, r.From, r.To)
	s.ThetaUPercent, s.ThetaOPercent, s.ThetaO3Percent = e.thetaU, e.thetaO, e.thetaO3
	s.TauUPercent, s.TauOPercent = e.tauU, e.tauO
	s.UpsilonPercent = upsilon(r.Demand, r.Ready, r.From, r.To, r.StartDelay)
	n := r.To - r.From
	mean := max(1, (2*least.Demand+n)/(2*n))
	s.Epsilon = e.speedup(unscaled(r.Demand[r.From:r.To], mean, least.Peak))
}
