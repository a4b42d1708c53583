package etcd_test

import (
	"syscall"
	"testing"
)

// endWithParent makes a server end with the test, also when it is killed.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// hang stops a server without ending it, as a machine that swaps does.
func hang(t *testing.T, n *node) { signal(t, n, syscall.SIGSTOP) }

func resume(t *testing.T, n *node) { signal(t, n, syscall.SIGCONT) }

func signal(t *testing.T, n *node, s syscall.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
