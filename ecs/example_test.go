package ecs_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"example.com/podrole/ecs"
	"example.com/podrole/ecs/ecstest"
)

func Example() {
	agent := ecstest.New()
	server := httptest.NewServer(agent)
	defer server.Close()

	provider := ecs.New(func(o *ecs.Options) {
		// In a pod or a task, leave these out: the environment has them.
		o.FullURI = server.URL + ecstest.PodIdentityPath
		o.AuthorizationToken = agent.Token("system:serviceaccount:default:gryphon-dispatcher")
	})
	creds, err := provider.Retrieve(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(creds.Source, creds.AccountID)
	// Output: CredentialsEndpointProvider 111122223333
}
