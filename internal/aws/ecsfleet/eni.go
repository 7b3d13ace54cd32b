package ecsfleet

import "strings"

// interfaces is what an instance type gives to tasks in network mode awsvpc.
type interfaces struct {
	attached int // elastic network interfaces, the instance's own among them
	trunked  int // tasks with ENI trunking; 0 where the type has none
}

// tasks gives how many such tasks fit: the instance keeps one interface for
// itself, and with trunking ECS documents branch and attached interfaces less two.
func (i interfaces) tasks(trunk bool) int {
	if trunk && i.trunked > 0 {
		return i.trunked
	}
	return max(i.attached-1, 0)
}

// fewest is what every type has: one interface for a task.
var fewest = [1]interfaces{{attached: 2, trunked: 1}}

// bySize are the interfaces that nearly all types of a size have, or the fewest
// that its current ones have: too few costs room, too many leaves tasks waiting.
//
// The numbers are those of the EC2 and ECS guides and of the limits that
// amazon-vpc-resource-controller-k8s 1.8.2 lists.
var bySize = map[string]interfaces{
	"nano": {2, 0}, "micro": {2, 0}, "small": {2, 0}, "medium": {2, 4}, "large": {3, 10}, "xlarge": {4, 20},
	"2xlarge": {4, 40}, "3xlarge": {4, 40}, "4xlarge": {8, 60}, "6xlarge": {8, 60}, "8xlarge": {8, 60},
	"9xlarge": {8, 60}, "10xlarge": {8, 60}, "12xlarge": {8, 60}, "16xlarge": {15, 120}, "18xlarge": {15, 120},
	"24xlarge": {15, 120}, "32xlarge": {15, 120}, "48xlarge": {15, 120}, "56xlarge": {8, 12}, "64xlarge": {15, 120},
	"96xlarge": {15, 120}, "112xlarge": {15, 120}, "224xlarge": {15, 120}, "metal": {15, 120},
}

// bySizeOfFlex are those of the families that end in -flex, which have fewer branches.
var bySizeOfFlex = map[string]interfaces{
	"medium": {2, 1}, "large": {3, 4}, "xlarge": {4, 10}, "2xlarge": {4, 20}, "4xlarge": {8, 40}, "8xlarge": {8, 60},
	"12xlarge": {8, 60}, "16xlarge": {15, 60},
}

// exceptions are the types that have fewer than their size, and the ones with
// more that are in wide use.
var exceptions = [...]struct {
	limit interfaces
	types string
}{
	{interfaces{2, 0}, "m4.large"},
	{interfaces{2, 10}, "g6f.large"},
	{interfaces{2, 12}, "g4ad.xlarge g4ad.2xlarge"},
	{interfaces{3, 0}, "t2.small t3.small t4g.small t2.medium t3.medium t3a.medium t4g.medium t2.xlarge t2.2xlarge x1e.xlarge"},
	{interfaces{3, 6}, "i3en.large"},
	{interfaces{3, 12}, "g4ad.4xlarge"},
	{interfaces{3, 40}, "g4dn.xlarge g4dn.2xlarge"},
	{interfaces{3, 60}, "g4dn.4xlarge"},
	{interfaces{3, 120}, "d3.8xlarge d3en.12xlarge"},
	{interfaces{4, 0}, "x1e.4xlarge x1e.8xlarge"},
	{interfaces{4, 6}, "g5.xlarge"},
	{interfaces{4, 8}, "i4i.xlarge"},
	{interfaces{4, 12}, "g4ad.8xlarge"},
	{interfaces{4, 13}, "x2iedn.xlarge"},
	{interfaces{4, 14}, "i3en.xlarge"},
	{interfaces{4, 19}, "g5.2xlarge trn1.2xlarge"},
	{interfaces{4, 28}, "i4i.2xlarge"},
	{interfaces{4, 29}, "i7ie.2xlarge i7ie.3xlarge i8ge.2xlarge x2iedn.2xlarge"},
	{interfaces{4, 30}, "i3en.2xlarge"},
	{interfaces{4, 60}, "g4dn.8xlarge p5.4xlarge"},
	{interfaces{4, 120}, "d3.4xlarge d3en.4xlarge d3en.6xlarge d3en.8xlarge g4dn.16xlarge hpc7g.4xlarge hpc7g.8xlarge hpc7g.16xlarge"},
	{interfaces{6, 29}, "i8ge.3xlarge"},
	{interfaces{7, 120}, "g5.48xlarge"},
	{interfaces{8, 0}, "f1.16xlarge h1.16xlarge m4.16xlarge p3.16xlarge x1.16xlarge x1.32xlarge x1e.16xlarge x1e.32xlarge"},
	{interfaces{8, 12}, "g4ad.16xlarge mac1.metal mac2.metal mac2-m1ultra.metal mac2-m2.metal mac2-m2pro.metal mac-m3ultra.metal mac-m4.metal mac-m4max.metal mac-m4pro.metal"},
	{interfaces{8, 40}, "g5.4xlarge"},
	{interfaces{8, 58}, "i4i.4xlarge"},
	{interfaces{8, 60}, "a1.metal"},
	{interfaces{8, 90}, "c6a.8xlarge c6i.8xlarge c7a.8xlarge c7i.8xlarge m6a.8xlarge m6i.8xlarge m7a.8xlarge m7i.8xlarge r6a.8xlarge r6i.8xlarge r7a.8xlarge r7i.8xlarge"},
	{interfaces{8, 120}, "g5.16xlarge c6a.12xlarge c6i.12xlarge c7a.12xlarge c7i.12xlarge m6a.12xlarge m6i.12xlarge m7a.12xlarge m7i.12xlarge r6a.12xlarge r6i.12xlarge r7a.12xlarge r7i.12xlarge"},
	{interfaces{11, 120}, "inf1.24xlarge"},
	{interfaces{12, 120}, "c8a.12xlarge c8i.12xlarge m8a.12xlarge m8i.12xlarge r8a.12xlarge r8i.12xlarge"},
	{interfaces{15, 118}, "i4i.24xlarge"},
}

// interfacesOf gives the interfaces of an instance type. A type of a size that
// is not known has the fewest.
func interfacesOf(instanceType string) interfaces {
	for _, e := range exceptions {
		if instanceType != "" && strings.Contains(" "+e.types+" ", " "+instanceType+" ") {
			return e.limit
		}
	}
	family, size, _ := strings.Cut(instanceType, ".")
	if strings.HasPrefix(size, "metal-") {
		size = "metal"
	}
	limits := bySize
	if strings.HasSuffix(family, "-flex") {
		limits = bySizeOfFlex
	}
	if l, ok := limits[size]; ok && family != "" {
		return l
	}
	return fewest[0]
}
