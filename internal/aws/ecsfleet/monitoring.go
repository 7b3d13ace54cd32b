package ecsfleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

const (
	revisionsPerCall = 20
	// revisionsWithin bounds the reading of revisions: a service whose resolution
	// is unknown can still be scaled, one that was not described cannot.
	revisionsWithin = 3 * time.Second
	// maxRevisionSplits bounds the calls spent on finding the revisions that ECS refuses.
	maxRevisionSplits = 10
	// defaultSeconds is the resolution without a monitoring configuration.
	defaultSeconds = 60
)

// resolution is how often each task sends its utilisation, in seconds.
type resolution struct{ cpu, memory int }

// monitor fills in the resolutions of the active services. ECS tells them of a
// service's revisions alone. A service without any was last deployed before
// there were revisions, and before there was a resolution to choose, or has
// task sets, which have none: it sends every 60 s. What cannot be read is
// unknown, says why, and fails nothing.
func (s *Services) monitor(ctx context.Context, seen []placed, out []fleet.Service) {
	ctx, cancel := context.WithTimeout(ctx, revisionsWithin)
	defer cancel()
	reading := revisionReading{services: s, found: make(map[string]resolution), failed: make(map[string]error)}
	var missing []string
	for _, p := range seen {
		for _, arn := range revisionsOf(p) {
			if v, ok := s.revisions.get(arn); ok {
				reading.found[arn] = v
			} else {
				missing = append(missing, arn)
			}
		}
	}
	slices.Sort(missing)
	for batch := range slices.Chunk(slices.Compact(missing), revisionsPerCall) {
		reading.read(ctx, batch)
	}
	for i, p := range seen {
		if !p.active() {
			continue
		}
		v, err := reading.of(revisionsOf(p))
		if err != nil {
			out[i].MonitoringUnknown = short(err.Error())
			continue
		}
		out[i].CPUSeconds, out[i].MemorySeconds = v.cpu, v.memory
	}
}

// revisionsOf gives the revisions that a service runs now: during a deployment
// several. Of a service that is not active ECS refuses to describe them.
func revisionsOf(p placed) []string {
	if !p.active() {
		return nil
	}
	var arns []string
	for _, r := range p.CurrentServiceRevisions {
		if arn := aws.ToString(r.Arn); arn != "" {
			arns = append(arns, arn)
		}
	}
	return arns
}

// revisionReading is one reading of revisions.
type revisionReading struct {
	services *Services
	found    map[string]resolution
	failed   map[string]error
	splits   int
	stopped  error // what would fail every further call too
}

// read reads at most twenty revisions. A batch that ECS refuses is split until
// the revision at fault stands alone, such as one that was deleted meanwhile.
func (r *revisionReading) read(ctx context.Context, batch []string) {
	if r.stopped != nil {
		r.fail(batch, r.stopped)
		return
	}
	out, err := r.services.client.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: batch})
	switch {
	case err == nil:
		r.take(batch, out)
	case refused(err) && len(batch) > 1 && r.splits < maxRevisionSplits:
		r.splits++
		r.read(ctx, batch[:len(batch)/2])
		r.read(ctx, batch[len(batch)/2:])
	default:
		err = fmt.Errorf("describe service revisions: %w", err)
		if !refused(err) {
			r.stopped = err
		}
		r.fail(batch, err)
	}
}

func (r *revisionReading) fail(batch []string, err error) {
	for _, arn := range batch {
		r.failed[arn] = err
	}
}

func (r *revisionReading) take(batch []string, out *ecs.DescribeServiceRevisionsOutput) {
	r.fail(batch, errors.New("describe service revisions: ECS answered without the revision"))
	for _, f := range out.Failures {
		r.failed[aws.ToString(f.Arn)] = fmt.Errorf("describe service revisions: %s %s", aws.ToString(f.Reason), aws.ToString(f.Detail))
	}
	for _, v := range out.ServiceRevisions {
		arn := aws.ToString(v.ServiceRevisionArn)
		r.found[arn] = resolutionOf(v.Monitoring)
		r.services.revisions.put(arn, r.found[arn])
		delete(r.failed, arn)
	}
}

// of gives the one resolution of a service's revisions.
func (r *revisionReading) of(arns []string) (resolution, error) {
	all := make([]resolution, 0, len(arns))
	for _, arn := range arns {
		v, ok := r.found[arn]
		if !ok {
			return resolution{}, fmt.Errorf("the resolution of its metrics is unknown: %w", r.failed[arn])
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return resolution{cpu: defaultSeconds, memory: defaultSeconds}, nil
	}
	if i := slices.IndexFunc(all, func(v resolution) bool { return v != all[0] }); i >= 0 {
		return resolution{}, fmt.Errorf("the resolution of its metrics changes with the deployment in progress: CPU %d s and %d s, memory %d s and %d s",
			all[0].cpu, all[i].cpu, all[0].memory, all[i].memory)
	}
	return all[0], nil
}

// resolutionOf reads a monitoring configuration, which names what differs from
// the default.
func resolutionOf(m *types.MonitoringConfiguration) resolution {
	v := resolution{cpu: defaultSeconds, memory: defaultSeconds}
	if m == nil {
		return v
	}
	for _, c := range m.MetricConfigurations {
		seconds := int(aws.ToInt32(c.ResolutionSeconds))
		if seconds <= 0 {
			continue
		}
		if slices.Contains(c.MetricNames, "CPUUtilization") {
			v.cpu = seconds
		}
		if slices.Contains(c.MetricNames, "MemoryUtilization") {
			v.memory = seconds
		}
	}
	return v
}

// refused tells whether ECS found fault with what was asked for, so that asking
// for less might help.
func refused(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch e.ErrorCode() {
	case "InvalidParameterException", "ClientException", "ServiceNotFoundException", "ClusterNotFoundException", "UnsupportedFeatureException":
		return true
	}
	return false
}
