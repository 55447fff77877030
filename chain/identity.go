package chain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"example.com/podrole/internal/redact"
)

// Identity is whom credentials act as, as far as it is known. What is not known is empty.
type Identity struct {
	ARN     string `json:"arn,omitempty"`     // of the caller, arn:aws:sts::111122223333:assumed-role/name/session for a role
	Account string `json:"account,omitempty"` // 12 digits
	Role    string `json:"role,omitempty"`    // name of the IAM role, without its path
	Session string `json:"session,omitempty"` // name of the role session
	Source  string `json:"source,omitempty"`  // aws.Credentials.Source
}

// identify gathers what the link and the credentials tell of the identity; callerARN may be empty.
func identify(creds aws.Credentials, callerARN string, link Link) Identity {
	id := Identity{ARN: callerARN, Account: creds.AccountID, Source: creds.Source}
	if a, err := arn.Parse(callerARN); err == nil {
		id.Account = a.AccountID
		id.Role, id.Session = roleAndSession(a)
	}
	if id.Role == "" {
		id.Role = link.roleName(creds)
	}
	return id
}

// same reports whether two identities are the same principal, as far as both are known: what one of them does not tell is no
// difference. The session is not part of it: it may be new at each refresh.
func (id Identity) same(other Identity) bool {
	agree := func(a, b string) bool { return a == "" || b == "" || a == b }
	return agree(id.principal(), other.principal()) && agree(id.Account, other.Account) && agree(id.Role, other.Role) && id.Source == other.Source
}

// name is the most that is known of whose the credentials are.
func (id Identity) name() string { return orUnknown(cmp.Or(id.ARN, id.Role, id.Account)) }

// principal is the ARN without the session.
func (id Identity) principal() string {
	if id.Session == "" {
		return id.ARN
	}
	return strings.TrimSuffix(id.ARN, "/"+id.Session)
}

// roleID names an IAM role as both of its ARNs do: role/path/name in IAM and assumed-role/name/session in STS, which drops the
// path. Role names are unique in an account (IAM User Guide, "IAM identifiers").
type roleID struct{ partition, account, name string }

func (r roleID) String() string {
	return fmt.Sprintf("arn:%s:iam::%s:role/%s", r.partition, r.account, r.name)
}

// parseRole reads either ARN of a role.
func parseRole(s string) (roleID, error) {
	a, err := arn.Parse(s)
	if err != nil {
		return roleID{}, fmt.Errorf("%q is not an ARN: expected arn:aws:iam::111122223333:role/name", redact.Tokens(s))
	}
	name, _ := roleAndSession(a)
	if name == "" || a.AccountID == "" {
		return roleID{}, fmt.Errorf("%q is not the ARN of a role: expected arn:aws:iam::111122223333:role/name", redact.Tokens(s))
	}
	return roleID{a.Partition, a.AccountID, name}, nil
}

// roleAndSession returns a role's name and the session's, "" for what the ARN does not name.
func roleAndSession(a arn.ARN) (role, session string) {
	kind, rest, _ := strings.Cut(a.Resource, "/")
	switch {
	case a.Service == "iam" && kind == "role":
		return rest[strings.LastIndexByte(rest, '/')+1:], ""
	case a.Service == "sts" && kind == "assumed-role":
		role, session, _ = strings.Cut(rest, "/")
		return role, session
	}
	return "", ""
}
