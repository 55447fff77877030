package ststest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Token describes a token to mint. The zero value of each field is what the EKS webhook's projected volume has.
type Token struct {
	Namespace      string
	ServiceAccount string
	Pod            string // if empty, the token is not bound to a pod
	Node           string

	Subject   string        // sub. If empty, system:serviceaccount:NAMESPACE:SERVICEACCOUNT
	Audience  []string      // aud. If nil, sts.amazonaws.com; if empty and not nil, the token has none
	Issuer    string        // iss. If empty, the server's
	NotBefore time.Time     // nbf. If zero, now by the server's clock; iat is the same
	Life      time.Duration // from NotBefore to exp. If zero, 24 h; if negative, STS's five minutes of grace after exp were over so long ago

	Legacy     bool           // like the ones in Secrets before Kubernetes 1.24: iss kubernetes/serviceaccount, no aud, no exp
	ForeignKey bool           // signed with a key that the issuer does not publish
	Claims     map[string]any // added at the end, in place of what is there; nil removes a claim
}

// issuer signs tokens the way a cluster's API server does.
type issuer struct {
	url     string
	key     *ecdsa.PrivateKey
	foreign *ecdsa.PrivateKey
	keyID   string
}

func newIssuer(url string) issuer {
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err) // the system's random numbers are gone
		}
		return k
	}
	return issuer{url: url, key: key(), foreign: key(), keyID: rand.Text()}
}

func (i issuer) mint(t Token, now time.Time) string {
	claims := t.claims(i.url, now)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = i.keyID
	key := i.key
	if t.ForeignKey {
		token.Header["kid"] = "foreign"
		key = i.foreign
	}
	signed, err := token.SignedString(key)
	if err != nil {
		panic("ststest: these claims cannot be signed: " + err.Error())
	}
	return signed
}

func (t Token) claims(issuer string, now time.Time) jwt.MapClaims {
	from := t.NotBefore
	if from.IsZero() {
		from = now
	}
	subject := t.Subject
	if subject == "" {
		subject = "system:serviceaccount:" + t.Namespace + ":" + t.ServiceAccount
	}
	c := jwt.MapClaims{"sub": subject}
	if t.Legacy {
		c["iss"] = "kubernetes/serviceaccount"
		c["kubernetes.io/serviceaccount/namespace"] = t.Namespace
		c["kubernetes.io/serviceaccount/service-account.name"] = t.ServiceAccount
		c["kubernetes.io/serviceaccount/secret.name"] = t.ServiceAccount + "-token"
	} else {
		t.project(c, issuer, from)
	}
	maps.Copy(c, t.Claims)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// project adds what a token of the TokenRequest API has.
func (t Token) project(c jwt.MapClaims, issuer string, from time.Time) {
	c["iss"] = issuer
	if t.Issuer != "" {
		c["iss"] = t.Issuer
	}
	life := t.Life
	if life == 0 {
		life = 24 * time.Hour // the webhook's eks.amazonaws.com/token-expiration
	}
	if life < 0 {
		from = from.Add(life - grace - time.Hour)
		life = time.Hour
	}
	c["iat"], c["nbf"], c["exp"] = from.Unix(), from.Unix(), from.Add(life).Unix()
	c["jti"] = rand.Text()
	switch {
	case t.Audience == nil:
		c["aud"] = []string{defaultAudience}
	case len(t.Audience) > 0:
		c["aud"] = t.Audience
	}
	k := map[string]any{"namespace": t.Namespace, "serviceaccount": map[string]any{"name": t.ServiceAccount, "uid": uid()}}
	if t.Pod != "" {
		k["pod"] = map[string]any{"name": t.Pod, "uid": uid()}
	}
	if t.Node != "" {
		k["node"] = map[string]any{"name": t.Node, "uid": uid()}
	}
	if t.Namespace != "" && t.ServiceAccount != "" {
		c["kubernetes.io"] = k
	}
}
