package webidentity

import "sync"

// notes remembers what the log was told, so that a thing is said once for each value and not at every exchange.
type notes struct {
	mu   sync.Mutex
	said map[string]string
}

// first reports whether the value is another than the one last said of the subject, and remembers it.
func (n *notes) first(subject, value string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.said[subject] == value {
		return false
	}
	if n.said == nil {
		n.said = map[string]string{}
	}
	n.said[subject] = value
	return true
}
