package trustpolicy

import (
	"maps"
	"slices"
	"strings"
)

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

// tagKeys returns the keys of the session tags, sorted.
func (r Request) tagKeys() []string {
	var keys []string
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		if key, ok := strings.CutPrefix(name, tagPrefix); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// need is an action that the call asks leave for, and why.
type need struct{ action, why string }

// needs returns the actions that the policy must allow: "For roles that don't have this permission in the trust policy, the AssumeRole
// operation will fail", says the documentation of the two that a token can add.
func (r Request) needs() []need {
	all := []need{{action: assumeRole}}
	if keys := r.tagKeys(); len(keys) > 0 || len(r.Claims[transitiveTagsClaim]) > 0 {
		all = append(all, need{tagSession, "the token passes session tags (" + quoteAll(keys) + ")"})
	}
	if identity := r.Claims[sourceIdentityClaim]; len(identity) > 0 {
		all = append(all, need{setSourceIdentity, "the token sets a source identity (" + quoteAll(identity) + ")"})
	}
	return all
}

// sessionFact knows the keys of what the token passes on to the session; AssumeRoleWithWebIdentity has no other way to pass it.
func (r Request) sessionFact(key string) (fact, bool) {
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
		for _, tag := range r.tagKeys() { // tag keys in conditions are case-insensitive, as all of a key is
			if strings.EqualFold(tag, key[len(requestTag):]) {
				return known(r.Claims[tagPrefix+tag], "")
			}
		}
		return known(nil, "the token passes no session tag "+quote(key[len(requestTag):]))
	case folded == "aws:tagkeys":
		return known(r.tagKeys(), "the token passes no session tags")
	case folded == "sts:transitivetagkeys":
		return known(r.Claims[transitiveTagsClaim], "the token passes no transitive session tags")
	case folded == "sts:sourceidentity":
		return known(r.Claims[sourceIdentityClaim], "the token sets no source identity")
	}
	return fact{}, false
}
