package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker:
// -X github.com/sealmesh/sealmesh/cmd/sealmesh/cli.version=v1.2.3.
var version = "dev"

// Version returns the version of this binary, "dev" for a development build.
func Version() string { return version }

// BuildInfo describes this binary: version, commit, Go version, platform and
// FIPS mode.
func BuildInfo() string {
	return fmt.Sprintf("sealmesh %s (%s, %s %s/%s, FIPS 140-3 mode %s)",
		version, commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH, fipsMode())
}

// commit names the commit that this binary was built from, and says whether
// files had been changed since. The go command stamps both unless it builds
// outside a Git working tree or with -buildvcs=false.
func commit() string {
	revision, dirty := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = ", dirty"
			}
		}
	}
	if revision == "" {
		return "commit unknown"
	}
	return "commit " + revision + dirty
}
