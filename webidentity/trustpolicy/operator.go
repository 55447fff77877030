package trustpolicy

import (
	"maps"
	"slices"
	"strings"
)

// An operator is a condition operator of IAM's policy language, taken apart: ForAllValues:StringNotLikeIfExists.
type operator struct {
	name     string // as written in the policy
	set      set
	family   family
	fold     folding
	wild     bool // takes * and ? as wildcards
	negate   bool
	ifExists bool
}

type set int

const (
	plain set = iota
	forAllValues
	forAnyValue
)

type family int

const (
	ofString  family = iota
	ofARN            // each of the six parts is compared by itself
	ofBool           //
	ofNull           // is the key there at all?
	ofOffline        // numbers, dates, addresses, binary: nothing a token says with certainty
)

// operators is IAM's list (IAM User Guide, reference_policies_elements_condition_operators).
var operators = map[string]operator{
	"StringEquals":              {family: ofString},
	"StringNotEquals":           {family: ofString, negate: true},
	"StringEqualsIgnoreCase":    {family: ofString, fold: asciiFold},
	"StringNotEqualsIgnoreCase": {family: ofString, fold: asciiFold, negate: true},
	"StringLike":                {family: ofString, wild: true},
	"StringNotLike":             {family: ofString, wild: true, negate: true},
	"ArnEquals":                 {family: ofARN, wild: true}, // ArnEquals and ArnLike "behave identically"
	"ArnLike":                   {family: ofARN, wild: true},
	"ArnNotEquals":              {family: ofARN, wild: true, negate: true},
	"ArnNotLike":                {family: ofARN, wild: true, negate: true},
	"Bool":                      {family: ofBool},
	"Null":                      {family: ofNull},
	"NumericEquals":             {family: ofOffline},
	"NumericNotEquals":          {family: ofOffline, negate: true},
	"NumericLessThan":           {family: ofOffline},
	"NumericLessThanEquals":     {family: ofOffline},
	"NumericGreaterThan":        {family: ofOffline},
	"NumericGreaterThanEquals":  {family: ofOffline},
	"DateEquals":                {family: ofOffline},
	"DateNotEquals":             {family: ofOffline, negate: true},
	"DateLessThan":              {family: ofOffline},
	"DateLessThanEquals":        {family: ofOffline},
	"DateGreaterThan":           {family: ofOffline},
	"DateGreaterThanEquals":     {family: ofOffline},
	"BinaryEquals":              {family: ofOffline},
	"IpAddress":                 {family: ofOffline},
	"NotIpAddress":              {family: ofOffline, negate: true},
}

// parseOperator takes an operator's name apart; reason says why it could not.
func parseOperator(name string) (op operator, reason string) {
	base, of := name, plain
	if prefix, rest, ok := strings.Cut(name, ":"); ok {
		switch prefix {
		case "ForAllValues":
			of = forAllValues
		case "ForAnyValue":
			of = forAnyValue
		default:
			return operator{}, "unknown set operator " + quote(prefix) + suggest(prefix, []string{"ForAllValues", "ForAnyValue"})
		}
		base = rest
	}
	base, ifExists := strings.CutSuffix(base, "IfExists")
	op, ok := operators[base]
	switch {
	case !ok:
		return operator{}, "unknown condition operator " + quote(name) + suggest(base, slices.Sorted(maps.Keys(operators)))
	case ifExists && op.family == ofNull:
		return operator{}, "IfExists cannot be added to Null"
	}
	op.name, op.set, op.ifExists = name, of, ifExists
	return op, ""
}

// suggest names the known word that a misspelt one is close to.
func suggest(word string, known []string) string {
	best, distance := "", len(word)/3+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// editDistance is Levenshtein's. Words that are far longer than any known one are not worth comparing.
func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, change)
		}
	}
	return row[len(b)]
}
