// Package trustpolicy holds a test that generates trust policies and tokens, and compares the verdict of
// [example.com/podrole/webidentity/trustpolicy] with that of somebody else's evaluator, which versitygw's STS decides by.
//
// It is a module of its own so that the other evaluator's dependencies stay out of the library's go.mod.
package trustpolicy
