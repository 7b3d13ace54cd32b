package vector_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/trimtab-ecs/trimtab/internal/core/vector"
)

// The instances of the tests and benchmarks are drawn from a seed.
func dice(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 20261126))
}

// draw is a family of instances.
type draw struct {
	name string
	d    int
	make func(r *rand.Rand, n int) (sizes [][]int, room []int)
}

// sized draws n sizes.
func sized(r *rand.Rand, n int, one func(r *rand.Rand) []int) [][]int {
	out := make([][]int, n)
	for i := range out {
		out[i] = one(r)
	}
	return out
}

// between draws a number from lo to hi.
func between(r *rand.Rand, lo, hi int) int { return lo + r.IntN(hi-lo+1) }

// fargate is a task of one of Fargate's sizes up to 4 vCPU: 256 to 4096 units, 2 to 8
// GiB a vCPU (0.5 for the smallest).
func fargate(r *rand.Rand) []int {
	cpu := []int{256, 512, 1024, 2048, 4096}[r.IntN(5)]
	var memory int
	switch cpu {
	case 256:
		memory = []int{512, 1024, 2048}[r.IntN(3)]
	case 512:
		memory = 1024 * between(r, 1, 4)
	default:
		memory = 1024 * between(r, cpu/512, min(cpu/128, 15))
	}
	return []int{cpu, memory}
}

// azure is one of sixteen virtual machine sizes, small ones more often: cores and
// quarters of a GiB.
func azure(r *rand.Rand) []int {
	flavours := [][]int{
		{1, 3}, {1, 7}, {1, 8}, {1, 14}, {2, 14}, {2, 16}, {2, 28}, {2, 32}, {4, 28}, {4, 32}, {4, 56}, {4, 64}, {8, 56}, {8, 64}, {8, 112}, {16, 128},
	}
	return flavours[min(r.IntN(16), r.IntN(16))]
}

// alibaba is a pod of a GPU cluster: a few usual sizes of thousandths of a core and MiB
// for most, the others spread.
func alibaba(cpu, memory int) func(r *rand.Rand) []int {
	return func(r *rand.Rand) []int {
		usual := [][]int{{4000, 15258}, {6000, 12288}, {8000, 30517}, {11400, 46080}, {12000, 16384}, {3152, 7680}, {2000, 4096}, {1000, 2048}}
		s := usual[r.IntN(len(usual))]
		if r.IntN(4) == 0 {
			s = []int{250 * between(r, 1, 48), 512 * between(r, 1, 120)}
		}
		return []int{min(s[0], cpu), min(s[1], memory)}
	}
}

// clouds are the draws of the shapes that production has.
func clouds() []draw {
	of := func(name string, one func(*rand.Rand) []int, room ...int) draw {
		return draw{name, len(room), func(r *rand.Rand, n int) ([][]int, []int) { return sized(r, n, one), room }}
	}
	return []draw{
		of("Alibaba pods on 64 vCPU, 256 GiB", alibaba(64000, 262144), 64000, 262144),
		of("Alibaba pods on 16 vCPU, 64 GiB", alibaba(16000, 65536), 16000, 65536),
		of("Azure flavours on 32 vCPU, 128 GiB", azure, 32, 512),
		of("Fargate sizes on 7.9 vCPU, 15 GiB", fargate, 8090, 15360),
	}
}

// services are at most 20 shapes of tasks, as a cluster of that many services has.
func services(f draw) draw {
	return draw{f.name + ", services", f.d, func(r *rand.Rand, n int) ([][]int, []int) {
		kinds, room := f.make(r, between(r, 3, 20))
		return sized(r, n, func(r *rand.Rand) []int { return kinds[min(r.IntN(len(kinds)), r.IntN(len(kinds)))] }), room
	}}
}

// capraraToth are the ten classes of two dimensions, and their like in more.
func capraraToth(class, d int) draw {
	limits := [][2]int{{100, 400}, {1, 1000}, {200, 800}, {50, 200}, {25, 100}, {20, 100}}
	name := fmt.Sprintf("class %d in %d dimensions", class, d)
	uniform := func(lo, hi, room int) draw {
		return draw{name, d, func(r *rand.Rand, n int) ([][]int, []int) {
			return sized(r, n, func(r *rand.Rand) []int {
				s := make([]int, d)
				for k := range s {
					s[k] = between(r, lo, hi)
				}
				return s
			}), slices.Repeat([]int{room}, d)
		}}
	}
	tied := func(other func(r *rand.Rand, w int) int) draw {
		return draw{name, d, func(r *rand.Rand, n int) ([][]int, []int) {
			return sized(r, n, func(r *rand.Rand) []int {
				w := between(r, 20, 100)
				s := []int{w}
				for len(s) < d {
					s = append(s, other(r, w))
				}
				return s
			}), slices.Repeat([]int{150}, d)
		}}
	}
	switch class {
	case 6:
		return uniform(20, 100, 150)
	case 7:
		return tied(func(r *rand.Rand, w int) int { return between(r, w-10, w+10) })
	case 8:
		return tied(func(r *rand.Rand, w int) int { return between(r, 110-w, 130-w) })
	case 9:
		u := uniform(100, 400, 1000)
		return draw{name, d, func(r *rand.Rand, n int) ([][]int, []int) {
			sizes, room := u.make(r, n)
			bins := 0
			total := make([]int, d)
			for _, s := range sizes {
				for k, v := range s {
					total[k] += v
				}
			}
			for k := range total {
				bins = max(bins, (total[k]+999)/1000)
			}
			for k := range room {
				room[k] = (total[k] + bins - 1) / bins
			}
			return sizes, room
		}}
	}
	return uniform(limits[class-1][0], limits[class-1][1], 1000)
}

// perfect cuts full bins of 100 into about so many things each: the optimum is known.
func perfect(d, pieces int) draw {
	return draw{fmt.Sprintf("full bins in %d things of %d dimensions", pieces, d), d, func(r *rand.Rand, n int) ([][]int, []int) {
		var sizes [][]int
		for range n / pieces {
			cut := make([][]int, pieces)
			for i := range cut {
				cut[i] = make([]int, d)
			}
			for k := range d {
				left := 1000
				for i := range pieces - 1 {
					v := between(r, 1, max(1, 2*left/(pieces-i)-1))
					cut[i][k], left = v, left-v
				}
				cut[pieces-1][k] = left
			}
			sizes = append(sizes, cut...)
		}
		r.Shuffle(len(sizes), func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
		return sizes, slices.Repeat([]int{1000}, d)
	}}
}

// problem makes single sizes a problem, equal ones together.
func problem(sizes [][]int, room []int) vector.Problem {
	p := vector.Problem{Shapes: []vector.Shape{{Free: room, Limit: -1}}}
	sorted := slices.Clone(sizes)
	slices.SortFunc(sorted, slices.Compare[[]int])
	for _, s := range sorted {
		if n := len(p.Items); n > 0 && slices.Equal(p.Items[n-1].Size, s) {
			p.Items[n-1].Count++
			continue
		}
		p.Items = append(p.Items, vector.Item{Size: s, Count: 1})
	}
	return p
}

// firstFit is first fit in the order given, written apart from the package.
func firstFit(sizes [][]int, room []int) int {
	var bins [][]int
next:
	for _, s := range sizes {
		for _, b := range bins {
			if !slices.ContainsFunc(indices(s), func(k int) bool { return s[k] > b[k] }) {
				for k, v := range s {
					b[k] -= v
				}
				continue next
			}
		}
		b := slices.Clone(room)
		for k, v := range s {
			b[k] -= v
		}
		bins = append(bins, b)
	}
	return len(bins)
}

func indices(s []int) []int {
	out := make([]int, len(s))
	for i := range out {
		out[i] = i
	}
	return out
}

// decreasing sorts by a key, the largest first.
func decreasing(sizes [][]int, key func([]int) float64) [][]int {
	out := slices.Clone(sizes)
	slices.SortStableFunc(out, func(a, b []int) int {
		switch x, y := key(a), key(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return out
}

// peers are the packings of Karpenter and Cluster Autoscaler, and first fit.
func peers(sizes [][]int, room []int) (ff, karpenter, clusterAutoscaler int) {
	lexicographic := slices.Clone(sizes)
	slices.SortStableFunc(lexicographic, func(a, b []int) int { return slices.Compare(b, a) })
	total := func(s []int) float64 {
		t := 0.0
		for k, v := range s {
			t += float64(v) / float64(room[k])
		}
		return t
	}
	return firstFit(sizes, room), firstFit(lexicographic, room), firstFit(decreasing(sizes, total), room)
}
