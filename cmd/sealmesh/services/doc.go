// Package services runs real services behind a real Envoy and sealmesh, and
// calls them with real clients: a web application in Django, uploads in
// Express, a SOAP service in spyne. None of them knows of sealmesh. The tests
// show that a service sees envelopes alone, works unchanged, and that its
// clients get their values back.
//
// "make services" installs the packages that they need.
package services
