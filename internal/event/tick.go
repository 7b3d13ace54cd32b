package event

// tickFromDetail reads a scheduled event. Whatever its detail holds is not
// looked at: the tick is what guarantees progress, so nothing in it may fail,
// and a manual payload in it is not obeyed.
func tickFromDetail(envelope, *Event) error { return nil }
