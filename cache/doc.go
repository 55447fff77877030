// Package cache keeps the credentials of one provider fresh in the background, so that no caller waits while usable ones are held.
//
//	creds := cache.New(provider)
//	defer creds.Close()
//	cfg := aws.Config{Region: "ap-northeast-2", Credentials: creds}
package cache
