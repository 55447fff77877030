package imds

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/unavailable"
)

const (
	hopCure = "In a container that is the work of a metadata hop limit of 1: raise it (aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2), " +
		"or better, give the pod an identity of its own (IRSA or EKS Pod Identity)"
	v1Cure = "IMDSv1, which needs no token, was not asked for: set Options.AllowV1, or " + v1Var + "=false, if that is what this host offers"
)

// evidence is what a second question, a GET, brought to light about a host that gave no session token.
type evidence struct {
	answered bool // with a status, by the host
	status   int
	sign     sign
	v1       bool // the question was an IMDSv1 request, because that was asked for
}

// ec2 reports signs of EC2's service: its name, or that it gives out metadata, or asks for a valid token.
func (e evidence) ec2() bool {
	return e.sign == signEC2 || e.sign == noSign && (e.status == http.StatusOK || e.status == http.StatusUnauthorized)
}

// evidence asks for the metadata index with a token that no service has issued, so that the question never is an IMDSv1 request:
// EC2's service answers 401, and so shows itself. It asks only where the answer matters for the verdict.
func (w *walk) evidence(ctx context.Context, put error) evidence {
	if e, ok := errors.AsType[*ResponseError](put); ok && e.sign != noSign {
		return evidence{answered: true, sign: e.sign}
	}
	if !unanswered(put) && !tokensRefused(put) {
		return evidence{}
	}
	r := w.request(http.MethodGet, "/latest/meta-data/")
	r.Header = http.Header{tokenHeader: {"none"}}
	r.Bound = w.attempt / 2
	var seen evidence
	_ = w.client.Do(ctx, r, func(a *linklocal.Answer) error {
		seen = evidence{answered: true, status: a.Status, sign: signOf(a.Header)}
		return nil
	})
	return seen
}

// verdict decides what it means that there is no session token: put is the error of the request for one.
func (s settings) verdict(put error, seen evidence) error {
	switch {
	case seen.sign.foreign():
		return unavailable.Errorf("%w: this is the metadata service of %s, not of EC2", put, seen.sign)
	case unanswered(put) && seen.ec2():
		return unavailable.Errorf("%w, while a GET is answered (%s): EC2's metadata service is there, but its answer to a token request does not get here. %s", put, seen, hopCure)
	case unanswered(put) && seen.answered:
		return unavailable.Errorf("%w, while a GET is answered (%s): something answers that need not be EC2's metadata service. %s", put, seen, hopCure)
	case unanswered(put):
		return unavailable.Errorf("%w, nor is a GET answered: something listens that need not be EC2's metadata service. %s", put, hopCure)
	case tokensRefused(put) && seen.ec2():
		return fmt.Errorf("%w: EC2's metadata service gives out no session tokens: %s; %s", put, whyNoTokens(status(put)), seen.v1Remark())
	case tokensRefused(put):
		return unavailable.Errorf("%w: this is not EC2 instance metadata", put)
	}
	switch silent := linklocal.IsKind(put, linklocal.Silent); {
	case !silent && !absent(put):
		return put
	case s.endpointFrom != "":
		return unavailable.Errorf("%w: nobody answers at the endpoint that %s names", put, s.endpointFrom)
	case silent:
		return unavailable.Errorf("%w: this is not an EC2 instance, or a firewall or network policy drops traffic to its metadata service", put)
	}
	return unavailable.Errorf("%w: this is not an EC2 instance, or its metadata service is closed to this process", put)
}

// whyNoTokens goes by the status (EC2 user guide, "Use the Instance Metadata Service to access instance metadata", response codes).
func whyNoTokens(status int) string {
	if status == http.StatusForbidden {
		return "it is switched off for this instance (aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled), or a proxy before it lets no PUT through"
	}
	return "a proxy or an emulator in its place knows IMDSv1 alone"
}

func (e evidence) v1Remark() string {
	if e.v1 {
		return fmt.Sprintf("IMDSv1, which was asked for, does not work either (%s)", e)
	}
	return v1Cure
}

func (e evidence) String() string {
	if e.status == 0 {
		return "signed " + e.sign.String()
	}
	return fmt.Sprintf("status %d", e.status)
}
