package incident

import (
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

// A Kind names a command, and the event that it becomes.
type Kind uint8

const (
	KindUnknown Kind = iota
	KindDeclare
	KindAcknowledge
	KindTriage
	KindSetTitle
	KindAssign
	KindOffer
	KindAccept
	KindDecline
	KindLeave
	KindSetChannel
	KindSetTicket
	KindAttachRunbook
	KindRecordStep
	KindMitigate
	KindUpdate
	KindAddEvidence
	KindLink
	KindUnlink
	KindMerge
	KindAbsorb
	KindRedirect
	KindSplit
	KindSeparate
	KindCancel
	KindResolve
	KindVerify
	KindClose
	KindReopen
	KindSchedulePostmortem
	KindSkipPostmortem
	KindReviewRunbooks
	KindCorrect
	KindNote
	KindRestrict
	kindEnd
)

var kindNames = [kindEnd]string{
	"unknown", "declare", "acknowledge", "triage", "set_title", "assign", "offer", "accept", "decline", "leave",
	"set_channel", "set_ticket", "attach_runbook", "record_step", "mitigate", "update", "add_evidence", "link", "unlink",
	"merge", "absorb", "redirect", "split", "separate", "cancel", "resolve", "verify", "close", "reopen",
	"schedule_postmortem", "skip_postmortem", "review_runbooks", "correct", "note", "restrict",
}

// String returns the lower-case name.
func (k Kind) String() string { return enum.Name(kindNames[:], "kind", uint8(k)) }

// MarshalText returns the lower-case name; it refuses values that have none.
func (k Kind) MarshalText() ([]byte, error) { return enum.Marshal(kindNames[:], "kind", uint8(k)) }

// UnmarshalText reads the lower-case name.
func (k *Kind) UnmarshalText(text []byte) error {
	return enum.Unmarshal(kindNames[:], "kind", text, (*uint8)(k))
}

// Kinds returns all kinds of commands, in their order.
func Kinds() []Kind {
	list := make([]Kind, 0, kindEnd-1)
	for k := KindDeclare; k < kindEnd; k++ {
		list = append(list, k)
	}
	return list
}

// Limits on commands and states, part of the contract. All text is UTF-8. What
// a state holds is bounded by them, so that it fits a record of storage.
const (
	MaxTitle      = 300      // bytes
	MaxText       = 4 << 10  // bytes of an update, a note, a description, a reason
	MaxHandover   = 1000     // bytes of the note of an offer
	MaxVia        = 100      // bytes of the channel of an actor
	MaxURL        = 2000     // bytes
	MaxQuery      = 4 << 10  // bytes of a query
	MaxSnapshot   = 16 << 10 // bytes of what a query returned
	MaxServices   = 100
	MaxRoles      = 50       // current holders, experts among them
	MaxAlerts     = 500      // in the state; more are counted, and are in the log
	MaxLinks      = 500      // of changes, SLOs and other things
	MaxLinked     = 32 << 10 // bytes of all links and runbooks as JSON, with their URLs
	MaxMitigation = 100
	MaxRunbooks   = 20
	MaxSpans      = 300 // changes of severity; one that makes it worse is never refused
	MaxMerged     = 100 // incidents merged into one, with what they had absorbed
	MaxEpisodes   = 20
	MaxLulls      = 100 // of an episode that are kept

	// MaxState is the most that a State has as JSON, in bytes, which follows from
	// the limits above.
	MaxState = 352 << 10
)

// Times lie between the years 1970 and 9999, which is what JSON can hold.
const minYear, maxYear = 1970, 9999

// A Command is what somebody wants to happen. When it is accepted it becomes
// the payload of an [Event].
type Command interface {
	Kind() Kind
}

// Declare begins an incident.
type Declare struct {
	ID       string       `json:"id"`    // required; of the incident
	Title    string       `json:"title"` // required
	Text     string       `json:"text,omitempty"`
	Services []string     `json:"services,omitempty"` // IDs of what is affected
	Impact   Impact       `json:"impact,omitzero"`    // what is known; the matrix makes the first severity of it
	Severity sre.Severity `json:"severity,omitempty"` // instead of the matrix's; 0: the matrix's
	Source   Source       `json:"source"`
	Began    time.Time    `json:"began,omitzero"`    // when the impact began, if known
	Detected time.Time    `json:"detected,omitzero"` // default: when it occurred
	Alerts   []string     `json:"alerts,omitempty"`  // keys of the alerts that led to it
	Mode     Mode         `json:"mode,omitempty"`
	ByMatrix bool         `json:"by_matrix,omitempty"` // in an event: nobody chose the severity, the matrix made it
}

// Acknowledge says that somebody takes care.
type Acknowledge struct{}

// Triage judges the severity, for the first time or again. Making it milder
// needs a reason.
type Triage struct {
	Severity sre.Severity `json:"severity,omitempty"`  // 0: what the matrix says of the impact
	Impact   Impact       `json:"impact,omitzero"`     // what is known now; zero: as before
	ByMatrix bool         `json:"by_matrix,omitempty"` // in an event: nobody chose the severity, the matrix made it
}

// SetTitle changes the title.
type SetTitle struct {
	Title string `json:"title"`
}

// Assign gives a vacant role to somebody at once. A role that is held is handed
// off by Offer and Accept.
type Assign struct {
	Role    Role   `json:"role"`
	Person  string `json:"person"`
	Service string `json:"service,omitempty"` // of an expert
}

// Offer offers a role that is held to somebody. It changes nothing until it is
// accepted. Whoever holds a role may offer it.
type Offer struct {
	Role   Role   `json:"role"`
	Person string `json:"person"`
	Note   string `json:"note,omitempty"` // what whoever takes over should know
}

// Accept takes an offered role over; only the person to whom it was offered may.
// Whoever takes command gives other roles up.
type Accept struct {
	Role Role `json:"role"`
}

// Decline refuses an offered role, or takes an offer back. The person to whom it
// was offered and the holder may, whoever else may.
type Decline struct {
	Role Role `json:"role"`
}

// Leave gives a role up, which everybody may do with their own. The commander of
// a live major incident may not.
type Leave struct {
	Role   Role   `json:"role"`
	Person string `json:"person"`
}

// SetChannel says where people talk.
type SetChannel struct {
	Ref Ref `json:"ref"`
}

// SetTicket says which ticket belongs to it.
type SetTicket struct {
	Ref Ref `json:"ref"`
}

// AttachRunbook says that a runbook is followed.
type AttachRunbook struct {
	ID  string `json:"id"` // of the runbook
	URL string `json:"url,omitempty"`
}

// RecordStep says how a step of a runbook went.
type RecordStep struct {
	Runbook string     `json:"runbook"`
	Step    string     `json:"step"` // its name or number
	Result  StepResult `json:"result"`
	Text    string     `json:"text,omitempty"`
}

// Mitigate says that something is done against the impact, or how it went.
type Mitigate struct {
	ID     string           `json:"id"` // of the mitigation, unique in the incident
	Type   MitigationType   `json:"type"`
	Result MitigationResult `json:"result"`
	Change string           `json:"change,omitempty"` // the ID of the change that does it, such as a rollback
	Text   string           `json:"text,omitempty"`

	// EndsImpact says that users are no longer affected, which makes the incident
	// mitigated.
	EndsImpact bool `json:"ends_impact,omitempty"`
}

// Update tells an audience how it stands.
type Update struct {
	Audience Audience  `json:"audience"`
	Text     string    `json:"text"`
	Next     time.Time `json:"next,omitzero"` // when the next one comes; required while it is live, except for a final one
	Final    bool      `json:"final,omitempty"`
}

// AddEvidence keeps what somebody has seen.
type AddEvidence struct {
	ID       string       `json:"id"`
	Type     EvidenceType `json:"type"`
	Title    string       `json:"title"`
	URL      string       `json:"url,omitempty"`
	Query    string       `json:"query,omitempty"`
	Snapshot string       `json:"snapshot,omitempty"` // what the query returned then, as links rot
}

// Link says that an alert, a change, an SLO or another thing belongs to it.
type Link struct {
	Type LinkType `json:"type"`
	ID   string   `json:"id"`
	URL  string   `json:"url,omitempty"`
}

// Unlink says that it does not.
type Unlink struct {
	Type LinkType `json:"type"`
	ID   string   `json:"id"`
}

// Merge makes the incident part of another one. [Compiled.Merge] makes the
// events of both.
type Merge struct {
	Into      string `json:"into"`
	Duplicate bool   `json:"duplicate,omitempty"` // it is the same thing, told twice
}

// Absorb is the other side of a Merge.
type Absorb struct {
	From   string   `json:"from"`
	Family []string `json:"family,omitempty"` // what From had absorbed itself
	Alerts []Alert  `json:"alerts,omitempty"` // what From brings along
	More   int      `json:"more,omitempty"`   // alerts of From beyond MaxAlerts
	Hidden bool     `json:"hidden,omitempty"` // From, or what it had absorbed, is restricted
}

// Redirect tells an incident that its root has been merged into another one, or
// separated again.
type Redirect struct {
	Root string `json:"root"`
}

// Split takes a Merge back. [Compiled.Split] makes the events of both.
type Split struct {
	From string `json:"from"` // the incident that was absorbed
}

// Separate is the other side of a Split.
type Separate struct {
	Status Status `json:"status"` // as it was before
}

// Cancel says that it was none.
type Cancel struct{}

// Resolve says that the cause is gone, as far as people can tell.
type Resolve struct {
	Text string `json:"text,omitempty"`
}

// Verify says what the data say about that; see incident/recovery. The latest
// finding counts.
type Verify struct {
	Recovered Finding `json:"recovered"`
	Text      string  `json:"text,omitempty"`
}

// Close ends the work on it.
type Close struct {
	// Override closes without a verified recovery, and says why.
	Override string `json:"override,omitempty"`
}

// Reopen begins another episode.
type Reopen struct{}

// SchedulePostmortem says when the postmortem is held.
type SchedulePostmortem struct {
	ID  string    `json:"id"` // of the document
	For time.Time `json:"for"`
}

// SkipPostmortem says that there is none; the reason is the request's.
type SkipPostmortem struct{}

// ReviewRunbooks answers the question whether runbooks and alerts have to
// change, which each incident asks.
type ReviewRunbooks struct {
	Changed []string `json:"changed,omitempty"` // IDs of what was changed; none: nothing had to, for the request's reason
}

// Correct says when a milestone really was. It is a new fact about the past. The
// milestones from the mitigation on are reached by their commands only, and a
// status stands on its milestone: Correct moves them.
type Correct struct {
	Milestone Milestone `json:"milestone"`
	At        time.Time `json:"at,omitzero"` // zero: it was not reached
}

// Note keeps a remark on the timeline.
type Note struct {
	Text string `json:"text"`
}

// Restrict hides the incident from everybody but those who hold a role, or opens
// it again.
type Restrict struct {
	On bool `json:"on"`
}

func (Declare) Kind() Kind            { return KindDeclare }
func (Acknowledge) Kind() Kind        { return KindAcknowledge }
func (Triage) Kind() Kind             { return KindTriage }
func (SetTitle) Kind() Kind           { return KindSetTitle }
func (Assign) Kind() Kind             { return KindAssign }
func (Offer) Kind() Kind              { return KindOffer }
func (Accept) Kind() Kind             { return KindAccept }
func (Decline) Kind() Kind            { return KindDecline }
func (Leave) Kind() Kind              { return KindLeave }
func (SetChannel) Kind() Kind         { return KindSetChannel }
func (SetTicket) Kind() Kind          { return KindSetTicket }
func (AttachRunbook) Kind() Kind      { return KindAttachRunbook }
func (RecordStep) Kind() Kind         { return KindRecordStep }
func (Mitigate) Kind() Kind           { return KindMitigate }
func (Update) Kind() Kind             { return KindUpdate }
func (AddEvidence) Kind() Kind        { return KindAddEvidence }
func (Link) Kind() Kind               { return KindLink }
func (Unlink) Kind() Kind             { return KindUnlink }
func (Merge) Kind() Kind              { return KindMerge }
func (Absorb) Kind() Kind             { return KindAbsorb }
func (Redirect) Kind() Kind           { return KindRedirect }
func (Split) Kind() Kind              { return KindSplit }
func (Separate) Kind() Kind           { return KindSeparate }
func (Cancel) Kind() Kind             { return KindCancel }
func (Resolve) Kind() Kind            { return KindResolve }
func (Verify) Kind() Kind             { return KindVerify }
func (Close) Kind() Kind              { return KindClose }
func (Reopen) Kind() Kind             { return KindReopen }
func (SchedulePostmortem) Kind() Kind { return KindSchedulePostmortem }
func (SkipPostmortem) Kind() Kind     { return KindSkipPostmortem }
func (ReviewRunbooks) Kind() Kind     { return KindReviewRunbooks }
func (Correct) Kind() Kind            { return KindCorrect }
func (Note) Kind() Kind               { return KindNote }
func (Restrict) Kind() Kind           { return KindRestrict }
