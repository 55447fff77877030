package cache

import "fmt"

// Format prints the name alone, whatever the verb: what the cache holds is secret. [SessionCache.Status] is what may be shown.
func (c *SessionCache) Format(f fmt.State, _ rune) { fmt.Fprint(f, "cache.SessionCache") }
