// Package cwsignal gives CloudWatch metrics behind reconcile's Signals port:
// each query answered with its datapoints and how whole they are.
//
// A window is read whole each time, which CloudWatch bills by metric and not by
// datapoint, so nothing is remembered between calls.
package cwsignal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/core/signal"
)

// What CloudWatch allows in one call.
const (
	queriesPerCall    = 500
	datapointsPerCall = 100_800
)

// maxSplits bounds the calls that one Fetch spends on finding the metrics that
// CloudWatch refuses: 9 splits single one out of 500.
const maxSplits = 27

// api is what Signals needs of *cloudwatch.Client.
type api interface {
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// Signals reads CloudWatch metrics. It is safe for concurrent use.
type Signals struct {
	client api
}

// New makes Signals over the client of CloudWatch.
func New(client api) *Signals { return &Signals{client: client} }

// Fetch answers every query, in their order, with the series of its window that
// ends at now. What could not be read is a Failed series, and one bad metric
// does not spoil the others. The error is for a call that answered nothing.
func (s *Signals) Fetch(ctx context.Context, now time.Time, queries []signal.Query) ([]signal.Series, error) {
	p := planOf(now, queries)
	f := fetch{client: s.client, now: now, splits: maxSplits}
	for _, batch := range p.batches() {
		f.read(ctx, batch)
	}
	if f.answered == 0 && f.err != nil {
		return nil, fmt.Errorf("read %d CloudWatch metrics: %w", len(p.reads), f.err)
	}
	return p.series(queries), nil
}

// fetch is the reading of one Fetch.
type fetch struct {
	client   api
	now      time.Time
	splits   int // how many more batches may be split
	answered int // calls that CloudWatch answered
	err      error
}

// read fills in the answers of a batch. A batch that CloudWatch refuses as
// malformed is split until the metric at fault stands alone: the policies of a
// cluster have many authors, and the mistake of one must not blind the rest.
func (f *fetch) read(ctx context.Context, batch []*read) {
	err := f.pages(ctx, batch)
	if err == nil {
		return
	}
	if refused(err) && len(batch) > 1 && f.splits > 0 {
		f.splits--
		half := len(batch) / 2
		f.read(ctx, batch[:half])
		f.read(ctx, batch[half:])
		return
	}
	if f.err == nil {
		f.err = err
	}
	for _, r := range batch {
		r.interrupt(err)
	}
}

// pages reads a batch page by page. All of it has one period and one start.
func (f *fetch) pages(ctx context.Context, batch []*read) error {
	queries, byID := request(batch)
	in := &cloudwatch.GetMetricDataInput{
		StartTime:         aws.Time(batch[0].start),
		EndTime:           aws.Time(f.now),
		ScanBy:            types.ScanByTimestampDescending, // newest first: what matters most if a later page fails
		MetricDataQueries: queries,
	}
	for _, r := range batch {
		r.reset()
	}
	for {
		out, err := f.client.GetMetricData(ctx, in)
		if err != nil {
			return fmt.Errorf("get metric data: %w", err)
		}
		f.answered++
		results := make(map[string][]types.MetricDataResult, len(batch))
		for _, res := range out.MetricDataResults {
			results[aws.ToString(res.Id)] = append(results[aws.ToString(res.Id)], res)
		}
		for id, r := range byID {
			r.takePage(results[id])
		}
		if aws.ToString(out.NextToken) == "" {
			for _, r := range batch {
				r.finish(out.Messages)
			}
			return nil
		}
		next := *in
		next.NextToken = out.NextToken
		in = &next
	}
}

// refused tells whether CloudWatch found fault with the request itself, so that
// asking again would change nothing but asking for less might.
func refused(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch e.ErrorCode() {
	case "ValidationError", "ValidationException", "InvalidFormat", "InvalidFormatFault",
		"InvalidParameterValue", "InvalidParameterValueException",
		"InvalidParameterCombination", "InvalidParameterCombinationException",
		"MissingParameter", "MissingRequiredParameterException":
		return true
	}
	return false
}
