//go:build !linux

package testbed

import (
	"errors"
	"os/exec"
	"time"
)

var errLinux = errors.New("the bench reads CPU and memory as Linux gives them: run it on Linux")

func dieWithParent(*exec.Cmd) {}

func cpuOf(int) (time.Duration, error) { return 0, errLinux }

func memoryOf(int) (now, peak int64, err error) { return 0, 0, errLinux }
