package webidentity

import (
	"context"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/redact"
)

const (
	regionVar        = "AWS_REGION"
	defaultRegionVar = "AWS_DEFAULT_REGION"
	stsEndpointVar   = "AWS_ENDPOINT_URL_STS"
	endpointVar      = "AWS_ENDPOINT_URL"
	ignoreVar        = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
	fipsVar          = "AWS_USE_FIPS_ENDPOINT"
	dualStackVar     = "AWS_USE_DUALSTACK_ENDPOINT"
	caBundleVar      = "AWS_CA_BUNDLE"
)

// target is the STS to ask.
type target struct {
	region      string
	fromToken   bool   // the region was taken from the token's issuer
	custom      string // an endpoint out of the environment; empty = the region's own
	customVar   string
	fips, dual  bool
	fipsSource  string   // what asks for FIPS
	url         *url.URL // where requests go
	shown       string   // the same, fit to be printed
	plainRemote bool     // http to a host that is not loopback
}

// target finds the STS to ask, out of options, environment and the claims of the token, if there is one. It does no I/O.
func (o *Options) target(e env.Lookup, c *Claims) (target, error) {
	t, err := o.region(e, c)
	if err != nil {
		return target{}, err
	}
	fips, err := flag(e, fipsVar)
	if err != nil {
		return target{}, err
	}
	if fips {
		t.fips, t.fipsSource = true, fipsVar
	}
	if t.dual, err = flag(e, dualStackVar); err != nil {
		return target{}, err
	}
	ignore, err := flag(e, ignoreVar)
	if err != nil {
		return target{}, err
	}
	if !ignore {
		t.customVar, t.custom = e.First(stsEndpointVar, endpointVar)
	}
	if t.custom != "" {
		if err := t.checkCustom(); err != nil {
			return target{}, err
		}
	}
	return t, t.resolve()
}

// region follows the order of the AWS SDKs, and ends with the token.
func (o *Options) region(e env.Lookup, c *Claims) (target, error) {
	region, source := o.Region, "Options.Region"
	if region == "" {
		source, region = e.First(regionVar, defaultRegionVar)
	}
	if region != "" {
		t := pseudoRegion(region)
		if !hostLabel.MatchString(region) || !hostLabel.MatchString(t.region) {
			return target{}, configErrorf("%s is %q, which is not a region", source, show(region))
		}
		return t, nil
	}
	if c == nil {
		return target{}, configErrorf("no region for STS: set Options.Region, %s or %s", regionVar, defaultRegionVar)
	}
	if region, ok := eksRegion(c.Issuer); ok {
		return target{region: region, fromToken: true}, nil
	}
	if c.legacy() {
		return target{}, configErrorf("no region for STS: set Options.Region, %s or %s; and STS will not take this token, a legacy one out of a Secret: mount a projected one",
			regionVar, defaultRegionVar)
	}
	return target{}, configErrorf("no region for STS: set Options.Region, %s or %s (the token's issuer, %s, is no EKS cluster's, whose region would do)",
		regionVar, defaultRegionVar, orNone(c.Issuer))
}

// pseudoRegion reads the regions of old that mean FIPS endpoints, such as fips-us-east-1 and us-east-1-fips, as the AWS SDKs do.
func pseudoRegion(region string) target {
	t := target{region: strings.NewReplacer("-fips-", "-", "fips-", "", "-fips", "").Replace(region)}
	if t.region != region {
		t.fips, t.fipsSource = true, "the region "+region
	}
	return t
}

// hostLabel is what may stand in a host name between two dots (RFC 1123): a region becomes part of STS's.
var hostLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// eksIssuer is an EKS cluster's issuer, of IPv4 or of dual stack (EKS User Guide, "Cluster API server endpoint"). The host must be this
// one exactly, and what stands for the region must have a region's form, such as ap-northeast-2 or us-gov-west-1.
var eksIssuer = regexp.MustCompile(`^https://oidc(?:\.eks\.` + aRegion + `\.amazonaws\.(com|com\.cn|eu)|-eks\.` + aRegion + `\.api\.(aws|amazonwebservices\.com\.cn|amazonwebservices\.eu))(?:/[^\s]*)?$`)

const aRegion = `([a-z]{2,8}(?:-[a-z]{2,16}){1,2}-[0-9]{1,2})`

// eksRegion returns the region of the EKS cluster that issued a token. The regions of China, and only those, have names below .cn, and
// those of the European Sovereign Cloud below .eu.
func eksRegion(issuer string) (string, bool) {
	m := eksIssuer.FindStringSubmatch(issuer)
	if m == nil {
		return "", false
	}
	region, domain := m[1]+m[3], "."+m[2]+m[4]
	if strings.HasPrefix(region, "cn-") != strings.HasSuffix(domain, ".cn") || strings.HasPrefix(region, "eusc-") != strings.HasSuffix(domain, ".eu") {
		return "", false
	}
	return region, true
}

// flag reads a switch the way the AWS SDKs do: true or false in any case, and nothing else.
func flag(e env.Lookup, name string) (bool, error) {
	switch value := e.Get(name); strings.ToLower(value) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	default:
		return false, configErrorf("%s is %q: it must be true or false", name, show(value))
	}
}

func (t *target) checkCustom() error {
	u, err := url.Parse(t.custom)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		// The value is not shown: it may hold a password.
		return configErrorf("%s is not an http or https URL with a host", t.customVar)
	case t.fips:
		return configErrorf("%s cannot be used with %s: no endpoint but AWS's own is known to be FIPS validated", t.customVar, t.fipsSource)
	case t.dual:
		return configErrorf("%s cannot be used with %s: a custom endpoint is used as it is", t.customVar, dualStackVar)
	}
	return nil
}

// resolve lets the SDK's own rules find the address.
func (t *target) resolve() error {
	p := sts.EndpointParameters{Region: &t.region, UseFIPS: &t.fips, UseDualStack: &t.dual, UseGlobalEndpoint: new(bool)}
	if t.custom != "" {
		p.Endpoint = &t.custom
	}
	endpoint, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), p)
	if err != nil {
		return configErrorf("no endpoint of STS for region %s (FIPS: %t, dual stack: %t): %w", t.region, t.fips, t.dual, err)
	}
	t.url = &endpoint.URI
	t.shown = redact.URL(t.url.String())
	t.plainRemote = t.url.Scheme == "http" && !loopback(t.url.Hostname())
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
