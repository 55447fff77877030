package env_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/internal/env"
)

func lookup(vars map[string]string) env.Lookup {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

var vars = lookup(map[string]string{
	"PLAIN": "value", "PADDED": " \tvalue\r\n", "INNER": "two words", "EMPTY": "", "BLANK": " \n",
	"TRUE": "true", "LOUD": "TRUE", "ONE": "1", "YES": "yes", "FALSE": "false",
})

func TestGetCutsWhiteSpaceAround(t *testing.T) {
	for name, want := range map[string]string{
		"PLAIN": "value", "PADDED": "value", "INNER": "two words", "EMPTY": "", "BLANK": "", "ABSENT": "",
	} {
		assert.Equal(t, want, vars.Get(name), name)
	}
}

func TestFirstPassesOverBlankVariables(t *testing.T) {
	name, value := vars.First("ABSENT", "EMPTY", "BLANK", "PADDED", "PLAIN")
	assert.Equal(t, "PADDED", name)
	assert.Equal(t, "value", value)

	name, value = vars.First("ABSENT", "BLANK")
	assert.Empty(t, name)
	assert.Empty(t, value)
}

func TestTrueIsTheWordInAnyCaseAndNothingElse(t *testing.T) {
	for name, want := range map[string]bool{"TRUE": true, "LOUD": true, "ONE": false, "YES": false, "FALSE": false, "EMPTY": false, "ABSENT": false} {
		assert.Equal(t, want, vars.True(name), name)
	}
}

func TestSetKeepsTheOrderAsked(t *testing.T) {
	assert.Equal(t, []string{"PADDED", "INNER", "PLAIN"}, vars.Set("PADDED", "BLANK", "INNER", "ABSENT", "PLAIN"))
	assert.Empty(t, vars.Set("EMPTY", "ABSENT"))
}

func TestANilLookupReadsTheProcessEnvironment(t *testing.T) {
	t.Setenv("PODROLE_TEST", " here ")
	assert.Equal(t, "here", env.Lookup(nil).Get("PODROLE_TEST"))
	assert.Equal(t, []string{"PODROLE_TEST"}, env.Lookup(nil).Set("PODROLE_TEST"))
}
