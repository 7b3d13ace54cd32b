package history

// Direction tells what a decision does to a count.
type Direction string

// The directions.
const (
	Out  Direction = "out"
	In   Direction = "in"
	Hold Direction = "hold"
)

// Toward gives the direction from one count to another.
func Toward(from, to int) Direction {
	switch {
	case to > from:
		return Out
	case to < from:
		return In
	}
	return Hold
}

// Clause is one rule that changed or confirmed a count, in the order applied.
type Clause struct {
	Rule    string `json:"rule"`
	Before  int    `json:"before"`
	After   int    `json:"after"`
	Because string `json:"because"`
	// Binding marks the one clause that explains the result.
	Binding bool `json:"binding,omitempty"`
}

// The rules. The first five are Application Auto Scaling's not-scaled reasons,
// by its names; the others are ours in the same form. A rule that ends a
// decision is its reason.
const (
	AlreadyAtMaxCapacity     = "AlreadyAtMaxCapacity"
	AlreadyAtMinCapacity     = "AlreadyAtMinCapacity"
	AlreadyAtDesiredCapacity = "AlreadyAtDesiredCapacity"
	AnticipatedFlapping      = "AutoScalingAnticipatedFlapping"
	Unscalable               = "TargetServicePutResourceAsUnscalable"

	TargetTracking = "TargetTracking"
	StepScaling    = "StepScaling"
	Backlog        = "Backlog"
	Concurrency    = "Concurrency"
	Fallback       = "Fallback"

	ForeignWriter        = "ForeignWriter"
	MissingData          = "MissingData"
	RateNotLearnt        = "RateNotLearnt"
	DatapointAlreadyUsed = "DatapointAlreadyUsed"
	StabilizationWindow  = "StabilizationWindow"
	Activation           = "Activation"
	HistoryFloor         = "HistoryFloor"
	MinCapacity          = "MinCapacity"
	MaxCapacity          = "MaxCapacity"
	Constraint           = "Constraint"
	SpendCap             = "SpendCap"
	HoldOverride         = "HoldOverride"
	ScaleOutCooldown     = "ScaleOutCooldown"
	ScaleInCooldown      = "ScaleInCooldown"
	ScaleInVeto          = "ScaleInVeto"
	DeploymentInProgress = "DeploymentInProgress"
	TasksUnplaced        = "TasksUnplaced"
	UnhealthyFleet       = "UnhealthyFleet"
	FlapBudget           = "FlapBudget"
	ScaleOutRateLimit    = "ScaleOutRateLimit"
	ScaleInRateLimit     = "ScaleInRateLimit"
	RemovalBudget        = "RemovalBudget"
	Paused               = "Paused"
	ScaleInSuspended     = "ScaleInSuspended"
	ScaleOutSuspended    = "ScaleOutSuspended"
	GlobalStop           = "GlobalStop"
	OrderInFlight        = "OrderInFlight"
	OwnedByAnother       = "OwnedByAnother"
	NotFound             = "NotFound"
	NoGroup              = "NoGroup"
	Unreadable           = "Unreadable"
	InvalidPolicy        = "InvalidPolicy"

	TasksWaiting    = "TasksWaiting"
	ShapeUnknown    = "InstanceShapeUnknown"
	TaskTooLarge    = "TaskTooLarge"
	LaunchSuspended = "LaunchSuspended"
	LaunchBackoff   = "LaunchBackoff"
	Headroom        = "Headroom"
	DrainUndone     = "DrainUndone"
	FallbackTakes   = "FallbackTakesOver"
	PrimaryReturns  = "ReturnToPrimary"

	DrainByHand        = "DrainByHand"
	SpotInterruption   = "SpotInterruption"
	RebalanceNotice    = "RebalanceNotice"
	EmptyInstances     = "EmptyInstances"
	Consolidation      = "Consolidation"
	ScaleInDisabled    = "ScaleInDisabled"
	ScaleInCoolOff     = "ScaleInCoolOff"
	InstanceRefresh    = "InstanceRefresh"
	TerminateSuspended = "TerminateSuspended"
	DisruptionBudget   = "DisruptionBudget"
	MaxDraining        = "MaxDraining"
	TasksUnread        = "TasksUnread"
	ServicesGrowing    = "ServicesGrowing"
	InstancesOverdue   = "InstancesOverdue"
	InstancesOnTheWay  = "InstancesOnTheWay"
)

// Steps walks a count through clauses. The zero value is not useful; start
// with Begin.
type Steps struct {
	base    int
	count   int
	clauses []Clause
}

// Begin starts at the count that the decision started from.
func Begin(base int) *Steps { return &Steps{base: base, count: base} }

// Resume goes on from where a walk ended.
func Resume(base, count int, clauses []Clause) *Steps {
	s := &Steps{base: base, count: count, clauses: make([]Clause, len(clauses))}
	copy(s.clauses, clauses)
	return s
}

// Base is the count the walk started from.
func (s *Steps) Base() int { return s.base }

// Count is where the walk stands.
func (s *Steps) Count() int { return s.count }

// Direction is the way from the base to where the walk stands.
func (s *Steps) Direction() Direction { return Toward(s.base, s.count) }

// To records a clause that moves the count to n, or confirms it where n is the
// count already.
func (s *Steps) To(n int, rule, because string) {
	s.clauses = append(s.clauses, Clause{Rule: rule, Before: s.count, After: n, Because: because})
	s.count = n
}

// End gives the clauses with the binding one marked, and that one: the last
// that changed the count or, where none did, the last that confirmed it.
func (s *Steps) End() (clauses []Clause, binding Clause) {
	if len(s.clauses) == 0 {
		s.To(s.count, AlreadyAtDesiredCapacity, "no rule applied")
	}
	at := len(s.clauses) - 1
	for i := at; i >= 0; i-- {
		if s.clauses[i].Before != s.clauses[i].After {
			at = i
			break
		}
	}
	out := s.marked(at)
	return out, out[at]
}

// EndAtLast gives the clauses with the last one binding, whether or not it
// changed the count: a closed gate is the reason even where nothing was wanted.
func (s *Steps) EndAtLast() []Clause {
	return s.marked(len(s.clauses) - 1)
}

func (s *Steps) marked(at int) []Clause {
	out := make([]Clause, len(s.clauses))
	copy(out, s.clauses)
	for i := range out {
		out[i].Binding = i == at
	}
	return out
}
