package trustpolicy

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/podrole/internal/redact"
)

// Verdict is what STS will answer, as far as it can be known offline. The zero value is Denied.
type Verdict int

const (
	// Denied: no statement allows the call, or one forbids it.
	Denied Verdict = iota
	// Allowed: a statement allows the call, and none forbids it. STS may still refuse the token itself.
	Allowed
	// Unknown: it turns on something that the token does not say, the caller's address or the time of day for example.
	Unknown
)

// String returns "denied", "allowed" or "cannot be known offline".
func (v Verdict) String() string {
	switch v {
	case Denied:
		return "denied"
	case Allowed:
		return "allowed"
	case Unknown:
		return "cannot be known offline"
	}
	return "Verdict(" + strconv.Itoa(int(v)) + ")"
}

// MarshalText returns what String does.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Result is a verdict with its reasons. It holds claims, which may be shown, and never a token: where a claim, an issuer or a policy holds
// one, "(a token, not shown)" stands in its place. It is the caller's, who may change it.
type Result struct {
	Verdict Verdict `json:"verdict"`

	// Cause is the one line to show when there is room for one only: the statement and the condition that decided.
	Cause string `json:"cause"`

	// Reasons is a tree, with one root for each statement of the policy. Where the token asks for more than sts:AssumeRoleWithWebIdentity,
	// one root follows for each further action, with the statements under it, and one where STS may refuse the token whatever the policy says.
	Reasons []Reason `json:"reasons"`

	// Mismatches say what the denial is made of, for each action that is denied. Where a Deny applies: its conditions. Else the conditions
	// that kept a statement with the right principal and action from allowing the call, those of the statement that came closest first;
	// where there is no such statement, what the closest one has for a principal or an action. Empty when the call is not denied.
	Mismatches []Mismatch `json:"mismatches,omitempty"`

	// Warnings say where the policy lets in more than one workload.
	Warnings []string `json:"warnings,omitempty"`
}

// Answer is whether one part of a policy matches.
type Answer int

const (
	No    Answer = iota // it does not match
	Yes                 // it matches
	Maybe               // it cannot be known offline
)

// String returns "no", "yes" or "unknown".
func (a Answer) String() string {
	switch a {
	case No:
		return "no"
	case Yes:
		return "yes"
	case Maybe:
		return "unknown"
	}
	return "Answer(" + strconv.Itoa(int(a)) + ")"
}

// MarshalText returns what String does.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// and is true where both are, false where one is.
func (a Answer) and(b Answer) Answer {
	switch {
	case a == No || b == No:
		return No
	case a == Maybe || b == Maybe:
		return Maybe
	}
	return Yes
}

func (a Answer) or(b Answer) Answer { return a.not().and(b.not()).not() }

func (a Answer) not() Answer { return [...]Answer{Yes, No, Maybe}[a] }

func answer(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

// Reason is a node of the tree: a statement, its principal, its action, or one of its conditions.
type Reason struct {
	Answer  Answer   `json:"answer"`
	Text    string   `json:"text"`
	Detail  []string `json:"detail,omitempty"` // lines under Text, aligned with one another
	Because []Reason `json:"because,omitempty"`
}

// String returns the cause in the first line, then the tree, then the warnings.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Verdict, r.Cause)
	for _, reason := range r.Reasons {
		reason.print(&b, "  ")
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "  warning: %s\n", w)
	}
	return b.String()
}

// String returns the node and the tree under it.
func (r Reason) String() string {
	var b strings.Builder
	r.print(&b, "")
	return b.String()
}

func (r Reason) print(b *strings.Builder, indent string) {
	mark := "?"
	switch r.Answer {
	case No:
		mark = "✗"
	case Yes:
		mark = "✓"
	}
	fmt.Fprintf(b, "%s%s %s\n", indent, mark, r.Text)
	for _, line := range r.Detail {
		fmt.Fprintf(b, "%s    %s\n", indent, line)
	}
	for _, because := range r.Because {
		because.print(b, indent+"  ")
	}
}

// maxShown is how much of one value is shown: a subject is far shorter, and a claim can be as long as the token.
const maxShown = 200

// quote prints a foreign value so that it can do nothing to a terminal or a log, and without the tokens in it.
func quote(s string) string {
	s = redact.Tokens(s)
	n := 0
	for i := range s {
		if n == maxShown {
			return strconv.Quote(s[:i]) + "…"
		}
		n++
	}
	return strconv.Quote(s)
}

func quoteAll(values []string) string {
	const most = 8
	var quoted []string
	for _, v := range values[:min(len(values), most)] {
		quoted = append(quoted, quote(v))
	}
	if more := len(values) - most; more > 0 {
		quoted = append(quoted, fmt.Sprintf("and %d more", more))
	}
	if len(quoted) == 0 {
		return "an empty list"
	}
	return strings.Join(quoted, ", ")
}
