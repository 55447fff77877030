package trustpolicy

import (
	"fmt"
	"slices"
	"strings"
)

// Policy is a role's trust policy. Use [Parse]. It does not change, and is safe for concurrent use.
type Policy struct {
	variables  bool // Version 2012-10-17: ${…} is a policy variable
	statements []statement
	warnings   []string // where it is too wide, whatever the token
}

// statement is one element of Statement. Exactly one of each pair, Principal or NotPrincipal, Action or NotAction, is given.
type statement struct {
	number       int // from 1
	sid          string
	deny         bool
	principals   []principal
	providers    []string // the issuers among them, "*" for any
	notPrincipal bool
	actions      []string
	notAction    bool
	conditions   []condition
}

type principal struct {
	kind  string // AWS, Federated, Service, CanonicalUser; "" for the bare "*"
	value string
}

// condition is one operator and key of a Condition block: all of them must hold, for each any one value will do.
type condition struct {
	operator operator
	key      string
	values   []string
}

func (s statement) String() string {
	effect := "Allow"
	if s.deny {
		effect = "Deny"
	}
	if s.sid != "" {
		return fmt.Sprintf("statement %d %s (%s)", s.number, quote(s.sid), effect)
	}
	return fmt.Sprintf("statement %d (%s)", s.number, effect)
}

// Parse reads a trust policy, the JSON document that an IAM role calls AssumeRolePolicyDocument.
// The error is a *[ParseError] with the place in the text: invalid JSON, trailing garbage, a duplicate key,
// an element or operator that IAM's policy language does not have.
func Parse(policy []byte) (*Policy, error) {
	root, err := readJSON(policy)
	if err != nil {
		return nil, err
	}
	return parser{policy}.document(root)
}

type parser struct{ src []byte }

func (p parser) fail(n int, format string, args ...any) error {
	return errorAt(p.src, n, format, args...)
}

func (p parser) document(root node) (*Policy, error) {
	if root.kind != object {
		return nil, p.fail(root.offset, "a policy is a JSON object, this is %s", root.kind)
	}
	var policy Policy
	var statements *node
	for _, m := range root.members {
		switch m.key {
		case "Version":
			switch {
			case m.value.kind == text && m.value.text == "2012-10-17":
				policy.variables = true
			case m.value.kind == text && m.value.text == "2008-10-17":
			default:
				return nil, p.fail(m.value.offset, `Version is either "2012-10-17" or "2008-10-17"`)
			}
		case "Id":
			if m.value.kind != text {
				return nil, p.fail(m.value.offset, "Id is a string, this is %s", m.value.kind)
			}
		case "Statement":
			statements = &m.value
		case "Role", "AssumeRolePolicyDocument":
			return nil, p.fail(m.offset, "this is a role, not its trust policy: take the value of AssumeRolePolicyDocument"+
				" (aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument)")
		default:
			return nil, p.fail(m.offset, "unknown element %s%s", quote(m.key), suggest(m.key, []string{"Version", "Id", "Statement"}))
		}
	}
	if statements == nil {
		return nil, p.fail(root.offset, "the policy has no Statement")
	}
	list := statements.items
	if statements.kind == object {
		list = []node{*statements}
	} else if statements.kind != array {
		return nil, p.fail(statements.offset, "Statement is an object or an array of objects, this is %s", statements.kind)
	}
	if len(list) == 0 {
		return nil, p.fail(statements.offset, "Statement is empty")
	}
	for i, n := range list {
		s, err := p.statement(n, i+1)
		if err != nil {
			return nil, err
		}
		same := slices.IndexFunc(policy.statements, func(other statement) bool { return s.sid != "" && other.sid == s.sid })
		if same >= 0 {
			return nil, p.fail(n.offset, "statement %d has the Sid %s of statement %d", i+1, quote(s.sid), same+1)
		}
		policy.statements = append(policy.statements, s)
	}
	policy.warnings = policy.tooWide()
	return &policy, nil
}

// elements is the grammar of a statement in a trust policy (IAM User Guide, reference_policies_grammar).
var elements = []string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Condition"}

func (p parser) statement(n node, number int) (statement, error) {
	s := statement{number: number}
	if n.kind != object {
		return s, p.fail(n.offset, "a statement is an object, this is %s", n.kind)
	}
	at := map[string]int{}
	for _, m := range n.members {
		at[m.key] = m.offset
		var err error
		switch m.key {
		case "Sid":
			if m.value.kind != text {
				err = p.fail(m.value.offset, "Sid is a string, this is %s", m.value.kind)
			}
			s.sid = m.value.text
		case "Effect":
			if m.value.kind != text || m.value.text != "Allow" && m.value.text != "Deny" {
				err = p.fail(m.value.offset, `Effect is either "Allow" or "Deny", in this spelling`)
			}
			s.deny = m.value.text == "Deny"
		case "Principal", "NotPrincipal":
			s.notPrincipal = m.key == "NotPrincipal"
			s.principals, err = p.principals(m)
			s.providers = issuers(s.principals)
		case "Action", "NotAction":
			s.notAction = m.key == "NotAction"
			s.actions, err = p.strings(m.key, m.value)
		case "Condition":
			s.conditions, err = p.conditions(m.value)
		case "Resource", "NotResource":
			err = p.fail(m.offset, "a trust policy has no %s: the role that it belongs to is the resource", m.key)
		default:
			err = p.fail(m.offset, "unknown element %s%s", quote(m.key), suggest(m.key, elements))
		}
		if err != nil {
			return s, err
		}
	}
	for _, pair := range [][2]string{{"Principal", "NotPrincipal"}, {"Action", "NotAction"}} {
		_, one := at[pair[0]]
		other, both := at[pair[1]]
		switch {
		case one && both:
			return s, p.fail(other, "a statement has %s or %s, not both", pair[0], pair[1])
		case !one && !both:
			return s, p.fail(n.offset, "statement %d has no %s", number, pair[0])
		}
	}
	if _, ok := at["Effect"]; !ok {
		return s, p.fail(n.offset, "statement %d has no Effect", number)
	}
	// "NotPrincipal must be used with Effect Deny" (IAM User Guide, reference_policies_elements_notprincipal). Older editions of that page
	// let it mean everybody else, who are not asked for here: nobody may read this policy as one that lets a token in.
	if s.notPrincipal && !s.deny {
		return s, p.fail(at["NotPrincipal"], "NotPrincipal is not supported with Allow: name who may take the role in Principal")
	}
	return s, nil
}

func (p parser) principals(m member) ([]principal, error) {
	if m.value.kind == text {
		if m.value.text != "*" {
			return nil, p.fail(m.value.offset, `%s is an object such as {"Federated": "arn:aws:iam::…:oidc-provider/…"}, or "*"`, m.key)
		}
		return []principal{{value: "*"}}, nil
	}
	if m.value.kind != object {
		return nil, p.fail(m.value.offset, "%s is an object, this is %s", m.key, m.value.kind)
	}
	var all []principal
	for _, entry := range m.value.members {
		kinds := []string{"AWS", "Federated", "Service", "CanonicalUser"}
		if !slices.Contains(kinds, entry.key) {
			return nil, p.fail(entry.offset, "unknown kind of principal %s%s", quote(entry.key), suggest(entry.key, kinds))
		}
		values, err := p.strings(entry.key, entry.value)
		if err != nil {
			return nil, err
		}
		for _, value := range values {
			all = append(all, principal{kind: entry.key, value: value})
		}
	}
	if len(all) == 0 {
		return nil, p.fail(m.value.offset, "%s is empty", m.key)
	}
	return all, nil
}

func (p parser) conditions(block node) ([]condition, error) {
	if block.kind != object {
		return nil, p.fail(block.offset, "Condition is an object, this is %s", block.kind)
	}
	var all []condition
	for _, entry := range block.members {
		op, reason := parseOperator(entry.key)
		if reason != "" {
			return nil, p.fail(entry.offset, "%s", reason)
		}
		if entry.value.kind != object {
			return nil, p.fail(entry.value.offset, "%s holds an object of condition keys, this is %s", entry.key, entry.value.kind)
		}
		spelling := map[string]string{}
		for _, key := range entry.value.members {
			if key.key == "" {
				return nil, p.fail(key.offset, "a condition key is empty")
			}
			// IAM Access Analyzer calls it an error: "Duplicate keys with different case" (access-analyzer-reference-policy-checks).
			folded := strings.ToLower(key.key)
			if other, ok := spelling[folded]; ok {
				return nil, p.fail(key.offset, "duplicate key: %s and %s are the same to IAM, letter case does not count", quote(key.key), quote(other))
			}
			spelling[folded] = key.key
			values, err := p.scalars(key.key, key.value)
			if err != nil {
				return nil, err
			}
			all = append(all, condition{operator: op, key: key.key, values: values})
		}
	}
	return all, nil
}

// strings reads a string or a list of them that is not empty.
func (p parser) strings(name string, n node) ([]string, error) {
	list := []node{n}
	if n.kind == array {
		list = n.items
	}
	var all []string
	for _, item := range list {
		if item.kind != text {
			return nil, p.fail(item.offset, "%s is a string or an array of strings, this is %s", name, item.kind)
		}
		all = append(all, item.text)
	}
	if len(all) == 0 {
		return nil, p.fail(n.offset, "%s is empty", name)
	}
	return all, nil
}

// scalars reads the values of a condition key: strings, and the numbers and booleans that IAM takes as strings.
func (p parser) scalars(name string, n node) ([]string, error) {
	list := []node{n}
	if n.kind == array {
		list = n.items
	}
	all := make([]string, 0, len(list))
	for _, item := range list {
		switch item.kind {
		case text, number, boolean:
			all = append(all, item.text)
		default:
			return nil, p.fail(item.offset, "the value of %s is a string or an array of strings, this is %s", quote(name), item.kind)
		}
	}
	return all, nil
}
