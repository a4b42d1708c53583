package incident

import (
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/sre-sdk/sre"
)

// A Request is a command with who gives it, when it happened, and why.
type Request struct {
	By     sre.Actor
	At     time.Time // when it occurred, not after now; zero: now
	Reason string    // required where the command's doc says so; at most MaxText bytes

	// Seen is State.Seq of what the requester has looked at. If the field that
	// the command changes was changed since, the command is refused as a
	// conflict, and kept as an event that was, unless it wants what is so already.
	// 0: whatever was seen.
	Seen uint64

	Command Command
}

// An Event is a fact in the log of an incident. Events are only ever appended.
type Event struct {
	Seq      uint64    // 1, 2, 3, ... in the incident
	At       time.Time // when it occurred
	Recorded time.Time // when it became known here; never before that of an earlier event
	By       sre.Actor
	Reason   string
	Command  Command

	// Refused is the code of a refusal: the command was not carried out, and is
	// kept because it lost against another one. Empty: it was.
	Refused string
}

type eventJSON struct {
	Seq      uint64          `json:"seq"`
	At       time.Time       `json:"at"`
	Recorded time.Time       `json:"recorded"`
	By       sre.Actor       `json:"by"`
	Reason   string          `json:"reason,omitempty"`
	Kind     Kind            `json:"kind"`
	Command  json.RawMessage `json:"command"`
	Refused  string          `json:"refused,omitempty"`
}

// MarshalJSON returns the event with the kind of its command.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Command == nil {
		return nil, sre.NewProblem("command", "missing", nil, "a command")
	}
	command, err := json.Marshal(normal(e.Command))
	if err != nil {
		return nil, err
	}
	return json.Marshal(eventJSON{e.Seq, e.At.UTC(), e.Recorded.UTC(), e.By, e.Reason, e.Command.Kind(), command, e.Refused})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Event) UnmarshalJSON(data []byte) error {
	var wire eventJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	command, err := DecodeCommand(wire.Kind, wire.Command)
	if err != nil {
		return err
	}
	*e = Event{wire.Seq, utc(wire.At), utc(wire.Recorded), wire.By, wire.Reason, normal(command), wire.Refused}
	return nil
}

// DecodeCommand reads the JSON of a command of that kind.
func DecodeCommand(kind Kind, data []byte) (Command, error) {
	decode := decoders[KindUnknown]
	if kind < kindEnd {
		decode = decoders[kind]
	}
	if decode == nil {
		return nil, sre.NewProblem("kind", "unknown_kind", kind, "the kind of a command")
	}
	command, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("incident: %s: %w", kind, err)
	}
	return command, nil
}

func decoder[C Command](data []byte) (Command, error) {
	var c C
	err := json.Unmarshal(data, &c)
	return c, err
}

var decoders = [kindEnd]func([]byte) (Command, error){
	KindDeclare: decoder[Declare], KindAcknowledge: decoder[Acknowledge], KindTriage: decoder[Triage],
	KindSetTitle: decoder[SetTitle], KindAssign: decoder[Assign], KindOffer: decoder[Offer], KindAccept: decoder[Accept],
	KindDecline: decoder[Decline], KindLeave: decoder[Leave], KindSetChannel: decoder[SetChannel], KindSetTicket: decoder[SetTicket],
	KindAttachRunbook: decoder[AttachRunbook], KindRecordStep: decoder[RecordStep], KindMitigate: decoder[Mitigate],
	KindUpdate: decoder[Update], KindAddEvidence: decoder[AddEvidence], KindLink: decoder[Link], KindUnlink: decoder[Unlink],
	KindMerge: decoder[Merge], KindAbsorb: decoder[Absorb], KindRedirect: decoder[Redirect], KindSplit: decoder[Split],
	KindSeparate: decoder[Separate], KindCancel: decoder[Cancel], KindResolve: decoder[Resolve], KindVerify: decoder[Verify],
	KindClose: decoder[Close], KindReopen: decoder[Reopen], KindSchedulePostmortem: decoder[SchedulePostmortem],
	KindSkipPostmortem: decoder[SkipPostmortem], KindReviewRunbooks: decoder[ReviewRunbooks], KindCorrect: decoder[Correct],
	KindNote: decoder[Note], KindRestrict: decoder[Restrict],
}

// Fold returns the state after events, in the order of the log.
func Fold(events iter.Seq[Event]) State {
	var s State
	for e := range events {
		s.Apply(&e)
	}
	return s
}

// KnownAt yields the events that were recorded by an instant: folded, they give
// the incident as it was known then, whatever was corrected since.
func KnownAt(events iter.Seq[Event], at time.Time) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for e := range events {
			if e.Recorded.After(at) || !yield(e) {
				return
			}
		}
	}
}
