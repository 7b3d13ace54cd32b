package ecsfleet

import "sync"

// maxKept bounds what is kept: more than a large account deploys between two starts of
// the process, at a few hundred bytes each.
const maxKept = 4096

// kept holds what was read by its ARN, of a kind that never changes: a revision of a
// service or of a task definition. So nothing of it ages, and what is lost costs a call.
type kept[V any] struct {
	mu    sync.Mutex
	known map[string]V
}

func (k *kept[V]) get(arn string) (V, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.known[arn]
	return v, ok
}

func (k *kept[V]) put(arn string, v V) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxKept {
		k.known = make(map[string]V)
	}
	k.known[arn] = v
}
