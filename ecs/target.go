package ecs

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/unavailable"
)

const (
	relativeVar  = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	fullVar      = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	tokenFileVar = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
	tokenVar     = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

	kindECS         = "ecs"
	kindPodIdentity = "podidentity"
)

// Amazon ECS developer guide, "Task IAM role"; Amazon EKS user guide, "How EKS Pod Identity works".
var (
	ecsAgent  = netip.MustParseAddr("169.254.170.2")
	eksAgent  = netip.MustParseAddr("169.254.170.23")
	eksAgent6 = netip.MustParseAddr("fd00:ec2::23")

	rules = linklocal.Rules{HTTP: []netip.Addr{ecsAgent, eksAgent, eksAgent6}, HTTPS: true}
)

// setting is a value and where it comes from.
type setting struct{ name, value string }

func (p *Provider) relativeURI() setting {
	return p.setting(p.opts.RelativeURI, "Options.RelativeURI", relativeVar, p.opts.FullURI != "")
}
func (p *Provider) fullURI() setting {
	return p.setting(p.opts.FullURI, "Options.FullURI", fullVar, p.opts.RelativeURI != "")
}
func (p *Provider) tokenFile() setting {
	return p.setting(p.opts.AuthorizationTokenFile, "Options.AuthorizationTokenFile", tokenFileVar, p.opts.AuthorizationToken != "")
}
func (p *Provider) tokenValue() setting {
	return p.setting(p.opts.AuthorizationToken, "Options.AuthorizationToken", tokenVar, p.opts.AuthorizationTokenFile != "")
}

// setting prefers the option; the variable is ignored where its sibling was set by option.
func (p *Provider) setting(option, optionName, variable string, ignored bool) setting {
	switch {
	case option != "":
		return setting{optionName, option}
	case ignored:
		return setting{}
	}
	return setting{variable, p.env.Get(variable)}
}

// target is what to ask, and with which token.
type target struct {
	url   *url.URL
	from  string // the option or variable that names it
	file  setting
	value setting
}

// target reads options and variables. It does no I/O.
func (p *Provider) target() (target, error) {
	relative, full := p.relativeURI(), p.fullURI()
	t := target{file: p.tokenFile(), value: p.tokenValue()}
	var err error
	switch {
	case relative.value != "":
		t.from = relative.name
		t.url, err = resolveRelative(relative.value)
	case full.value != "":
		t.from = full.name
		t.url, err = rules.Check(full.value)
	case t.file.value != "" || t.value.value != "":
		return target{}, misconfigured("%s is set, but no URI to send it to: the container's credentials are half configured; set %s (EKS Pod Identity) or %s (ECS) too, or unset it",
			t.file.or(t.value).name, fullVar, relativeVar)
	default:
		return target{}, unavailable.Errorf("%s and %s are not set", relativeVar, fullVar)
	}
	if err != nil {
		return target{}, misconfigured("%s is refused: %w", t.from, err)
	}
	return t, nil
}

// warn says once which of two settings that contradict each other counts.
func (p *Provider) warn() {
	for _, c := range []struct {
		text          string
		used, ignored setting
	}{
		{"both URIs are set; the relative one is used", p.relativeURI(), p.fullURI()},
		{"both forms of the authorization token are set; the file is used", p.tokenFile(), p.tokenValue()},
	} {
		if c.used.value != "" && c.ignored.value != "" && p.notes.First(c.text, "") {
			p.logger().Warn("container credentials: "+c.text, "used", c.used.name, "ignored", c.ignored.name)
		}
	}
}

// resolveRelative makes a URL at the ECS agent. A value such as "@host/" or ":80@host/" would, appended as it is, lead elsewhere.
func resolveRelative(path string) (*url.URL, error) {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return nil, fmt.Errorf("it must be a path that begins with one slash")
	}
	u, err := rules.Check("http://" + ecsAgent.String() + path)
	if err != nil {
		return nil, err
	}
	if u.Host != ecsAgent.String() {
		return nil, fmt.Errorf("it would lead away from %s", ecsAgent)
	}
	return u, nil
}

func (t target) kind() string {
	if addr, err := netip.ParseAddr(t.url.Hostname()); err == nil && (addr == eksAgent || addr == eksAgent6) {
		return kindPodIdentity
	}
	return kindECS
}

func (s setting) or(other setting) setting {
	if s.value != "" {
		return s
	}
	return other
}
