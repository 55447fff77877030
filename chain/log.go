package chain

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/env"
	"example.com/podrole/webidentity"
)

// news is what a walk that was won has to say. It is said after the credentials are published.
type news struct {
	first       bool
	changed     bool // another link, or another principal from the same one
	newlyFailed bool // links above the winner failed that had not before
	link        Link
	creds       aws.Credentials
	view        *view
	previous    *view
}

// tell writes the records and counts. No lock is held: a log handler may itself need credentials.
func (w *walker) tell(n news) {
	w.logAttempts(n.view.attempts)
	if n.first && w.profileUnread {
		w.log(slog.LevelInfo, profileNotRead(w.env))
	}
	switch {
	case n.changed:
		w.tellWinner(n)
	case n.newlyFailed:
		w.log(slog.LevelWarn, "aws credentials: a provider above the winner failed; the identity stays, and that provider is asked again",
			slog.String("provider", n.link.Name), slog.Any("failed", reasons(n.view.attempts, OutcomeFailed)))
	}
}

// tellWinner writes the one record that names the winner, and a WARN for each thing about it that nobody may miss.
func (w *walker) tellWinner(n news) {
	level, message := slog.LevelInfo, "aws credentials resolved"
	if n.view.fallback {
		level, message = slog.LevelWarn, "aws credentials resolved by fallback"
		w.fallbacks.Add(1)
		w.meters.fallbacks(n.link.Name)
	}
	if !n.first {
		w.winnerChanges.Add(1)
		w.meters.winnerChanges(n.link.Name)
	}
	id := n.view.identity
	attrs := []slog.Attr{slog.String("provider", n.link.Name)}
	attrs = appendKnown(attrs, "kind", n.link.kind())
	attrs = append(attrs, slog.String("role", orUnknown(id.Role)))
	attrs = appendKnown(attrs, "account", id.Account)
	attrs = appendKnown(attrs, "session", id.Session)
	if id.Role == "" {
		attrs = appendKnown(attrs, "arn", id.ARN)
	}
	attrs = append(attrs, slog.String("expires", expiry(n.creds)), slog.Any("shadowed", orNone(n.view.shadowed)),
		slog.Any("passed_over", reasons(n.view.attempts, OutcomeUnavailable)))
	if n.view.fallback {
		attrs = append(attrs, slog.Any("failed", reasons(n.view.attempts, OutcomeFailed)))
	}
	if !n.first {
		attrs = append(attrs, slog.Group("previous", slog.String("provider", n.previous.provider), slog.String("role", orUnknown(n.previous.identity.Role))))
	}
	w.log(level, message, attrs...)

	roleOnly := slices.ContainsFunc(n.view.attempts, roleAlone)
	switch place := w.place(); {
	case isNodeRole(n.creds) && place != anywhere && w.nodeRole == NodeRoleWarn && w.expected == nil:
		w.log(slog.LevelWarn, "running as the node: these credentials are those of the EC2 instance that hosts this "+string(place)+", not the workload's own",
			slog.String("role", orUnknown(id.Role)), slog.String("cause", w.nodeRoleCause(n.view, roleOnly)),
			slog.String("cure", "mend the cause, or set "+envNodeRole+"=refuse to fail instead, =allow where this is meant"))
	case roleOnly && place == anywhere:
		w.log(slog.LevelWarn, "AWS_ROLE_ARN is set without AWS_WEB_IDENTITY_TOKEN_FILE, so that role was not asked for", slog.String("provider", n.link.Name))
	}
	if id.Source == "EnvConfigCredentials" && len(n.view.shadowed) > 0 {
		w.log(slog.LevelWarn, "aws keys in the environment shadow this workload's own identity: unset them if they are left over",
			slog.Any("shadowed", n.view.shadowed), slog.String("variables", n.link.configured()))
	}
	if !n.first && n.previous.provider == n.link.Name {
		w.log(slog.LevelWarn, "aws identity changed under the same provider",
			slog.String("provider", n.link.Name), slog.String("role", orUnknown(id.Role)), slog.String("previous_role", orUnknown(n.previous.identity.Role)))
	}
}

// nodeRoleCause says how the process came to the node's role.
func (w *walker) nodeRoleCause(v *view, roleOnly bool) string {
	for _, a := range v.attempts {
		if a.Outcome == OutcomeFailed && !roleOnly {
			return title(a.Link) + " is configured and failed"
		}
	}
	return w.place().likelyCause(roleOnly)
}

func (w *walker) logAttempts(attempts []Attempt) {
	for _, a := range attempts {
		w.log(slog.LevelDebug, "aws credentials attempt", slog.String("provider", a.Link), slog.String("outcome", string(a.Outcome)),
			slog.String("reason", a.Reason), slog.Duration("duration", a.Duration))
	}
}

func (w *walker) log(level slog.Level, message string, attrs ...slog.Attr) {
	w.Logger.LogAttrs(context.Background(), level, message, attrs...)
}

// profileNotRead is said once, so that nobody wonders. It is empty when no profile is set.
func profileNotRead(lookup env.Lookup) string {
	name, value := lookup.First("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
	if name == "" {
		return ""
	}
	return name + " is set (" + value + "), which this chain does not read: it takes credentials from the environment, web identity, containers and EC2 alone"
}

func roleAlone(a Attempt) bool { return errors.Is(a.Err, webidentity.ErrRoleOnly) }

// reasons renders the attempts of one outcome, in the order asked.
func reasons(attempts []Attempt, outcome Outcome) []string {
	texts := []string{}
	for _, a := range attempts {
		if a.Outcome == outcome {
			texts = append(texts, a.String())
		}
	}
	return texts
}

func expiry(creds aws.Credentials) string {
	if !creds.CanExpire {
		return "never"
	}
	return creds.Expires.UTC().Format(time.RFC3339)
}

func appendKnown(attrs []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return attrs
	}
	return append(attrs, slog.String(key, value))
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func orNone(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
