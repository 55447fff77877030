package imdstest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"example.com/podrole/imds/imdstest"
)

func Example() {
	service := imdstest.New(func(o *imdstest.Options) { o.Role = "eks-node" })
	server := httptest.NewServer(service)
	defer server.Close()

	ask := func(method, path, header, value string) (int, string) {
		req, _ := http.NewRequest(method, server.URL+path, nil)
		req.Header.Set(header, value)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	_, token := ask("PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	fmt.Println(ask("GET", "/latest/meta-data/iam/security-credentials/", "X-aws-ec2-metadata-token", token))

	service.EndSessions()
	status, _ := ask("GET", "/latest/meta-data/iam/security-credentials/", "X-aws-ec2-metadata-token", token)
	fmt.Println(status)

	for _, r := range service.Requests() {
		fmt.Println(r.Method, r.Path, r.Status)
	}
	// Output:
	// 200 eks-node
	// 401
	// PUT /latest/api/token 200
	// GET /latest/meta-data/iam/security-credentials/ 200
	// GET /latest/meta-data/iam/security-credentials/ 401
}
