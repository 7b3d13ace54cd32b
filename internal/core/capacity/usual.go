package capacity

import "github.com/trimtab-ecs/trimtab/internal/core/placement"

// Usual gives an empty instance of the group as a raise counts on it, less what daemons
// take; known is false where neither an instance, the memory nor the policy tells.
func Usual(in Input) (shape placement.Bin, known bool) {
	v := &view{in: in, memory: remember(in)}
	return v.usual()
}
