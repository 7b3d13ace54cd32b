package score

import (
	"cmp"
	"slices"
)

// MinimumBill is the shortest time in seconds that AWS bills a Fargate task or a Linux
// instance for.
const MinimumBill = 60

// Life is one task or instance: from the second that it is billed from, which for a
// task is the start of the image pull, to the one in which it was gone or the run ended.
type Life struct {
	From, To int
}

// Billed gives how many lives are billed at each second, each for at least minimum
// seconds. Their order does not matter.
func Billed(lives []Life, minimum int) Steps {
	changes := make([]Step, 0, 2*len(lives))
	for _, l := range lives {
		changes = append(changes, Step{At: l.From, N: 1}, Step{At: max(l.To, l.From+minimum), N: -1})
	}
	slices.SortFunc(changes, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	var s Steps
	n := 0
	for _, c := range changes {
		n += c.N
		s = s.Append(c.At, n)
	}
	return s
}

// Prices are what one run pays, in dollars. Who pays for instances pays nothing for
// the tasks on them.
type Prices struct {
	TaskHour     float64
	InstanceHour float64
}

// List is a price list in dollars an hour. It is the caller's own: change what is
// agreed otherwise.
type List struct {
	Dated     string
	X86, ARM  Fargate
	Instances map[string]float64 // by instance type, on demand
}

// Fargate is the price of a Linux task, by the hour.
type Fargate struct {
	VCPU, GB float64
}

// ListPrices gives list prices of us-east-1. Those of Fargate were told alike by three
// sources in spring 2026, those of instances are of 2026-07-20; look them up before
// quoting.
func ListPrices() List {
	return List{
		Dated: "2026-07-20",
		X86:   Fargate{VCPU: 0.04048, GB: 0.004445},
		ARM:   Fargate{VCPU: 0.03238, GB: 0.00356},
		Instances: map[string]float64{
			"m7g.large": 0.0816, "m7g.xlarge": 0.1632, "m8g.large": 0.08976, "m7i.large": 0.1008, "m8i.large": 0.10584,
			"m7a.large": 0.11592, "c7g.large": 0.0725, "c8g.large": 0.07976, "c7i.large": 0.08925, "r7g.large": 0.1071,
			"t4g.medium": 0.0336, "t3.medium": 0.0416,
		},
	}
}

// Task gives the price of a task hour, for a size in CPU units (1024 are a vCPU) and MiB.
func (f Fargate) Task(cpu, memory int) float64 {
	return float64(float64(cpu)/1024*f.VCPU) + float64(float64(memory)/1024*f.GB)
}
