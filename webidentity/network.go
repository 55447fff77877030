package webidentity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// unusable is the error for an answer that came with status 200 and holds no credentials.
func (x Exchange) unusable(problem string, c *call) error {
	x.Status, x.ServerTime, x.Endpoint = c.status, c.date, c.endpoint
	return &ExchangeError{Exchange: x, Cure: "is that STS: " + c.where() + "?", problem: "the answer cannot be used: " + problem}
}

// noAnswer says why no answer of STS's came, and what to do. No text of a body, and none of an error that may quote one, is used.
func noAnswer(err error, c *call) (problem, cure string) {
	if c.status != 0 {
		return strangeAnswer(err, c)
	}
	const where = "is it the right region, and can this host reach it: a NAT gateway, a VPC endpoint for STS, a network policy, a proxy?"
	if hung, ok := errors.AsType[*hungError](err); ok {
		return hung.Error(), where
	}
	if p, ok := errors.AsType[*proxyError](err); ok {
		return p.Error(), "let the proxy through to it, or add its host to NO_PROXY"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "proxyconnect" || op.Op == "socks connect") {
		return "the proxy cannot be reached", "HTTPS_PROXY or HTTP_PROXY names it; add STS's host to NO_PROXY to go without"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return fmt.Sprintf("the host %s does not resolve", show(dns.Name)), "is the region, or the endpoint that was set, right?"
		}
		return fmt.Sprintf("the host %s could not be resolved", show(dns.Name)), "is this host's DNS at work?"
	}
	if problem, cure := tlsFailure(err); problem != "" {
		return problem, cure
	}
	switch {
	case isTimeout(err):
		return "no answer from " + c.where() + " in time", where
	case errors.Is(err, syscall.ECONNREFUSED):
		return c.where() + " refused the connection", where
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no route to " + c.where(), where
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection to " + c.where() + " broke " + times(c.attempts), where
	default:
		return "no answer came from " + c.where(), where
	}
}

// strangeAnswer is about an answer that STS would not give.
func strangeAnswer(err error, c *call) (problem, cure string) {
	between := fmt.Sprintf("a proxy, a captive portal or something else answers in the place of %s", c.where())
	switch {
	case c.html:
		return fmt.Sprintf("an HTML page came back (HTTP %d)", c.status), between
	case c.status == http.StatusProxyAuthRequired:
		return "a proxy wants to be logged in to (HTTP 407)", "HTTPS_PROXY or HTTP_PROXY names it"
	case c.status >= 300 && c.status < 400:
		return fmt.Sprintf("the answer is a redirect (HTTP %d), which STS never gives", c.status), between + "; the token was not sent on"
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("%v (HTTP %d)", errTooLarge, c.status), between
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		return fmt.Sprintf("the answer (HTTP %d) broke off", c.status), "this passes, unless " + between
	default:
		return fmt.Sprintf("the answer (HTTP %d) is none of STS's", c.status), between
	}
}

// tlsFailure tells the ways in which TLS can fail.
func tlsFailure(err error) (problem, cure string) {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		signer := ""
		if unknown.Cert != nil {
			signer = fmt.Sprintf(", %q", show(unknown.Cert.Issuer.String()))
		}
		return "TLS: the certificate is signed by an authority that is not known here" + signer, "where a proxy or the endpoint has a certificate of your own authority, " + caBundleVar + " must name a file with it"
	}
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		return "TLS: " + show(host.Error()), "another server answers at this address"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return "TLS: " + show(invalid.Error()), "is the clock here right?"
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "TLS: " + show(certificate.Error()), "the certificate was not accepted"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS: what answered does not speak it", "is the endpoint http instead of https, or is a proxy in between?"
	}
	// crypto/tls reports an alert, whose text is one of its own, as an operation of this name.
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return fmt.Sprintf("TLS: %s: %s", op.Op, show(op.Err.Error())), "is a proxy in between?"
	}
	if u, ok := errors.AsType[*url.Error](err); ok && strings.Contains(u.Err.Error(), "server gave HTTP response to HTTPS client") {
		return "TLS: what answered speaks plain http", "is the endpoint http instead of https, or is a proxy in between?"
	}
	return "", ""
}

// proxyError is a proxy that did not open the tunnel.
type proxyError struct {
	proxy  string // its host
	status int
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s did not let the connection through (HTTP %d)", show(e.proxy), e.status)
}

func refusedTunnel(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy.Host, answer.StatusCode}
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// withoutDeadline hides a time-out that is not the caller's: matching [context.DeadlineExceeded] would say that it was.
func withoutDeadline(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errTimedOut
	}
	return err
}

var errTimedOut = errors.New("the attempt timed out")
