// Package proxy is the ext_proc service. It takes the bodies that Envoy sends,
// seals or opens the tagged values in them, and sends the bodies back.
//
// No tagged value leaves a protected route in clear because something failed.
// To Envoy, a stream that ends with OK means "continue without the processor":
// the rest of the body would pass untouched. A stream therefore ends with OK
// only while neither direction has a body with rules under way. Otherwise it
// ends with an error. A body that sealmesh cannot read is refused; the method
// direction.checkFormat has the exceptions.
//
// # Terms
//
//   - An exchange is one HTTP request and its response: one Process stream.
//   - A direction is the request or the response of an exchange. It has a plan
//     (the rules that apply) and a state (what happens to its body).
//   - A piece is one body message of a direction; its job owns the memory.
//   - A runtime is a policy joined with its keys. A reload puts a new runtime
//     in place; an exchange keeps the runtime with which it began.
//   - To refuse is to end an exchange without forwarding, with a stable code.
//
// # Life of an exchange
//
//	Envoy             exchange                                  direction
//	protocol_config ► start: body modes, stamp, caller's share
//	headers         ► match: route, plans of both directions
//	                  begin: format of the body, fetch keys ► holding, flowing …
//	body message    ► step of table: hold, rewrite, pass …
//	trailers        ► release or finish                          ► over
//	ends the stream ► OK, or an error while a body is under way
//
// The file state.go holds the table of all states, events and steps. A response
// may begin before the request has ended, so each direction has its own state.
// Any error ends the exchange. codeOf turns the error into a code. Before
// response headers have been sent, refuse answers with an immediate response;
// after that, it makes Envoy reset the request.
//
// # Walk of a body chunk
//
// The picture follows one chunk of a streamed body from Envoy and back to
// Envoy. Runs longer than 4 KiB that no rule touches are not copied on the way.
//
//	transport   reader reads the chunk into buffers of wire.Pool
//	    │         inbox keeps it until the handler asks
//	    ▼
//	wire        Request.Body: views of the buffers
//	    ▼
//	proxy       exchange.take ► direction.onBody ► piece.rewrite
//	    │         job owns the request
//	    ▼
//	codec       Writer.Write: scans, and calls rewriter.transform for each field
//	    │         │
//	    │         ▼
//	    │       keycache  Session.Seal, Session.Open ► envelope, suite
//	    ▼
//	codec       Output: views of the buffers; new values in buffers of its own
//	    ▼
//	keycache    Session.Admit: records the key uses, before anything leaves
//	    ▼
//	proxy       piece.emit: replies of at most 64 KiB, each refers to the job
//	    ▼
//	wire        Reply: encoded around the views
//	    ▼
//	transport   batch: one write to the socket
//
// The plaintext is cleared on the way back. The transport frees the buffers of
// a reply when it has written them; freeing the last one calls Reply.Release. A
// reply without long runs is a copy, so its Reply.Release is called during
// encoding. The last release of a job resets its Output and frees its Request.
// Both return their buffers to codec.PutBuffer, which clears them. The
// transport clears the bytes that it copied into a batch, and a body that is
// never sent is freed by direction.close. On grpc-go, wire.NetworkCodec copies
// each reply into a buffer of the same pool and releases the reply at once.
package proxy
