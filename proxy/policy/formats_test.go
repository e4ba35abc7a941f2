package policy

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// orders is a format that takes two settings and a schema, and no rule that
// has "orders" in its path.
var orders = codec.Format{
	Name:       "orders",
	MediaTypes: []string{"application/orders"},
	Check: func(sel *codec.Selector, o codec.Options) (any, error) {
		if err := o.Only("schema", "message", "style"); err != nil {
			return nil, err
		}
		switch {
		case o.Settings["style"] == "odd":
			return nil, &codec.SettingError{Setting: "style", Detail: "is odd"}
		case o.Settings["message"] != "" && o.Schema == nil:
			return nil, errors.New("message without schema")
		case strings.Contains(sel.Rule(0).Path, "orders"):
			return nil, &codec.PathError{Path: sel.Rule(0).Path, Detail: "orders are no member"}
		}
		return o, nil
	},
}

// with returns a policy with one rule, and lines of a request.
func with(path string, lines ...string) string {
	return "version: 1\nkeys: {main: {kek: local:kek}}\ntags: {pii: {key: main}}\nroutes:\n  - name: a\n    match: {path: /a}\n    request:\n      seal: {" + path + ": pii}\n" + strings.Join(lines, "\n")
}

func loadOrders(src string) (*Policy, error) {
	return loadWith(codec.Table{&orders}, "policy.yaml", []byte(src), os.LookupEnv, files(map[string]string{"orders.pb": "schema", "empty.pb": ""}))
}

// The settings of a format reach its Check, and so does the schema, as the
// bytes of its file.
func TestFormatSettings(t *testing.T) {
	p, err := loadOrders(with("$.a", `      formats: {orders: {schema: orders.pb, message: acme.Order}}`))
	if err != nil {
		t.Fatal(err)
	}
	o := p.Routes[0].Request.Checked[&orders].(codec.Options)
	if string(o.Schema) != "schema" || len(o.Settings) != 1 || o.Settings["message"] != "acme.Order" {
		t.Errorf("Check was given %q, schema %q", o.Settings, o.Schema)
	}
	if p, err = loadOrders(with("$.a", `      formats: {orders: {schema: empty.pb}}`)); err != nil {
		t.Fatal(err)
	}
	if o := p.Routes[0].Request.Checked[&orders].(codec.Options); o.Schema == nil {
		t.Error("an empty schema is none")
	}
}

// A problem with a setting points at the setting, and says what to write.
func TestFormatProblems(t *testing.T) {
	for _, tc := range []struct{ formats, want string }{
		{"{order: {}}", `9:17: unknown format "order"; did you mean "orders"?`},
		{"{orders: {mesage: a}}", `9:26: format orders: setting "mesage": the format has no such setting; did you mean "message"?`},
		{"{orders: {message: a}}", `9:17: format orders: message without schema`},
		{"{orders: {message: a, style: odd}}", `9:38: format orders: setting "style": is odd`},
		{"{orders: {schema: gone.pb, style: odd}}", `9:34: cannot read the schema "gone.pb": `},
		{"{orders: 1}", `9:25: format "orders" must be a mapping, not a number`},
		{"{orders: {style: 1}}", `9:33: "style" in format "orders" must be text, not a number; put it in quotes`},
	} {
		_, err := loadOrders(with("$.a", "      formats: "+tc.formats))
		ps, ok := errors.AsType[Problems](err)
		if !ok || len(ps) != 1 || !strings.HasPrefix(ps[0].Error(), "policy.yaml:"+tc.want) {
			t.Errorf("%s: %v", tc.formats, err)
		}
	}
}

// Rules that a format cannot have refuse its bodies, and are noted. They refuse
// the policy only if it has settings for the format.
func TestRulesThatAFormatCannotHave(t *testing.T) {
	p, err := loadOrders(with("$.orders"))
	if err != nil {
		t.Fatal(err)
	}
	if plan := p.Routes[0].Request; plan.Unread[&orders] == nil || plan.Checked[&orders] != nil {
		t.Errorf("unread: %v", plan.Unread)
	}
	if len(p.Advice) == 0 || !strings.Contains(p.Advice[0].Message, "bodies of format orders are refused") {
		t.Errorf("advice: %v", p.Advice)
	}
	p, err = loadOrders(with("$.orders", "      pass: [application/orders]"))
	if err != nil || len(p.Routes[0].Request.PassTypes) != 1 {
		t.Errorf("a format that is not read cannot pass: %v", err)
	}
	if _, err := loadOrders(with("$.a", "      pass: [application/orders]")); err == nil || !strings.Contains(err.Error(), "application/orders cannot pass") {
		t.Errorf("a format that is read passes: %v", err)
	}
	if _, err := loadOrders(with("$.orders", "      formats: {orders: {}}")); err == nil || !strings.Contains(err.Error(), "orders are no member") {
		t.Errorf("with settings: %v", err)
	}
}

// TestHashOfSchema holds that a policy with another schema is another policy.
func TestHashOfSchema(t *testing.T) {
	seen := map[string]string{}
	for _, schema := range []string{"orders.pb", "other.pb"} {
		for _, bytes := range []string{"schema", "another"} {
			p, err := loadWith(codec.Table{&orders}, "policy.yaml", []byte(with("$.a", `      formats: {orders: {schema: `+schema+`}}`)),
				os.LookupEnv, files(map[string]string{schema: bytes}))
			if err != nil {
				t.Fatal(err)
			}
			if was, ok := seen[p.Hash]; ok {
				t.Errorf("%s with %q has the hash of %s", schema, bytes, was)
			}
			seen[p.Hash] = schema + " with " + bytes
		}
	}
}
