package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// shapes are the requests that the functions make of the services that moves instances, as the SDK has them.
var shapes = map[string]reflect.Type{
	"CompleteLifecycleAction":             reflect.TypeFor[autoscaling.CompleteLifecycleActionInput](),
	"DescribeAutoScalingGroups":           reflect.TypeFor[autoscaling.DescribeAutoScalingGroupsInput](),
	"DescribeAutoScalingInstances":        reflect.TypeFor[autoscaling.DescribeAutoScalingInstancesInput](),
	"DescribeInstanceRefreshes":           reflect.TypeFor[autoscaling.DescribeInstanceRefreshesInput](),
	"DescribeLifecycleHooks":              reflect.TypeFor[autoscaling.DescribeLifecycleHooksInput](),
	"DescribePolicies":                    reflect.TypeFor[autoscaling.DescribePoliciesInput](),
	"DescribeScalingActivities":           reflect.TypeFor[autoscaling.DescribeScalingActivitiesInput](),
	"DescribeScheduledActions":            reflect.TypeFor[autoscaling.DescribeScheduledActionsInput](),
	"DescribeWarmPool":                    reflect.TypeFor[autoscaling.DescribeWarmPoolInput](),
	"RecordLifecycleActionHeartbeat":      reflect.TypeFor[autoscaling.RecordLifecycleActionHeartbeatInput](),
	"SetDesiredCapacity":                  reflect.TypeFor[autoscaling.SetDesiredCapacityInput](),
	"SetInstanceProtection":               reflect.TypeFor[autoscaling.SetInstanceProtectionInput](),
	"TerminateInstanceInAutoScalingGroup": reflect.TypeFor[autoscaling.TerminateInstanceInAutoScalingGroupInput](),

	"DescribeCapacityProviders":     reflect.TypeFor[ecs.DescribeCapacityProvidersInput](),
	"DescribeClusters":              reflect.TypeFor[ecs.DescribeClustersInput](),
	"DescribeContainerInstances":    reflect.TypeFor[ecs.DescribeContainerInstancesInput](),
	"DescribeServices":              reflect.TypeFor[ecs.DescribeServicesInput](),
	"DescribeTaskDefinition":        reflect.TypeFor[ecs.DescribeTaskDefinitionInput](),
	"DescribeTasks":                 reflect.TypeFor[ecs.DescribeTasksInput](),
	"GetTaskProtection":             reflect.TypeFor[ecs.GetTaskProtectionInput](),
	"ListContainerInstances":        reflect.TypeFor[ecs.ListContainerInstancesInput](),
	"ListServices":                  reflect.TypeFor[ecs.ListServicesInput](),
	"ListTasks":                     reflect.TypeFor[ecs.ListTasksInput](),
	"UpdateContainerInstancesState": reflect.TypeFor[ecs.UpdateContainerInstancesStateInput](),
	"UpdateService":                 reflect.TypeFor[ecs.UpdateServiceInput](),
}

// CheckShape tells what is wrong with a request of ECS or EC2 Auto Scaling as it went over the wire: a parameter that the
// operation does not have, a value of another type, or more of them than the service takes. A request of an operation that
// is not among those of the functions is wrong as well. moto heeds none of this.
func CheckShape(op, body string) error {
	shape, ok := shapes[op]
	if !ok {
		return fmt.Errorf("check %s: no function of Trimtab makes this request", op)
	}
	read := formOf
	if strings.HasPrefix(strings.TrimSpace(body), "{") {
		read = documentOf
	}
	lists, err := read(shape, op, body)
	if err != nil {
		return fmt.Errorf("check %s: %w", op, err)
	}
	return checkCounts(op, lists)
}

// CheckShapes tells what is wrong with the recorded requests of ECS and EC2 Auto Scaling.
func (r *Recorder) CheckShapes() error {
	var errs []error
	for _, c := range r.Calls("") {
		if c.Service != "autoscaling" && !strings.HasPrefix(c.Service, "AmazonEC2ContainerService") {
			continue
		}
		if err := CheckShape(c.Op, c.Body); err != nil {
			errs = append(errs, fmt.Errorf("%w: %s", err, c.Body))
		}
	}
	return errors.Join(errs...)
}

// most are the documented limits of the lists in one request.
var most = map[string]map[string]int{
	"DescribeAutoScalingInstances":        {"InstanceIds": 50},
	"DescribeContainerInstances":          {"containerInstances": 100},
	"DescribeServices":                    {"services": 10},
	"DescribeTasks":                       {"tasks": 100},
	"GetTaskProtection":                   {"tasks": 100},
	"SetInstanceProtection":               {"InstanceIds": 50},
	"TerminateInstanceInAutoScalingGroup": {"InstanceIds": 100},
	"UpdateContainerInstancesState":       {"containerInstances": 10},
}

func checkCounts(op string, lists map[string][]string) error {
	for name, limit := range most[op] {
		if n := len(lists[name]); n > limit {
			return fmt.Errorf("check %s: %s has %d values: at most %d a call", op, name, n, limit)
		}
	}
	return nil
}

// documentOf reads the request of an AWS JSON protocol and gives its lists of texts.
func documentOf(shape reflect.Type, _, body string) (map[string][]string, error) {
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(reflect.New(shape).Interface()); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	lists := map[string][]string{}
	for name, raw := range fields {
		var list []string
		if json.Unmarshal(raw, &list) == nil {
			lists[name] = list
		}
	}
	return lists, nil
}

// formOf reads the request of the query protocol and gives its lists of texts.
func formOf(shape reflect.Type, op, body string) (map[string][]string, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	if form.Get("Action") != op || form.Get("Version") != autoScalingVersion {
		return nil, fmt.Errorf("its Action is %q and its Version %q: want %s and %s", form.Get("Action"), form.Get("Version"), op, autoScalingVersion)
	}
	lists := map[string][]string{}
	var errs []error
	for name, values := range form {
		if name == "Action" || name == "Version" {
			continue
		}
		if len(values) != 1 {
			errs = append(errs, fmt.Errorf("parameter %s is given %d times", name, len(values)))
		}
		errs = append(errs, fits(shape, name, strings.Split(name, "."), values[0]))
		if list, _, ok := strings.Cut(name, ".member."); ok {
			lists[list] = append(lists[list], values[0])
		}
	}
	return lists, errors.Join(errs...)
}

// fits tells why a parameter of the query protocol has no place in a shape. A list is written name.member.1.
func fits(t reflect.Type, name string, path []string, value string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if len(path) == 0 {
		return readable(t, name, value)
	}
	switch {
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]():
		f, ok := t.FieldByName(path[0])
		if !ok || !f.IsExported() {
			return fmt.Errorf("parameter %s: %s has no %s", name, t.Name(), path[0])
		}
		return fits(f.Type, name, path[1:], value)
	case t.Kind() == reflect.Slice && len(path) > 1 && path[0] == "member":
		if n, err := strconv.Atoi(path[1]); err != nil || n < 1 {
			return fmt.Errorf("parameter %s: %q is no place in a list", name, path[1])
		}
		return fits(t.Elem(), name, path[2:], value)
	}
	return fmt.Errorf("parameter %s: there is no %s in it", name, strings.Join(path, "."))
}

// readable tells whether the value is one of the type.
func readable(t reflect.Type, name, value string) error {
	var err error
	switch {
	case t == reflect.TypeFor[time.Time]():
		_, err = time.Parse(time.RFC3339, value)
	case t.Kind() == reflect.Bool:
		_, err = strconv.ParseBool(value)
	case slices.Contains([]reflect.Kind{reflect.Int32, reflect.Int64}, t.Kind()):
		_, err = strconv.ParseInt(value, 10, t.Bits())
	case t.Kind() != reflect.String:
		err = fmt.Errorf("it is a %s", t.Kind())
	}
	if err != nil {
		return fmt.Errorf("parameter %s: %q: %w", name, value, err)
	}
	return nil
}
