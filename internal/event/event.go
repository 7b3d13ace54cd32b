// Package event gives the typed form of whatever woke the function: raw
// invocation bytes go in, one Event comes out.
//
// An Event is a hint. It holds names and no authority: it says where to look,
// never what to do, so nothing in it may decide a count. What AWS sends is read
// leniently (fields unknown to us are ignored, a kind unknown to us is Unknown),
// because AWS adds fields and kinds without notice. What people send, the manual
// payloads, is read strictly, because a misspelled field would otherwise be an
// order silently changed.
//
// A Request is a person's word, and the one thing here that says what to do: an
// override, the global stop, or the removal of an instance. Its authority is the permission to invoke the
// function (lambda:InvokeFunction), so it is read from the bare document of an
// invoke alone: whoever may send an event, publish to a topic or fill a queue
// cannot pause a service.
package event

import (
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Kind tells what an event is about, whichever way it arrived.
type Kind string

// The kinds of event.
const (
	Alarm         Kind = "alarm"         // a CloudWatch alarm changed state
	ServiceAction Kind = "serviceAction" // ECS reports on a service: a placement failure, a start impaired
	Deployment    Kind = "deployment"    // ECS reports that a deployment began, completed or failed
	Tick          Kind = "tick"          // the schedule: evaluate what is due
	Evaluate      Kind = "evaluate"      // manual: evaluate one service
	TickAll       Kind = "tickAll"       // manual {"kind":"tick"}: evaluate everything, due or not
	Override      Kind = "override"      // manual {"kind":"pause"} and the other overrides: set one
	Resume        Kind = "resume"        // manual: end overrides
	Stop          Kind = "stop"          // manual: set a cluster's global stop
	Start         Kind = "start"         // manual: lift it
	Lifecycle     Kind = "lifecycle"     // Auto Scaling waits with a hook before it terminates an instance
	Launch        Kind = "launch"        // a launch of Auto Scaling succeeded or failed
	Termination   Kind = "termination"   // a termination of Auto Scaling succeeded or failed
	Spot          Kind = "spot"          // EC2 takes a Spot instance back in two minutes
	Rebalance     Kind = "rebalance"     // EC2 warns that it may take a Spot instance back
	InstanceState Kind = "instanceState" // an EC2 instance changed state
	TaskChange    Kind = "taskChange"    // ECS reports that a task on an instance changed
	HostChange    Kind = "hostChange"    // ECS reports that a container instance changed
	Drain         Kind = "drain"         // manual: drain one instance and remove it
	Batch         Kind = "batch"         // SQS records, each an event of its own in Event.Batch
	Unknown       Kind = "unknown"       // nothing for us: count it and do nothing
)

// Via tells which way an event came. It is empty for records of a service that
// is not read here, such as Kinesis.
type Via string

// The ways in.
const (
	ViaEventBridge Via = "eventbridge" // an EventBridge rule
	ViaAlarmAction Via = "alarmAction" // a CloudWatch alarm invoked the function itself
	ViaSNS         Via = "sns"         // an SNS subscription
	ViaScheduler   Via = "scheduler"   // EventBridge Scheduler
	ViaSQS         Via = "sqs"         // an SQS queue that the function reads
	ViaInvoke      Via = "invoke"      // the Invoke API with a document of our own; the only way in for manual kinds
)

// Event is one decoded invocation. Every string is at most MaxText bytes long.
type Event struct {
	Kind Kind
	Via  Via
	// ID is the EventBridge event id or the SNS message id; of a batch it is the first
	// SQS message id. A direct alarm action and a manual payload have none.
	ID string
	// MessageID is filled in a batch alone: the SQS message that brought the event.
	MessageID string
	// Time is when the sender says it happened, in UTC; zero where it does not say.
	Time       time.Time
	Account    string
	Region     string // the region's code, never SNS's display name
	Source     string // as sent: aws.ecs, aws:sns
	DetailType string
	// Alarms is filled for Kind Alarm: one alarm, or several for a batch of SNS records.
	Alarms []AlarmChange
	// Service is filled for the kinds ServiceAction, Deployment and Evaluate.
	Service fleet.ServiceKey
	// Name is what happened in the sender's own word: an event name of ECS such as
	// SERVICE_TASK_PLACEMENT_FAILURE, the status of a task or a container instance, the
	// state of an EC2 instance, or what EC2 does to a Spot instance.
	Name string
	// Reason is the sender's reason as sent, such as RESOURCE:CPU.
	Reason string
	// Failed is true for a launch or a termination that failed, and for a record of a
	// batch that was refused; Reason has the words.
	Failed bool
	// Instance is filled for the kinds about one EC2 instance and for Drain; for
	// TaskChange and HostChange where ECS tells it. A launch that failed has none.
	Instance fleet.InstanceID
	// HostARN is the ARN of the container instance, filled for TaskChange and HostChange.
	HostARN string
	// Group is filled for Lifecycle, Launch and Termination.
	Group fleet.GroupName
	// Cluster is filled for TaskChange, HostChange and Drain.
	Cluster fleet.ClusterName
	// HookName and HookToken are filled for Lifecycle: the wait to end or prolong. The
	// token is empty where none was sent; the instance then tells the wait as well.
	HookName, HookToken string
	// Batch is filled for Kind Batch, in the records' order; a record that could not be
	// decoded is of kind Unknown and Failed, with the reason in Reason.
	Batch []Event
	// Request is filled for the kinds Override, Resume, Stop, Start and Drain, nil for
	// all others.
	Request *Request
	// DryRun is true for an evaluate, tick or drain payload that does not say "dryRun":
	// false, so that an order is given only to those who ask for one in so many
	// words. The other requests, and a drain that is undone, are the other way round,
	// dry only where they say "dryRun": true: a pause that did not pause is the more
	// dangerous mistake.
	DryRun bool
}

// Request is what a person asks for in a manual payload.
type Request struct {
	// Target is what it is about; for Stop, Start and Drain only its Cluster is set.
	Target fleet.Target
	// Override is what to set, for kind Override.
	Override spec.OverrideKind
	Count    int // tasks or instances, for hold, min and max
	// For is how long the override holds, Until when it ends, in UTC: one is set.
	For   time.Duration
	Until time.Time
	// Only is the kind of override that Resume ends; empty for all of them.
	Only spec.OverrideKind
	// Undo tells for Drain that the instance is to be given back to its tasks.
	Undo bool
	// Why may be empty for Resume, Start and a drain that is undone.
	Why string
	By  string
}

// AlarmState is the state of a CloudWatch alarm. A state that CloudWatch adds
// later is kept as sent.
type AlarmState string

// The alarm states of CloudWatch.
const (
	StateOK               AlarmState = "OK"
	StateAlarm            AlarmState = "ALARM"
	StateInsufficientData AlarmState = "INSUFFICIENT_DATA"
)

// AlarmChange is one alarm that changed state, with all that helps to find the
// scalable target it is about.
type AlarmChange struct {
	Name     string // never empty, at most 255 characters
	ARN      string // empty where the sender gave none
	State    AlarmState
	Previous AlarmState
	// EvaluationState is PARTIAL_DATA, EVALUATION_FAILURE or EVALUATION_ERROR
	// where CloudWatch could not evaluate fully: no data, never low load.
	EvaluationState string
	// SuppressedBy is WaitPeriod, ExtensionPeriod or Alarm while the actions of a
	// composite alarm are suppressed. EventBridge sends the change nonetheless.
	SuppressedBy string
	At           time.Time // of the change, in UTC
	// Metrics are the metrics the alarm reads, without its expressions: several for
	// metric math, none for a composite alarm. What the sender left out is zero.
	Metrics []signal.Metric
	// Children are the ARNs of the alarms that made a composite alarm change.
	Children []string
	// Tags are the alarm's tags where the alarm propagates them.
	Tags map[string]string
}
