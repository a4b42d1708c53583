// Package lawtest lets a test kit be tested: it runs a property that is meant to
// fail and returns what it says of its counterexample.
package lawtest

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
)

// Counterexample runs check with a test that records, with up to so many checks
// of rapid and no file for the failure, which is wanted. It returns what was
// reported, or "" if nothing was.
func Counterexample(checks int, check func(tb *Recorder)) string {
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.checks": fmt.Sprint(checks)} {
		if f := flag.Lookup(name); f != nil {
			before := f.Value.String()
			_ = f.Value.Set(value)
			defer f.Value.Set(before)
		}
	}
	tb := &Recorder{}
	done := make(chan struct{})
	go func() { // FailNow ends the goroutine
		defer close(done)
		check(tb)
	}()
	<-done
	return tb.text.String()
}

// A Recorder is a test, as rapid sees it, that keeps what is reported to it.
type Recorder struct {
	text   strings.Builder
	failed bool
}

func (r *Recorder) Helper()      {}
func (r *Recorder) Name() string { return "recorder" }
func (r *Recorder) Failed() bool { return r.failed }
func (r *Recorder) Fail()        { r.failed = true }
func (r *Recorder) FailNow()     { r.failed = true; runtime.Goexit() }
func (r *Recorder) SkipNow()     { runtime.Goexit() }

func (r *Recorder) Logf(string, ...any)  {}
func (r *Recorder) Log(...any)           {}
func (r *Recorder) Skipf(string, ...any) { r.SkipNow() }
func (r *Recorder) Skip(...any)          { r.SkipNow() }
func (r *Recorder) Errorf(format string, args ...any) {
	fmt.Fprintf(&r.text, format, args...)
	r.Fail()
}
func (r *Recorder) Error(args ...any)                 { fmt.Fprint(&r.text, args...); r.Fail() }
func (r *Recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); r.FailNow() }
func (r *Recorder) Fatal(args ...any)                 { r.Error(args...); r.FailNow() }
