package policy

import "strings"

// match compiles what a route takes. A route with rules takes its path in any case unless
// told otherwise: if the service knows /Customers and /customers apart, more is sealed than
// had to be, and if it does not, nothing gets around the rules. A skip takes just what it names.
func (c *compiler) match(r *Route, m *matchConfig) {
	for _, h := range m.Hosts {
		if detail := checkHost(h.Value); detail != "" {
			c.problem(h.place, "write a host name or *.suffix, without port", "host: %s", detail)
		}
		r.Hosts = append(r.Hosts, strings.ToLower(strings.TrimSuffix(h.Value, ".")))
	}
	for _, t := range m.Methods {
		c.method(r, t)
	}
	r.IgnoreCase = m.IgnoreCase.Value || !m.IgnoreCase.present() && !r.Skip
	t, offset, detail := parseTemplate(m.Path.Value, r.IgnoreCase)
	if m.Path.present() && detail != "" {
		c.problem(c.inside(m.Path.place, m.Path.Value, offset), "", "path %q: %s", m.Path.Shown, detail)
	}
	r.template = t
	r.Path = m.Path.Value
	if len(r.Path) > 1 {
		r.Path = strings.TrimSuffix(r.Path, "/")
	}
}

func (c *compiler) method(r *Route, t text) {
	if t.Value == "" || strings.ContainsFunc(t.Value, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '-' && r != '_' }) {
		c.problem(t.place, "write it in upper case: POST", "%q is no method", t.Shown)
		return
	}
	if t.Value == "CONNECT" && !r.Skip {
		c.problem(t.place, "a route for CONNECT needs skip: true", "rules do not reach what goes through a tunnel")
	}
	r.Methods = append(r.Methods, t.Value)
}

func checkHost(h string) string {
	name := strings.TrimPrefix(h, "*.")
	_, err := hostname(name)
	_, port := cutPort(name)
	switch {
	case name == "" || name == ".":
		return "empty"
	case strings.Contains(name, "*"):
		return "* is only possible in front, as *.suffix"
	case strings.HasPrefix(port, ":"):
		return "a port, or an IPv6 address without brackets"
	case err != nil:
		return "not a host name"
	}
	return ""
}
