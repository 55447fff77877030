package trustpolicy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What an exchange of a web identity token asks leave for: the first always, the others for what the token passes on to the session
// (IAM User Guide, id_session-tags and id_credentials_temp_control-access_monitor).
const (
	assumeRole        = "sts:AssumeRoleWithWebIdentity"
	tagSession        = "sts:TagSession"
	setSourceIdentity = "sts:SetSourceIdentity"
)

// wellKnown are the providers that IAM knows without an OIDC provider of the account's own, and that a policy names without an ARN
// (IAM User Guide, reference_policies_elements_principal).
var wellKnown = []string{"accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"}

// issuers returns the issuers of tokens among principals, "*" for any.
func issuers(principals []principal) []string {
	var all []string
	for _, p := range principals {
		issuer := ""
		switch _, url, ok := oidcProvider(p.value); {
		case p.value == "*" && (p.kind == "" || p.kind == "AWS" || p.kind == "Federated"):
			issuer = "*"
		case p.kind == "Federated" && ok:
			issuer = url
		case p.kind == "Federated" && slices.Contains(wellKnown, p.value):
			issuer = p.value
		}
		if issuer != "" && !slices.Contains(all, issuer) {
			all = append(all, issuer)
		}
	}
	return all
}

// principals answers Principal or NotPrincipal.
func (r Request) principals(s statement) Reason {
	matched, why := No, make([]string, 0, len(s.principals))
	for _, p := range s.principals {
		is, because := r.principal(s, p)
		if is {
			matched, why = Yes, []string{because}
			break
		}
		why = append(why, because)
	}
	const most = 4
	if more := len(why) - most; more > 0 {
		why = append(why[:most:most], fmt.Sprintf("nor is any of %d more", more))
	}
	name := "principal"
	if s.notPrincipal {
		name, matched = "not principal", matched.not()
	}
	return Reason{Answer: matched, Text: name + " " + strings.Join(why, "; ")}
}

func (r Request) principal(s statement, p principal) (is bool, why string) {
	name := quote(p.value)
	if p.kind != "" {
		name = p.kind + " " + name
	}
	switch {
	case p.value == "*" && (p.kind == "" || p.kind == "AWS"): // the two are the same in a resource-based policy
		return true, name + " is everyone"
	case p.kind != "Federated":
		return false, name + " is not an identity provider"
	case p.value == "*":
		return true, name + " is any identity provider"
	case slices.Contains(wellKnown, p.value):
		if p.value == r.Provider {
			return true, name + " is the token's issuer"
		}
		return false, fmt.Sprintf("%s is not the token's issuer %s", name, quote(r.Provider))
	}
	account, url, ok := oidcProvider(p.value)
	switch {
	case strings.Contains(p.value, ":saml-provider/"):
		return false, name + " is a SAML provider"
	case !ok && r.Provider != "" && strings.TrimPrefix(p.value, "https://") == r.Provider:
		return false, fmt.Sprintf("%s is the token's issuer, but must be the ARN of its OIDC provider, %s", name, shown(r.providerARN(s)))
	case !ok:
		return false, name + " is not the ARN of an OIDC provider"
	case url != r.Provider:
		why = fmt.Sprintf("%s is not the token's issuer %s", name, quote(r.Provider))
		if d, ok := differ([]rune(r.Provider), compile(url, false, nil, nil), exact); ok {
			why += ": " + d.text
		}
		return false, why
	case r.Account != "" && account != r.Account:
		return false, fmt.Sprintf("%s is in account %s, and the role in %s: a role trusts the OIDC providers of its own account", name, quote(account), quote(r.Account))
	}
	return true, name + " is the token's issuer"
}

// providerARN returns the ARN that the OIDC provider of the token has in the role's account, and in the partition of a statement's principals.
func (r Request) providerARN(s statement) string {
	partition := "aws"
	for _, p := range s.principals {
		if parts := strings.SplitN(p.value, ":", 3); len(parts) == 3 && parts[0] == "arn" && strings.HasPrefix(parts[1], "aws") {
			partition = parts[1]
			break
		}
	}
	return fmt.Sprintf("arn:%s:iam::%s:oidc-provider/%s", partition, cmp.Or(r.Account, "ACCOUNT"), r.Provider)
}

// providerForm is arn:<partition>:iam::<account>:oidc-provider/<issuer without scheme>. Partitions are aws, aws-cn, aws-us-gov and the
// isolated ones, all of which begin with aws- (IAM User Guide, reference_identifiers).
var providerForm = regexp.MustCompile(`^arn:aws(?:-[a-z0-9]+)*:iam::([0-9]{12}):oidc-provider/(.+)$`)

func oidcProvider(arn string) (account, url string, ok bool) {
	parts := providerForm.FindStringSubmatch(arn)
	if parts == nil {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// action answers Action or NotAction. Actions are case-insensitive, with wildcards (IAM User Guide, reference_policies_elements_action).
func (s statement) action(action string) Reason {
	var by string
	covers := slices.ContainsFunc(s.actions, func(a string) bool {
		by = a
		return matches(compile(a, true, nil, nil).elements, []rune(action), asciiFold)
	})
	switch {
	case covers && s.notAction:
		return Reason{Answer: No, Text: fmt.Sprintf("not action %s is %s", quote(by), action)}
	case covers:
		return Reason{Answer: Yes, Text: fmt.Sprintf("action %s", quote(by))}
	case s.notAction:
		return Reason{Answer: Yes, Text: fmt.Sprintf("not action %s leaves %s", quoteAll(s.actions), action)}
	}
	return Reason{Answer: No, Text: fmt.Sprintf("action %s is not %s", quoteAll(s.actions), action)}
}
