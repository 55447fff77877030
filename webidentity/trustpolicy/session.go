package trustpolicy

import "strings"

// The claims by which a token passes session tags and a source identity (IAM User Guide, id_session-tags and
// id_credentials_temp_control-access_monitor). A token can have the tags as an object under tagsClaim, or flat.
const (
	tagsClaim           = "https://aws.amazon.com/tags"
	tagPrefix           = tagsClaim + "/principal_tags/"
	transitiveTagsClaim = tagsClaim + "/transitive_tag_keys"
	sourceIdentityClaim = "https://aws.amazon.com/source_identity"
)

// flattenTags adds the tags of a token that has them as an object. What is not of the documented form is left out.
func (r Request) flattenTags(claim any) {
	if list, ok := claim.([]any); ok {
		for _, item := range list {
			if _, nested := item.([]any); !nested {
				r.flattenTags(item)
			}
		}
	}
	object, ok := claim.(map[string]any)
	if !ok {
		return
	}
	if values := claimValues(object["transitive_tag_keys"]); len(values) > 0 {
		r.Claims[transitiveTagsClaim] = values
	}
	tags, _ := object["principal_tags"].(map[string]any)
	for key, value := range tags {
		if values := claimValues(value); len(values) > 0 {
			r.Claims[tagPrefix+key] = values
		}
	}
}

// need is an action that the call asks leave for, and why.
type need struct{ action, why string }

// needs returns the actions that the policy must allow: "For roles that don't have this permission in the trust policy, the AssumeRole
// operation will fail", says the documentation of the two that a token can add.
func (f facts) needs() []need {
	all := []need{{action: assumeRole}}
	if len(f.tagKeys) > 0 || len(f.Claims[transitiveTagsClaim]) > 0 {
		all = append(all, need{tagSession, "the token passes session tags (" + quoteAll(f.tagKeys) + ")"})
	}
	if identity := f.Claims[sourceIdentityClaim]; len(identity) > 0 {
		all = append(all, need{setSourceIdentity, "the token sets a source identity (" + quoteAll(identity) + ")"})
	}
	return all
}

// sessionFact knows the keys of what the token passes on to the session; AssumeRoleWithWebIdentity has no other way to pass it.
func (f facts) sessionFact(key string) (fact, bool) {
	const requestTag = "aws:requesttag/"
	folded := strings.ToLower(key)
	known := func(values []string, none string) (fact, bool) {
		if len(values) == 0 {
			return fact{why: none, kind: KindMissing}, true
		}
		return fact{presence: present, values: values}, true
	}
	switch {
	case strings.HasPrefix(folded, requestTag):
		if tag, ok := f.tags[folded[len(requestTag):]]; ok { // tag keys in conditions are case-insensitive, as all of a key is
			return known(f.Claims[tagPrefix+tag], "")
		}
		return known(nil, "the token passes no session tag "+quote(key[len(requestTag):]))
	case folded == "aws:tagkeys":
		return known(f.tagKeys, "the token passes no session tags")
	case folded == "sts:transitivetagkeys":
		return known(f.Claims[transitiveTagsClaim], "the token passes no transitive session tags")
	case folded == "sts:sourceidentity":
		return known(f.Claims[sourceIdentityClaim], "the token sets no source identity")
	}
	return fact{}, false
}
