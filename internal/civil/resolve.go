package civil

import "time"

// A Gap says which instant a civil time means that the zone skips.
type Gap uint8

const (
	// GapEnd is the first instant after the gap: New York 2026-03-08 02:30
	// becomes 03:00. Every civil time of the gap becomes the same instant, so
	// that the order of civil times is kept. As the end of a half-open interval
	// it is also the last moment before the gap.
	GapEnd Gap = iota
	// GapShift reads the civil time by the offset before the gap, as RFC 5545
	// section 3.3.5 demands: 02:30 becomes 03:30. It may come later than the
	// instant of a later civil time: 03:15 is earlier.
	GapShift
	// GapSkip says that there is no such instant.
	GapSkip
)

var gapNames = [...]string{GapEnd: "end", GapShift: "shift", GapSkip: "skip"}

// String returns the lower-case name.
func (g Gap) String() string { return enumString(gapNames[:], g, "gap") }

// MarshalText returns the lower-case name; it refuses values that have none.
func (g Gap) MarshalText() ([]byte, error) { return marshalEnum(gapNames[:], g, "gap") }

// UnmarshalText reads the lower-case name.
func (g *Gap) UnmarshalText(text []byte) error { return unmarshalEnum(gapNames[:], g, "gap", text) }

// A Fold says which instant a civil time means that the zone repeats.
type Fold uint8

const (
	FoldFirst  Fold = iota // the first pass, as RFC 5545 section 3.3.5 demands
	FoldSecond             // the last pass
)

var foldNames = [...]string{FoldFirst: "first", FoldSecond: "second"}

// String returns the lower-case name.
func (f Fold) String() string { return enumString(foldNames[:], f, "fold") }

// MarshalText returns the lower-case name; it refuses values that have none.
func (f Fold) MarshalText() ([]byte, error) { return marshalEnum(foldNames[:], f, "fold") }

// UnmarshalText reads the lower-case name.
func (f *Fold) UnmarshalText(text []byte) error { return unmarshalEnum(foldNames[:], f, "fold", text) }

// A Kind says what a zone does with a civil time.
type Kind uint8

const (
	Unresolved Kind = iota // the zone or the civil time is not set or not valid
	Exact                  // the zone shows it once
	InGap                  // the zone skips it
	InFold                 // the zone shows it twice or more
)

var kindNames = [...]string{Unresolved: "unresolved", Exact: "exact", InGap: "in_gap", InFold: "in_fold"}

// String returns the lower-case name.
func (k Kind) String() string { return enumString(kindNames[:], k, "kind") }

// Resolve returns the instant that dt means in this zone, shown in this zone.
// gap decides where the zone skips dt, fold where it repeats dt; kind says
// which of them was needed. ok is false if there is no such instant: under
// [GapSkip] inside a gap, and with kind [Unresolved] if the zone is not set or
// dt or a policy is not valid.
//
// 24:00 is resolved as 00:00 of the next day.
func (z Zone) Resolve(dt DateTime, gap Gap, fold Fold) (t time.Time, kind Kind, ok bool) {
	if z.IsZero() || !dt.Valid() || gap > GapSkip || fold > FoldSecond {
		return time.Time{}, Unresolved, false
	}
	first, second, kind := z.rules.resolve(dt.seconds())
	switch {
	case kind == InGap && gap == GapSkip:
		return time.Time{}, InGap, false
	case kind == InGap && gap == GapShift, kind == InFold && fold == FoldSecond:
		return z.at(second), kind, true
	}
	return z.at(first), kind, true
}
