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
	count := countKinds(pattern)
	for _, start := range afterPrefix(pattern) {
		colons := 0
		for _, e := range pattern[start:] {
			if isColon(e) {
				colons++
			}
		}
		for i := start; i < len(pattern); i++ {
			e := pattern[i]
			if colons > 1 || colons == 1 && !isColon(e) || colons == 0 && e.kind == literal {
				continue
			}
			end, begin := i, i+1 // of the namespace, of the name
			if e.kind == any0 {  // what is before and after the colon is under the star as well
				end, begin = i+1, i
			}
			if reach := reachOf(count.in(start, end), count.in(begin, len(pattern))); reach > most.reach {
				most = coverage{reach, pattern[start:end], pattern[begin:]}
			}
		}
	}
	return most
}

// afterPrefix returns the places in the pattern where the namespace can begin.
func afterPrefix(pattern []element) []int {
	skipStars := func(places []bool) {
		for i, e := range pattern { // ascending, so that several stars in a row are skipped as well
			if places[i] && e.kind == any0 {
				places[i+1] = true
			}
		}
	}
	places := make([]bool, len(pattern)+1)
	places[0] = true
	for _, r := range subjectPrefix {
		skipStars(places)
		next := make([]bool, len(pattern)+1)
		for i, e := range pattern {
			switch {
			case !places[i]:
			case e.kind == any0:
				next[i] = true
			case fits(e, r, exact):
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

// kinds are how many elements of each kind are in a part of a pattern.
type kinds [3]int

func (k kinds) isAny() bool       { return k[any0] > 0 && k[literal] == 0 } // a star, perhaps with question marks
func (k kinds) hasWildcard() bool { return k[any0]+k[one] > 0 }
func (k kinds) isEmpty() bool     { return k == kinds{} }

// sums are the kinds before each place of a pattern.
type sums []kinds

func countKinds(pattern []element) sums {
	s := make(sums, len(pattern)+1)
	for i, e := range pattern {
		s[i+1] = s[i]
		s[i+1][e.kind]++
	}
	return s
}

func (s sums) in(begin, end int) kinds {
	k := s[end]
	for i := range k {
		k[i] -= s[begin][i]
	}
	return k
}

func reachOf(namespace, name kinds) reach {
	switch {
	case namespace.isEmpty() || name.isEmpty():
		return withinNamespace
	case namespace.isAny() && name.isAny():
		return wholeCluster
	case namespace.isAny():
		return nameInAny
	case namespace.hasWildcard() && name.isAny():
		return wholeSome
	case namespace.hasWildcard():
		return nameInSome
	case name.isAny():
		return wholeNamespace
	}
	return withinNamespace
}

func kindsOf(pattern []element) kinds { return countKinds(pattern).in(0, len(pattern)) }

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
	if kindsOf(c.name).hasWildcard() {
		return "that matches " + showPart(c.name)
	}
	return showPart(c.name)
}

// variable stands for the value of a policy variable in a pattern that is looked at without a token.
const variable = "\uE000"

func anyVariable(string) (value, why string, unknown bool) { return variable, "", false }

func showPart(p []element) string { return strings.ReplaceAll(quote(asText(p)), `\ue000`, "${…}") }
