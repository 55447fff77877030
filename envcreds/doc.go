// Package envcreds takes AWS credentials from the environment variables that hold the keys themselves.
//
//	AWS_ACCESS_KEY_ID      or AWS_ACCESS_KEY
//	AWS_SECRET_ACCESS_KEY  or AWS_SECRET_KEY
//	AWS_SESSION_TOKEN      with temporary keys
//	AWS_ACCOUNT_ID         the keys' account, 12 digits; optional
//
// Where both spellings are set the first one counts, as in the AWS SDK for Go v2. The variables are read at every Retrieve.
//
//	creds, err := envcreds.New().Retrieve(ctx)
//
// # What it answers
//
// Keys and session token all absent: an error that matches chain.ErrUnavailable, so that a chain asks its next provider. A blank
// variable counts as absent, and white space around a value is cut off: a Secret made by "echo" ends in a newline.
//
// Anything in between is a failure, which stops a chain, because a process whose keys were meant to be here must not run as
// somebody else: one key without the other, a session token without its keys, a value with a space, a line break, a control or
// a non-ASCII character in it, an AWS_ACCOUNT_ID beside the keys that is not 12 digits. AWS_ACCOUNT_ID alone configures nothing.
//
// # Security
//
// The credentials never expire as far as anybody here can tell: a session token set from outside is dead when STS says so, and
// only a restart brings another. Errors name variables and never hold any part of a value. Where keys like these shadow the
// identity that a pod was given, package chain logs a warning.
package envcreds
