package ecsfleet_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/trimtab-ecs/trimtab/internal/aws/ecsfleet"
	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/local"
	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
	"github.com/trimtab-ecs/trimtab/internal/reconcile"
	"github.com/trimtab-ecs/trimtab/internal/reconcile/porttest"
)

var _ reconcile.Hosts = (*ecsfleet.Hosts)(nil)

// TestMotoHosts runs against moto, behind a proxy that answers for the task
// protection that moto does not know.
func TestMotoHosts(t *testing.T) {
	t.Parallel()
	server, err := local.StartMoto(t.Context(), localtest.Require(t, local.ToolMoto), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	moto, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(moto)
	behind.ModifyResponse = spellNumbers
	p := &protections{behind: behind, on: make(map[string]bool), t: t}
	front := httptest.NewServer(p)
	t.Cleanup(front.Close)
	w := &world{url: front.URL}
	porttest.Hosts(t, func(t *testing.T) porttest.HostsBed {
		t.Helper()
		a := w.account(t)
		small, arns := a.small(t), make(map[fleet.InstanceID]string)
		return porttest.HostsBed{
			Hosts:    ecsfleet.NewHosts(a.ecs),
			Services: ecsfleet.New(a.ecs),
			Cluster:  prod,
			AddInstance: func(t *testing.T) fleet.InstanceID {
				t.Helper()
				id := a.instance(t)
				arns[id] = a.arnOf(t, id)
				return id
			},
			CreateService: func(t *testing.T, name fleet.ServiceName, daemon bool) { t.Helper(); a.onHosts(t, small, name, daemon) },
			RunTask: func(t *testing.T, on fleet.InstanceID, s fleet.ServiceName) string {
				t.Helper()
				return a.start(t, small, arns[on], s)
			},
			StopTask: func(t *testing.T, arn string) {
				t.Helper()
				if _, err := a.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String(string(prod)), Task: &arn}); err != nil {
					t.Fatal(err)
				}
			},
			Protect: func(_ *testing.T, arn string, on bool) { p.set(arn, on) },
			Remove: func(t *testing.T, id fleet.InstanceID) {
				t.Helper()
				if _, err := a.ecs.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{
					Cluster: aws.String(string(prod)), ContainerInstance: aws.String(arns[id]), Force: aws.Bool(true),
				}); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// small registers a task definition of which a hundred fit on an instance of moto's.
func (a account) small(t *testing.T) string {
	t.Helper()
	out, err := a.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("small"), NetworkMode: types.NetworkModeBridge, Cpu: aws.String("32"), Memory: aws.String("64"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("app:local"), Cpu: 32, Memory: aws.Int32(64)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.TaskDefinition.TaskDefinitionArn)
}

func (a account) onHosts(t *testing.T, definition string, name fleet.ServiceName, daemon bool) {
	t.Helper()
	strategy := types.SchedulingStrategyReplica
	if daemon {
		strategy = types.SchedulingStrategyDaemon
	}
	if _, err := a.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: aws.String(string(prod)), ServiceName: aws.String(string(name)), DesiredCount: aws.Int32(0),
		TaskDefinition: aws.String(definition), LaunchType: types.LaunchTypeEc2, SchedulingStrategy: strategy,
	}); err != nil {
		t.Fatal(err)
	}
}

// start starts a task as the scheduler of the service does: moto's services start none.
func (a account) start(t *testing.T, definition, host string, service fleet.ServiceName) string {
	t.Helper()
	in := &ecs.StartTaskInput{Cluster: aws.String(string(prod)), TaskDefinition: aws.String(definition), ContainerInstances: []string{host}}
	if service != "" {
		in.Group, in.StartedBy = aws.String("service:"+string(service)), aws.String("ecs-svc/1")
	}
	out, err := a.ecs.StartTask(t.Context(), in)
	if err != nil || len(out.Tasks) != 1 {
		t.Fatalf("start a task: %v, %v", out, err)
	}
	return aws.ToString(out.Tasks[0].TaskArn)
}

func (a account) arnOf(t *testing.T, id fleet.InstanceID) string {
	t.Helper()
	is, err := ecsfleet.New(a.ecs).Instances(t.Context(), prod)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range is {
		if i.ID == id {
			return i.ARN
		}
	}
	t.Fatalf("instance %s is not in the cluster", id)
	return ""
}

// number is the CPU or the memory of a container of a task, which moto gives as a
// number and ECS as a string.
var number = regexp.MustCompile(`("(?:cpu|memory|memoryReservation)": ?)(\d+)`)

// spellNumbers makes an answer of moto's about tasks one of ECS.
func spellNumbers(r *http.Response) error {
	if !strings.Contains(r.Request.Header.Get("X-Amz-Target"), "Task") || strings.Contains(r.Request.Header.Get("X-Amz-Target"), "TaskDefinition") {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	body = number.ReplaceAll(body, []byte(`$1"$2"`))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// protections answers GetTaskProtection as ECS does and passes on what else is asked.
type protections struct {
	behind http.Handler
	t      *testing.T

	mu sync.Mutex
	on map[string]bool
}

func (p *protections) set(arn string, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on[arn] = on
}

func (p *protections) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Target") != "AmazonEC2ContainerServiceV20141113.GetTaskProtection" {
		p.behind.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	var in struct {
		Cluster string   `json:"cluster"`
		Tasks   []string `json:"tasks"`
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || in.Cluster != string(prod) || len(in.Tasks) == 0 || len(in.Tasks) > 100 {
		p.t.Errorf("protection is asked for by %s: %v", body, err)
	}
	type protectedTask struct {
		TaskARN string `json:"taskArn"`
		On      bool   `json:"protectionEnabled"`
	}
	out := struct {
		Failures       []string        `json:"failures"`
		ProtectedTasks []protectedTask `json:"protectedTasks"`
	}{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, arn := range in.Tasks {
		out.ProtectedTasks = append(out.ProtectedTasks, protectedTask{arn, p.on[arn]})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	answer, err := json.Marshal(out)
	if err != nil {
		p.t.Error(err)
	}
	_, _ = fmt.Fprintf(w, "%s", answer)
}
