package imds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/podrole/internal/linklocal"
)

const (
	tokenPath   = "/latest/api/token"
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"

	// tokenTTL is what is asked for: 6 h, the most there is (EC2 user guide, "Configure the Instance Metadata Service options").
	tokenTTL = 21600 * time.Second
	// tokenMargin is how long before its end a token is replaced; the AWS SDK for Rust has the same.
	tokenMargin = 120 * time.Second
)

// authenticate makes sure that the walk has a session token, or that it goes without one because IMDSv1 was asked for.
func (w *walk) authenticate(ctx context.Context) error {
	if w.memory.token != "" && time.Now().Before(w.memory.until) {
		return nil
	}
	w.memory.token = ""
	// The verdict "nobody there" is out before the whole bound is: for a caller whose own deadline is that bound it would come too late.
	ctx, cancel := context.WithTimeout(ctx, w.total-min(w.total/10, 200*time.Millisecond))
	defer cancel()
	var seen evidence
	var silence error // the first, which no other cut short
	for n := 1; ; n++ {
		err := w.requestToken(ctx)
		switch {
		case err == nil:
			return nil
		case w.v1 && (unanswered(err) || tokensRefused(err)):
			w.withoutToken = err
			return w.tryV1(ctx)
		case silence == nil && unanswered(err):
			silence = err
		case silence == nil || !linklocal.IsKind(err, linklocal.Silent):
			return w.verdict(err, w.evidence(ctx, err))
		}
		if seen.status == 0 { // who is there is not known yet
			seen = w.evidence(ctx, silence)
		}
		// Silence may be a packet that was lost: no verdict before the second request.
		if seen.sign.foreign() || n >= w.silences() || ctx.Err() != nil {
			return w.verdict(silence, seen)
		}
	}
}

// requestToken sends the PUT that opens a session.
func (w *walk) requestToken(ctx context.Context) error {
	r := w.request(http.MethodPut, tokenPath)
	r.Header = http.Header{ttlHeader: {strconv.Itoa(int(tokenTTL / time.Second))}}
	if deadline, ok := ctx.Deadline(); ok { // however tight the time, some of it is for the GET that explains silence
		left := time.Until(deadline)
		r.Bound = min(r.Bound, left-min(left/3, w.attempt/2, DefaultAttemptTimeout/2))
	}
	r.Tries = func(err error) int {
		switch {
		case unanswered(err):
			return 1 // the host is there: authenticate looks into it first
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
		token, life, err := parseSession(a)
		if err != nil {
			return unreadableAnswer(r, a, "a session token", err)
		}
		w.memory.served = true
		w.memory.plain = false // whatever it did not offer it may offer by now
		w.memory.token = token
		w.memory.until = time.Now().Add(life - min(tokenMargin, life/4))
		w.p.remember(w.memory)
		return nil
	})
}

// parseSession reads a session token and how long it lives. A service that does not say is taken at our word: should the token
// die earlier, a 401 tells.
func parseSession(a *linklocal.Answer) (token string, life time.Duration, err error) {
	token = string(a.Body)
	switch {
	case token == "":
		return "", 0, errors.New("it is empty")
	case len(token) > 4096:
		return "", 0, fmt.Errorf("it is %d bytes long", len(token))
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' }):
		return "", 0, errors.New("it has white space, angle brackets or characters that no header may carry inside")
	}
	life = tokenTTL
	if seconds, err := strconv.Atoi(a.Header.Get(ttlHeader)); err == nil && seconds > 0 {
		life = time.Duration(min(seconds, int(tokenTTL/time.Second))) * time.Second
	}
	return token, life, nil
}

// unanswered reports whether a host took the connection and then said nothing.
func unanswered(err error) bool {
	e, ok := errors.AsType[*linklocal.Error](err)
	return ok && e.Kind == linklocal.Silent && e.Connected
}

// tokensRefused reports the statuses by which a service says that it knows no session tokens, or that it is off.
func tokensRefused(err error) bool {
	switch status(err) {
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return false
}
