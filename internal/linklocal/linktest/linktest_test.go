package linktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/linklocal/linktest"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/internal/unavailable"
)

type final struct{ error }

func (final) Terminal() bool { return true }

// edged is an error as a provider's edge makes it.
type edged struct{ error }

func (e edged) Error() string      { return "x: " + e.error.Error() }
func (e edged) Unwrap() error      { return e.error }
func (edged) RetryableError() bool { return false }

func TestClassesOfAnAnswer(t *testing.T) {
	keys := aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}
	for want, err := range map[string]error{
		linktest.Credentials: nil,
		linktest.Nothing:     fmt.Errorf("x: %w", unavailable.Errorf("y")),
		linktest.Late:        fmt.Errorf("x: %w", &timeout.Error{}),
		linktest.Final:       fmt.Errorf("x: %w", final{errors.New("y")}),
		linktest.Failure:     errors.New("y"),
	} {
		assert.Equal(t, want, linktest.Class(keys, err))
	}
	assert.Equal(t, "nothing at all", linktest.Class(aws.Credentials{}, nil))
}

func TestComplaintsAreMadeOfEachFault(t *testing.T) {
	assert.Empty(t, linktest.Complaints("x", nil, "a record", "s3cret"))
	assert.Empty(t, linktest.Complaints("x", edged{errors.New("y")}, "a record", "s3cret"))
	for name, row := range map[string]struct {
		err  error
		log  string
		want string
	}{
		"a secret in the error":       {edged{errors.New("s3cret")}, "", `"s3cret" is shown`},
		"a secret in the log":         {nil, "s3cret", `"s3cret" is shown`},
		"a body in the log":           {nil, linktest.Leak, "is shown"},
		"a deadline not the caller's": {edged{context.DeadlineExceeded}, "", "matches a context's error"},
		"an end not the caller's":     {edged{context.Canceled}, "", "matches a context's error"},
		"two prefixes":                {edged{errors.New("x: y")}, "", "not one prefix"},
		"no edge":                     {errors.New("x: y"), "", "ask again"},
	} {
		all := linktest.Complaints("x", row.err, row.log, "s3cret")
		require.NotEmpty(t, all, name)
		assert.Contains(t, all[0], row.want, name)
	}
}

func TestDocumentsAreJSON(t *testing.T) {
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(linktest.Document()), &doc))
	assert.Len(t, doc, 5)
	clear(doc)
	require.NoError(t, json.Unmarshal([]byte(linktest.Document("Token", "", "Code", `"Success"`, "Expiration", "5", "Code", `"Failed"`)), &doc))
	assert.Equal(t, map[string]any{"Note": linktest.Leak, "AccessKeyId": "ASIAEXAMPLEEXAMPLE00", "SecretAccessKey": "secret", "Expiration": 5.0, "Code": "Failed"}, doc)
}
