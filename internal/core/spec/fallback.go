package spec

import (
	"strconv"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
)

// FallbackFor makes a service stand in for another one that lacks capacity, as
// standard Fargate does for Fargate Spot: in ECS another capacity provider strategy
// needs a new deployment, so the two are services of their own.
type FallbackFor struct {
	// Service is the service that is stood in for, by its short name: it is of the same
	// document, has policies and is no fallback itself. What they want is what both
	// services run together.
	Service fleet.ServiceName `json:"service"`
	// After is how long that service must lack tasks that it wants before this one
	// starts any, 0s to 1h, default 3m.
	After *Duration `json:"after,omitempty"`
	// CoolOff is how long tasks of that service must have had their place before as many
	// of this one go, 1m to 24h, default 30m.
	CoolOff *Duration `json:"coolOff,omitempty"`
}

// The times of a fallback where the policy names none: a start on Fargate takes about a
// minute, and what Spot gives back it may take again.
const (
	DefaultFallbackAfter   = 3 * time.Minute
	DefaultFallbackCoolOff = 30 * time.Minute
)

// AfterTime gives how long the other service must be short before this one starts.
func (f FallbackFor) AfterTime() time.Duration {
	if f.After == nil {
		return DefaultFallbackAfter
	}
	return time.Duration(*f.After)
}

// CoolOffTime gives how long tasks of the other service must have had their place.
func (f FallbackFor) CoolOffTime() time.Duration {
	if f.CoolOff == nil {
		return DefaultFallbackCoolOff
	}
	return time.Duration(*f.CoolOff)
}

// fallback checks what a service says of the one that it stands in for, as far as its
// own policy tells.
func (c *checker) fallback(path []string, s Service) {
	f, within := *s.FallbackFor, at(path, "fallbackFor")
	if len(s.Policies) > 0 {
		c.add(at(path, "policies"), "leave them out: the policies of the service named in fallbackFor tell what is wanted", "a fallback has no policies of its own, and there are %d", len(s.Policies))
	}
	if s.Activation != nil {
		c.add(at(path, "activation"), "remove it: a fallback goes to and from zero with what the other service lacks", "a fallback has no activation")
	}
	if !isECSName(string(f.Service)) {
		c.add(at(within, "service"), ecsNameRemedy("service", string(f.Service)), "%q is not an ECS service name", f.Service)
	}
	if d := f.AfterTime(); d < 0 || d > time.Hour {
		c.add(at(within, "after"), "use 0s to 1h", "after %s is out of range", Duration(d))
	}
	if d := f.CoolOffTime(); d < time.Minute || d > 24*time.Hour {
		c.add(at(within, "coolOff"), "use 1m to 24h", "coolOff %s is out of range", Duration(d))
	}
}

// pairs checks that every fallback stands in for a service of the document, alone.
func (c *checker) pairs(d Document) {
	standing := map[fleet.ServiceName]fleet.ServiceName{}
	for _, n := range sortedKeys(d.Services) {
		f := d.Services[n].FallbackFor
		if f == nil {
			continue
		}
		path := []string{"services", string(n), "fallbackFor", "service"}
		other, known := d.Services[f.Service]
		switch first := standing[f.Service]; {
		case f.Service == n:
			c.add(path, "name the service that runs on Fargate Spot", "%q cannot be its own fallback", n)
		case !known:
			c.add(path, "name a service of this document"+d.nearService(f.Service, n), "%q is no service of this document", f.Service)
		case other.FallbackFor != nil:
			c.add(path, "name a service with policies: a fallback has no fallback", "%q is a fallback itself", f.Service)
		case first != "":
			c.add(path, "keep one of the two", "%q is the fallback for %q already", first, f.Service)
		default:
			standing[f.Service] = n
		}
	}
}

// nearService gives the remedy for a name that may be misspelt.
func (d Document) nearService(name, not fleet.ServiceName) string {
	var names []string
	for _, n := range sortedKeys(d.Services) {
		if n != not && d.Services[n].FallbackFor == nil {
			names = append(names, string(n))
		}
	}
	if near := Nearest(string(name), names); near != "" {
		return ", as " + strconv.Quote(near)
	}
	return ""
}
