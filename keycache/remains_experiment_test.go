//go:build linux && !race && goexperiment.runtimesecret

package keycache

const mostRemains = 0
