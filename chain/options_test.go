package chain

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lookup(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func TestOptionsWinOverVariablesAndUnknownValuesAreErrors(t *testing.T) {
	for _, row := range []struct {
		name     string
		option   Options
		vars     map[string]string
		fallback FallbackPolicy
		nodeRole NodeRolePolicy
		err      string
	}{
		{name: "nothing said", fallback: FallbackStop, nodeRole: NodeRoleWarn},
		{name: "variables", vars: map[string]string{"PODROLE_FALLBACK": "next", "PODROLE_NODE_ROLE": " Refuse "}, fallback: FallbackNext, nodeRole: NodeRoleRefuse},
		{name: "options win", option: Options{Fallback: FallbackStop, NodeRole: NodeRoleAllow}, vars: map[string]string{"PODROLE_FALLBACK": "next", "PODROLE_NODE_ROLE": "refuse"}, fallback: FallbackStop, nodeRole: NodeRoleAllow},
		{name: "blank is not set", vars: map[string]string{"PODROLE_FALLBACK": "  "}, fallback: FallbackStop, nodeRole: NodeRoleWarn},
		{name: "unknown fallback", vars: map[string]string{"PODROLE_FALLBACK": "nxet"}, err: `podrole: PODROLE_FALLBACK has the unknown value "nxet": it takes next or stop`},
		{name: "unknown although the option wins", option: Options{NodeRole: NodeRoleRefuse}, vars: map[string]string{"PODROLE_NODE_ROLE": "deny"}, err: `podrole: PODROLE_NODE_ROLE has the unknown value "deny": it takes allow or refuse or warn`},
		{name: "unknown option", option: Options{Fallback: 7}, err: "podrole: the option for PODROLE_FALLBACK has the unknown value 7"},
		{name: "not a role", option: Options{ExpectedRoleARN: "arn:aws:iam::111122223333:user/kim"}, err: `podrole: Options.ExpectedRoleARN: "arn:aws:iam::111122223333:user/kim" is not the ARN of a role: expected arn:aws:iam::111122223333:role/name`},
		{name: "not an ARN", vars: map[string]string{"PODROLE_EXPECTED_ROLE_ARN": "gryphon"}, err: `podrole: PODROLE_EXPECTED_ROLE_ARN: "gryphon" is not an ARN: expected arn:aws:iam::111122223333:role/name`},
		{name: "two roles", option: Options{ExpectedRoleARN: "arn:aws:iam::111122223333:role/a"}, vars: map[string]string{"PODROLE_EXPECTED_ROLE_ARN": "arn:aws:iam::111122223333:role/b"},
			err: "podrole: Options.ExpectedRoleARN (arn:aws:iam::111122223333:role/a) and PODROLE_EXPECTED_ROLE_ARN (arn:aws:iam::111122223333:role/b) name different roles: unset one"},
		{name: "the same role twice", option: Options{ExpectedRoleARN: "arn:aws:iam::111122223333:role/team/a"}, vars: map[string]string{"PODROLE_EXPECTED_ROLE_ARN": "arn:aws:sts::111122223333:assumed-role/a/session"}, fallback: FallbackStop, nodeRole: NodeRoleWarn},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := newSettings([]func(*Options){func(o *Options) { *o = row.option; o.LookupEnv = lookup(row.vars) }})
			if row.err != "" {
				require.EqualError(t, err, row.err)
				var retryable interface{ RetryableError() bool }
				require.ErrorAs(t, err, &retryable)
				assert.False(t, retryable.RetryableError())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.fallback, s.fallback)
			assert.Equal(t, row.nodeRole, s.nodeRole)
		})
	}
}
