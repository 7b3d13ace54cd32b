package dynamoledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Pauses double from the first on; the next after the doublings would be longer than the most.
const (
	firstPause = 25 * time.Millisecond
	doublings  = 6
	maxPause   = time.Second
)

// The codes that matter here, of cancellation reasons and of errors.
const (
	reasonNone      = "None"
	reasonCondition = "ConditionalCheckFailed"
	reasonInvalid   = "ValidationError"
	codeInvalid     = "ValidationException"
)

// insist makes a call again, with pauses that double, as long as DynamoDB
// refuses it for the moment and the time lasts. The client itself retries
// throttles and broken connections twice, but no transaction that was
// cancelled, whatever for, and no write that met a transaction.
func (l *Ledger) insist(ctx context.Context, token string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := call(ctx)
		if err == nil || !busy(err) || !l.rest(ctx, token, attempt) {
			return err
		}
	}
}

// rest pauses before the next attempt; it is false, at once, if that would be too late.
func (l *Ledger) rest(ctx context.Context, token string, attempt int) bool {
	pause := maxPause
	if attempt < doublings {
		pause = firstPause << attempt
	}
	// Between half and all of it: writers that met once do not meet again.
	pause = pause/2 + time.Duration(l.jitter(token, attempt)*float64(pause/2))
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// spread draws jitter from the token: writers differ in their tokens, and the
// same write repeats its pauses, so that a run can be replayed.
func spread(token string, attempt int) float64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", token, attempt))
	return float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32)
}

// tokenOf gives the ClientRequestToken of a write from all it says (DynamoDB
// takes 36 characters): a write that is sent twice is done once, and no other
// write has its token.
func tokenOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// busy tells whether the same request may succeed in a moment.
func busy(err error) bool {
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		some := false
		for _, r := range canceled.CancellationReasons {
			switch aws.ToString(r.Code) {
			case reasonNone, "":
			case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
				some = true
			default:
				return false
			}
		}
		return some
	}
	_, conflict := errors.AsType[*types.TransactionConflictException](err)
	return conflict || throttled(err)
}

func throttled(err error) bool {
	return retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}.IsErrorThrottle(err) == aws.TrueTernary
}

// explain says what an error means for the caller. Whatever may pass by itself,
// or leaves open whether the write was done, is ErrUnavailable.
func (l *Ledger) explain(op string, err error) error {
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return fmt.Errorf("%s: %w: is %s the name of the ledger's table, and in this region?", op, err, l.table)
	}
	if ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded); ended || busy(err) || unanswered(err) {
		return fmt.Errorf("%s: %w: %w", op, ledger.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// unanswered tells whether the client gave up on broken connections or on
// errors of the service.
func unanswered(err error) bool {
	if retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary {
		return true
	}
	answer, ok := errors.AsType[smithy.APIError](err)
	return ok && answer.ErrorFault() == smithy.FaultServer
}

// oversized tells whether DynamoDB refused an item for its size. It has no code
// of its own for that.
func oversized(message string) bool { return strings.Contains(strings.ToLower(message), "item size") }
