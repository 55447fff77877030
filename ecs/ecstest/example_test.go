package ecstest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"example.com/podrole/ecs/ecstest"
)

func Example() {
	const subject = "system:serviceaccount:default:app"
	agent := ecstest.New()
	server := httptest.NewServer(agent)
	defer server.Close()

	ask := func(token string) {
		req, _ := http.NewRequest("GET", server.URL+ecstest.PodIdentityPath, nil)
		req.Header.Set("Authorization", token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer res.Body.Close()
		if body, _ := io.ReadAll(res.Body); res.StatusCode == http.StatusOK {
			fmt.Println(res.Status)
		} else {
			fmt.Println(res.Status, string(body))
		}
	}
	ask(agent.Token(subject))
	ask("Bearer " + agent.Token(subject))
	ask(agent.Token(subject, func(o *ecstest.TokenOptions) { o.Audience = "sts.amazonaws.com" }))

	agent.Associate(subject, "") // the association was deleted
	ask(agent.Token(subject))

	agent.Fail(1, ecstest.Upstream("ThrottlingException"))
	ask(agent.Token(subject))
	// Output:
	// 200 OK
	// 400 Bad Request Service account token cannot be parsed: token is malformed: could not decode its header
	//
	// 400 Bad Request [req-1]: (InvalidTokenException): the token's audience is not the service's, fault: client
	//
	// 404 Not Found [req-2]: (ResourceNotFoundException): no association found for the service account, fault: client
	//
	// 429 Too Many Requests [req-0]: (ThrottlingException): made up by a test, fault: client
}
