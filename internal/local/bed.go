package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	defaultRegion  = "us-east-1"
	defaultCluster = "prod"
	defaultTable   = "trimtab"

	// Credentials of the bed: DynamoDB Local wants letters and digits only.
	accessKey = "trimtablocal"
	secretKey = "trimtablocal"
)

// BedOptions says what StartBed composes. The zero value of a field is its default.
type BedOptions struct {
	Tools      Tools         // where java, moto and DynamoDB Local are
	Functions  []Function    // served by Lambda; their Env wins over the Bed's
	InvokeAddr string        // of the Invoke API; "" means a free port of 127.0.0.1
	Region     string        // "" means us-east-1
	Table      string        // of the ledger; "" means trimtab
	Cluster    string        // "" means prod
	Services   []ServiceSeed // nil means one Fargate service, checkout, with 4 tasks
	Group      *GroupSeed    // nil means no Auto Scaling group
	EC2        *EC2Seed      // nil means no services on instances
	Queues     []string      // names of empty SQS queues; nil means one, checkout-jobs
	Metrics    []Metric      // what CloudWatch holds at the start
	Logs       io.Writer     // of the functions and of the outside servers; nil discards
	// Seed runs once everything but Lambda is up, for what only the caller can write, such as policy rows.
	Seed func(ctx context.Context, e Endpoints) error
	// DynamoDB and Moto are servers to share with other beds, which then need table and cluster names of their own. Close
	// leaves them running. nil starts one.
	DynamoDB *Server
	Moto     *Server
}

// Endpoints is where the parts of a Bed answer, and what was seeded there.
type Endpoints struct {
	Region     string   `json:"region"`
	Table      string   `json:"table"`
	Cluster    string   `json:"cluster"`
	Services   []string `json:"services"`            // names
	Queues     []string `json:"queues"`              // names
	Instances  []string `json:"instances,omitempty"` // EC2 ids of those of an EC2Seed, the busiest first
	Invoke     string   `json:"invoke"`              // Invoke API; "" until Lambda is up
	CloudWatch string   `json:"cloudWatch"`          // GetMetricData and the control endpoints of CloudWatch
	AWS        string   `json:"aws"`                 // ECS, Auto Scaling, EventBridge, Application Auto Scaling, SQS, recorded
	DynamoDB   string   `json:"dynamoDB"`            // recorded
	// Direct endpoints behind the recorders, for seeds and checks that no test should count. AWSDirect answers as AWS does,
	// MotoDirect lacks what the stand-in adds.
	AWSDirect      string `json:"awsDirect"`
	MotoDirect     string `json:"motoDirect"`
	DynamoDBDirect string `json:"dynamoDBDirect"`
}

// Bed is one composed local bed.
type Bed struct {
	AWS        *Recorder // in front of the stand-in
	Standin    *Standin  // in front of moto
	DynamoDB   *Recorder // in front of DynamoDB Local
	CloudWatch *CloudWatch
	Lambda     *Runtime

	endpoints Endpoints
	moto      *Server
	servers   []*Server // outside servers that this bed started
	closers   []func() error
}

// StartBed starts and seeds everything, or nothing: on an error all that was started is ended. Close ends it.
func StartBed(ctx context.Context, opts BedOptions) (*Bed, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	b := &Bed{endpoints: Endpoints{Region: opts.Region, Table: opts.Table, Cluster: opts.Cluster, Queues: opts.Queues}}
	for _, s := range opts.Services {
		b.endpoints.Services = append(b.endpoints.Services, s.Name)
	}
	for _, step := range []func(context.Context, BedOptions) error{
		b.startServers, b.startProxies, b.seed, b.startLambda,
	} {
		if err := step(ctx, opts); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

func (o BedOptions) withDefaults() BedOptions {
	for value, fallback := range map[*string]string{
		&o.Region: defaultRegion, &o.Cluster: defaultCluster, &o.Table: defaultTable,
	} {
		if *value == "" {
			*value = fallback
		}
	}
	if o.Services == nil {
		o.Services = []ServiceSeed{{Name: "checkout", DesiredCount: 4}}
	}
	if o.Queues == nil {
		o.Queues = []string{"checkout-jobs"}
	}
	o.Logs = newLockedWriter(o.Logs)
	return o
}

// check finds before anything is started what would stop the start at its end.
func (o BedOptions) check() error {
	var problems []error
	for _, f := range o.Functions {
		_, err := newFunctionPool(f)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// firstCount is the running count that our own moto gives to new services: most beds have one service.
func (o BedOptions) firstCount() int32 {
	if len(o.Services) == 0 {
		return 0
	}
	return o.Services[0].DesiredCount
}

// startServers starts the outside servers that are not shared, both at once.
func (b *Bed) startServers(ctx context.Context, opts BedOptions) error {
	type started struct {
		server *Server
		err    error
	}
	start := func(shared *Server, do func() (*Server, error)) <-chan started {
		out := make(chan started, 1)
		if shared != nil {
			out <- started{server: shared}
			return out
		}
		go func() {
			s, err := do()
			out <- started{s, err}
		}()
		return out
	}
	dynamo := start(opts.DynamoDB, func() (*Server, error) { return StartDynamoDB(ctx, opts.Tools, opts.Logs) })
	moto := start(opts.Moto, func() (*Server, error) { return StartMoto(ctx, opts.Tools, opts.firstCount(), opts.Logs) })
	d, m := <-dynamo, <-moto
	for _, own := range []struct {
		started
		shared *Server
	}{{d, opts.DynamoDB}, {m, opts.Moto}} {
		if own.err == nil && own.shared == nil {
			b.servers = append(b.servers, own.server)
		}
	}
	if err := errors.Join(d.err, m.err); err != nil {
		return err
	}
	b.moto = m.server
	b.endpoints.DynamoDBDirect, b.endpoints.MotoDirect = d.server.URL(), m.server.URL()
	return nil
}

// startProxies serves the recorders and CloudWatch.
func (b *Bed) startProxies(ctx context.Context, opts BedOptions) error {
	var err error
	if b.Standin, err = StartStandin(ctx, b.endpoints.MotoDirect, opts.Region); err != nil {
		return err
	}
	b.closers = append(b.closers, b.Standin.Close)
	b.endpoints.AWSDirect = b.Standin.URL()
	if b.AWS, err = StartRecorder(ctx, b.endpoints.AWSDirect); err != nil {
		return err
	}
	b.closers = append(b.closers, b.AWS.Close)
	if b.DynamoDB, err = StartRecorder(ctx, b.endpoints.DynamoDBDirect); err != nil {
		return err
	}
	b.closers = append(b.closers, b.DynamoDB.Close)
	b.CloudWatch = NewCloudWatch(time.Now)
	if err := b.CloudWatch.Set(opts.Metrics...); err != nil {
		return fmt.Errorf("set metrics: %w", err)
	}
	server, err := serveLoopback(ctx, loopbackAny, b.CloudWatch)
	if err != nil {
		return fmt.Errorf("serve CloudWatch: %w", err)
	}
	b.closers = append(b.closers, server.close)
	b.endpoints.AWS, b.endpoints.DynamoDB, b.endpoints.CloudWatch = b.AWS.URL(), b.DynamoDB.URL(), server.url
	return nil
}

// startLambda serves the functions, with the bed's variables in their environment.
func (b *Bed) startLambda(ctx context.Context, opts BedOptions) error {
	functions := make([]Function, 0, len(opts.Functions))
	for _, f := range opts.Functions {
		env := b.Env()
		maps.Copy(env, f.Env)
		f.Env = env
		functions = append(functions, f)
	}
	runtime, err := StartRuntime(ctx, RuntimeOptions{
		Addr: opts.InvokeAddr, Region: opts.Region, Logs: opts.Logs, Functions: functions,
	})
	if err != nil {
		return err
	}
	b.Lambda = runtime
	b.endpoints.Invoke = runtime.URL()
	return nil
}

// Endpoints tells where everything answers.
func (b *Bed) Endpoints() Endpoints { return b.endpoints }

// Env is a new map of the variables that point the AWS SDKs, the AWS CLI and Trimtab at the bed. Services that the bed does
// not have go to moto too, so that nothing reaches AWS by mistake.
func (b *Bed) Env() map[string]string { return b.endpoints.Env() }

// Env is what Bed.Env returns.
func (e Endpoints) Env() map[string]string {
	env := map[string]string{
		"AWS_REGION":                  e.Region,
		"AWS_DEFAULT_REGION":          e.Region,
		"AWS_ACCESS_KEY_ID":           accessKey,
		"AWS_SECRET_ACCESS_KEY":       secretKey,
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_ENDPOINT_URL":            e.AWS,
		"AWS_ENDPOINT_URL_CLOUDWATCH": e.CloudWatch,
		"AWS_ENDPOINT_URL_DYNAMODB":   e.DynamoDB,
		"TRIMTAB_TABLE":               e.Table,
		"TRIMTAB_MODE":                "act",
		"TRIMTAB_EVENT_BUS":           "default",
	}
	for _, service := range []string{"ECS", "AUTO_SCALING", "APPLICATION_AUTO_SCALING", "EVENTBRIDGE", "SQS"} {
		env["AWS_ENDPOINT_URL_"+service] = e.AWS
	}
	if e.Invoke != "" {
		env["AWS_ENDPOINT_URL_LAMBDA"] = e.Invoke
	}
	return env
}

// Config is an AWS configuration for clients of one endpoint, such as Endpoints.MotoDirect.
func (e Endpoints) Config(endpoint string) aws.Config {
	return aws.Config{
		Region:       e.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		BaseEndpoint: aws.String(endpoint),
	}
}

// Close ends everything that StartBed started, and waits until it has ended. Closing twice is harmless.
func (b *Bed) Close() error {
	var problems []error
	if b.Lambda != nil {
		problems = append(problems, b.Lambda.Close())
	}
	for _, closeOne := range b.closers {
		problems = append(problems, closeOne())
	}
	for _, s := range b.servers {
		s.Close()
	}
	return errors.Join(problems...)
}
