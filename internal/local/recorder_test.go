package local_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/trimtab-ecs/trimtab/internal/local"
)

// startRecorder serves a recorder in front of an upstream that answers every ECS and Auto Scaling call and counts them.
func startRecorder(t *testing.T) (r *local.Recorder, carriedOut *atomic.Int32) {
	t.Helper()
	carriedOut = new(atomic.Int32)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		carriedOut.Add(1)
		if req.Header.Get("X-Amz-Target") != "" {
			_, _ = io.WriteString(w, `{"service":{"serviceName":"checkout","desiredCount":7}}`)
			return
		}
		_, _ = io.WriteString(w, `<SetDesiredCapacityResponse><ResponseMetadata/></SetDesiredCapacityResponse>`)
	}))
	t.Cleanup(upstream.Close)
	r, err := local.StartRecorder(t.Context(), upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, carriedOut
}

func ecsClient(url string, attempts int) *ecs.Client {
	e := local.Endpoints{Region: "us-east-1"}
	return ecs.NewFromConfig(e.Config(url), func(o *ecs.Options) { o.RetryMaxAttempts = attempts })
}

func updateService(t *testing.T, client *ecs.Client) error {
	t.Helper()
	_, err := client.UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: aws.String("prod"), Service: aws.String("checkout"), DesiredCount: aws.Int32(7),
	})
	return err
}

func TestRecorderKeepsCalls(t *testing.T) {
	t.Parallel()
	r, _ := startRecorder(t)
	if err := updateService(t, ecsClient(r.URL(), 1)); err != nil {
		t.Fatal(err)
	}
	groups := autoscaling.NewFromConfig(local.Endpoints{Region: "us-east-1"}.Config(r.URL()))
	if _, err := groups.SetDesiredCapacity(t.Context(), &autoscaling.SetDesiredCapacityInput{
		AutoScalingGroupName: aws.String("g1"), DesiredCapacity: aws.Int32(3),
	}); err != nil {
		t.Fatal(err)
	}
	calls := r.Calls("UpdateService")
	if len(calls) != 1 {
		t.Fatalf("calls of UpdateService %+v, want one", calls)
	}
	c := calls[0]
	if c.Service != "AmazonEC2ContainerServiceV20141113" || c.Status != 200 || c.Spoilt || !strings.Contains(c.Body, `"desiredCount":7`) {
		t.Errorf("call %+v, want the ECS call with its body and status 200", c)
	}
	calls = r.Calls("SetDesiredCapacity")
	if len(calls) != 1 || calls[0].Service != "autoscaling" || !strings.Contains(calls[0].Body, "DesiredCapacity=3") {
		t.Errorf("calls of SetDesiredCapacity %+v, want one with its form", calls)
	}
	_, body := send(t, http.MethodGet, r.URL()+"/__calls?op=UpdateService", "", nil)
	if got := decode[[]local.Call](t, []byte(body)); len(got) != 1 || got[0].Op != "UpdateService" {
		t.Errorf("GET /__calls: %+v, want the one call", got)
	}
	r.Reset()
	if got := r.Calls(""); len(got) != 0 {
		t.Errorf("after Reset: %+v, want none", got)
	}
}

func TestRecorderSpoilsCalls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		fault      local.Fault
		check      func(error) bool
		carriedOut int32
	}{
		{"typed error", local.Fault{Op: "UpdateService", Code: "ServiceNotFoundException"}, func(err error) bool {
			_, ok := errors.AsType[*ecstypes.ServiceNotFoundException](err)
			return ok
		}, 0},
		{"throttling", local.Fault{Code: "ThrottlingException", Message: "Rate exceeded"}, func(err error) bool {
			e, ok := errors.AsType[smithy.APIError](err)
			return ok && e.ErrorCode() == "ThrottlingException" && e.ErrorMessage() == "Rate exceeded"
		}, 0},
		{"whole body", local.Fault{Status: 503, Body: `{"__type":"ServerException","message":"down"}`}, func(err error) bool {
			_, ok := errors.AsType[*ecstypes.ServerException](err)
			return ok
		}, 0},
		{"lost reply", local.Fault{Op: "UpdateService", CutReply: true}, func(err error) bool {
			_, answered := errors.AsType[smithy.APIError](err)
			return err != nil && !answered
		}, 1},
		{"another operation", local.Fault{Op: "CreateService", Code: "ThrottlingException"}, func(err error) bool { return err == nil }, 1},
		{"late", local.Fault{Op: "UpdateService", DelayMs: 10}, func(err error) bool { return err == nil }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, carriedOut := startRecorder(t)
			r.Fail(tt.fault)
			if err := updateService(t, ecsClient(r.URL(), 1)); !tt.check(err) {
				t.Errorf("unexpected outcome: %v", err)
			}
			if got := carriedOut.Load(); got != tt.carriedOut {
				t.Errorf("carried out %d times, want %d", got, tt.carriedOut)
			}
			if calls := r.Calls("UpdateService"); len(calls) != 1 || calls[0].Spoilt != (tt.name != "another operation") {
				t.Errorf("calls %+v, want one, spoilt as asked", calls)
			}
		})
	}
}

func TestRecorderFaultsRunOut(t *testing.T) {
	t.Parallel()
	r, carriedOut := startRecorder(t)
	r.Fail(local.Fault{Op: "UpdateService", Count: 2, CutReply: true})
	if err := updateService(t, ecsClient(r.URL(), 3)); err != nil {
		t.Fatalf("the third try should get through: %v", err)
	}
	if got, calls := carriedOut.Load(), len(r.Calls("UpdateService")); got != 3 || calls != 3 {
		t.Errorf("carried out %d times in %d calls, want 3 and 3", got, calls)
	}
}

func TestRecorderSpoilsQueryProtocol(t *testing.T) {
	t.Parallel()
	r, _ := startRecorder(t)
	resp, text := send(t, http.MethodPut, r.URL()+"/__faults",
		`[{"op":"SetDesiredCapacity","code":"ScalingActivityInProgress","message":"busy & late"}]`, nil)
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("PUT /__faults: HTTP %d %s", resp.StatusCode, text)
	}
	groups := autoscaling.NewFromConfig(local.Endpoints{Region: "us-east-1"}.Config(r.URL()))
	_, err := groups.SetDesiredCapacity(t.Context(), &autoscaling.SetDesiredCapacityInput{
		AutoScalingGroupName: aws.String("g1"), DesiredCapacity: aws.Int32(3),
	})
	busy, ok := errors.AsType[*astypes.ScalingActivityInProgressFault](err)
	if !ok || busy.ErrorMessage() != "busy & late" {
		t.Errorf("error %v, want ScalingActivityInProgressFault", err)
	}
}
