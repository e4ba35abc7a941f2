package proxy

import (
	"errors"
	"slices"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A beside is the names of a plan's values beside the body, by place.
type beside [places.Kinds][]places.Name

// besideOf returns nil if p has no such values.
func besideOf(p *policy.Plan) *beside {
	if !p.HasPlaces() {
		return nil
	}
	b := new(beside)
	for i, r := range p.Rules {
		b[r.In] = append(b[r.In], places.NewName(r.Path, i))
	}
	return b
}

// headEdits are what the headers of one direction become.
type headEdits struct {
	set    []wire.Header
	remove []string
}

// A line is one header, or the target of a request, in which tagged values are.
type line struct {
	name    string
	text    []byte
	spans   []places.Span
	changed bool
}

// A placeRewriter rewrites the values of one direction in one kind of place. It
// has a session of its own, so that key uses name the place.
type placeRewriter struct {
	rewriter
	d  *direction
	in places.Kind
}

// rewritePlaces seals and opens the values of d beside the body, in the headers
// req, and keeps the edits for the reply. Its key uses are recorded then.
// Routing has been decided by the path as it came.
func rewritePlaces(d *direction, req *wire.Request) error {
	if d.plan == nil || d.plan.beside == nil {
		return nil
	}
	if d.x.beside == nil {
		d.x.beside = new([2]headEdits)
	}
	target := line{name: ":path", text: []byte(d.head.path)}
	for k := places.Body + 1; k < places.Kinds; k++ {
		names := d.plan.beside[k]
		if len(names) == 0 {
			continue
		}
		// An empty value deletes a cookie, and says of others that there is none.
		w := &placeRewriter{rewriter{plan: d.plan, counts: d.x.counts, format: textFormat, keepNull: d.plan.Null != policy.SealNull}, d, k}
		if err := w.place(names, &target, req); err != nil {
			return &placeError{k, err}
		}
		d.x.counts.Places[k].Add(uint64(w.fields))
	}
	d.x.beside[d.index()].add([]*line{&target})
	return nil
}

// place rewrites the values with these names in target or in the headers req.
func (w *placeRewriter) place(names []places.Name, target *line, req *wire.Request) (err error) {
	switch w.in {
	case places.Query:
		return w.query(target)
	case places.Path:
		if target.spans, err = w.d.x.route.segments(w.d.head.path, names); err == nil {
			err = w.rewrite([]*line{target})
		}
		if err == nil && target.changed {
			err = w.checkRoute(string(target.text))
		}
		return err
	}
	lines, err := w.find(names, req)
	if err == nil {
		err = w.rewrite(lines)
	}
	w.d.x.beside[w.d.index()].add(lines)
	return err
}

// checkRoute refuses a path that falls under another route than the request.
// The service would answer what the rules of that route are about.
func (w *placeRewriter) checkRoute(target string) error {
	d := w.d
	r, err := d.x.rt.policy.Match(d.head.method, d.head.host, target)
	if err != nil || r != d.x.route.Route {
		return &places.Error{Code: codec.WrongKind, In: places.Path, Detail: "the path falls under another route"}
	}
	return nil
}

// A placeError is a refusal because of a value in a place beside the body.
type placeError struct {
	in  places.Kind
	err error
}

func (e *placeError) Error() string { return "in " + e.in.String() + ": " + e.err.Error() }
func (e *placeError) Unwrap() error { return e.err }

// find returns the headers of req that may hold values with these names.
func (w *placeRewriter) find(names []places.Name, req *wire.Request) (lines []*line, err error) {
	req.Headers(func(name, value []byte) bool {
		var spans []places.Span
		switch {
		case w.in == places.Header:
			i := slices.IndexFunc(names, func(n places.Name) bool { return places.IsHeader(name, n.Text) })
			if i < 0 {
				return true
			}
			spans = []places.Span{{Rule: names[i].Rule, End: len(value)}}
		case !w.d.response && places.IsHeader(name, "cookie"):
			spans, err = places.Cookies(value, names)
			if err == nil && len(lines) > 0 {
				err = &places.Error{Code: places.Ambiguous, In: w.in, Name: names[0].Text, Detail: "several Cookie headers"}
			}
		case w.d.response && places.IsHeader(name, "set-cookie"):
			spans, err = places.SetCookie(value, names)
		default:
			return true
		}
		lines = append(lines, &line{name: string(name), text: value, spans: spans})
		return err == nil
	})
	return lines, err
}

// segments returns where in target the segments with names are, in order.
func (r *route) segments(target string, names []places.Name) (spans []places.Span, err error) {
	for _, n := range names {
		begin, end, err := r.Segment(target, n.Text)
		if err != nil {
			return nil, err
		}
		spans = append(spans, places.Span{Rule: n.Rule, Begin: begin, End: end})
	}
	slices.SortFunc(spans, func(a, b places.Span) int { return a.Begin - b.Begin })
	return spans, nil
}

// textFormat stands for the format of a place. A value that stays as it is may
// be decoded by the service.
var textFormat = &codec.Format{HoldsEnvelope: func(f *codec.Field, _ func([]byte) bool) bool {
	return holdsEnvelope(string(f.Value))
}}

// rewrite seals and opens the values in lines.
func (w *placeRewriter) rewrite(lines []*line) error {
	batch, err := w.values(lines)
	if err != nil || len(batch) == 0 {
		return err
	}
	w.begin()
	for i := range lines {
		if batch, err = w.replace(lines[i], batch); err != nil {
			return errors.Join(err, w.close(err))
		}
	}
	return w.close(nil)
}

// begin begins the session.
func (w *placeRewriter) begin() {
	use := keyUse(w.d)
	use.Place = w.in.String()
	w.session = w.d.x.rt.cache.Session(w.d.x.ctx, use)
	w.session.OnMiss(w.prefetch)
}

// values returns the values in lines, decoded, after checking them.
func (w *placeRewriter) values(lines []*line) (batch []codec.Field, err error) {
	most := w.plan.Limits.WithDefaults().ValueBytes
	for _, l := range lines {
		for _, s := range l.spans {
			rule, value, limit := w.plan.Rules[s.Rule], l.text[s.Begin:s.End], most
			if rule.Open {
				limit = envelope.LongestText(most)
			} else if value, err = w.in.Decode(rule.Path, value, !rule.Lookup); err != nil {
				return nil, err
			}
			if len(value) > limit {
				return nil, &places.Error{Code: codec.ValueLimit, In: w.in, Name: rule.Path, Detail: "longer than limits.value_bytes"}
			}
			if !rule.Open && w.plan.Envelopes == policy.RefuseEnvelopes && codec.HoldsEnvelope(value, envelope.IsHead) {
				return nil, &places.Error{Code: codec.EnvelopeFound, In: w.in, Name: rule.Path, Detail: "no rule opens it there"}
			}
			batch = append(batch, codec.Field{Rule: s.Rule, Kind: codec.Text, Null: len(value) == 0, Value: value})
		}
	}
	return batch, nil
}

// replace replaces the values in l, which are the first of batch, and returns
// the rest of batch.
func (w *placeRewriter) replace(l *line, batch []codec.Field) ([]codec.Field, error) {
	var out []byte
	done := 0
	for _, s := range l.spans {
		value, kind, err := w.transform(nil, batch)
		batch = batch[1:]
		if errors.Is(err, codec.ErrKeep) {
			continue
		}
		if err != nil {
			return nil, err
		}
		l.changed = true
		out = append(out, l.text[done:s.Begin]...)
		done = s.End
		if rule := w.plan.Rules[s.Rule]; !rule.Open {
			out = append(out, value...)
		} else if out, err = appendOpened(out, w.in, rule.Path, kind, value); err != nil {
			return nil, err
		}
	}
	if l.changed {
		l.text = append(out, l.text[done:]...)
	}
	return batch, nil
}

// appendOpened appends a value that was opened, as it is written in a place of
// kind k, and clears it.
func appendOpened(dst []byte, k places.Kind, name string, kind codec.Kind, value []byte) ([]byte, error) {
	defer clear(value)
	ok := kind == codec.Text
	if kind == codec.Literal {
		value, ok = codec.LiteralText(nil, value)
	}
	if !ok {
		return dst, &places.Error{Code: codec.WrongKind, In: k, Name: name, Detail: "not a text"}
	}
	return k.Append(dst, value, name)
}

// add adds the edits that make the headers what lines are by now. Of a header
// with several lines all are set, in order.
func (e *headEdits) add(lines []*line) {
	for i, l := range lines {
		same := func(o *line) bool { return o.name == l.name }
		if slices.ContainsFunc(lines[:i], same) || !slices.ContainsFunc(lines[i:], func(o *line) bool { return same(o) && o.changed }) {
			continue
		}
		several := slices.ContainsFunc(lines[i+1:], same)
		if several {
			e.remove = append(e.remove, l.name)
		}
		for _, o := range lines[i:] {
			if same(o) {
				e.set = append(e.set, wire.Header{Name: o.name, Value: string(o.text), Append: several})
			}
		}
	}
}

// appendTrailers appends the names of the trailers in req that have a rule as
// headers. b may be nil.
func (b *beside) appendTrailers(remove []string, req *wire.Request) []string {
	if b == nil {
		return remove
	}
	req.Headers(func(name, _ []byte) bool {
		is := func(n places.Name) bool { return places.IsHeader(name, n.Text) }
		cookie := len(b[places.Cookie]) > 0 && (places.IsHeader(name, "cookie") || places.IsHeader(name, "set-cookie"))
		if cookie || slices.ContainsFunc(b[places.Header], is) {
			remove = append(remove, string(name))
		}
		return true
	})
	return remove
}
