package imds

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.com/podrole/internal/creddoc"
	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/unavailable"
)

const hopCure = "In a container that is the work of a metadata hop limit of 1: raise it (aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2), " +
	"or better, give the pod an identity of its own (IRSA or EKS Pod Identity)"

// evidence is what a second question, a GET, brought to light about a host that gave no session token. The zero value is that none was
// asked.
type evidence struct {
	status int   // of the answer; 0 where none came
	sign   sign  // of whoever answered
	err    error // of the GET: no answer, or one that is not what was asked for
	v1     bool  // the question was an IMDSv1 request, because that was asked for
}

// witness takes down what the error of a request says about who is there.
func witness(err error) evidence {
	seen := evidence{err: err}
	if e, ok := errors.AsType[*ResponseError](err); ok {
		seen.status, seen.sign = e.StatusCode, e.sign
	} else if e, ok := errors.AsType[*unreadable](err); ok {
		seen.status, seen.sign = http.StatusOK, e.sign
	} else if e, ok := errors.AsType[*linklocal.Error](err); ok && e.Answer != nil {
		seen.status, seen.sign = e.Answer.Status, signOf(e.Answer.Header)
	} else if _, ok := errors.AsType[*creddoc.CodeError](err); ok {
		seen.status = http.StatusOK // a document, if one without credentials
	}
	return seen
}

// ec2 reports signs of EC2's service: its name, or that it gives out metadata, or asks for a valid token.
func (e evidence) ec2() bool {
	return e.sign == signEC2 || e.sign == noSign && (e.status == http.StatusOK || e.status == http.StatusUnauthorized)
}

// unsure reports that nothing speaks for EC2 or against it: no answer, or one that says no more than that there is trouble at the moment.
func (e evidence) unsure() bool {
	return e.sign == noSign && (e.status == 0 || passingStatus(e.status))
}

// evidence asks for the metadata index with a token that no service has issued, so that the question never is an IMDSv1 request:
// EC2's service answers 401, and so shows itself. It asks only where the answer matters for the verdict, and asks again where the
// verdict hangs on it: after a refused token request a lost packet must not make "not EC2" of EC2.
func (w *walk) evidence(ctx context.Context, put error) evidence {
	if signed := witness(put).sign; signed != noSign {
		return evidence{sign: signed}
	}
	if !unanswered(put) && !tokensRefused(put) {
		return evidence{}
	}
	r := w.request(http.MethodGet, "/latest/meta-data/")
	r.Header = http.Header{tokenHeader: {"none"}}
	r.Bound = w.attempt / 2
	r.Tries = func(err error) int {
		if tokensRefused(put) && witness(err).unsure() {
			return w.tries(3)
		}
		return 1
	}
	var seen evidence
	if err := w.client.Do(ctx, r, func(a *linklocal.Answer) error {
		seen = evidence{status: a.Status, sign: signOf(a.Header)}
		if a.Status != http.StatusOK {
			return refusal(r, a)
		}
		return nil
	}); err != nil {
		seen = witness(err)
	}
	return seen
}

// verdict decides what it means that there is no session token: put is the error of the request for one. A service that has served
// once and is gone is not "nothing for us", whatever answers in its place.
func (w *walk) verdict(put error, seen evidence) error {
	err, nothing := w.judge(put, seen)
	gone := absent(put) || linklocal.IsKind(put, linklocal.Silent) && !unanswered(put)
	unsure := tokensRefused(put) && seen.unsure()
	switch {
	case w.memory.served && nothing && gone:
		return fmt.Errorf("%w: EC2's metadata service answered here before, and is gone or out of reach", put)
	case w.memory.served && (nothing || unsure):
		return fmt.Errorf("%w; but EC2's metadata service answered here before", err)
	case nothing:
		return unavailable.Errorf("%w", err)
	}
	return err
}

// judge goes by what this exchange showed, and reports whether it means that there is nothing for us. A refusal with no sign of EC2 is
// somebody else's, and nothing for us; but where nobody could be asked whose it is, "not EC2" would be a guess, and a chain that goes on
// from there might hand out another identity than the next minute's: that is a failure.
func (s settings) judge(put error, seen evidence) (err error, nothing bool) {
	switch {
	case seen.sign.foreign():
		return fmt.Errorf("%w: this is the metadata service of %s, not of EC2", put, seen.sign), true
	case unanswered(put) && seen.ec2():
		return fmt.Errorf("%w, while a GET is answered (%s): EC2's metadata service is there, but its answer to a token request does not get here. %s", put, seen, hopCure), true
	case unanswered(put):
		return fmt.Errorf("%w, nor does a GET show who is there (%s): something listens that need not be EC2's metadata service. %s", put, seen, hopCure), true
	case tokensRefused(put) && seen.ec2():
		return fmt.Errorf("%w: EC2's metadata service gives out no session tokens: %s; %s", put, whyNoTokens(status(put)), s.v1Remark(seen)), false
	case tokensRefused(put) && seen.unsure():
		return fmt.Errorf("%w: whether this is EC2 could not be told by a GET: %s", put, seen), false
	case tokensRefused(put):
		return fmt.Errorf("%w: this is not EC2 instance metadata", put), true
	}
	switch silent := linklocal.IsKind(put, linklocal.Silent); {
	case !silent && !absent(put):
		return put, false
	case s.endpointFrom != "":
		return fmt.Errorf("%w: nobody answers at the endpoint that %s names", put, s.endpointFrom), true
	case silent:
		return fmt.Errorf("%w: this is not an EC2 instance, or a firewall or network policy drops traffic to its metadata service", put), true
	}
	return fmt.Errorf("%w: this is not an EC2 instance, or its metadata service is closed to this process", put), true
}

// whyNoTokens goes by the status (EC2 user guide, "Use the Instance Metadata Service to access instance metadata", response codes).
func whyNoTokens(status int) string {
	if status == http.StatusForbidden {
		return "it is switched off for this instance (aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled), or a proxy before it lets no PUT through"
	}
	return "a proxy or an emulator in its place knows IMDSv1 alone"
}

// v1Remark says what becomes of IMDSv1, which needs no session token.
func (s settings) v1Remark(seen evidence) string {
	switch {
	case seen.v1:
		return fmt.Sprintf("IMDSv1, which was asked for, does not work either (%s)", seen)
	case s.v1Forbidden:
		return "IMDSv1, which needs no token, is allowed by Options.AllowV1 and forbidden by " + v1Var + "=true, which counts"
	}
	return "IMDSv1, which needs no token, was not asked for: set Options.AllowV1, or " + v1Var + "=false, if that is what this host offers"
}

func (e evidence) String() string {
	if _, refused := errors.AsType[*ResponseError](e.err); e.err != nil && !refused {
		return e.err.Error()
	}
	return fmt.Sprintf("status %d", e.status)
}
