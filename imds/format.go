package imds

import "fmt"

// Format prints the provider's name alone, whatever the verb: what it holds, a session token among it, is not for a log.
func (p *Provider) Format(f fmt.State, _ rune) { fmt.Fprint(f, "imds.Provider") }
