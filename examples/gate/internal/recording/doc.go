// Package recording keeps what a Prometheus server answered, so that the gate
// can be tried without one: [Capture] records the exchanges of a live server,
// [Recording.Encode] stores them, and [Recording] plays them back as an
// [net/http.RoundTripper].
package recording
