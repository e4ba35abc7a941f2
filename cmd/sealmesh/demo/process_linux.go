package demo

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the process end when the demo is killed.
func dieWithParent(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
