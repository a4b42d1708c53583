//go:build !linux

package postgres_test

import (
	"errors"
	"os"
	"os/exec"
)

// Elsewhere than on Linux the tests must not run as root.

var immediately = os.Kill

func asUnprivileged(*exec.Cmd) {}

func giveAway(string) error { return nil }

func startAndWait(c *exec.Cmd, started chan<- error, exited chan<- struct{}) {
	err := c.Start()
	started <- err
	if err != nil {
		return
	}
	_ = c.Wait()
	close(exited)
}

func killAll(int) error { return errors.New("the children of the server are only found on Linux") }
