package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/podrole/chain"
)

// act is one setting of the same scene.
type act struct {
	title  string
	before string // what is set, for the reader
	play   func(ctx context.Context, s *stage) error
	after  string // what it means
}

func acts(patient bool) []act {
	all := []act{{
		title: "as it was: FallbackNext, what Java's default chain does",
		before: `The EKS webhook has given the pod its variables. STS refuses the service account, and with PODROLE_FALLBACK=next the chain goes
on, as Java's does silently. Here it is not silent.`,
		play: func(ctx context.Context, s *stage) error {
			creds := s.chain(s.webhook(), chain.FallbackNext)
			defer creds.Close()
			return s.scene(ctx, creds, nodeRole)
		},
		after: `The old error, from Kinesis, names a role that nobody in the team recognises and says nothing of why. The WARN records before it do.`,
	}, {
		title:  "the default: the chain stops and says why",
		before: `The same pod, with nothing set. What is configured and fails is not passed over.`,
		play: func(ctx context.Context, s *stage) error {
			creds := s.chain(s.webhook(), chain.FallbackDefault)
			defer creds.Close()
			return s.scene(ctx, creds, "")
		},
		after: `The new error comes before any call to Kinesis, and holds the cause and the cure.`,
	}, {
		title:  "nothing was injected: the webhook missed the pod",
		before: `No variable names an identity, so nothing has failed: every SDK takes the node's role here, without a word.`,
		play: func(ctx context.Context, s *stage) error {
			creds := s.chain(s.bare(), chain.FallbackDefault)
			defer creds.Close()
			return s.scene(ctx, creds, nodeRole)
		},
		after: `The chain knows that it is in a pod and that these credentials are the node's. PODROLE_NODE_ROLE=refuse makes that an error:`,
	}, {
		title:  "nothing was injected, and the node's role is refused",
		before: `PODROLE_NODE_ROLE=refuse is set on the deployment.`,
		play: func(ctx context.Context, s *stage) error {
			creds := s.chain(with(s.bare(), "PODROLE_NODE_ROLE", "refuse"), chain.FallbackDefault)
			defer creds.Close()
			return s.scene(ctx, creds, "")
		},
	}, {
		title:  "the trust policy is mended while the process runs",
		before: `The default chain again. The process has started with the error of act 2; now somebody edits the trust policy in IAM.`,
		play: func(ctx context.Context, s *stage) error {
			defer s.spoil()
			creds := s.chain(s.webhook(), chain.FallbackDefault)
			defer creds.Close()
			if err := s.scene(ctx, creds, ""); err != nil {
				return err
			}
			s.text("-- IAM: the trust policy now accepts system:serviceaccount:default:gryphon-dispatcher* --")
			s.mend()
			if err := s.until(ctx, creds, roleName, 10*time.Second); err != nil {
				return err
			}
			return s.scene(ctx, creds, roleName)
		},
		after: `It healed at the next try, a few seconds later, and the process was not restarted.`,
	}}
	if patient {
		all = append(all, act{
			title:  "a fallback heals too",
			before: `FallbackNext: the process runs as the node. The failed link is asked again after a minute (48 to 72 s), whatever the node's session has left.`,
			play: func(ctx context.Context, s *stage) error {
				defer s.spoil()
				creds := s.chain(s.webhook(), chain.FallbackNext)
				defer creds.Close()
				if err := s.scene(ctx, creds, nodeRole); err != nil {
					return err
				}
				s.mend()
				if err := s.until(ctx, creds, roleName, 80*time.Second); err != nil {
					return err
				}
				return s.scene(ctx, creds, roleName)
			},
		})
	}
	return all
}

// scene asks whom the process runs as, makes the call that failed in the incident, and checks that the identity is the one the act is
// about; "" means none.
func (s *stage) scene(ctx context.Context, creds *chain.Chain, wantRole string) error {
	answer, err := describeStream(ctx, s.kinesis, creds)
	if awaited := s.out.await(); awaited != nil {
		return awaited
	}
	role := ""
	var chainErr *chain.Error
	switch status := creds.Status(); {
	case errors.As(err, &chainErr):
		s.line("runs as   nobody: it has no credentials")
	default:
		role = status.Identity.Role
		s.line("runs as   %s, by way of %s", role, status.Provider)
	}
	if err != nil {
		answer = "DescribeStream failed: " + err.Error()
	}
	s.line("kinesis%s", strings.TrimPrefix(wrap(answer, 10), "       "))
	if role != wantRole {
		return fmt.Errorf("ran as %q, expected %q", role, wantRole)
	}
	return nil
}

// until waits for the chain to run as the role.
func (s *stage) until(ctx context.Context, creds *chain.Chain, role string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := creds.Retrieve(ctx); err == nil && creds.Status().Identity.Role == role {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("did not run as %s within %s: %w", role, limit, context.Cause(ctx))
		}
	}
}
