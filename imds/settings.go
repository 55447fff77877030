package imds

import (
	"cmp"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/unavailable"
)

const (
	disabledVar = "AWS_EC2_METADATA_DISABLED"
	endpointVar = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
	modeVar     = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
	v1Var       = "AWS_EC2_METADATA_V1_DISABLED"
	profileVar  = "AWS_EC2_INSTANCE_PROFILE_NAME"
	timeoutVar  = "AWS_METADATA_SERVICE_TIMEOUT"
	attemptsVar = "AWS_METADATA_SERVICE_NUM_ATTEMPTS"
)

// Amazon EC2 user guide, "Access instance metadata for an EC2 instance".
var (
	address4 = netip.MustParseAddr("169.254.169.254")
	address6 = netip.MustParseAddr("fd00:ec2::254")
)

// settings are the options and variables of one Retrieve.
type settings struct {
	endpoint *url.URL // scheme and host alone
	rules    linklocal.Rules
	profile  setting

	endpointFrom string // the option or variable that names the endpoint; "" for the service's own addresses
	v1           bool   // asked for
	v1Forbidden  bool   // by the variable, although the option asks for it
	bounds
}

// bounds are the time and the attempts that a Retrieve may take.
type bounds struct {
	attempt  time.Duration
	attempts int // of one request; 0 where nobody set them
	total    time.Duration
}

// setting is a value and where it comes from.
type setting struct{ name, value string }

func (p *Provider) setting(option, optionName, variable string) setting {
	if option != "" {
		return setting{optionName, option}
	}
	return setting{variable, p.env.Get(variable)}
}

func (p *Provider) endpointSetting() setting {
	return p.setting(p.opts.Endpoint, "Options.Endpoint", endpointVar)
}

func (p *Provider) profile() setting {
	return p.setting(p.opts.InstanceProfileName, "Options.InstanceProfileName", profileVar)
}

// settings does no I/O.
func (p *Provider) settings() (settings, error) {
	switch value := p.env.Get(disabledVar); {
	case strings.EqualFold(value, "true"):
		return settings{}, unavailable.Errorf("%s is true", disabledVar)
	case value != "" && !strings.EqualFold(value, "false"):
		p.warnNeither(disabledVar)
	}
	s := settings{profile: p.profile(), v1: p.v1()}
	s.v1Forbidden = p.opts.AllowV1 && !s.v1
	if s.profile.value != "" && !isRoleName(s.profile.value) {
		return settings{}, misconfigured("%s is not the name of a role or instance profile", s.profile.name)
	}
	var err error
	if s.bounds, err = p.bounds(); err != nil {
		return settings{}, err
	}
	if s.endpoint, s.rules, err = p.endpoint(); err != nil {
		return settings{}, err
	}
	if named := p.endpointSetting(); named.value != "" {
		s.endpointFrom = named.name
	}
	return s, nil
}

func (p *Provider) warnNeither(variable string) {
	p.warnOnce(variable, "instance metadata: a variable is neither true nor false and has no effect", "variable", variable)
}

func (p *Provider) v1() bool {
	switch value := p.env.Get(v1Var); {
	case strings.EqualFold(value, "true"):
		return false
	case strings.EqualFold(value, "false"):
		return true
	case value != "":
		p.warnNeither(v1Var)
	}
	return p.opts.AllowV1
}

// endpoint returns where to ask and the rules for getting there.
func (p *Provider) endpoint() (*url.URL, linklocal.Rules, error) {
	rules := linklocal.Rules{HTTP: []netip.Addr{address4, address6}}
	named := p.endpointSetting()
	if named.value == "" {
		mode := p.setting(p.opts.EndpointMode, "Options.EndpointMode", modeVar)
		switch {
		case mode.value == "" || strings.EqualFold(mode.value, "IPv4"):
			return &url.URL{Scheme: "http", Host: address4.String()}, rules, nil
		case strings.EqualFold(mode.value, "IPv6"):
			return &url.URL{Scheme: "http", Host: "[" + address6.String() + "]"}, rules, nil
		}
		return nil, rules, misconfigured("%s is neither IPv4 nor IPv6", mode.name)
	}
	if u, err := url.Parse(named.value); err == nil && !rules.Own(u.Hostname()) {
		rules.Named = u.Hostname()
	}
	u, err := rules.Check(named.value)
	if err != nil {
		return nil, rules, misconfigured("%s is refused: %w", named.name, err)
	}
	if rules.Named != "" {
		p.warnOnce("host "+rules.Named, "instance metadata: asking a host that is not EC2's metadata service, because the configuration names it", "host", rules.Named, "configured_by", named.name)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, rules, nil
}

// Limits for the two variables: beyond them a value is a mistake, a number of milliseconds say.
const (
	maxSeconds  = 3600
	maxAttempts = 100
)

// bounds returns what can be used even where a variable cannot be read, beside the error.
func (p *Provider) bounds() (bounds, error) {
	seconds, err := p.whole(timeoutVar, maxSeconds)
	attempts, err2 := p.whole(attemptsVar, maxAttempts)
	if err == nil {
		err = err2
	}
	b := bounds{
		attempt:  cmp.Or(max(p.opts.AttemptTimeout, 0), time.Duration(seconds)*time.Second, DefaultAttemptTimeout),
		attempts: cmp.Or(max(p.opts.Attempts, 0), attempts),
	}
	b.total = cmp.Or(max(p.opts.Timeout, 0), b.usual())
	return b, err
}

// usual returns the total bound where nobody set one, for all requests together: that of the attempts, and a second for what else is to
// be found out. Pauses take nothing of it: an attempt that ran into its bound is followed by the next at once. It is at most what the
// variables can ask for, since options can ask for more than a time.Duration holds.
func (b bounds) usual() time.Duration {
	const longest = maxAttempts * maxSeconds * time.Second
	n := time.Duration(max(b.attempts, 1))
	if b.attempt > longest/n {
		return longest + time.Second
	}
	return n*b.attempt + time.Second
}

// whole reads a variable that holds a whole number from 1 to limit; 0 where it is not set.
func (p *Provider) whole(variable string, limit int) (int, error) {
	value := p.env.Get(variable)
	if value == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > limit {
		return 0, misconfigured("%s is not a whole number from 1 to %d", variable, limit)
	}
	return n, nil
}

// tries returns how often to try what may pass: as often as was set, else as usual.
func (b bounds) tries(usual int) int {
	if b.attempts > 0 {
		return b.attempts
	}
	return usual
}

// silences returns how often to try what is met with silence, a lost packet perhaps: twice where nobody set it and there is time for it.
func (b bounds) silences() int {
	if b.total < 2*b.attempt {
		return b.tries(1)
	}
	return b.tries(2)
}
