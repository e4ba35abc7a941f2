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
		version, commit(buildSettings()), runtime.Version(), runtime.GOOS, runtime.GOARCH, fipsMode())
}

// buildSettings returns what the go command stamped into this binary.
func buildSettings() []debug.BuildSetting {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Settings
	}
	return nil
}

// commit names the commit of a build, and says whether files had been changed
// since. The go command stamps both unless it builds outside a Git repository
// or with -buildvcs=false.
func commit(settings []debug.BuildSetting) string {
	revision, dirty := "unknown", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = ", dirty"
		}
	}
	return "commit " + revision + dirty
}
