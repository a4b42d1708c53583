package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/sre-sdk/sre"
)

// A Batch is what one message of a monitoring system says.
type Batch struct {
	Alerts []Alert
	Acks   []Ack // what people have acknowledged there; no alert changes by that

	// GroupKey and GroupLabels are how the source groups, if it does.
	GroupKey    string
	GroupLabels sre.Labels

	// Status is what the source says of its whole group. It decides nothing: each
	// alert has a status of its own.
	Status Status

	// Truncated is how many alerts of the group the source has left out, or the
	// reader because they are not right.
	Truncated int

	// Severity is that of all alerts of the group, also of those left out, if
	// the source says so.
	Severity sre.Severity

	// Dropped is what the reader understood but could not keep, and fields that
	// it does not know: vendors add some over time.
	Dropped []sre.Problem
}

// An Ack says that somebody has acknowledged an alert in the source.
type Ack struct {
	Fingerprint string
	Group       string
	By          string // as the source names the person; may be empty
	At          time.Time
}

// Limits on what a reader takes, part of the contract.
const (
	MaxBytes       = 8 << 20 // of one message
	MaxBatchAlerts = 10_000  // in one message
)

// Unlisted returns the alert that stands for those that are left out of a
// message: it fires until a message of the same group leaves nothing out. It is Resolved if nothing is left out now; ok is false if the
// source does not group at all.
//
// A group whose status is resolved while alerts are left out has not told that
// those are resolved, so this alert goes on firing.
func (b *Batch) Unlisted() (a Alert, ok bool) {
	if b.GroupKey == "" {
		return Alert{}, false
	}
	sum := sha256.Sum256([]byte(b.GroupKey))
	a = Alert{
		Fingerprint: unlistedPrefix + hex.EncodeToString(sum[:16]),
		Status:      Resolved, Severity: b.Severity, Labels: b.GroupLabels,
		Summary: "alerts that a message has left out, or that could not be read",
	}
	if service := b.GroupLabels.Get("service"); sre.ValidID(service) {
		a.Service = service
	}
	if b.Truncated > 0 {
		a.Status = Firing
	}
	if a.Validate() != nil { // labels beyond the limits must not lose it
		a.Labels = sre.Labels{}
	}
	return a, true
}

// Fingerprints that no source gives.
const (
	unlistedPrefix  = "unlisted:"
	heartbeatPrefix = "heartbeat:"
	overflowKey     = "overflow:"
)
