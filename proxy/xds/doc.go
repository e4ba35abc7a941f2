// Package xds serves configuration to the Envoys of one host by the delta
// variant of xDS, with all types on one stream (delta ADS). What the resources
// mean is the caller's.
//
// A [Server] has one set of resources at a time. [Server.Set] replaces it, and
// returns when each connected Envoy has acknowledged the new set. A set is
// immutable and each resource is marshalled once. The version of a resource is
// a hash of its bytes, so that an Envoy gets a resource only if it does not
// hold these very bytes, also after it or the server was restarted.
//
// An acknowledgement says that Envoy has read the resources. It does not say
// that they protect anything: Envoy acknowledges a route that turns a filter
// off. Workers of Envoy use the new routes a moment later.
//
// # Refusals
//
// Envoy refuses a response as a whole (NACK) and gives its reason. Which of its
// resources it holds is then unknown: Envoy takes good listeners and clusters
// of a response beside a bad one. The server does not send a refused resource
// again until the next Set, which sends it even if it is unchanged.
//
// # Order
//
// Envoy gets the types in the order of make before break: clusters, endpoints,
// secrets, filters, listeners, routes. A removed resource travels with the
// changes of its type. A Set that removes a cluster therefore makes requests
// fail that still go there by the old routes; they do not pass elsewhere.
//
// # Envoys that go away
//
// An Envoy whose stream ends lives on with the configuration that it has. If
// that happens while Set waits, Set waits until the Envoy has connected again
// and has acknowledged on the new stream. Envoy says then which versions it
// holds, and gets the difference.
//
// # Bounds
//
// The peer is an Envoy on the same host, reached by a unix socket. Whoever may
// open that socket may read all resources, private keys included. The number of
// streams, of types and names on a stream, of unanswered responses, and the
// size of messages are bounded, so that no peer can use up memory.
package xds
