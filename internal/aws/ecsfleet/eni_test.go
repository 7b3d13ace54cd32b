package ecsfleet

import "testing"

func TestTasksWithAnInterface(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		instanceType string
		plain, trunk int
	}{
		{"c5.large", 2, 10},
		{"c5.xlarge", 3, 20},
		{"c5.2xlarge", 3, 40},
		{"c5.12xlarge", 7, 60},
		{"c5.18xlarge", 14, 120},
		{"m5.4xlarge", 7, 60},
		{"m7g.medium", 1, 4},
		{"m7g.large", 2, 10},
		{"m7g.16xlarge", 14, 120},
		{"m6i.8xlarge", 7, 90},
		{"m7i.12xlarge", 7, 120},
		{"c8i.12xlarge", 11, 120},
		{"m7g.metal", 14, 120},
		{"m8g.metal-24xl", 14, 120},
		{"a1.metal", 7, 60},
		{"mac2.metal", 7, 12},
		{"c7i-flex.large", 2, 4},
		{"m7g-flex.medium", 1, 1},
		{"g4dn.xlarge", 2, 40},
		{"i3en.large", 2, 6},
		// No trunking: the attribute cannot be there, and would change nothing.
		{"t3.micro", 1, 1},
		{"t3.small", 2, 2},
		{"t3a.small", 1, 1},
		{"t3.medium", 2, 2},
		{"m4.large", 1, 1},
		{"x1e.4xlarge", 3, 3},
		// Not known.
		{"", 1, 1},
		{".large", 1, 1},
		{"large", 1, 1},
		{"m9z.gigantic", 1, 1},
		{"m9-flex.96xlarge", 1, 1},
		{"a1.metal mac1.metal", 1, 1},
		// A new family of a known size.
		{"m99.large", 2, 10},
	} {
		l := interfacesOf(c.instanceType)
		if plain, trunk := l.tasks(false), l.tasks(true); plain != c.plain || trunk != c.trunk {
			t.Errorf("%q takes %d tasks and %d with trunking, want %d and %d", c.instanceType, plain, trunk, c.plain, c.trunk)
		}
	}
}
