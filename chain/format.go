package chain

import "fmt"

// Format prints the name alone, whatever the verb: what the chain holds is secret. [Chain.Status] is what may be shown.
func (c *Chain) Format(f fmt.State, _ rune) { fmt.Fprint(f, "chain.Chain") }
