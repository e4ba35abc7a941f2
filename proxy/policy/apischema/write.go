package apischema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// An Action is what a policy does with the tagged values of one direction.
type Action string

// The actions.
const (
	Seal Action = "seal"
	Open Action = "open"
	None Action = "none" // the direction gets no rules
)

// Policy writes the routes of a policy file in YAML: the list below its key
// routes, indented by two blanks.
func (a *API) Policy(request, response Action) string {
	var b strings.Builder
	for _, r := range a.Routes {
		body := r.yaml("request", &r.Request, request) + r.yaml("response", &r.Response, response)
		if body == "" {
			continue
		}
		fmt.Fprintf(&b, "  - name: %s\n    match: {path: %s", value(r.Name), value(r.Path))
		if r.Method != "" {
			fmt.Fprintf(&b, ", methods: [%s]", r.Method)
		}
		b.WriteString("}\n" + body)
	}
	return b.String()
}

// yaml writes the rules of one direction, "" if it has none.
func (route *Route) yaml(direction string, r *Rules, do Action) string {
	if do == None || r.count() == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "    %s:\n", direction)
	for i, place := range []string{"", "query", "path", "headers", "cookies"} {
		rules := *r.places()[i]
		if len(rules) == 0 {
			continue
		}
		indent := "      "
		if place != "" {
			fmt.Fprintf(&b, "%s%s:\n", indent, place)
			indent += "  "
		}
		fmt.Fprintf(&b, "%s%s:\n", indent, do)
		for _, rule := range rules {
			fmt.Fprintf(&b, "%s  %s: %s\n", indent, Quote(rule.Path), value(rule.Tag))
		}
	}
	if route.Streamed {
		b.WriteString("      body: streamed\n")
	}
	if len(route.Settings) > 0 {
		b.WriteString("      formats:\n")
	}
	for _, s := range route.Settings {
		fmt.Fprintf(&b, "        %s: {schema: %s", s.Format, value(s.Schema))
		if s.Message != "" {
			fmt.Fprintf(&b, ", message: %s", value(s.Message))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// value writes a scalar whose ${ must not be expanded.
func value(s string) string { return Quote(strings.ReplaceAll(s, "${", "$${")) }

// Quote writes a YAML scalar, plain where nothing in it has a meaning.
func Quote(s string) string {
	special := func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("$._/-", c)
	}
	switch {
	case strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }):
		return strconv.QuoteToASCII(s) // its escapes are YAML's too
	case s == "" || strings.ContainsFunc(s, special) || strings.IndexByte("-0123456789.", s[0]) >= 0,
		slices.Contains(yamlWords, strings.ToLower(s)):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return s
}

// yamlWords are plain scalars that some reader takes for something else.
var yamlWords = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
