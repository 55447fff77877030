package envcreds_test

import (
	"context"
	"fmt"

	"example.com/podrole/envcreds"
)

func ExampleNew() {
	env := map[string]string{ // leave LookupEnv out to read the process's own environment
		"AWS_ACCESS_KEY_ID":     "AKIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_ACCOUNT_ID":        "111122223333",
	}
	p := envcreds.New(func(o *envcreds.Options) {
		o.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	})

	creds, err := p.Retrieve(context.Background())
	fmt.Println(creds.AccessKeyID, creds.AccountID, creds.Source, err)
	fmt.Println(p.Configured())
	// Output:
	// AKIAIOSFODNN7EXAMPLE 111122223333 EnvConfigCredentials <nil>
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
}

// Half a pair is an answer of its own: a chain stops there, and does not go on to another identity.
func ExampleProvider_Retrieve_halfConfigured() {
	env := map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
	p := envcreds.New(func(o *envcreds.Options) {
		o.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	})

	_, err := p.Retrieve(context.Background())
	fmt.Println(err)
	// Output:
	// envcreds: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not, or is blank: set both or neither
}
