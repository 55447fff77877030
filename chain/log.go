package chain

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/webidentity"
)

// news is what a walk that was won has to say. It is said after the credentials are published, and asks no provider anything.
type news struct {
	first            bool
	changed          bool // another link, or another principal from the same one
	newlyFailed      bool // a link above the winner failed that was not logged yet
	link             Link
	kind, configured string // what the link says of itself
	nodeRole         bool
	creds            aws.Credentials
	view             *view
	previous         *view
}

// tell writes the records and counts. No lock is held: a log handler may itself need credentials.
func (w *walker) tell(n news) {
	w.logAttempts(n.view.attempts)
	w.sayProfile()
	switch {
	case n.changed:
		w.tellWinner(n)
	case n.newlyFailed:
		w.log(slog.LevelWarn, "aws credentials: a provider above the winner failed; the identity stays, and that provider is asked again",
			slog.String("provider", n.link.Name), slog.Any("failed", reasons(n.view.attempts, OutcomeFailed)))
	case n.previous.fallback && !n.view.fallback:
		w.tellOver(n.link.Name)
	}
}

// tellRecheck writes the records of a recheck that brought nothing.
func (w *walker) tellRecheck(attempts []Attempt, over bool, provider string) {
	w.logAttempts(attempts)
	if over {
		w.tellOver(provider)
	}
}

// tellOver says that a fallback ended without another winner.
func (w *walker) tellOver(provider string) {
	w.log(slog.LevelInfo, "aws credentials: the providers that had failed have nothing for this process any more; the winner is no fallback now", slog.String("provider", provider))
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
	attrs = appendKnown(attrs, "kind", n.kind)
	attrs = append(attrs, slog.String("role", orUnknown(id.Role)))
	attrs = appendKnown(attrs, "account", id.Account)
	attrs = appendKnown(attrs, "session", id.Session)
	if id.Role == "" {
		attrs = appendKnown(attrs, "arn", id.ARN)
	}
	attrs = append(attrs, slog.String("expires", expiry(n.creds)), slog.Any("shadowed", n.view.shadowed),
		slog.Any("passed_over", reasons(n.view.attempts, OutcomeUnavailable)))
	if n.view.fallback {
		attrs = append(attrs, slog.Any("failed", reasons(n.view.attempts, OutcomeFailed)))
	}
	if !n.first {
		attrs = append(attrs, slog.Group("previous", slog.String("provider", n.previous.provider), slog.String("role", orUnknown(n.previous.identity.Role))))
	}
	w.log(level, message, attrs...)

	switch place := w.place(); {
	case n.nodeRole && place != anywhere && w.nodeRole == NodeRoleWarn && w.expected == nil:
		w.log(slog.LevelWarn, "running as the node: these credentials are those of the EC2 instance that hosts this "+string(place)+", not the workload's own",
			slog.String("role", orUnknown(id.Role)), slog.String("cause", w.nodeRoleCause(n.view.attempts)),
			slog.String("cure", "mend the cause, or set "+envNodeRole+"=refuse to fail instead, =allow where this is meant"))
	case place == anywhere && slices.ContainsFunc(n.view.attempts, roleAlone):
		w.log(slog.LevelWarn, "AWS_ROLE_ARN is set without AWS_WEB_IDENTITY_TOKEN_FILE, so that role was not asked for", slog.String("provider", n.link.Name))
	}
	if id.Source == "EnvConfigCredentials" && len(n.view.shadowed) > 0 {
		w.log(slog.LevelWarn, "aws keys in the environment shadow this workload's own identity: unset them if they are left over",
			slog.Any("shadowed", n.view.shadowed), slog.String("variables", n.configured))
	}
	if !n.first && n.previous.provider == n.link.Name {
		w.log(slog.LevelWarn, "aws identity changed under the same provider",
			slog.String("provider", n.link.Name), slog.String("identity", id.name()), slog.String("previous_identity", n.previous.identity.name()))
	}
}

// nodeRoleCause says how the process came to the node's role.
func (w *walker) nodeRoleCause(attempts []Attempt) string {
	if slices.ContainsFunc(attempts, roleAlone) {
		return "AWS_ROLE_ARN is set without AWS_WEB_IDENTITY_TOKEN_FILE, so that role could not be asked for"
	}
	if i := slices.IndexFunc(attempts, func(a Attempt) bool { return a.Outcome == OutcomeFailed }); i >= 0 {
		return title(attempts[i].Link) + " is configured and failed"
	}
	if set := w.injected(); len(set) > 0 {
		return "no link of this chain used the identity that was injected (" + strings.Join(set, ", ") + ")"
	}
	return w.place().nothingInjected()
}

// injected returns the variables that are set of those by which EKS and ECS give a workload its identity.
func (s *settings) injected() []string {
	return s.env.Set("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
}

// sayProfile says once that a profile is set and not read, so that nobody wonders.
func (w *walker) sayProfile() {
	if text := w.profileUnread(); text != "" {
		w.profileSaid.Do(func() { w.log(slog.LevelInfo, text) })
	}
}

// profileUnread is empty when no profile is set, or the links were chosen by the caller and may well read it.
func (w *walker) profileUnread() string {
	name, value := w.env.First("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
	if name == "" || !w.standard {
		return ""
	}
	return name + " is set (" + value + "), which this chain does not read: it takes credentials from the environment, web identity, containers and EC2 alone"
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
