package stats

import "github.com/sre-sdk/sre"

// A Verdict is [Evidence], [NoEvidence] or [TooFew], and nothing else.
type Verdict interface {
	String() string // one clause for people
	verdict()
}

// Evidence says that the change is more than chance, as far as the level goes. It
// does not say why.
type Evidence struct {
	Change Change
	P      float64 // adjusted for the other measures compared
}

// NoEvidence says that nothing was seen, and what would have been.
type NoEvidence struct {
	P   float64
	MDE MDE
}

// TooFew says that these incidents could not have been evidence of any change.
type TooFew struct {
	Before, After int // that could be used
	Reason        sre.Reason
}

func (Evidence) verdict()   {}
func (NoEvidence) verdict() {}
func (TooFew) verdict()     {}
