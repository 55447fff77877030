package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/cache"
)

// The hot path, beside the SDK's cache and beside a bare reading of the clock, which is the limit for any cache that lets the clock
// decide. Medians of five:
//
//	go test -run '^$' -bench . -count 5 ./cache | go tool -modfile=internal/tools/go.mod benchstat -col /of -
func BenchmarkSerial(b *testing.B) {
	ours, sdk := caches(b)
	ctx := b.Context()
	b.Run("of=podrole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = ours.Retrieve(ctx)
		}
	})
	b.Run("of=sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = sdk.Retrieve(ctx)
		}
	})
	b.Run("of=clock", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = time.Now()
		}
	})
}

func BenchmarkParallel(b *testing.B) {
	ours, sdk := caches(b)
	ctx := b.Context()
	b.Run("of=podrole", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = ours.Retrieve(ctx)
			}
		})
	})
	b.Run("of=sdk", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = sdk.Retrieve(ctx)
			}
		})
	})
	b.Run("of=clock", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_ = time.Now()
			}
		})
	})
}

// BenchmarkRefreshing is the hot path while a refresh is under way, as in an outage.
func BenchmarkRefreshing(b *testing.B) {
	calls := 0
	c := cache.New(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		if calls++; calls == 1 {
			return sessionOf(1, 24*time.Hour), nil
		}
		<-ctx.Done()
		return aws.Credentials{}, ctx.Err()
	}))
	defer c.Close()
	_, _ = c.Retrieve(b.Context())
	cache.ShiftWall(c, 23*time.Hour+50*time.Minute)
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = c.Retrieve(ctx)
		}
	})
}

// caches returns both caches, holding credentials.
func caches(b *testing.B) (*cache.SessionCache, *aws.CredentialsCache) {
	creds := sessionOf(1, 24*time.Hour)
	p := provide(func() (aws.Credentials, error) { return creds, nil })
	ours, sdk := cache.New(p), aws.NewCredentialsCache(p)
	b.Cleanup(func() { _ = ours.Close() })
	for _, c := range []aws.CredentialsProvider{ours, sdk} {
		if _, err := c.Retrieve(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return ours, sdk
}
