package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing/fstest"

	"example.com/podrole/chain"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/webidentity/ststest"
)

const (
	region         = "ap-northeast-2"
	account        = "111122223333"
	roleName       = "gryphon-dispatcher"
	roleARN        = "arn:aws:iam::" + account + ":role/" + roleName
	nodeRole       = "eks-v4-kr-prod-node"
	serviceAccount = "gryphon-dispatcher-canary"
)

// stage holds the servers of the incident, all on loopback.
type stage struct {
	out     *logWriter
	log     *slog.Logger
	sts     *ststest.Server
	imds    *imdstest.Server
	servers []*httptest.Server
	dir     string // of the token
	token   *ststest.TokenDir
	stsURL  string
	imdsURL string
	kinesis string
}

func newStage(out io.Writer) (*stage, error) {
	records := &logWriter{out: out}
	s := &stage{
		out: records,
		log: slog.New(records),
		sts: ststest.New(func(o *ststest.Options) {
			o.Issuer = "https://oidc.eks." + region + ".amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
		}),
		imds: imdstest.New(func(o *imdstest.Options) { o.Role, o.AccountID = nodeRole, account }),
	}
	s.stsURL, s.imdsURL = s.serve(s.sts), s.serve(s.imds)
	s.kinesis = s.serve(fakeKinesis{identity: func(accessKeyID string) (string, bool) {
		if arn, ok := s.sts.Identity(accessKeyID); ok {
			return arn, true
		}
		_, arn, ok := s.imds.Issued(accessKeyID)
		return arn, ok
	}})
	var err error
	if s.dir, err = os.MkdirTemp("", "incident"); err != nil {
		return nil, err
	}
	if s.token, err = s.sts.NewTokenDir(s.dir, ststest.Token{Namespace: "default", ServiceAccount: serviceAccount, Pod: serviceAccount + "-0"}); err != nil {
		s.close()
		return nil, err
	}
	return s, s.setTrust(roleName)
}

func (s *stage) serve(h http.Handler) (url string) {
	server := httptest.NewServer(h)
	s.servers = append(s.servers, server)
	return server.URL
}

func (s *stage) close() {
	for _, server := range s.servers {
		server.Close()
	}
	_ = os.RemoveAll(s.dir)
}

// spoil puts the trust policy of the incident back; mend is the edit in IAM.
func (s *stage) spoil() { _ = s.setTrust(roleName) }
func (s *stage) mend()  { _ = s.setTrust(roleName + "*") }

func (s *stage) setTrust(serviceAccounts string) error {
	return s.sts.SetTrustPolicy(roleARN, s.sts.TrustPolicy("system:serviceaccount:default:"+serviceAccounts))
}

// bare is the environment of a pod into which the webhook put nothing. Without the endpoint variables, which lead to the fakes, it
// would reach the real services.
func (s *stage) bare() map[string]string {
	return map[string]string{
		"KUBERNETES_SERVICE_HOST":           "10.96.0.1",
		"AWS_REGION":                        region,
		"AWS_ENDPOINT_URL_STS":              s.stsURL,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": s.imdsURL,
	}
}

// webhook is the environment of a pod with the webhook's variables.
func (s *stage) webhook() map[string]string {
	return with(with(s.bare(), "AWS_ROLE_ARN", roleARN), "AWS_WEB_IDENTITY_TOKEN_FILE", s.token.Path())
}

func with(env map[string]string, name, value string) map[string]string {
	env = maps.Clone(env)
	env[name] = value
	return env
}

// chain is the default chain in the environment given.
func (s *stage) chain(env map[string]string, fallback chain.FallbackPolicy) *chain.Chain {
	return chain.NewDefault(func(o *chain.Options) {
		o.Logger = s.log
		o.Fallback = fallback
		o.LookupEnv = func(name string) (string, bool) { value, ok := env[name]; return value, ok }
		o.FS = fstest.MapFS{} // the pod is told by its variable, not by the machine that this runs on
	})
}

func (s *stage) title(n int, title string) {
	fmt.Fprintf(s.out, "\n%s\nAct %d: %s\n%s\n", strings.Repeat("=", 104), n, title, strings.Repeat("=", 104))
}

func (s *stage) text(text string) {
	if text != "" {
		fmt.Fprintf(s.out, "\n%s\n\n", text)
	}
}

func (s *stage) line(format string, args ...any) {
	fmt.Fprintln(s.out, strings.TrimSuffix(fmt.Sprintf(format, args...), "\n"))
}
