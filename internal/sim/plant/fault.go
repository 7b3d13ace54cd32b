package plant

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/sim"
)

// Errors of the plant's APIs.
var (
	// ErrThrottled is the answer to one call too many.
	ErrThrottled error = refusal("ThrottlingException: Rate exceeded")
	// ErrReplyLost: the call was carried out and its answer did not arrive.
	ErrReplyLost = errors.New("RequestTimeout: the reply was lost")
	// ErrTransactionConflict: DynamoDB was writing one of the items for another transaction.
	ErrTransactionConflict error = refusal("TransactionConflictException: Transaction is ongoing for the item")
	// ErrServiceNotFound, ErrClusterNotFound, ErrGroupNotFound and ErrQueueNotFound name what does not exist.
	ErrServiceNotFound error = refusal("ServiceNotFoundException: Service not found")
	ErrClusterNotFound error = refusal("ClusterNotFoundException: Cluster not found")
	ErrGroupNotFound   error = refusal("ValidationError: AutoScalingGroup name not found")
	ErrQueueNotFound   error = refusal("QueueDoesNotExist: The specified queue does not exist")
	// ErrInstanceNotFound names an instance that does not exist, ErrBelowMinSize and
	// ErrTerminateSuspended are refusals to end one.
	ErrInstanceNotFound   error = refusal("ValidationError: Instance Id not found")
	ErrBelowMinSize       error = refusal("ValidationError: Terminating instance without replacement will violate group's min size constraint")
	ErrTerminateSuspended error = refusal("ScalingActivityInProgress: The group's Terminate process is suspended")
)

// refusal is an answer of an API: its code, a colon, its words. A lost reply is
// none, it has no code.
type refusal string

func (r refusal) Error() string { return string(r) }

// ErrorCode is the code, as the SDK's errors give it.
func (r refusal) ErrorCode() string {
	code, _, _ := strings.Cut(string(r), ":")
	return code
}

// API names the AWS service that a call goes to.
type API string

// The APIs.
const (
	ECS         API = "ecs"
	AutoScaling API = "autoscaling"
	CloudWatch  API = "cloudwatch"
	SQS         API = "sqs"
	Ownership   API = "applicationautoscaling"
	EventBridge API = "events"
	DynamoDB    API = "dynamodb"
)

// Call is one call of an API as a Fault sees it.
type Call struct {
	API    API
	Op     string // UpdateService, GetMetricData, Claim ...
	Target string // the name the call is about, empty where it is about several
	At     time.Time
	Items  int // the things a read is about, where one request takes so many of them only
	N      int // counts the calls of the same API, operation and target, from 1
}

// Fault decides the fate of a call: nil lets it succeed. An error that is
// ErrReplyLost lets a write happen and loses its answer; any other prevents it.
// It must depend on the call alone, so that runs repeat themselves.
type Fault func(Call) error

// Chance makes calls fail with a probability, each independently.
func Chance(seed uint64, probability float64, err error) Fault {
	return func(c Call) error {
		if sim.Chance(seed, c.N, string(c.API), c.Op, c.Target, err.Error()) < probability {
			return err
		}
		return nil
	}
}

// Only narrows a fault to one API and, if any are given, some operations of it.
func Only(f Fault, api API, ops ...string) Fault {
	return func(c Call) error {
		if c.API != api {
			return nil
		}
		if len(ops) > 0 && !slices.Contains(ops, c.Op) {
			return nil
		}
		return f(c)
	}
}

// Between narrows a fault to calls in [from, to).
func Between(f Fault, from, to time.Time) Fault {
	return func(c Call) error {
		if c.At.Before(from) || !c.At.Before(to) {
			return nil
		}
		return f(c)
	}
}

// Always makes every call fail.
func Always(err error) Fault { return func(Call) error { return err } }

// Any joins faults: the first that strikes counts.
func Any(faults ...Fault) Fault {
	return func(c Call) error {
		for _, f := range faults {
			if err := f(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// fate asks the plant's fault about a call. The plant is locked.
func (p *Plant) fate(api API, op, target string) error { return p.fateOf(api, op, target, 0) }

func (p *Plant) fateOf(api API, op, target string, items int) error {
	key := string(api) + " " + op + " " + target
	p.calls[key]++
	return p.opt.Fault(Call{API: api, Op: op, Target: target, At: p.clock.Now(), Items: items, N: p.calls[key]})
}

// write asks the fault about a call and carries it out unless it is prevented.
func (p *Plant) write(api API, op, target string, do func() error) error {
	fate := p.fate(api, op, target)
	if fate != nil && !errors.Is(fate, ErrReplyLost) {
		return fate
	}
	return errors.Join(do(), fate)
}

// Calls counts the calls of one operation so far, whatever their target and fate.
func (p *Plant) Calls(api API, op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for key, calls := range p.calls {
		if strings.HasPrefix(key, string(api)+" "+op+" ") {
			n += calls
		}
	}
	return n
}

// CallsOf counts the calls of one operation about one target.
func (p *Plant) CallsOf(api API, op, target string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[string(api)+" "+op+" "+target]
}

// AllCalls counts the calls of all APIs but the ledger's.
func (p *Plant) AllCalls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for key, calls := range p.calls {
		if !strings.HasPrefix(key, string(DynamoDB)) {
			n += calls
		}
	}
	return n
}
