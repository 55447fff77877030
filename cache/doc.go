// Package cache keeps the credentials of one provider fresh in the background, so that no caller waits while usable ones are held.
//
//	creds := cache.New(provider) // any aws.CredentialsProvider, the SDK's own included; no I/O yet
//	defer creds.Close()
//	cfg := aws.Config{Region: "ap-northeast-2", Credentials: creds}
//
// It is a drop-in replacement for [aws.CredentialsCache], which refreshes on the caller's time, at the instant of expiry, and
// holds all callers up while it does. Package example.com/podrole/chain has one inside; nothing needs to be wrapped twice.
//
// # When it refreshes
//
// A caller waits only when nothing usable is held: none yet, invalidated, or expired. Otherwise Retrieve is one atomic load, one
// reading of the clock and a copy. A timer refreshes late in the credentials' life, with or without traffic:
//
//	life of the credentials     refreshed between
//	15 min (STS's shortest)      5 min and 75 s before they expire
//	1 h                         15 min and 225 s
//	6 h, 12 h                   60 min and 15 min
//
// Each cache has its own pace within that window, so that processes that were started together spread out. Credentials that do not
// expire are not refreshed. Both clocks count: credentials end when the wall clock says so, or when their life has passed on
// the monotonic one, so that neither a clock that is set nor a machine that was suspended makes the cache serve dead ones.
//
// The Expires that callers see lies a little before the true one (see [SessionCache.Retrieve]). So a cache around this one,
// which is what config.WithCredentialsProvider makes, also asks in time. Setting aws.Config.Credentials directly avoids that second cache.
//
// # When refreshes fail
//
// While usable credentials are held callers do not see it: there is one WARN in the log, and more tries, after about a third of
// the time that is left. When nothing usable is held, the failure is answered to all callers without asking anew, for 0.25 s doubling to
// 5 s, or 1 to 5 s for answers such as AccessDenied that asking again does not change. A source that returns is noticed within 5 s.
//
// A refresh has a deadline of its own, 30 s at most, and running into it is a [TimeoutError]. Sessions from instance metadata and
// container endpoints may be served past their expiry for a while, see [Options].StaleLimit. A provider that panics has failed.
//
// # Security
//
// The cache keeps credentials in memory only. Log records, [Status] and errors hold the last four characters of an access key
// id and no other part of any credential. They do hold the text of the provider's errors, and trust it to be free of secrets.
package cache
