package notes_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/internal/notes"
)

func TestAThingIsSaidOnceForEachValueInARow(t *testing.T) {
	var n notes.Notes
	assert.True(t, n.First("clock", ""), "also with an empty value")
	assert.False(t, n.First("clock", ""))
	assert.True(t, n.First("region", "us-east-1"), "another subject")
	assert.False(t, n.First("region", "us-east-1"))
	assert.True(t, n.First("region", "eu-west-1"), "another value")
	assert.True(t, n.First("region", "us-east-1"), "and back")
}
