package email_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sre-sdk/sre/oncall/email"
)

// python returns an interpreter that has aiosmtpd: that of PATH, or Debian's.
func python(t *testing.T) string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import aiosmtpd.main").Run() == nil {
			return name
		}
	}
	t.Skip("python3 has no aiosmtpd; on Debian and Ubuntu: apt-get install python3-aiosmtpd")
	return ""
}

// A server of somebody else takes the messages, with both kinds of TLS.
func TestAiosmtpdTakesTheMessage(t *testing.T) {
	interpreter := python(t)
	certificate, key := pemFiles(t)
	for _, tc := range []struct {
		security email.Security
		options  []string
	}{
		{email.STARTTLS, []string{"--tlscert", certificate, "--tlskey", key}},
		{email.ImplicitTLS, []string{"--smtpscert", certificate, "--smtpskey", key}},
		{email.Plain, nil},
	} {
		t.Run(tc.security.String(), func(t *testing.T) {
			box := filepath.Join(t.TempDir(), "box")
			addr := freeAddr(t)
			args := append([]string{"-m", "aiosmtpd", "-n", "-d", "-l", addr, "-c", "aiosmtpd.handlers.Mailbox"}, tc.options...)
			startAiosmtpd(t, exec.Command(interpreter, append(args, box)...))
			c := config(addr)
			c.Security = tc.security
			d := delivery("k", "alice@example.org")
			d.Title, d.Body = "Störung", "a\n.\n..b\n"+strings.Repeat("é", 300)
			if _, err := open(t, c).Send(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(box, "new", "*"))
			if err != nil || len(files) != 1 {
				t.Fatalf("%d messages in the box: %v", len(files), err)
			}
			message, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if got := subject(t, string(message)); got != "[P1] Störung" {
				t.Errorf("the subject is %q", got)
			}
			if plain, _ := parts(t, string(message)); !strings.Contains(plain, d.Body) {
				t.Errorf("the text is %q", plain)
			}
		})
	}
}

// startAiosmtpd returns when the server says that it listens.
func startAiosmtpd(t *testing.T, command *exec.Cmd) {
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if strings.Contains(lines.Text(), "listening") {
			go io.Copy(io.Discard, stderr)
			return
		}
		said.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("aiosmtpd ended:\n%s", &said)
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func pemFiles(t *testing.T) (certificate, key string) {
	made, _ := certificates()
	der, err := x509.MarshalECPrivateKey(made.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", made.Certificate[0]), write("key.pem", "EC PRIVATE KEY", der)
}
