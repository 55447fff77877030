package cache_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
	"example.com/podrole/internal/schedule"
)

// scenario is a row of testdata/*.json; testdata/README.md describes it.
type scenario struct {
	Name    string
	Differs string
	Given   struct {
		Source     string
		Life       duration
		StaleLimit duration `json:"stale_limit"`
		Holds      string
	}
	Steps []struct {
		Answers      string
		Life         duration
		Retrieve     string
		Waits        string
		ExpiresIn    duration `json:"expires_in"`
		Advance      duration
		Invalidate   string
		Asked        *int
		AskedAtMost  *int `json:"asked_at_most"`
		AskedAtLeast *int `json:"asked_at_least"`
		State        cache.State
	}
}

type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	total, differing := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		var rows []scenario
		require.NoError(t, decoder.Decode(&rows), file)
		for _, row := range rows {
			total++
			if row.Differs != "" {
				differing++
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json")+"/"+row.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { row.run(t) })
			})
		}
	}
	t.Logf("%d scenarios, %d of which differ on purpose from the AWS SDKs' behaviour of 2026", total, differing)
}

const answerTime = 100 * time.Millisecond

func (row scenario) run(t *testing.T) {
	life := time.Duration(row.Given.Life)
	if life == 0 {
		life = time.Hour
	}
	src := newSource(life)
	src.latency = answerTime
	if row.Given.Source != "" {
		src.name = row.Given.Source
	}
	c := cache.New(src, func(o *cache.Options) { o.StaleLimit = time.Duration(row.Given.StaleLimit) })
	defer c.Close()
	before := 0
	if remaining, ok := map[string]time.Duration{
		"valid": schedule.Advisory(life) + time.Minute, "advisory": 70 * time.Second, "mandatory": 30 * time.Second, "expired": -time.Second,
	}[row.Given.Holds]; ok {
		_, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		cache.ShiftWall(c, life-remaining)
		src.set(func(s *source) { s.last.Expires = s.last.Expires.Add(-(life - remaining)) })
		before = src.calls()
	} else {
		require.Equal(t, "nothing", row.Given.Holds)
	}
	for n, step := range row.Steps {
		synctest.Wait()
		asked := src.calls() - before
		switch {
		case step.Answers != "":
			src.answers(t, step.Answers, time.Duration(step.Life), life)
		case step.Retrieve != "":
			start := time.Now()
			creds, err := c.Retrieve(t.Context())
			if step.Waits != "maybe" {
				assert.Equal(t, step.Waits == "yes", time.Since(start) > 0, "step %d: waited %s", n, time.Since(start))
			}
			if want, ok := strings.CutPrefix(step.Retrieve, "session "); ok {
				require.NoError(t, err, "step %d", n)
				assert.Equal(t, want, string('0'+rune(number(creds))), "step %d", n)
				assert.False(t, creds.Expired(), "step %d", n)
				if step.ExpiresIn != 0 {
					assert.LessOrEqual(t, time.Until(creds.Expires), time.Duration(step.ExpiresIn), "step %d", n)
				}
				break
			}
			require.Error(t, err, "step %d", n)
			_, late := errors.AsType[*cache.TimeoutError](err)
			switch step.Retrieve {
			case "terminal":
				assert.ErrorIs(t, err, errDenied, "step %d", n)
			case "timeout":
				assert.True(t, late, "step %d: %v", n, err)
			case "error":
				assert.NotErrorIs(t, err, errDenied, "step %d", n)
				assert.False(t, late, "step %d: %v", n, err)
			default:
				t.Fatalf("step %d: unknown result %q", n, step.Retrieve)
			}
		case step.Advance != 0:
			time.Sleep(time.Duration(step.Advance))
		case step.Invalidate == "held":
			c.InvalidateCredentials(sessionOf(1, 0))
		case step.Invalidate == "another":
			c.InvalidateCredentials(sessionOf(9, 0))
		case step.Invalidate == "all":
			c.Invalidate()
		case step.Asked != nil:
			assert.Equal(t, *step.Asked, asked, "step %d", n)
		case step.AskedAtMost != nil:
			assert.LessOrEqual(t, asked, *step.AskedAtMost, "step %d", n)
		case step.AskedAtLeast != nil:
			assert.GreaterOrEqual(t, asked, *step.AskedAtLeast, "step %d", n)
		case step.State != "":
			assert.Equal(t, step.State, c.Status().State, "step %d", n)
		default:
			t.Fatalf("step %d has no verb", n)
		}
	}
}

// answers sets the source's script in the words of a scenario.
func (s *source) answers(t *testing.T, kind string, life, usual time.Duration) {
	if life == 0 {
		life = usual
	}
	s.set(func(s *source) {
		s.err, s.hang, s.same, s.life = nil, false, false, life
		switch kind {
		case "fresh":
		case "same":
			s.same = true
		case "expired":
			s.life = -time.Minute
		case "error":
			s.err = errDown
		case "terminal":
			s.err = errDenied
		case "silence":
			s.hang = true
		default:
			t.Fatalf("unknown answer %q", kind)
		}
	})
}
