package ecs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/creddoc"
	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/receipt"
	"example.com/podrole/internal/timeout"
)

// fetch asks until there are credentials, a final answer, or no time left.
func (p *Provider) fetch(ctx context.Context, t target) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()

	token, err := guard.CallIn(ctx, p.reading, t.authorization) // a file system may hang
	if ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
		err = &timeout.Error{Op: "container credentials", Bound: p.opts.Timeout, Last: "reading " + t.file.value}
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	header := http.Header{"Accept": {"application/json"}}
	if token != "" {
		header.Set("Authorization", token)
	}
	var doc creddoc.Document
	var date time.Time
	err = p.client.Do(ctx, linklocal.Request{
		Method: http.MethodGet, URL: t.url, Shown: t.shown(), Rules: rules, Header: header, Bound: attemptTimeout,
		Tries: tries,
		Failed: func(err error, next time.Duration) {
			p.logger().Debug("container credentials: attempt failed", "error", err.Error(), "next_attempt_in", next)
		},
	}, func(a *linklocal.Answer) error {
		date = a.Date
		if a.Status != http.StatusOK {
			return t.refusal(a, token)
		}
		var err error
		if doc, err = creddoc.Parse(a.Body); err != nil {
			return &documentError{t.shown(), err}
		}
		return nil
	})
	if err != nil {
		return aws.Credentials{}, t.explain(err, timedOut(ctx, err, p.opts.Timeout))
	}
	creds := aws.Credentials{
		AccessKeyID:     doc.AccessKeyID,
		SecretAccessKey: doc.SecretAccessKey,
		SessionToken:    doc.SessionToken,
		AccountID:       doc.AccountID,
		Source:          ProviderName,
		CanExpire:       !doc.Expires.IsZero(),
		Expires:         doc.Expires,
	}
	p.last.Keep(receipt.Receipt{KeyID: creds.AccessKeyID, Name: doc.RoleARN, ServerTime: date})
	return creds, nil
}

// tries says how many attempts an error is worth. What passes by itself is asked about until the time is up.
func tries(err error) int {
	if answer, ok := errors.AsType[*ResponseError](err); ok {
		if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500 {
			return math.MaxInt
		}
		return 1
	}
	if _, ok := errors.AsType[*documentError](err); ok || linklocal.IsKind(err, linklocal.DNS) {
		return 3
	}
	if linklocal.IsKind(err, linklocal.TLS, linklocal.Forbidden, linklocal.Redirect, linklocal.TooLarge) {
		return 1
	}
	return math.MaxInt
}

// timedOut returns the error of a Retrieve whose time ran out without an answer, or nil. Where there was an answer, that is the error.
func timedOut(ctx context.Context, last error, bound time.Duration) *timeout.Error {
	if !linklocal.IsTimeout(last) {
		return nil
	}
	late := &timeout.Error{Op: "container credentials", Last: last.Error()}
	if deadline, _ := ctx.Deadline(); !time.Now().Before(deadline) {
		late.Bound = bound
	}
	return late
}

// documentError is an answer with status 200 that is not credentials.
type documentError struct {
	url string
	err error
}

func (e *documentError) Error() string {
	return fmt.Sprintf("GET %s: the answer (status 200) is not credentials: %s", e.url, e.err)
}
func (e *documentError) Unwrap() error { return e.err }
