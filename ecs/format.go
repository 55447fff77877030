package ecs

import "fmt"

// Format prints the provider's name alone, whatever the verb: its options may hold an authorization token.
func (p *Provider) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ecs.Provider") }

// Format prints the name alone, whatever the verb: the options may hold an authorization token.
func (o Options) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ecs.Options") }
