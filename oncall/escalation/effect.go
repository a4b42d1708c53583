package escalation

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

// An EffectKind says what is to be done.
type EffectKind uint8

const (
	EffectUnknown EffectKind = iota
	Deliver                  // send a message to a contact
	Notice                   // write it down: it says why things went as they did
)

// An Effect is what a step asks for.
type Effect struct {
	Kind  EffectKind
	Entry uint32
	Level string    // the ID of the level, or LastResortLevel
	At    time.Time // when it was due

	// Of a Deliver.
	Person  string
	Contact string // the ID of the contact; empty: whatever reaches the person, since no plan is known
	Step    uint8  // the index in the contact plan

	// Of a Notice. Person is who it is about, if anybody.
	Code NoticeCode
}

// Key returns the identity of a delivery: hand it to the provider. It is the
// same for the same escalation, entry, person and step, and differs for others
// but for chance of 1 in 2^128. It is an ID as sre.ValidID has it. A Notice has
// no identity: several of one entry have the same key.
func (e Effect) Key(escalation string) string {
	b := make([]byte, 0, 256)
	b = append(b, escalation...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint32(b, e.Entry)
	b = append(b, byte(e.Kind), e.Step)
	b = append(b, e.Person...)
	sum := sha256.Sum256(b)
	return "page-" + encoding.EncodeToString(sum[:16])
}

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// A NoticeCode says what a Notice is about.
type NoticeCode uint8

const (
	NoticeUnknown       NoticeCode = iota
	NoticeEntered                  // the level was entered and people are paged
	NoticeNobody                   // nobody is on call in the level
	NoticeDirectory                // the directory does not know a target of the level
	NoticeCondition                // the condition of the level does not hold
	NoticeLoad                     // the person has as many escalations open as the level allows
	NoticeNoContact                // there is no way to reach the person
	NoticeUnreachable              // none of the people of the entry could be reached
	NoticeTooMany                  // more than MaxPeople would have been paged; the first ones are
	NoticeAckMissed                // nobody has acknowledged as promised
	NoticeRespondMissed            // nobody has begun to respond as promised
	NoticeAckExpired               // an acknowledgement has expired
	NoticeSnoozeEnded              // a snooze is over
	NoticeRepeat                   // the levels are gone through again
	NoticeLastResort               // the levels are used up
	NoticeLevelGone                // an edit has removed the level
	noticeEnd
)

var noticeNames = [noticeEnd]string{
	"unknown", "entered", "nobody_on_call", "directory_unknown", "condition_unmet", "load_reached",
	"no_contact", "unreachable", "too_many_people", "acknowledge_missed", "respond_missed",
	"acknowledgement_expired", "snooze_ended", "repeat", "last_resort", "level_gone",
}

// String returns the lower-case name.
func (c NoticeCode) String() string {
	if c < noticeEnd {
		return noticeNames[c]
	}
	return fmt.Sprintf("notice(%d)", uint8(c))
}

// String returns the effect on one line.
func (e Effect) String() string {
	who := e.Person
	if e.Kind == Deliver {
		contact := e.Contact
		if contact == "" {
			contact = "any contact"
		}
		return fmt.Sprintf("%s entry %d: deliver to %s by %s (step %d), due %s", e.Level, e.Entry, who, contact, e.Step, e.At.Format(time.RFC3339Nano))
	}
	if who != "" {
		who = " " + who
	}
	return fmt.Sprintf("%s entry %d: %s%s, due %s", e.Level, e.Entry, e.Code, who, e.At.Format(time.RFC3339Nano))
}
