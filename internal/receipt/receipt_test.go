package receipt_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"

	"example.com/podrole/internal/receipt"
)

func TestAReceiptIsOfItsOwnCredentialsOnly(t *testing.T) {
	var last receipt.Last
	assert.Zero(t, last.Of(aws.Credentials{}), "none yet")
	first := receipt.Receipt{KeyID: "AKID1", Name: "role", ServerTime: time.Unix(1, 0)}
	last.Keep(first)
	assert.Equal(t, first, last.Of(aws.Credentials{AccessKeyID: "AKID1"}))
	assert.Zero(t, last.Of(aws.Credentials{AccessKeyID: "AKID2"}))
	assert.Zero(t, last.Of(aws.Credentials{}))
	last.Keep(receipt.Receipt{KeyID: "AKID2"})
	assert.Zero(t, last.Of(aws.Credentials{AccessKeyID: "AKID1"}), "the last alone is kept")
}
