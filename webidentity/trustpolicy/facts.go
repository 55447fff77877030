package trustpolicy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// presence says whether a condition key is in the request context.
type presence int

const (
	absent presence = iota
	present
	unknowable
)

// A fact is what is known of one condition key.
type fact struct {
	presence presence
	values   []string // when present
	runes    [][]rune // the same, to compare them
	from     string   // the claim that they are from, if it is called otherwise
	why      string   // when absent or unknowable
	kind     string   // of mismatch, when absent
}

// foreign reports whether no token of this issuer has the key.
func (f fact) foreign() bool { return f.kind == KindForeignKey || f.kind == KindSchemeKey }

// isEmpty reports whether there is nothing for a set operator to compare.
func (f fact) isEmpty() bool { return every(f.values, func(v string) bool { return v == "" }) }

// facts are what a token says about condition keys, which are case-insensitive: claims and session tags by their names in lower case.
type facts struct {
	Request
	claims  map[string]string // the claim's name as the token has it
	tags    map[string]string // the tag's key as the token has it
	tagKeys []string          // sorted
	known   map[string]fact   // that are present, by keys in lower case
}

func (r Request) facts() facts {
	f := facts{Request: r, claims: map[string]string{}, tags: map[string]string{}, known: map[string]fact{}}
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		if folded := strings.ToLower(name); f.claims[folded] == "" || folded == name {
			f.claims[folded] = name
		}
		if tag, ok := strings.CutPrefix(name, tagPrefix); ok {
			f.tagKeys = append(f.tagKeys, tag)
			if folded := strings.ToLower(tag); f.tags[folded] == "" {
				f.tags[folded] = tag
			}
		}
	}
	return f
}

// fact looks a condition key up, and remembers the values of those that are there.
func (e *evaluation) fact(key string) fact {
	folded := strings.ToLower(key)
	if f, ok := e.known[folded]; ok {
		e.work++
		return f
	}
	const steps = 200 // about as long as it takes to compare so many characters
	if e.work += steps; e.work > maxWork {
		return fact{presence: unknowable, why: tooLong}
	}
	f := e.lookUp(key)
	if f.presence == present {
		for _, v := range f.values {
			e.work += len(v)
			f.runes = append(f.runes, []rune(v))
		}
		e.known[folded] = f
	}
	return f
}

// lookUp finds out about a condition key. Keys are case-insensitive, values are not (IAM User Guide, reference_policies_elements_condition).
//
// The page on the keys of OIDC federation (reference_policies_iam-condition-keys) has a table for the default implementation of an
// identity provider, and others for providers with claims of their own: by default the claims sub, amr and email, azp or else aud as aud,
// and aud as oaud. Other claims reach the request context for some providers and not for others, so that all that can be said offline is
// that a claim which the token lacks will not.
func (f facts) lookUp(key string) fact {
	if claim, ok := claimOf(f.Provider, key); ok {
		name, from := f.claim(claim)
		values, ok := f.Claims[from]
		switch {
		case !ok:
			return fact{why: "the token has no " + shown(from), kind: KindMissing}
		case len(values) == 0:
			return fact{presence: unknowable, why: "what STS makes of the claim " + shown(from) + ", which is an object, is not documented"}
		case name == "aud" && from == "azp" && len(values) > 1:
			return fact{presence: unknowable, why: "what STS makes of several values of azp is not documented"}
		case slices.Contains([]string{"sub", "aud", "amr"}, name), slices.Contains([]string{"oaud", "email"}, name) && !slices.Contains(noDefaults, f.Provider):
			if from == name {
				from = ""
			}
			return fact{presence: present, values: values, from: from}
		default:
			return fact{presence: unknowable, why: "whether STS makes a condition key of the claim " + shown(name) + " depends on the provider"}
		}
	}
	if scheme, _, ok := cutScheme(key); ok {
		return fact{why: "a condition key names the issuer without " + scheme, kind: KindSchemeKey}
	}
	if prefix, _, _ := strings.Cut(key, ":"); strings.ContainsAny(prefix, "./") {
		return fact{why: fmt.Sprintf("the key belongs to %s, and the token is from %s", quote(prefix), quote(f.Provider)), kind: KindForeignKey}
	}
	if known, ok := f.sessionFact(key); ok {
		return known
	}
	return fact{presence: unknowable, why: "what " + shown(key) + " will be is known only to STS"}
}

// claimOf returns the claim that a condition key of a provider names.
func claimOf(provider, key string) (claim string, ok bool) {
	n := len(provider)
	if n == 0 || len(key) <= n+1 || key[n] != ':' || !strings.EqualFold(key[:n], provider) {
		return "", false
	}
	return key[n+1:], true
}

// isForeign reports whether a condition key is of another issuer than the provider, or has a scheme as none has.
func isForeign(provider, key string) bool {
	_, own := claimOf(provider, key)
	_, _, scheme := cutScheme(key)
	issuer, _, _ := strings.Cut(key, ":")
	return !own && (scheme || strings.ContainsAny(issuer, "./"))
}

// cutScheme cuts https:// or http:// from a key that begins with it.
func cutScheme(key string) (scheme, rest string, ok bool) {
	for _, scheme := range []string{"https://", "http://"} {
		if n := len(scheme); len(key) >= n && strings.EqualFold(key[:n], scheme) {
			return key[:n], key[n:], true
		}
	}
	return "", key, false
}

// noDefaults are the providers for which IAM documents keys of their own in place of the default ones.
var noDefaults = []string{"cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"}

// claim returns the name of what a condition key asks for, and the claim that STS takes it from. "If no value is set for azp, the aud
// condition key maps to the aud claim", whoever the provider is; oaud is always the token's aud.
func (f facts) claim(key string) (name, from string) {
	name = strings.ToLower(key)
	switch {
	case name == "oaud":
		return name, "aud"
	case name == "aud" && f.hasParty():
		return name, "azp"
	}
	if spelt, ok := f.claims[name]; ok {
		return spelt, spelt
	}
	return key, key
}

// hasParty reports whether the token names an authorized party, azp.
func (r Request) hasParty() bool {
	azp, ok := r.Claims["azp"]
	return ok && !(len(azp) == 1 && azp[0] == "")
}

// severalAudiences says why STS may not look at any policy: it is known to answer InvalidIdentityToken, as OpenID Connect has it that a
// token with several audiences should name the party that it was issued to (OpenID Connect Core 1.0, 3.1.3.7). AWS does not document it,
// nor whether two audiences that are the same, or of which one is empty, are several: they are taken for several here.
func (r Request) severalAudiences() string {
	if audiences := r.Claims["aud"]; len(audiences) > 1 && !r.hasParty() {
		return fmt.Sprintf("the token has several audiences (%s) and no azp: STS is known to refuse such a token, whatever the policy says; project one with exactly one audience", quoteAll(audiences))
	}
	return ""
}
