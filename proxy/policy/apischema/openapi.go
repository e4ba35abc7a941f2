package apischema

import (
	"net/url"
	"slices"
	"strings"
)

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// OpenAPI reads an OpenAPI 3.0 or 3.1 document, in YAML or JSON. Its errors are
// of type [*Error].
func OpenAPI(src []byte) (*API, error) {
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	return readOpenAPI(root)
}

func readOpenAPI(root *node) (*API, error) {
	if v := root.text("openapi"); !strings.HasPrefix(v, "3.0") && !strings.HasPrefix(v, "3.1") {
		return nil, root.errorf("openapi is %q; OpenAPI 3.0 and 3.1 are read", v)
	}
	d := &document{root: root, used: map[*node]bool{}}
	base, err := d.basePath()
	if err != nil {
		return nil, err
	}
	api := &API{}
	if paths := root.get("paths"); paths != nil {
		for i, path := range paths.keys {
			if err := d.pathItem(api, base+path, paths.values[i]); err != nil {
				return nil, err
			}
		}
	}
	return d.finish(api, "no operation below paths uses them (callbacks and webhooks are not read)")
}

// finish checks and counts what was read.
func (d *document) finish(api *API, hint string) (*API, error) {
	if err := d.unused(hint); err != nil {
		return nil, err
	}
	for i := range api.Routes {
		for _, r := range []*Rules{&api.Routes[i].Request, &api.Routes[i].Response} {
			if err := r.settle(); err != nil {
				return nil, err
			}
		}
	}
	sortRoutes(api.Routes)
	slices.Sort(d.notes)
	api.Notes = slices.Compact(d.notes)
	d.eachTag(func(*node) { api.Tags++ })
	return api, nil
}

// basePath returns the path that all servers of the document have in front of
// its paths.
func (d *document) basePath() (string, error) {
	servers := d.root.get("servers")
	if servers == nil {
		return "", nil
	}
	var base string
	for i, s := range servers.values {
		u, err := url.Parse(s.text("url"))
		if err != nil || strings.Contains(s.text("url"), "{") {
			return "", s.errorf("the url of a server must be without variables")
		}
		p := strings.TrimSuffix(u.Path, "/")
		if i > 0 && p != base {
			return "", s.errorf("servers have different paths, %q and %q: write the rules of one", base, p)
		}
		base = p
	}
	return base, nil
}

// pathItem adds the operations of one path that have tagged values.
func (d *document) pathItem(api *API, path string, item *node) error {
	item, err := d.follow(item)
	if err != nil {
		return err
	}
	for _, m := range methods {
		op := item.get(m)
		if op == nil {
			continue
		}
		r := Route{Name: op.text("operationId"), Method: strings.ToUpper(m), Path: path}
		if r.Name == "" {
			r.Name = r.Method + " " + path
		}
		for _, params := range []*node{item.get("parameters"), op.get("parameters")} {
			if err := d.parameters(params, &r.Request); err != nil {
				return err
			}
		}
		if r.Request.Body, err = d.content(op.get("requestBody"), true); err != nil {
			return err
		}
		if err := d.responses(op.get("responses"), &r.Response); err != nil {
			return err
		}
		if r.Request.count()+r.Response.count() > 0 {
			api.Routes = append(api.Routes, r)
		}
	}
	return nil
}

// content returns the tagged values of a body in any of its media types: a rule
// names a value, and holds in every format.
func (d *document) content(body *node, request bool) ([]Rule, error) {
	if body == nil {
		return nil, nil
	}
	body, err := d.follow(body)
	if err != nil {
		return nil, err
	}
	content := body.get("content")
	if content == nil {
		return nil, nil
	}
	var rules []Rule
	for i, media := range content.keys {
		s := content.values[i].get("schema")
		if s == nil {
			continue
		}
		w := &walker{document: d, request: request, xml: isXML(media)}
		var at path
		if w.xml {
			at = at.with(w.xmlRoot(s))
		}
		if err := w.schema(s, at, nil); err != nil {
			return nil, err
		}
		rules = append(rules, w.rules()...)
	}
	return rules, nil
}

func isXML(media string) bool {
	media, _, _ = strings.Cut(strings.ToLower(media), ";")
	return strings.HasSuffix(media, "/xml") || strings.HasSuffix(media, "+xml")
}

func (w *walker) rules() []Rule {
	rules := make([]Rule, len(w.found))
	for i, f := range w.found {
		rules[i] = Rule{f.at.String(), f.tag.scalar, f.tag.line}
	}
	return rules
}

func (d *document) responses(all *node, r *Rules) error {
	if all == nil {
		return nil
	}
	for _, resp := range all.values {
		resp, err := d.follow(resp)
		if err != nil {
			return err
		}
		rules, err := d.content(resp, false)
		if err != nil {
			return err
		}
		r.Body = append(r.Body, rules...)
		headers := resp.get("headers")
		if headers == nil {
			continue
		}
		for i, name := range headers.keys {
			if err := d.parameter(headers.values[i], "header", name, false, &r.Headers); err != nil {
				return err
			}
		}
	}
	return nil
}
