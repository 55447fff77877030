package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// mode is how the STS of this program is at a moment.
type mode int

const (
	up   mode = iota
	down      // answers 500, after the usual latency
	hung      // accepts, and never answers what it accepted meanwhile
)

var errDown = errors.New("STS: api error InternalFailure: 500")

// sts stands for AWS STS, and the provider that asks it. It honours its context, as an HTTP client does; the SDK's cache passes one
// that never ends.
type sts struct {
	latency time.Duration
	life    time.Duration // of the sessions
	over    chan struct{} // closed when the run is over, to let go of who is still blocked

	mu      sync.Mutex
	mode    mode
	calls   int
	fetched time.Time // when the last session was issued
	issued  chan struct{}
}

func newSTS(latency, life time.Duration) *sts {
	return &sts{latency: latency, life: life, over: make(chan struct{}), issued: make(chan struct{}, 1)}
}

func (s *sts) Retrieve(ctx context.Context) (aws.Credentials, error) {
	s.mu.Lock()
	s.calls++
	n, mode := s.calls, s.mode
	s.mu.Unlock()
	if mode == hung {
		select {
		case <-ctx.Done():
			return aws.Credentials{}, fmt.Errorf("post https://sts.ap-northeast-2.amazonaws.com/: %w", ctx.Err())
		case <-s.over:
			return aws.Credentials{}, errDown
		}
	}
	select {
	case <-time.After(s.latency):
	case <-ctx.Done():
		return aws.Credentials{}, ctx.Err()
	}
	if mode == down {
		return aws.Credentials{}, errDown
	}
	s.mu.Lock()
	s.fetched = time.Now()
	s.mu.Unlock()
	select {
	case s.issued <- struct{}{}:
	default:
	}
	return aws.Credentials{
		AccessKeyID: fmt.Sprintf("ASIAEXAMPLE%09d", n), SecretAccessKey: "example", SessionToken: "example",
		Source: "WebIdentityCredentials", CanExpire: true, Expires: time.Now().Add(s.life),
	}, nil
}

func (s *sts) turn(m mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = m
}

func (s *sts) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// awaitFetch returns once the next session was issued.
func (s *sts) awaitFetch() {
	select {
	case <-s.issued: // an earlier one
	default:
	}
	<-s.issued
}
