package wire

import "google.golang.org/protobuf/encoding/protowire"

// phaseOf maps the field numbers of ProcessingRequest.request.
var phaseOf = [...]Phase{
	2: RequestHeaders, 3: ResponseHeaders,
	4: RequestBody, 5: ResponseBody,
	6: RequestTrailers, 7: ResponseTrailers,
}

// decode decodes a ProcessingRequest. It skips metadata_context (field 8).
func (r *Request) decode(c cursor) error {
	for c.left > 0 {
		number, typ, err := c.tag()
		if err != nil {
			return err
		}
		switch {
		case typ == protowire.BytesType && number >= 2 && number <= 7:
			err = r.decodePhase(&c, phaseOf[number])
		case typ == protowire.BytesType && number >= 9 && number <= 13:
			err = r.decodeSmall(&c, number)
		case typ == protowire.VarintType && number == 10:
			var v uint64
			v, err = c.varint()
			r.Observability = v != 0
		default:
			err = c.pass(typ)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodePhase decodes the `request` of the message. A second `request` would
// replace the first or be merged into it, which is left to the generated code.
func (r *Request) decodePhase(c *cursor, phase Phase) error {
	if r.Phase != None {
		return errUnusual
	}
	r.Phase = phase
	n, err := c.length()
	if err != nil {
		return err
	}
	switch phase {
	case RequestBody, ResponseBody:
		err = r.decodeBody(c.within(n))
		c.skip(n)
	case RequestTrailers, ResponseTrailers:
		err = r.decodeTrailers(c.take(n))
	default:
		err = r.decodeHeaders(c.take(n))
	}
	return err
}

// decodeSmall decodes the fields beside the `request`.
func (r *Request) decodeSmall(c *cursor, number protowire.Number) error {
	n, err := c.length()
	if err != nil {
		return err
	}
	b := c.take(n)
	switch number {
	case 9: // map<string, Struct> attributes
		r.attributes, err = appendNamespace(r.attributes, b)
	case 11: // protocol_config
		r.Protocol = &r.protocol
		err = r.protocol.decode(b)
	case 12, 13: // flow_control_init, client_window_update
		err = wellFormed(b)
	}
	return err
}

// decode decodes a ProtocolConfiguration. Fields that are absent keep their
// value: a message that is sent twice is merged.
func (p *Protocol) decode(b []byte) error {
	var f field
	for len(b) > 0 {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
		switch {
		case f.is(1, protowire.VarintType):
			p.Request = BodyMode(f.varint)
		case f.is(2, protowire.VarintType):
			p.Response = BodyMode(f.varint)
		}
	}
	return nil
}

// decodeBody decodes an HttpBody.
func (r *Request) decodeBody(c cursor) error {
	for c.left > 0 {
		number, typ, err := c.tag()
		if err != nil {
			return err
		}
		switch {
		case number == 1 && typ == protowire.BytesType:
			var n int
			if n, err = c.length(); err == nil {
				clear(r.body) // an earlier body, which this one replaces
				r.body = c.pieces(r.body[:0], n)
			}
		case number == 2 && typ == protowire.VarintType:
			var v uint64
			v, err = c.varint()
			r.EndOfStream = v != 0
		default:
			err = c.pass(typ)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeHeaders decodes an HttpHeaders.
func (r *Request) decodeHeaders(b []byte) error {
	var f field
	for seen := false; len(b) > 0; {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
		switch {
		case f.is(1, protowire.BytesType):
			if seen {
				return errUnusual
			}
			seen = true
			err = r.decodeMap(f.bytes)
		case f.is(2, protowire.BytesType):
			r.deprecated, err = appendNamespace(r.deprecated, f.bytes)
		case f.is(3, protowire.VarintType):
			r.EndOfStream = f.varint != 0
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeTrailers decodes an HttpTrailers.
func (r *Request) decodeTrailers(b []byte) error {
	var f field
	for seen := false; len(b) > 0; {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		if seen {
			return errUnusual
		}
		seen = true
		if err = r.decodeMap(f.bytes); err != nil {
			return err
		}
	}
	return nil
}

// decodeMap decodes a HeaderMap.
func (r *Request) decodeMap(b []byte) error {
	var f field
	for len(b) > 0 {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		h, err := decodeHeader(f.bytes)
		if err != nil {
			return err
		}
		r.headers = append(r.headers, h)
	}
	return nil
}

// decodeHeader decodes a HeaderValue.
func decodeHeader(b []byte) (h header, err error) {
	var (
		f   field
		raw []byte
	)
	for len(b) > 0 {
		if b, err = f.next(b); err != nil {
			return h, err
		}
		switch {
		case f.is(1, protowire.BytesType):
			h.name, err = f.text()
		case f.is(2, protowire.BytesType):
			h.value, err = f.text()
		case f.is(3, protowire.BytesType):
			raw = f.bytes
		}
		if err != nil {
			return h, err
		}
	}
	if len(raw) > 0 {
		h.value = raw
	}
	return h, nil
}
