// Package notes remembers what a log was told, so that a thing is said once and not at every refresh.
package notes

import "sync"

// Notes is what was said. Its zero value is ready for use, and it is safe for concurrent use.
type Notes struct {
	mu   sync.Mutex
	said map[string]string
}

// First reports whether nothing was said of the subject yet, or another value than this one, and remembers the value.
func (n *Notes) First(subject, value string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last, ok := n.said[subject]; ok && last == value {
		return false
	}
	if n.said == nil {
		n.said = map[string]string{}
	}
	n.said[subject] = value
	return true
}
