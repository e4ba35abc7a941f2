package apischema

import "strings"

// parameters adds the tagged values of the parameters of an operation.
func (d *document) parameters(list *node, r *Rules) error {
	if list == nil {
		return nil
	}
	to := map[string]*[]Rule{"query": &r.Query, "path": &r.Path, "header": &r.Headers, "cookie": &r.Cookies}
	for _, p := range list.values {
		p, err := d.follow(p)
		if err != nil {
			return err
		}
		rules := to[p.text("in")]
		if rules == nil {
			return p.errorf("a parameter is in query, path, header or cookie, not in %q", p.text("in"))
		}
		if err := d.parameter(p, p.text("in"), p.text("name"), true, rules); err != nil {
			return err
		}
	}
	return nil
}

// parameter adds the tagged values of a parameter, or of a header. Its own tag
// is a tag at the use.
func (d *document) parameter(p *node, in, name string, request bool, rules *[]Rule) error {
	p, err := d.follow(p)
	if err != nil {
		return err
	}
	if in == "header" {
		name = strings.ToLower(name)
	}
	w := &walker{document: d, request: request}
	use := p.get(Keyword)
	if use != nil {
		w.found, w.used[use] = append(w.found, tagged{nil, use}), true
	}
	s := p.get("schema")
	if content := p.get("content"); content != nil && len(content.values) == 1 {
		s = content.values[0].get("schema")
		if err := w.encoded(s, use); err != nil {
			return err
		}
	} else if s != nil {
		if err := w.schema(s, nil, use); err != nil {
			return err
		}
	}
	for _, f := range w.found {
		own, err := parameterName(p, in, name, f)
		if err != nil {
			return err
		}
		*rules = append(*rules, Rule{own, f.tag.scalar, f.tag.line})
	}
	return nil
}

// encoded walks the schema of a parameter that is a document of its own. Only
// the whole of the parameter can be tagged.
func (w *walker) encoded(s, use *node) error {
	if s == nil {
		return nil
	}
	if err := w.schema(s, nil, use); err != nil {
		return err
	}
	for _, f := range w.found {
		if len(f.at) > 0 {
			return f.tag.errorf("a parameter with content is sealed as a whole: tag the parameter")
		}
	}
	return nil
}

// parameterName returns the name under which a tagged value inside a parameter
// travels (OpenAPI, "Style Values"). Elements of an array travel under the name
// of the array, or in one value, which is then sealed as a whole.
func parameterName(p *node, in, name string, f tagged) (string, error) {
	var names []string
	for _, s := range f.at {
		if s.name != "" {
			names = append(names, s.name)
		} else if s != anyElement {
			return "", f.tag.errorf("a rule for a parameter needs the names of its values")
		}
	}
	switch style, exploded := p.text("style"), p.text("explode"); {
	case len(names) == 0:
		return name, nil
	case in == "query" && style == "deepObject":
		return name + "[" + strings.Join(names, "][") + "]", nil
	case in == "query" && (style == "" || style == "form") && exploded != "false" && len(names) == 1:
		return names[0], nil
	}
	return "", f.tag.errorf("values inside the %s parameter %q share one text: tag the parameter", in, name)
}
