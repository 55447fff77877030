// Package env reads environment variables the way every provider here reads them: through a function that tests can replace,
// with surrounding white space cut off, and with a blank value taken as not set.
package env

import (
	"os"
	"strings"
)

// Lookup has the form of [os.LookupEnv], which a nil Lookup stands for.
type Lookup func(name string) (string, bool)

// Get returns the variable's value without surrounding white space, "" when it is not set or blank.
func (l Lookup) Get(name string) string {
	if l == nil {
		l = os.LookupEnv
	}
	value, ok := l(name)
	if !ok {
		return ""
	}
	return strings.TrimSpace(value)
}

// First returns the first of the variables that is set, and its name; both are "" when none is.
func (l Lookup) First(names ...string) (name, value string) {
	for _, name := range names {
		if value := l.Get(name); value != "" {
			return name, value
		}
	}
	return "", ""
}

// True reports whether the variable is "true" in any case, as the AWS SDKs read their switches.
func (l Lookup) True(name string) bool { return strings.EqualFold(l.Get(name), "true") }

// Set returns those of the variables that are set, in the order given.
func (l Lookup) Set(names ...string) []string {
	var set []string
	for _, name := range names {
		if l.Get(name) != "" {
			set = append(set, name)
		}
	}
	return set
}
