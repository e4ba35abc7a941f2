//go:build goexperiment.runtimesecret

package suite

import "runtime/secret"

func erase(f func()) { secret.Do(f) }
