//go:build linux && !race && !goexperiment.runtimesecret

package keycache

// mostRemains: the key schedule of suite 1, and what HKDF put together of the
// key for suite 2. Go lets nobody clear either.
const mostRemains = 2
