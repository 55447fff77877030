package trustpolicy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"example.com/podrole/webidentity/trustpolicy"
)

func FuzzParseAndEvaluate(f *testing.F) {
	for _, rules := range allRules() {
		for _, r := range rules {
			f.Add([]byte(r.policy), dispatcher+"-canary", "sts.amazonaws.com")
			f.Add([]byte(r.policy), "tag:Project", "sts.amazonaws.com")
		}
	}
	f.Add([]byte(`{"Statement":[{"Effect":"Allow","Effect":"Deny"}]} x`), "a\x1b[31mb", "")
	f.Add([]byte(on(`{"StringEquals":{"aws:\u001b[2J":"x"}}`)), "s", "a")
	f.Fuzz(func(t *testing.T, document []byte, sub, aud string) {
		p, err := trustpolicy.Parse(document)
		if err != nil {
			at, ok := err.(*trustpolicy.ParseError)
			if !ok || at.Line < 1 || at.Column < 1 || at.Line > strings.Count(string(document), "\n")+1 {
				t.Fatalf("an error without a place: %v", err)
			}
			if p != nil {
				t.Fatal("a policy beside an error")
			}
			return
		}
		if !json.Valid(document) {
			t.Fatal("parsed what is not JSON")
		}
		request := trustpolicy.Request{Provider: provider, Claims: claims{"sub": {sub}, "aud": {aud}}}
		if key, ok := strings.CutPrefix(sub, "tag:"); ok {
			request.Claims["https://aws.amazon.com/tags/principal_tags/"+key] = []string{aud}
		}
		first := p.Evaluate(request)
		if first.Cause == "" || len(first.Reasons) == 0 {
			t.Fatalf("a verdict without a cause: %+v", first)
		}
		text := first.String()
		if text != p.Evaluate(request).String() {
			t.Fatal("two evaluations differ")
		}
		for _, r := range text {
			if r != '\n' && unicode.IsControl(r) {
				t.Fatalf("a control character in %q", text)
			}
		}
		if _, err := json.Marshal(first); err != nil {
			t.Fatal(err)
		}
		// An Allow for everybody cannot take anything away, a Deny for everybody lets nobody in.
		if wide := reparse(t, document, `{"Effect":"Deny","Principal":"*","Action":"*"}`); wide != nil && wide.Evaluate(request).Verdict != trustpolicy.Denied {
			t.Fatal("an explicit deny did not win")
		}
		if wide := reparse(t, document, `{"Effect":"Allow","Principal":"*","Action":"*"}`); wide != nil && first.Verdict == trustpolicy.Allowed {
			if wide.Evaluate(request).Verdict != trustpolicy.Allowed {
				t.Fatal("one more Allow took something away")
			}
		}
	})
}

// reparse adds a statement to a policy; nil where that is not possible, because of the names of its elements for example.
func reparse(t *testing.T, document []byte, statement string) *trustpolicy.Policy {
	t.Helper()
	var d map[string]json.RawMessage
	if json.Unmarshal(document, &d) != nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(d["Statement"], &list) != nil {
		list = []json.RawMessage{d["Statement"]}
	}
	d["Statement"], _ = json.Marshal(append(list, json.RawMessage(statement)))
	wide, err := json.Marshal(d)
	if err != nil {
		return nil
	}
	p, _ := trustpolicy.Parse(wide)
	return p
}

func FuzzRequestFromToken(f *testing.F) {
	f.Add(unsigned(`{"alg":"RS256"}`, `{"iss":"https://`+provider+`","sub":"s","aud":["a"],"exp":1,"kubernetes.io":{"namespace":"default"}}`))
	f.Add(unsigned(`{"alg":"none"}`, `{"iss":1,"sub":{}}`))
	f.Add("a.b.c")
	f.Add("....")
	f.Add(unsigned(`{"alg":""}`, `null`))
	f.Fuzz(func(t *testing.T, token string) {
		request, err := trustpolicy.RequestFromToken(token)
		if err != nil {
			for part := range strings.SplitSeq(token, ".") {
				if len(part) > 8 && strings.Contains(err.Error(), part) {
					t.Fatalf("the error shows the token: %v", err)
				}
			}
			return
		}
		if request.Claims["iss"] == nil {
			t.Fatal("a request without an issuer")
		}
	})
}

// FuzzMatching compares the wildcards of StringLike with the plainest definition of them there is.
func FuzzMatching(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("**", "")
	f.Add("?", "ä")
	f.Fuzz(func(t *testing.T, pattern, value string) {
		if len(pattern) > 24 || len(value) > 24 || strings.Contains(pattern, "${") {
			return
		}
		quoted, err := json.Marshal(pattern)
		if err != nil {
			t.Skip()
		}
		p, err := trustpolicy.Parse([]byte(on(`{"StringLike": {"P:sub": ` + string(quoted) + `}}`)))
		if err != nil {
			t.Fatal(err)
		}
		_ = json.Unmarshal(quoted, &pattern) // invalid UTF-8 has been replaced
		got := p.Evaluate(trustpolicy.Request{Provider: provider, Claims: claims{"sub": {value}}}).Verdict == trustpolicy.Allowed
		if want := glob([]rune(pattern), []rune(value)); got != want {
			t.Fatalf("%q against %q: %v, want %v", pattern, value, got, want)
		}
	})
}

func glob(pattern, value []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(value) == 0
	case pattern[0] == '*':
		return glob(pattern[1:], value) || len(value) > 0 && glob(pattern, value[1:])
	default:
		return len(value) > 0 && (pattern[0] == '?' || pattern[0] == value[0]) && glob(pattern[1:], value[1:])
	}
}

// FuzzSubjects checks what is said of a pattern's reach by trying subjects that nobody would name in a pattern.
func FuzzSubjects(f *testing.F) {
	for _, pattern := range []string{"system:serviceaccount:*:*", "*:g", "s?s*:*", "system:serviceaccount?*", "*:default:?*", "system:serviceaccount:*??", "**"} {
		f.Add(pattern)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		quoted, err := json.Marshal(pattern)
		if err != nil || len(pattern) > 40 || strings.Contains(pattern, "${") || strings.ContainsAny(pattern, "QZ") {
			return
		}
		p, err := trustpolicy.Parse([]byte(on(`{"StringLike": {"P:sub": ` + string(quoted) + `}, "StringEquals": {"P:aud": "a"}}`)))
		if err != nil {
			t.Fatal(err)
		}
		accepts := func(namespace, name int) bool {
			sub := "system:serviceaccount:" + strings.Repeat("Q", namespace) + ":" + strings.Repeat("Z", name)
			return p.Evaluate(trustpolicy.Request{Provider: provider, Claims: claims{"sub": {sub}, "aud": {"a"}}}).Verdict == trustpolicy.Allowed
		}
		said := strings.Join(p.Evaluate(trustpolicy.Request{}).Warnings, "\n")
		everything, cluster := strings.Contains(said, "matches everything"), strings.Contains(said, "any pod of the cluster can take")
		switch {
		case accepts(50, 60) && accepts(51, 62) && !everything && !cluster:
			t.Fatalf("%q accepts any pod of the cluster, and %q is said", pattern, said)
		case (everything || cluster) && !accepts(63, 253):
			t.Fatalf("%q does not accept any pod of the cluster, and %q is said", pattern, said)
		}
	})
}
