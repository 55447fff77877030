package webidentity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// STS's rule for RoleSessionName: [\w+=,.@-]{2,64} (STS API Reference, AssumeRoleWithWebIdentity).
const (
	minSessionName = 2
	maxSessionName = 64
)

func inSessionAlphabet(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=,.@-", r)
}

// validSessionName reports whether STS takes the name.
func validSessionName(name string) bool {
	return len(name) >= minSessionName && len(name) <= maxSessionName &&
		!strings.ContainsFunc(name, func(r rune) bool { return !inSessionAlphabet(r) })
}

// sessionName makes a session's name out of the token's claims, so that CloudTrail shows which pod it was: "namespace.pod", or
// "namespace.serviceaccount" for a token that no pod is bound to. A token that says neither gets a random name.
func sessionName(c Claims) string {
	who := c.Pod
	if who == "" {
		who = c.ServiceAccount
	}
	if c.Namespace == "" || who == "" {
		return "podrole-" + rand.Text()
	}
	name := strings.Map(func(r rune) rune {
		if !inSessionAlphabet(r) {
			return '-'
		}
		return r
	}, c.Namespace+"."+who)
	if len(name) <= maxSessionName {
		return name
	}
	// Both ends say something, the namespace and the pod's own suffix; the hash keeps names apart that differ in between.
	sum := sha256.Sum256([]byte(name))
	const end = (maxSessionName - 10) / 2
	return name[:end] + "." + hex.EncodeToString(sum[:4]) + "." + name[len(name)-end:]
}
