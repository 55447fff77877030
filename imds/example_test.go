package imds_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"

	"example.com/podrole/imds"
	"example.com/podrole/imds/imdstest"
	"example.com/podrole/internal/unavailable"
)

func Example() {
	service := httptest.NewServer(imdstest.New())
	defer service.Close()

	provider := imds.New(func(o *imds.Options) {
		o.Endpoint = service.URL // on an instance, leave it out
	})
	creds, err := provider.Retrieve(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(creds.Source, creds.AccountID, provider.RoleName(creds))
	// Output: EC2RoleProvider 111122223333 node-role
}

func Example_noRole() {
	service := httptest.NewServer(imdstest.New(func(o *imdstest.Options) { o.NoRole = true }))
	defer service.Close()

	_, err := imds.New(func(o *imds.Options) { o.Endpoint = service.URL }).Retrieve(context.Background())
	fmt.Println(errors.Is(err, unavailable.Err)) // outside this library: chain.ErrUnavailable
	// Output: true
}
