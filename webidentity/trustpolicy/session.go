package trustpolicy

// need is an action that the call asks leave for, and why.
type need struct{ action, why string }

// needs returns the actions that the policy must allow.
func (r Request) needs() []need { return []need{{action: assumeRole}} }
