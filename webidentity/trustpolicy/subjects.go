package trustpolicy

import (
	"fmt"
	"slices"
	"strings"
)

// A subject of Kubernetes is system:serviceaccount:NAMESPACE:NAME; neither of the two holds a colon. A namespace has at most 63 characters,
// the name of a service account 253 (Kubernetes, Object Names and IDs).
const (
	subjectPrefix  = "system:serviceaccount:"
	longestSubject = len(subjectPrefix) + 63 + 1 + 253
)

// reach is how much of a cluster a pattern of subjects covers, the least first.
type reach int

const (
	withinNamespace reach = iota // some service accounts of one namespace: what a policy should ask for
	wholeNamespace
	nameInSome // a name in every namespace that matches
	nameInAny
	wholeSome // every namespace that matches, whole
	wholeCluster
)

// coverage is what a pattern covers: namespaces and names as patterns.
type coverage struct {
	reach           reach
	namespace, name []element
}

// covers returns the most that a pattern for subjects covers of a cluster. A star reaches over colons, so that the colon between namespace
// and name can be in the pattern or under a wildcard; all ways to read it are tried.
func covers(pattern []element) coverage {
	pattern = slices.CompactFunc(slices.Clone(pattern), func(a, b element) bool { return a.kind == any0 && b.kind == any0 })
	var most coverage
	if len(pattern) > 2*longestSubject { // more than half of it are no stars: it matches no subject
		return most
	}
	isColon := func(e element) bool { return e.kind == literal && e.r == ':' }
	for _, start := range afterPrefix(pattern) {
		rest := pattern[start:]
		colons := 0
		for _, e := range rest {
			if isColon(e) {
				colons++
			}
		}
		for i, e := range rest {
			if colons > 1 || colons == 1 && !isColon(e) || colons == 0 && e.kind == literal {
				continue
			}
			c := coverage{namespace: rest[:i], name: rest[i+1:]}
			if e.kind == any0 { // what is before and after the colon is under the star as well
				c.namespace, c.name = rest[:i+1], rest[i:]
			}
			if c.reach = c.measure(); c.reach > most.reach {
				most = c
			}
		}
	}
	return most
}

// afterPrefix returns the places in the pattern where the namespace can begin.
func afterPrefix(pattern []element) []int {
	skipStars := func(places map[int]bool) {
		for i, e := range pattern { // ascending, so that several stars in a row are skipped as well
			if places[i] && e.kind == any0 {
				places[i+1] = true
			}
		}
	}
	places := map[int]bool{0: true}
	for _, r := range subjectPrefix {
		skipStars(places)
		next := map[int]bool{}
		for i := range places {
			switch {
			case i == len(pattern):
			case pattern[i].kind == any0:
				next[i] = true
			case fits(pattern[i], r, exact):
				next[i+1] = true
			}
		}
		places = next
	}
	skipStars(places)
	var sorted []int
	for i := range pattern {
		if places[i] {
			sorted = append(sorted, i)
		}
	}
	return sorted
}

func (c coverage) measure() reach {
	if len(c.namespace) == 0 || len(c.name) == 0 {
		return withinNamespace
	}
	anyName := isAny(c.name)
	switch {
	case isAny(c.namespace) && anyName:
		return wholeCluster
	case isAny(c.namespace):
		return nameInAny
	case hasWildcard(c.namespace) && anyName:
		return wholeSome
	case hasWildcard(c.namespace):
		return nameInSome
	case anyName:
		return wholeNamespace
	}
	return withinNamespace
}

func hasWildcard(p []element) bool {
	return slices.ContainsFunc(p, func(e element) bool { return e.kind != literal })
}

// isAny reports whether a pattern is a star, perhaps with question marks.
func isAny(p []element) bool {
	return slices.ContainsFunc(p, func(e element) bool { return e.kind == any0 }) && !slices.ContainsFunc(p, func(e element) bool { return e.kind == literal })
}

// who says who can take the role.
func (c coverage) who() string {
	switch c.reach {
	case wholeCluster:
		return "any pod of the cluster can take the role"
	case wholeSome:
		return fmt.Sprintf("any pod of a namespace that matches %s can take the role", showPart(c.namespace))
	case nameInAny:
		return fmt.Sprintf("whoever may create a namespace can take the role, by a service account %s in it", c.account())
	case nameInSome:
		return fmt.Sprintf("whoever may create a namespace that matches %s can take the role, by a service account %s in it", showPart(c.namespace), c.account())
	default:
		return fmt.Sprintf("any pod of the namespace %s can take the role", showPart(c.namespace))
	}
}

func (c coverage) account() string {
	if hasWildcard(c.name) {
		return "that matches " + showPart(c.name)
	}
	return showPart(c.name)
}

// variable stands for the value of a policy variable in a pattern that is looked at without a token.
const variable = "\uE000"

func anyVariable(string) (value, why string, unknown bool) { return variable, "", false }

func showPart(p []element) string { return strings.ReplaceAll(show(p), `\ue000`, "${…}") }
