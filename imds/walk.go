package imds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/creddoc"
	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/receipt"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/internal/unavailable"
)

const (
	rolesPath    = "/latest/meta-data/iam/security-credentials/"
	extendedPath = "/latest/meta-data/iam/security-credentials-extended/" // the same documents with an AccountId
)

// roleName is what IAM allows as the name of a role or an instance profile (IAM API reference, CreateInstanceProfile).
var roleName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)

// isRoleName reports whether a name can be part of a path: the two that lead elsewhere are nobody's.
func isRoleName(name string) bool { return roleName.MatchString(name) && name != "." && name != ".." }

// walk is one Retrieve: token, role, document.
type walk struct {
	settings
	p      *Provider
	client *linklocal.Client
	memory memory

	withoutToken error // why there is no session token, where IMDSv1 takes its place
	renewed      bool  // the token was replaced after a 401 already
}

func (p *Provider) fetch(ctx context.Context, s settings) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, s.total)
	defer cancel()
	w := &walk{settings: s, p: p, client: p.client, memory: p.remembered(s.endpoint.String())}
	creds, err := w.credentials(ctx)
	if err != nil && !errors.Is(err, unavailable.Err) && linklocal.IsTimeout(err) {
		late := &timeout.Error{Op: "instance metadata", Last: err.Error()}
		if deadline, _ := ctx.Deadline(); !time.Now().Before(deadline) {
			late.Bound = s.total
		}
		err = late
	}
	return creds, err
}

func (w *walk) credentials(ctx context.Context) (aws.Credentials, error) {
	if err := w.authenticate(ctx); err != nil {
		return aws.Credentials{}, err
	}
	role, known, err := w.role(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	doc, date, err := w.document(ctx, role)
	if known && status(err) == http.StatusNotFound { // another role was attached meanwhile
		if role, err = w.list(ctx); err == nil {
			doc, date, err = w.document(ctx, role)
		}
	}
	switch {
	case status(err) == http.StatusNotFound && w.profile.value != "":
		return aws.Credentials{}, w.noSuchRole(err)
	case err != nil:
		return aws.Credentials{}, err
	}
	if w.profile.value == "" {
		w.memory.role = role
	}
	w.p.remember(w.memory)
	creds := aws.Credentials{
		AccessKeyID:     doc.AccessKeyID,
		SecretAccessKey: doc.SecretAccessKey,
		SessionToken:    doc.SessionToken,
		AccountID:       doc.AccountID,
		Source:          ProviderName,
		CanExpire:       true,
		Expires:         doc.Expires,
	}
	w.p.last.Keep(receipt.Receipt{KeyID: creds.AccessKeyID, Name: role, ServerTime: date})
	return creds, nil
}

// role returns the role to ask for, and whether it is one remembered from an earlier Retrieve.
func (w *walk) role(ctx context.Context) (role string, remembered bool, err error) {
	switch {
	case w.profile.value != "":
		return w.profile.value, false, nil
	case w.memory.role != "":
		return w.memory.role, true, nil
	}
	role, err = w.list(ctx)
	return role, false, err
}

// tryV1 asks without a session token, which IMDSv1 allows: for the role, which it remembers, or where one is named for its document.
// Where that fails too, the answer is the evidence for a verdict on the token request.
func (w *walk) tryV1(ctx context.Context) error {
	role, err := w.profile.value, error(nil)
	if role == "" {
		role, err = w.list(ctx)
	} else {
		_, _, err = w.document(ctx, role)
	}
	if err == nil {
		w.p.warnOnce("v1", "instance metadata: no session token to be had, so IMDSv1 is used as the configuration asks; any SSRF can do the same",
			"endpoint", w.endpoint.String(), "reason", w.withoutToken.Error())
		if w.profile.value == "" {
			w.memory.role = role
		}
		w.memory.served = true
		w.p.remember(w.memory)
		return nil
	}
	seen := witness(err)
	seen.v1 = true
	if put, ok := errors.AsType[*ResponseError](w.withoutToken); ok && seen.sign == noSign {
		seen.sign = put.sign // what the token's refusal said of whose service this is counts still
	}
	switch {
	case errors.Is(err, unavailable.Err) && (seen.sign == signEC2 || seen.status == 0):
		return err // no role
	case w.profile.value != "" && status(err) == http.StatusNotFound && seen.sign == signEC2:
		return w.noSuchRole(err)
	case seen.ec2() && (status(err) == 0 || passing(err)): // it does speak IMDSv1, and has trouble with it
		return fmt.Errorf("%w, asked by IMDSv1 because there is no session token (%s)", err, w.withoutToken)
	}
	return w.verdict(w.withoutToken, seen)
}

// list asks for the role attached to the instance.
func (w *walk) list(ctx context.Context) (string, error) {
	var role string
	err := w.get(ctx, rolesPath, func(r linklocal.Request, a *linklocal.Answer) error {
		var err error
		if role, err = parseRoles(a.Body); err != nil {
			return unreadableAnswer(r, a, "a list of roles", err)
		}
		return nil
	})
	switch {
	case err == nil && role == "":
		err = unavailable.Errorf("GET %s: the list is empty", w.shown(rolesPath))
		fallthrough
	case status(err) == http.StatusNotFound:
		return "", unavailable.Errorf("%w: no role is attached to this instance", err)
	case err != nil:
		return "", err
	}
	return role, nil
}

func (w *walk) noSuchRole(err error) error {
	return fmt.Errorf("%w: the instance has no credentials for the role that %s names", err, w.profile.name)
}

// parseRoles returns the first of a list of roles, one a line; "" for an empty list.
func parseRoles(list []byte) (string, error) {
	line, _, _ := bytes.Cut(bytes.TrimSpace(list), []byte("\n"))
	role := string(bytes.TrimSpace(line))
	if role != "" && !isRoleName(role) {
		return "", errors.New("its first line has characters that no role's name has")
	}
	return role, nil
}

// document asks for the role's credentials: in the form that has the account's id, or where that is not offered in the plain one.
func (w *walk) document(ctx context.Context, role string) (doc creddoc.Document, date time.Time, err error) {
	read := func(r linklocal.Request, a *linklocal.Answer) error {
		var err error
		doc, err = creddoc.Parse(a.Body)
		if code, ok := errors.AsType[*creddoc.CodeError](err); ok {
			return explainCode(r, role, code)
		}
		if err == nil && doc.Expires.IsZero() {
			err = errors.New("it has no Expiration")
		}
		if err != nil {
			return unreadableAnswer(r, a, "credentials", err)
		}
		date = a.Date
		return nil
	}
	plain := w.memory.plain
	if !plain {
		err = w.get(ctx, extendedPath+role, read)
		code := status(err)
		if code < 400 || code >= 500 || passing(err) || code == http.StatusUnauthorized {
			return doc, date, err
		}
		plain = code == http.StatusNotFound // any other refusal may be of the moment
	}
	err = w.get(ctx, rolesPath+role, read)
	if err == nil {
		w.memory.plain = plain
	}
	return doc, date, err
}

// explainCode says what a document's Code means. Only the first of these is documented (EC2 user guide, "Troubleshoot IAM roles").
func explainCode(r linklocal.Request, role string, code *creddoc.CodeError) error {
	err := fmt.Errorf("GET %s: %w", r.URL, code)
	if code.Code == "AssumeRoleUnauthorizedAccess" {
		return terminalError{fmt.Errorf("%w: EC2 may not assume the role %s: its trust policy must allow ec2.amazonaws.com the action sts:AssumeRole, and if the role was deleted and made anew, it must be attached anew", err, role)}
	}
	return err
}

// get asks for a path, and once more with a new session token where the old one is refused.
func (w *walk) get(ctx context.Context, path string, read func(linklocal.Request, *linklocal.Answer) error) error {
	err := w.getOnce(ctx, path, read)
	switch {
	case status(err) != http.StatusUnauthorized:
		return err
	case w.withoutToken != nil:
		return fmt.Errorf("%w: a session token is required, and there is none (%s)", err, w.withoutToken)
	}
	if !w.renewed {
		w.renewed = true
		w.memory.token = ""
		if err := w.authenticate(ctx); err != nil {
			return &noSession{err}
		}
		if err = w.getOnce(ctx, path, read); status(err) != http.StatusUnauthorized {
			return err
		}
	}
	return fmt.Errorf("%w: a session token is required, and the one just issued is not accepted", err)
}

func (w *walk) getOnce(ctx context.Context, path string, read func(linklocal.Request, *linklocal.Answer) error) error {
	r := w.request(http.MethodGet, path)
	if w.withoutToken == nil {
		r.Header = http.Header{tokenHeader: {w.memory.token}}
	}
	r.Tries = func(err error) int {
		switch {
		case linklocal.IsKind(err, linklocal.Silent):
			return w.silences()
		case passing(err):
			return w.tries(3)
		case absent(err):
			return w.tries(1)
		}
		return 1
	}
	return w.client.Do(ctx, r, func(a *linklocal.Answer) error {
		if a.Status != http.StatusOK {
			return refusal(r, a)
		}
		return read(r, a)
	})
}

func (w *walk) request(method, path string) linklocal.Request {
	u := &url.URL{Scheme: w.endpoint.Scheme, Host: w.endpoint.Host, Path: path}
	return linklocal.Request{
		Method: method, URL: u, Rules: w.rules, Bound: w.attempt,
		Failed: func(err error, next time.Duration) {
			w.p.logger().Debug("instance metadata: attempt failed", "error", err.Error(), "next_attempt_in", next)
		},
	}
}

func (w *walk) shown(path string) string { return w.endpoint.String() + path }
