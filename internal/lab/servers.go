package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// SFTP is an sshd of a test's own, on a free port of loopback, with keys of its
// own: nobody else can log in.
type SFTP struct {
	Address string // sftp://USER@HOST:PORT/ for an absolute path to follow
	Path    string // a folder to put first in PATH: its ssh knows the server and the key
	Stop    func()
}

// SFTPServer starts one.
func SFTPServer(t testing.TB) *SFTP {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"host", "client"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at(key)).CombinedOutput(); err != nil {
			t.Fatalf("cannot make a key: %v\n%s", err, out)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd wants it; its unit would make it
			t.Fatal(err)
		}
	}
	port := FreePort(t)
	host, err := os.ReadFile(at("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sshd_config": fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s\nPidFile none\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n", port, at("host"), at("client.pub")),
		"ssh_config":  fmt.Sprintf("IdentityFile %s\nIdentitiesOnly yes\nBatchMode yes\nUserKnownHostsFile %s\nGlobalKnownHostsFile none\n", at("client"), at("known_hosts")),
		"known_hosts": fmt.Sprintf("[127.0.0.1]:%d %s", port, host),
	} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf("#!/bin/sh\nexec /usr/bin/ssh -F '%s' \"$@\"\n", at("ssh_config"))
	if err := errors.Join(os.Mkdir(at("bin"), 0o755), os.WriteFile(at("bin/ssh"), []byte(script), 0o755)); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, port, exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", at("sshd_config")))
	return &SFTP{Address: fmt.Sprintf("sftp://%s@127.0.0.1:%d/", me.Username, port), Path: at("bin"), Stop: stop}
}

// S3 is a server with the S3 protocol, which keeps its objects in a folder.
type S3 struct {
	Address string // http://HOST:PORT
	Key     string
	Secret  string
	Stop    func()
}

// S3On starts one on a free port of loopback.
func S3On(t testing.TB, dir string) *S3 {
	t.Helper()
	s := &S3{Key: "upkeep-test", Secret: "a-secret-of-the-test"}
	port := FreePort(t)
	s.Address = "http://127.0.0.1:" + strconv.Itoa(port)
	cmd := exec.Command(S3Server(t), "--port", "127.0.0.1:"+strconv.Itoa(port), "--quiet", "posix", dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.Key, "ROOT_SECRET_KEY="+s.Secret)
	s.Stop = serve(t, port, cmd)
	return s
}

// serve starts a program and waits until it answers at its port. It is ended
// with the test.
func serve(t testing.TB, port int, cmd *exec.Cmd) (stop func()) {
	t.Helper()
	var said safeBuffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	stop = func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	}
	t.Cleanup(stop)
	const patience = 20 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", cmd.Path, said.String())
		default:
		}
		if c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			_ = c.Close() // that it answers is enough
			return stop
		}
	}
	t.Fatalf("%s does not answer: %s", cmd.Path, said.String())
	return stop
}

// safeBuffer keeps what a server says while it runs.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
