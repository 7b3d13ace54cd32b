package plant

// quota is a token bucket that some operations of ECS share.
type quota struct {
	burst, rate float64 // requests at once, and requests a second after it
	ops         []string
}

// quotas are those of ECS for one account and region, as far as the ports call them
// (API reference, request throttling for the Amazon ECS API).
func quotas() []quota {
	return []quota{
		{50, 5, []string{"UpdateService"}},                                              // service modify
		{100, 20, []string{"DescribeServices", "ListServices"}},                         // service read
		{100, 40, []string{"UpdateContainerInstancesState"}},                            // cluster resource modify
		{100, 20, []string{"ListTasks", "DescribeTasks", "DescribeContainerInstances"}}, // cluster resource read
		{200, 80, []string{"GetTaskProtection"}},                                        // task protection
	}
}

// page is how many things one request of an operation is about (the operations'
// reference pages, and ListServices' and ListTasks' largest page); others are about one.
func page(op string) int {
	switch op {
	case "DescribeServices":
		return 10
	case "ListServices", "ListTasks", "DescribeTasks", "DescribeContainerInstances", "GetTaskProtection":
		return 100
	default:
		return 1
	}
}

// Buckets is a fault that throttles as ECS documents it: a call takes a request for
// each batch of what it is about from the bucket of its operation, and is refused with
// ErrThrottled where the bucket holds fewer; a refused call takes none. More than the
// whole bucket takes what there is once it is full. Other APIs do not publish theirs
// and are let through.
//
// It remembers what it let through, so it belongs to one plant. Runs repeat themselves
// as far as the calls come in the same order.
func Buckets() Fault {
	of := map[string]*bucket{}
	for _, q := range quotas() {
		b := newBucket(q.burst, q.rate)
		for _, op := range q.ops {
			of[op] = b
		}
	}
	return func(c Call) error {
		b := of[c.Op]
		if c.API != ECS || b == nil {
			return nil
		}
		size := page(c.Op)
		asked := min(float64((max(c.Items, 1)+size-1)/size), b.burst)
		b.refill(c.At)
		if b.tokens < asked-1+enough {
			return ErrThrottled
		}
		b.tokens -= asked
		return nil
	}
}
