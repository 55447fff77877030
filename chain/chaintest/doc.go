// Package chaintest helps to test what uses a chain of credentials providers, and providers that are to be links of one.
//
// [Provider] is a provider whose answers a test decides, in order or at any moment:
//
//	sts := chaintest.NewProvider(chaintest.Fail(errors.New("AccessDenied")), chaintest.Credentials("AKIDEXAMPLE"))
//	creds := chain.New([]chain.Link{{Name: "sts", Provider: sts}})
//
// [TestProvider] checks that a provider of one's own keeps the contract of a link: that "nothing here" matches
// chain.ErrUnavailable and a failure does not, that an ended context is returned as such, and that it is safe for concurrent use.
//
// Both work inside a testing/synctest bubble.
package chaintest
