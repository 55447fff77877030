// Package integrations shows the library together with the modules of the AWS SDK that its own go.mod leaves out: config, the
// credential providers and service clients. The tests are the examples.
package integrations
