package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/redact"
	"example.com/podrole/webidentity"
)

// tokenFile is where the token is read from, and what names that place; "" if nothing does.
func (p program) tokenFile() (path, from string) {
	if p.token != "" {
		return p.token, "-token"
	}
	return p.env.Get(tokenFileVar), tokenFileVar
}

const (
	tokenFileVar = "AWS_WEB_IDENTITY_TOKEN_FILE"
	roleVar      = "AWS_ROLE_ARN"
)

// readToken reads the token. The error says where it was looked for, and holds no part of it.
func (p program) readToken(ctx context.Context) (string, error) {
	path, from := p.tokenFile()
	if path == "" {
		return "", fmt.Errorf("no token: give -token FILE, or set %s", tokenFileVar)
	}
	if redact.HoldsToken(path) {
		return "", fmt.Errorf("%s holds a token, where the path of the token's file belongs", from)
	}
	raw, err := p.readFile(ctx, path, webidentity.MaxTokenSize+1024) // room for white space around it
	if err != nil {
		return "", fmt.Errorf("the token of %s: %w", from, err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", fmt.Errorf("the token of %s: %s is empty", from, path)
	}
	return token, nil
}

// samples are the canary's token and the trust policy that refused it, for a first try in any directory.
//
//go:embed testdata/canary.jwt testdata/gryphon-trust.json
var samples embed.FS

// readFile reads a file that is no larger than it may be, within the time that may be waited: a path may name anything.
func (p program) readFile(ctx context.Context, path string, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("%s was not read within %s", path, p.timeout))
	defer cancel()
	return guard.Call(ctx, func(context.Context) ([]byte, error) {
		f, err := p.open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readAll(f, path, most)
	})
}

// readStdin reads the standard input, for as long as it takes: somebody may be typing.
func (p program) readStdin(ctx context.Context, name string, most int64) ([]byte, error) {
	return guard.Call(ctx, func(context.Context) ([]byte, error) { return readAll(p.stdin, name, most) })
}

// open opens a file. With -trust-policy a sample is taken where there is no file of its name; the report says so.
func (p program) open(path string) (fs.File, error) {
	f, err := os.Open(path)
	if err == nil {
		return f, nil
	}
	isSample := path == "testdata/canary.jwt" || path == "testdata/gryphon-trust.json"
	if !isSample || p.trustPolicy == "" || !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	*p.carried = append(*p.carried, path)
	return samples.Open(path)
}

func readAll(r io.Reader, name string, most int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) > most:
		return nil, fmt.Errorf("%s is larger than the %d bytes that it may have", name, most)
	}
	return raw, nil
}

// tokenClaims are the claims worth showing. Nobody has verified them.
type tokenClaims struct {
	Issuer         string    `json:"issuer,omitempty"`
	Subject        string    `json:"subject,omitempty"`
	Audience       []string  `json:"audience,omitempty"`
	Party          string    `json:"authorized_party,omitempty"`
	IssuedAt       time.Time `json:"issued_at,omitzero"`
	NotBefore      time.Time `json:"not_before,omitzero"`
	Expires        time.Time `json:"expires,omitzero"`
	Namespace      string    `json:"namespace,omitempty"`
	ServiceAccount string    `json:"service_account,omitempty"`
	Pod            string    `json:"pod,omitempty"`
	Node           string    `json:"node,omitempty"`
}

// inspect reads a token's claims, and notes what STS will hold against it whatever a policy says.
func inspect(token string, now time.Time) (c tokenClaims, notes []string, err error) {
	claims, err := webidentity.Inspect(token)
	if err != nil {
		return tokenClaims{}, nil, err
	}
	c = tokenClaims{
		Issuer: claims.Issuer, Subject: claims.Subject, Audience: claims.Audience, Party: claims.AuthorizedParty,
		IssuedAt: claims.IssuedAt.UTC(), NotBefore: claims.NotBefore.UTC(), Expires: claims.Expires.UTC(),
		Namespace: claims.Namespace, ServiceAccount: claims.ServiceAccount, Pod: claims.Pod, Node: claims.Node,
	}
	if claims.Issuer == "kubernetes/serviceaccount" {
		notes = append(notes, "the token is a legacy one out of a Secret, not a projected one: no OIDC provider has its issuer, and it has no audience")
	} else if missing := claims.Missing(); len(missing) > 0 {
		notes = append(notes, fmt.Sprintf("the token lacks %s, or has it in another form than STS reads: STS answers InvalidIdentityToken", strings.Join(missing, ", ")))
	}
	switch late := now.Sub(c.Expires); {
	case c.Expires.IsZero() || late < 0:
	case late < webidentity.ExpiryGrace:
		notes = append(notes, fmt.Sprintf("the token expired %s ago by the clock here: STS still takes it, until %s", late.Round(time.Second), stamp(c.Expires.Add(webidentity.ExpiryGrace))))
	default:
		notes = append(notes, fmt.Sprintf("the token expired %s ago by the clock here: STS answers ExpiredTokenException", late.Round(time.Second)))
	}
	if now.Before(c.NotBefore) {
		notes = append(notes, fmt.Sprintf("the token is not valid before %s, %s from now by the clock here", stamp(c.NotBefore), c.NotBefore.Sub(now).Round(time.Second)))
	}
	return c, notes, nil
}

// fields are the claims for people, quoted: they are foreign text.
func (c tokenClaims) fields() []field {
	q := func(s string) string {
		if s == "" {
			return ""
		}
		return fmt.Sprintf("%q", s)
	}
	return []field{
		{"issuer", cmp.Or(q(c.Issuer), "(none)")}, {"subject", cmp.Or(q(c.Subject), "(none)")}, {"audience", quoted(c.Audience)}, {"authorized party", q(c.Party)},
		{"namespace", q(c.Namespace)}, {"service account", q(c.ServiceAccount)}, {"pod", q(c.Pod)}, {"node", q(c.Node)},
		{"issued at", stamp(c.IssuedAt)}, {"not before", stamp(c.NotBefore)}, {"expires", cmp.Or(stamp(c.Expires), "(never)")},
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func quoted(values []string) string {
	if len(values) == 0 {
		return "(none)"
	}
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf("%q", v))
	}
	return strings.Join(all, ", ")
}

// oneLine makes an error's text fit for a list.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

var errNotRole = errors.New("not the ARN of a role: expected arn:aws:iam::111122223333:role/name")
