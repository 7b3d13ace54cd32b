package cwsignal_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/trimtab-ecs/trimtab/internal/aws/cwsignal"
	"github.com/trimtab-ecs/trimtab/internal/core/signal"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

// standIn is the local CloudWatch behind the real client, in the client's own
// protocol, with what was published there.
type standIn struct {
	*local.CloudWatch
	signals   *cwsignal.Signals
	published map[string]*local.Metric
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	w := &standIn{CloudWatch: local.NewCloudWatch(now), published: make(map[string]*local.Metric)}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	cfg := local.Endpoints{Region: "eu-west-1"}.Config(server.URL)
	w.signals = cwsignal.New(cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 }))
	return w
}

// put publishes a statistic set beside those that are there.
func (w *standIn) put(t *testing.T, m signal.Metric, at time.Time, sum float64, samples int) {
	t.Helper()
	known, ok := w.published[m.Identity()]
	if !ok {
		known = &local.Metric{Namespace: m.Namespace, Name: m.Name, Dimensions: make(map[string]string)}
		for _, d := range m.Dimensions {
			known.Dimensions[d.Name] = d.Value
		}
		w.published[m.Identity()] = known
	}
	count := float64(samples)
	known.Points = append(known.Points, local.Point{Time: at, Sum: &sum, SampleCount: &count})
	if err := w.Set(*known); err != nil {
		t.Fatal(err)
	}
}

func TestStandInConformance(t *testing.T) {
	t.Parallel()
	porttest.Signals(t, func(t *testing.T) porttest.SignalsBed {
		t.Helper()
		w := newStandIn(t)
		return porttest.SignalsBed{Signals: w.signals, Now: now().Truncate(time.Minute), Put: w.put, Math: true, HighResolution: true}
	})
}

// The suite again, with answers cut into many pages.
func TestStandInConformanceInPages(t *testing.T) {
	t.Parallel()
	porttest.Signals(t, func(t *testing.T) porttest.SignalsBed {
		t.Helper()
		w := newStandIn(t)
		w.SetPageSize(2)
		return porttest.SignalsBed{Signals: w.signals, Now: now().Truncate(time.Minute), Put: w.put, Math: true, HighResolution: true}
	})
}

func TestStandInErrors(t *testing.T) {
	t.Parallel()
	w := newStandIn(t)
	w.put(t, cpu("web"), minute(3), 120, 4)
	bad := query(cpu("web"))
	bad.Metric.Statistic = "p9000"
	got, err := w.signals.Fetch(t.Context(), now(), []signal.Query{sampled(), bad})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Status != signal.Complete || len(got[0].Points) != 1 || got[1].Status != signal.Failed || !strings.Contains(got[1].Why, "p9000") {
		t.Errorf("series are %+v, want the second alone failed for its statistic", got)
	}
	w.Fail(local.Faults{Throttle: 1})
	if _, err := w.signals.Fetch(t.Context(), now(), []signal.Query{sampled()}); err == nil || !strings.Contains(err.Error(), "Throttling") {
		t.Errorf("error is %v, want the throttle", err)
	}
}
