package imds

import "fmt"

// Format prints the name alone, whatever the verb: the provider holds a session token.
func (p *Provider) Format(f fmt.State, _ rune) { fmt.Fprint(f, "imds.Provider") }
