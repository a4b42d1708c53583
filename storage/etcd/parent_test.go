//go:build !linux

package etcd_test

import (
	"syscall"
	"testing"
)

func endWithParent() *syscall.SysProcAttr { return nil }

func hang(t *testing.T, _ *node) { t.Skip("needs SIGSTOP") }

func resume(*testing.T, *node) {}
