//go:build linux

package lab

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const (
	issuerHost = "oidc.eks.us-east-1.amazonaws.com"
	issuerURL  = "https://" + issuerHost
	issuerAddr = "198.51.100.10:443"
	keyID      = "lab"
)

func newSigningKey(t *testing.T, path string) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	block := &pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(&key.PublicKey))}
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o644))
	return key
}

// token is a projected service account token with the claims that the API server's TokenRequest puts in.
func token(t *testing.T, key *rsa.PrivateKey, serviceAccount string, audience string) string {
	now := time.Now()
	tok := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuerURL, "sub": "system:serviceaccount:default:" + serviceAccount, "aud": []string{audience},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": rand.Text(),
		"kubernetes.io": map[string]any{
			"namespace":      "default",
			"serviceaccount": map[string]any{"name": serviceAccount, "uid": "6f6f4c3e-0000-4000-8000-000000000001"},
			"pod":            map[string]any{"name": serviceAccount + "-0", "uid": "6f6f4c3e-0000-4000-8000-000000000002"},
		},
	})
	tok.Header["kid"] = keyID
	signed, err := tok.SignedString(key)
	require.NoError(t, err)
	return signed
}

// serveIssuer is the OIDC discovery of the cluster; it runs inside the namespace, in a process of its own.
func serveIssuer(certPath, keyPath, publicKeyPath string) error {
	data, err := os.ReadFile(publicKeyPath)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(data)
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	public := parsed.(*rsa.PublicKey)
	b64 := base64.RawURLEncoding.EncodeToString
	answer := func(v any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(v)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/.well-known/openid-configuration", answer(map[string]any{
		"issuer": issuerURL, "jwks_uri": issuerURL + "/openid/v1/jwks", "response_types_supported": []string{"id_token"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	}))
	mux.Handle("/openid/v1/jwks", answer(map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": keyID, "n": b64(public.N.Bytes()), "e": b64(big.NewInt(int64(public.E)).Bytes()),
	}}}))
	return fmt.Errorf("issuer: %w", http.ListenAndServeTLS(issuerAddr, certPath, keyPath, mux))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
