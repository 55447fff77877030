package webidentity

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/notes"
	"example.com/podrole/internal/redact"
)

const (
	// maxAttempts is how often STS is asked in one exchange, the AWS SDKs' own default.
	maxAttempts = 3
	// maxBackoff is the longest wait between two attempts: an exchange has 10 s in all.
	maxBackoff = 2 * time.Second
	// firstBackoff bounds the first wait, the next is twice as long. The SDK's own 50 ms would be over before STS could have
	// another try at an issuer's keys.
	firstBackoff = 250 * time.Millisecond
	// maxAnswer is the largest answer that is read, in bytes. STS's has about 2,000, its session token has no fixed limit.
	maxAnswer = 64 << 10
	// maxBundle is the largest CA bundle that is read, in bytes. Mozilla's whole list has about 250,000.
	maxBundle = 4 << 20
)

// httpClient returns the client to reach STS with, and what closes its connections.
func (o *Options) httpClient(e env.Lookup) (aws.HTTPClient, func(), error) {
	if o.HTTPClient != nil {
		return o.HTTPClient, func() {}, nil
	}
	// The transport is the AWS SDK's: proxy variables, TLS 1.2 at least, FIPS curves.
	transport := awshttp.NewBuildableClient().GetTransport()
	if path := e.Get(caBundleVar); path != "" {
		roots, err := readBundle(path)
		if err != nil {
			return nil, nil, err
		}
		if transport.TLSClientConfig == nil {
			transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	transport.OnProxyConnectResponse = refusedTunnel
	if o.tune != nil {
		o.tune(transport)
	}
	client := &http.Client{
		Transport: transport,
		// STS never redirects, and a token must not follow somebody else's word to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client, transport.CloseIdleConnections, nil
}

// readBundle reads the PEM certificates that AWS_CA_BUNDLE names. As in the SDKs they replace the system's.
func readBundle(path string) (*x509.CertPool, error) {
	if redact.HoldsToken(path) {
		return nil, configErrorf("%s holds a token, where the path of a file with certificates belongs", caBundleVar)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, configErrorf("%s: %w", caBundleVar, err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
	if err != nil {
		return nil, configErrorf("%s: %w", caBundleVar, err)
	}
	roots := x509.NewCertPool()
	switch {
	case len(pem) > maxBundle:
		return nil, configErrorf("%s: %s has more than %d bytes", caBundleVar, path, maxBundle)
	case !roots.AppendCertsFromPEM(pem):
		return nil, configErrorf("%s: %s holds no PEM certificate", caBundleVar, path)
	}
	return roots, nil
}

// client makes the STS client for one call.
func (t target) client(httpClient aws.HTTPClient, credentials aws.CredentialsProvider) *sts.Client {
	o := sts.Options{Region: t.region, HTTPClient: httpClient, Credentials: credentials}
	if t.custom != "" {
		o.BaseEndpoint = &t.custom
	}
	if t.fips {
		o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
	}
	if t.dual {
		o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	}
	return sts.New(o)
}

// call watches one call to STS with all its attempts: it bounds each, and keeps of the last answer what explains it.
type call struct {
	endpoint string        // as shown; empty for a given client's until it is asked
	bound    time.Duration // of one attempt
	secret   string        // what is sent and may not come back in an error: the token, a session token

	attempts int
	status   int
	date     time.Time
	html     bool

	failed string                 // what became of the last attempt, if it failed
	doing  atomic.Pointer[string] // what is going on, for the text of a time-out
}

// options are for the call and not for the client, so that they hold for a client of the user's too.
func (c *call) options(o *sts.Options) {
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = maxAttempts
		s.MaxBackoff, s.BaseDelay = maxBackoff, firstBackoff
		// STS answers InvalidIdentityToken and IDPCommunicationError also when it could not fetch the issuer's keys just then.
		s.Retryables = append(s.Retryables, retry.RetryableErrorCode{Codes: map[string]struct{}{
			"InvalidIdentityToken": {}, "InvalidIdentityTokenException": {}, "IDPCommunicationError": {}, "IDPCommunicationErrorException": {},
		}})
	})
	o.ClientLogMode = 0 // a log of the request's body would show the token
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		if err := s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("podroleAttempt", c.attempt), "Retry", middleware.After); err != nil {
			return err
		}
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("podroleAnswer", c.answer), middleware.After)
	})
}

// attempt bounds one attempt, so that one that hangs leaves time for another.
func (c *call) attempt(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	c.attempts++
	c.status, c.date, c.html = 0, time.Time{}, false
	c.say("attempt %d of %d to ask %s%s", c.attempts, maxAttempts, c.where(), c.failed)
	attemptCtx, cancel := context.WithTimeout(ctx, c.bound)
	defer cancel()
	out, metadata, err := next.HandleFinalize(attemptCtx, in)
	c.clean(err)
	if err == nil || ctx.Err() != nil {
		return out, metadata, err
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && !c.html {
		c.failed = "; before, STS answered " + cmp.Or(c.code(api.ErrorCode()), "with no code that can be shown")
	} else {
		if attemptCtx.Err() != nil {
			err = &hungError{c.where(), c.bound}
			c.status, c.html = 0, false // of an answer that did not end
		}
		problem, _ := noAnswer(err, c)
		c.failed = "; before, " + problem
	}
	c.say("attempt %d of %d to ask %s was over%s", c.attempts, maxAttempts, c.where(), c.failed)
	return out, metadata, err
}

// answer reads the answer's body, up to a limit, and looks at what it is.
func (c *call) answer(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	if req, ok := in.Request.(*smithyhttp.Request); ok && c.endpoint == "" {
		c.endpoint = redact.URL(req.URL.Scheme + "://" + req.URL.Host)
	}
	out, metadata, err := next.HandleDeserialize(ctx, in)
	resp, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || resp.Body == nil {
		return out, metadata, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	resp.Body.Close()
	resp.Request = nil // its body is the token, and an error keeps the answer
	c.status = resp.StatusCode
	c.date, _ = http.ParseTime(resp.Header.Get("Date"))
	c.html = looksLikeHTML.Match(body)
	switch {
	case err != nil:
		err = &smithyhttp.RequestSendError{Err: err} // a connection that broke: worth another attempt
	case len(body) > maxAnswer:
		body, err = nil, errTooLarge
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return out, metadata, err
}

// looksLikeHTML goes by the body: proxies lie in the Content-Type.
var looksLikeHTML = regexp.MustCompile(`(?i)^(\xEF\xBB\xBF)?\s*(<!--[^>]*-->\s*)*<(!doctype\s+html|html|head|body)\b`)

var errTooLarge = fmt.Errorf("the answer has more than %d bytes", maxAnswer)

// where names the STS that is asked.
func (c *call) where() string { return cmp.Or(c.endpoint, "the STS client that was given") }

func (c *call) say(format string, args ...any) { c.doing.Store(new(fmt.Sprintf(format, args...))) }

// hungError is an attempt that ran into its own time bound. The next one may be luckier. It matches no error of package context: the
// bound was not the caller's.
type hungError struct {
	endpoint string
	bound    time.Duration
}

func (e *hungError) Error() string {
	return fmt.Sprintf("no answer from %s within %s", e.endpoint, e.bound)
}
func (e *hungError) Timeout() bool        { return true }
func (e *hungError) RetryableError() bool { return true }

// warnTarget says what is worth knowing of where a token goes.
func (o *Options) warnTarget(ctx context.Context, e env.Lookup, n *notes.Notes, t target) {
	if bundle := e.Get(caBundleVar); bundle != "" && o.HTTPClient != nil && n.First("CA bundle", bundle) {
		o.logger().LogAttrs(ctx, slog.LevelWarn, caBundleVar+" is not used for STS, because an HTTP client was given", slog.String("file", bundle))
	}
	if t.plainRemote && n.First("plain http", t.shown) {
		o.logger().LogAttrs(ctx, slog.LevelWarn, "web identity token is sent over plain http",
			slog.String("endpoint", t.shown), slog.String("source", t.customVar))
	}
	if t.fromToken && n.First("region", t.region) {
		o.logger().LogAttrs(ctx, slog.LevelInfo, "region for STS taken from the token's issuer", slog.String("region", t.region))
	}
}
