package local

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// ServiceSeed is an ECS service to create in moto.
type ServiceSeed struct {
	Name         string
	DesiredCount int32 // the running count is the same
	CPU          int32 // of one task, in CPU units; 0 means 256
	Memory       int32 // of one task, in MiB; 0 means 512
	EC2          bool  // on container instances, not Fargate
}

// GroupSeed is an Auto Scaling group to create in moto, with a capacity provider of the same name and its instances
// registered in the cluster. In moto every container instance has 4096 CPU units and 7482 MiB.
type GroupSeed struct {
	Name             string
	InstanceType     string // "" means m5.xlarge
	MinSize, MaxSize int32  // MaxSize 0 means 10
	DesiredCapacity  int32
	ManagedScaling   bool // ECS managed scaling owns the group
}

// EC2Seed is a cluster whose services run on the instances of a group, task by task: the bed does what the agents and the
// scheduler do. Without it moto knows the count of a service and none of its tasks.
type EC2Seed struct {
	Cluster  string // "" means that of the bed; another one is created
	Group    GroupSeed
	Services []ServiceSeed // all of them on EC2
}

// withDefaults fills in the size of a task.
func (s ServiceSeed) withDefaults() ServiceSeed {
	if s.CPU == 0 {
		s.CPU = 256
	}
	if s.Memory == 0 {
		s.Memory = 512
	}
	return s
}

// family is that of the service's task definition.
func (s ServiceSeed) family(cluster string) string { return cluster + "-" + s.Name }

// seed creates the ledger table and the seeded resources, then lets the caller add its own.
func (b *Bed) seed(ctx context.Context, opts BedOptions) error {
	if err := b.createTable(ctx); err != nil {
		return err
	}
	s := seeder{
		endpoints: b.endpoints,
		ecs:       ecs.NewFromConfig(b.endpoints.Config(b.endpoints.MotoDirect)),
		running:   b.moto.running,
	}
	if err := s.cluster(ctx, opts.Cluster); err != nil {
		return err
	}
	if opts.Group != nil {
		if err := s.group(ctx, opts.Cluster, *opts.Group); err != nil {
			return err
		}
	}
	for _, svc := range opts.Services {
		if err := s.service(ctx, opts.Cluster, svc); err != nil {
			return err
		}
	}
	if opts.EC2 != nil {
		if err := b.seedEC2(ctx, s, *opts.EC2, opts.Cluster); err != nil {
			return err
		}
	}
	if err := s.queues(ctx, opts.Queues); err != nil {
		return err
	}
	if opts.Seed != nil {
		if err := opts.Seed(ctx, b.endpoints); err != nil {
			return fmt.Errorf("run the seed of the bed: %w", err)
		}
	}
	return nil
}

// seedEC2 creates the group and its services, and has the stand-in attend to their tasks from then on.
func (b *Bed) seedEC2(ctx context.Context, s seeder, cell EC2Seed, cluster string) error {
	if cell.Cluster == "" {
		cell.Cluster = cluster
	}
	if cell.Cluster != cluster {
		if err := s.cluster(ctx, cell.Cluster); err != nil {
			return err
		}
	}
	if err := s.group(ctx, cell.Cluster, cell.Group); err != nil {
		return err
	}
	for _, svc := range cell.Services {
		svc.EC2 = true
		if err := s.service(ctx, cell.Cluster, svc); err != nil {
			return err
		}
	}
	if err := b.Standin.attend(ctx, cell); err != nil {
		return err
	}
	hosts, err := b.Standin.hosts(ctx, cell.Cluster)
	if err != nil {
		return fmt.Errorf("list the instances of group %s: %w", cell.Group.Name, err)
	}
	slices.SortStableFunc(hosts, func(a, b host) int { return cmp.Compare(a.cpu, b.cpu) })
	for _, h := range hosts {
		b.endpoints.Instances = append(b.endpoints.Instances, h.instance)
	}
	return nil
}

// createTable creates the ledger table, or keeps the one that a shared DynamoDB Local has.
func (b *Bed) createTable(ctx context.Context) error {
	client := NewDynamoDBClient(b.endpoints.DynamoDBDirect)
	err := CreateLedgerTable(ctx, client, b.endpoints.Table)
	if _, exists := errors.AsType[*dynamotypes.ResourceInUseException](err); exists {
		return nil
	}
	return err
}

// NewDynamoDBClient is a client of a DynamoDB Local for seeds and tests. It does not validate checksums: those of DynamoDB
// Local's error answers are wrong. Behind a Recorder that is not needed, which is why the functions run unchanged.
func NewDynamoDBClient(endpoint string) *dynamodb.Client {
	e := Endpoints{Region: defaultRegion}
	return dynamodb.NewFromConfig(e.Config(endpoint), func(o *dynamodb.Options) {
		o.DisableValidateResponseChecksum = true
	})
}

// CreateLedgerTable creates a ledger table as template.yaml does: keys pk and sk, on demand, time to live expiresAt.
func CreateLedgerTable(ctx context.Context, client *dynamodb.Client, table string) error {
	text := dynamotypes.ScalarAttributeTypeS
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   &table,
		BillingMode: dynamotypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamotypes.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: text},
			{AttributeName: aws.String("sk"), AttributeType: text},
		},
		KeySchema: []dynamotypes.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: dynamotypes.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: dynamotypes.KeyTypeRange},
		},
	})
	if err != nil {
		return fmt.Errorf("create table %s: %w", table, err)
	}
	_, err = client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &table,
		TimeToLiveSpecification: &dynamotypes.TimeToLiveSpecification{
			AttributeName: aws.String("expiresAt"), Enabled: aws.Bool(true),
		},
	})
	if err != nil {
		return fmt.Errorf("set the time to live of table %s: %w", table, err)
	}
	return nil
}

// seeder creates resources in moto, past the recorder.
type seeder struct {
	endpoints Endpoints
	ecs       *ecs.Client
	running   int32 // count that moto gives to a new service
}

func (s seeder) cluster(ctx context.Context, name string) error {
	if _, err := s.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name}); err != nil {
		return fmt.Errorf("create cluster %s: %w", name, err)
	}
	return nil
}

// service creates a service in steady state. moto gives a new service a fixed running count and calls its deployment
// complete only when it was created with that desired count, so it is created with that and then set to its own.
func (s seeder) service(ctx context.Context, cluster string, svc ServiceSeed) error {
	svc = svc.withDefaults()
	launch, mode := ecstypes.LaunchTypeFargate, ecstypes.NetworkModeAwsvpc
	if svc.EC2 {
		launch, mode = ecstypes.LaunchTypeEc2, ecstypes.NetworkModeBridge
	}
	family := svc.family(cluster)
	_, err := s.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family:                  &family,
		Cpu:                     aws.String(strconv.Itoa(int(svc.CPU))),
		Memory:                  aws.String(strconv.Itoa(int(svc.Memory))),
		NetworkMode:             mode,
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.Compatibility(launch)},
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String("app:local"), Essential: aws.Bool(true),
			Cpu: svc.CPU, Memory: &svc.Memory,
		}},
	})
	if err != nil {
		return fmt.Errorf("register task definition %s: %w", family, err)
	}
	in := &ecs.CreateServiceInput{
		Cluster: &cluster, ServiceName: &svc.Name, TaskDefinition: &family,
		LaunchType: launch, DesiredCount: &s.running,
	}
	if !svc.EC2 {
		if in.NetworkConfiguration, err = s.network(ctx); err != nil {
			return err
		}
	}
	if _, err := s.ecs.CreateService(ctx, in); err != nil {
		return fmt.Errorf("create service %s/%s: %w", cluster, svc.Name, err)
	}
	_, err = s.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: &cluster, Service: &svc.Name, DesiredCount: &svc.DesiredCount,
	})
	if err != nil {
		return fmt.Errorf("set the desired count of %s/%s: %w", cluster, svc.Name, err)
	}
	return nil
}

// queues creates empty queues.
func (s seeder) queues(ctx context.Context, names []string) error {
	client := sqs.NewFromConfig(s.endpoints.Config(s.endpoints.MotoDirect))
	for _, name := range names {
		if _, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name}); err != nil {
			return fmt.Errorf("create queue %s: %w", name, err)
		}
	}
	return nil
}

// network is a subnet and a security group of moto's default VPC; without a security group moto answers 500.
func (s seeder) network(ctx context.Context) (*ecstypes.NetworkConfiguration, error) {
	subnets, err := s.ec2Query(ctx, "DescribeSubnets", "subnetId")
	if err != nil {
		return nil, err
	}
	groups, err := s.ec2Query(ctx, "DescribeSecurityGroups", "groupId")
	if err != nil {
		return nil, err
	}
	return &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{
		Subnets: subnets[:1], SecurityGroups: groups[:1],
	}}, nil
}

// ec2Query asks moto for EC2 resources and returns every value of one element, at least one. It is written by hand because
// the EC2 client would double the build time of this package for two calls; moto checks no signature, only its scope.
func (s seeder) ec2Query(ctx context.Context, action, element string) ([]string, error) {
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoints.MotoDirect, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", action, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKey+"/20260101/"+s.endpoints.Region+
		"/ec2/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", action, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var values []string
	dec := xml.NewDecoder(resp.Body)
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read answer of %s: %w", action, err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == element {
			var v string
			if err := dec.DecodeElement(&v, &start); err != nil {
				return nil, fmt.Errorf("read answer of %s: %w", action, err)
			}
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%s of moto (HTTP %d) holds no %s", action, resp.StatusCode, element)
	}
	return values, nil
}

// group creates the group, its capacity provider, and a container instance for each of its instances.
func (s seeder) group(ctx context.Context, cluster string, g GroupSeed) error {
	if g.InstanceType == "" {
		g.InstanceType = "m5.xlarge"
	}
	if g.MaxSize == 0 {
		g.MaxSize = 10
	}
	client := autoscaling.NewFromConfig(s.endpoints.Config(s.endpoints.MotoDirect))
	_, err := client.CreateLaunchConfiguration(ctx, &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: &g.Name, ImageId: aws.String("ami-12c6146b"), InstanceType: &g.InstanceType,
	})
	if err != nil {
		return fmt.Errorf("create launch configuration %s: %w", g.Name, err)
	}
	_, err = client.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &g.Name, LaunchConfigurationName: &g.Name,
		AvailabilityZones: []string{s.endpoints.Region + "a", s.endpoints.Region + "b"},
		MinSize:           &g.MinSize, MaxSize: &g.MaxSize,
		DesiredCapacity: &g.DesiredCapacity,
	})
	if err != nil {
		return fmt.Errorf("create group %s: %w", g.Name, err)
	}
	out, err := client.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{g.Name}})
	if err != nil {
		return fmt.Errorf("describe group %s: %w", g.Name, err)
	}
	if len(out.AutoScalingGroups) != 1 {
		return fmt.Errorf("describe group %s: moto has %d of it", g.Name, len(out.AutoScalingGroups))
	}
	group := out.AutoScalingGroups[0]
	if err := s.capacityProvider(ctx, cluster, aws.ToString(group.AutoScalingGroupARN), g); err != nil {
		return err
	}
	for _, instance := range group.Instances {
		if err := s.register(ctx, cluster, aws.ToString(instance.InstanceId)); err != nil {
			return err
		}
	}
	return nil
}

func (s seeder) capacityProvider(ctx context.Context, cluster, groupARN string, g GroupSeed) error {
	scaling := ecstypes.ManagedScalingStatusDisabled
	if g.ManagedScaling {
		scaling = ecstypes.ManagedScalingStatusEnabled
	}
	_, err := s.ecs.CreateCapacityProvider(ctx, &ecs.CreateCapacityProviderInput{
		Name: &g.Name,
		AutoScalingGroupProvider: &ecstypes.AutoScalingGroupProvider{
			AutoScalingGroupArn: &groupARN, ManagedScaling: &ecstypes.ManagedScaling{Status: scaling},
		},
	})
	if err != nil {
		return fmt.Errorf("create capacity provider %s: %w", g.Name, err)
	}
	_, err = s.ecs.PutClusterCapacityProviders(ctx, &ecs.PutClusterCapacityProvidersInput{
		Cluster: &cluster, CapacityProviders: []string{g.Name},
		DefaultCapacityProviderStrategy: []ecstypes.CapacityProviderStrategyItem{},
	})
	if err != nil {
		return fmt.Errorf("attach capacity provider %s to %s: %w", g.Name, cluster, err)
	}
	return nil
}

// register makes one instance a container instance of the cluster, as its agent would.
func (s seeder) register(ctx context.Context, cluster, instanceID string) error {
	document, err := json.Marshal(map[string]string{"instanceId": instanceID, "region": s.endpoints.Region})
	if err != nil {
		return fmt.Errorf("encode identity of %s: %w", instanceID, err)
	}
	_, err = s.ecs.RegisterContainerInstance(ctx, &ecs.RegisterContainerInstanceInput{
		Cluster: &cluster, InstanceIdentityDocument: aws.String(string(document)),
	})
	if err != nil {
		return fmt.Errorf("register container instance %s: %w", instanceID, err)
	}
	return nil
}
