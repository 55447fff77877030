package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/podrole/chain"
	"example.com/podrole/ecs"
	"example.com/podrole/envcreds"
	"example.com/podrole/imds"
	"example.com/podrole/internal/redact"
	"example.com/podrole/webidentity"
)

// providerReport is everything that is known of one provider of the default chain.
type providerReport struct {
	Name         string       `json:"name"`
	Asked        bool         `json:"asked"`
	Outcome      string       `json:"outcome,omitempty"`
	Answer       string       `json:"answer"` // for people: what it answered, or why it was not asked
	ConfiguredBy string       `json:"configured_by,omitempty"`
	Variables    []variable   `json:"variables,omitempty"` // those it reads that are set
	Token        *tokenClaims `json:"token,omitempty"`     // of the web identity
	Notes        []string     `json:"notes,omitempty"`
}

// variable is one that is set, with as much of its value as may be shown.
type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// explainProviders looks at each provider, without asking any of them again.
func (p program) explainProviders(ctx context.Context, status chain.Status) []providerReport {
	links := []struct {
		name       string
		configured string
	}{
		{chain.LinkEnv, envcreds.New(func(o *envcreds.Options) { o.LookupEnv = p.env }).Configured()},
		{chain.LinkWebIdentity, webidentity.New(func(o *webidentity.Options) { o.LookupEnv = p.env; p.webIdentity(o) }).Configured()},
		{chain.LinkContainer, ecs.New(func(o *ecs.Options) { o.LookupEnv = p.env }).Configured()},
		{chain.LinkIMDS, imds.New(func(o *imds.Options) { o.LookupEnv = p.env }).Configured()},
	}
	var all []providerReport
	ended := "" // why the links after it were not asked
	for _, link := range links {
		r := providerReport{Name: link.name, ConfiguredBy: flagNames.Replace(link.configured), Variables: p.variables(link.name)}
		i := slices.IndexFunc(status.Attempts, func(a chain.Attempt) bool { return a.Link == link.name })
		switch {
		case i >= 0:
			a := status.Attempts[i]
			r.Asked, r.Outcome, r.Answer = true, string(a.Outcome), answer(a)
			ended = "not asked: the chain ended with " + link.name
		case slices.Contains(status.Shadowed, link.name):
			r.Answer = ended + ", which shadows it"
		case ended != "":
			r.Answer = ended
		default:
			r.Answer = "not asked"
		}
		if link.name == chain.LinkWebIdentity {
			r.Token, r.Notes = p.explainToken(ctx)
		}
		all = append(all, r)
	}
	return all
}

// explainToken reads the token's claims, if there is one.
func (p program) explainToken(ctx context.Context) (*tokenClaims, []string) {
	if path, _ := p.tokenFile(); path == "" {
		return nil, nil
	}
	token, err := p.readToken(ctx)
	if err != nil {
		return nil, []string{oneLine(err)}
	}
	claims, notes, err := inspect(token, time.Now())
	if err != nil {
		return nil, []string{"the token is " + oneLine(err)}
	}
	return &claims, notes
}

// How a variable's value is shown.
type shown int

const (
	whole  shown = iota // paths, ARNs, names, switches
	url                 // without user information and query
	tail                // an access key id, by its last four characters
	hidden              // that it is set, and nothing more
)

// variables are those that a provider reads, in the order in which they matter. The relative URI of ECS ends with an id that is as
// good as a password to those who can reach the agent.
var variables = map[string][]struct {
	name string
	as   shown
}{
	chain.LinkEnv: {
		{"AWS_ACCESS_KEY_ID", tail}, {"AWS_ACCESS_KEY", tail}, {"AWS_SECRET_ACCESS_KEY", hidden}, {"AWS_SECRET_KEY", hidden},
		{"AWS_SESSION_TOKEN", hidden}, {"AWS_ACCOUNT_ID", whole},
	},
	chain.LinkWebIdentity: {
		{roleVar, whole}, {tokenFileVar, whole}, {"AWS_ROLE_SESSION_NAME", whole}, {"AWS_REGION", whole}, {"AWS_DEFAULT_REGION", whole},
		{"AWS_ENDPOINT_URL_STS", url}, {"AWS_ENDPOINT_URL", url}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", whole},
		{"AWS_USE_FIPS_ENDPOINT", whole}, {"AWS_USE_DUALSTACK_ENDPOINT", whole}, {"AWS_CA_BUNDLE", whole},
	},
	chain.LinkContainer: {
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", hidden}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI", url},
		{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", whole}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN", hidden},
	},
	chain.LinkIMDS: {
		{"AWS_EC2_METADATA_DISABLED", whole}, {"AWS_EC2_METADATA_V1_DISABLED", whole}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT", url},
		{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", whole}, {"AWS_EC2_INSTANCE_PROFILE_NAME", whole},
		{"AWS_METADATA_SERVICE_TIMEOUT", whole}, {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", whole},
	},
}

func (p program) variables(link string) []variable {
	var set []variable
	for _, v := range variables[link] {
		value := p.env.Get(v.name)
		if value == "" {
			continue
		}
		switch {
		case v.as == hidden:
			value = "(set, not shown)"
		case redact.HoldsToken(value):
			value = "(a token, which does not belong here; not shown)"
		case v.as == url:
			value = redact.URL(value)
		case v.as == tail:
			value = redact.KeyID(value)
		}
		set = append(set, variable{v.name, value})
	}
	return set
}

// switches are the variables that decide for the whole chain, and the one that looks as if it did.
func (p program) switches() []field {
	var set []field
	for _, name := range []string{"PODROLE_FALLBACK", "PODROLE_NODE_ROLE", "PODROLE_EXPECTED_ROLE_ARN"} {
		if value := p.env.Get(name); value != "" {
			set = append(set, field{name, fmt.Sprintf("%q", value)})
		}
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		if value := p.env.Get(name); value != "" {
			set = append(set, field{name, fmt.Sprintf("%q, which this chain does not read", value)})
		}
	}
	return set
}

func (p program) printProviders(providers []providerReport) {
	for _, r := range providers {
		fmt.Fprintf(p.stdout, "\n%s\n", r.Name)
		fields := []field{{"answer", r.Answer}, {"configured by", r.ConfiguredBy}}
		if r.ConfiguredBy == "" {
			fields[1].value = "nothing"
		}
		for _, v := range r.Variables {
			fields = append(fields, field{v.Name, fmt.Sprintf("%q", v.Value)})
		}
		if r.Token != nil {
			for _, f := range r.Token.fields() {
				fields = append(fields, field{"token's " + f.label, f.value})
			}
		}
		for _, note := range r.Notes {
			fields = append(fields, field{"note", note})
		}
		table(p.stdout, fields...)
	}
	if set := p.switches(); len(set) > 0 {
		fmt.Fprintln(p.stdout, "\nthe chain")
		table(p.stdout, set...)
	}
}
