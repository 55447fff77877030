package ecs

import "fmt"

// Format prints the name alone, whatever the verb: the options may hold a token.
func (p *Provider) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ecs.Provider") }

// Format prints the name alone, whatever the verb: the options may hold a token.
func (o Options) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ecs.Options") }
