// Command mttr says in one honest sentence per measure whether incidents got
// shorter, from a CSV file of incidents.
//
//	mttr                                        a sample, split at 2026-04-01
//	mttr -split 2026-04-01 incidents.csv        incidents that began before and from that day on
//	mttr -before 2026-Q1 -after 2026-Q2 FILE    two values of the column period
//	mttr -measure MTTD,MTTR,detected:mitigated -o json - < incidents.csv
//
// It never says "MTTR improved": it says that there is evidence of a change and
// how large it is, or that there is none and which change could have been seen,
// or that the incidents are too few. The picture shows each incident on a scale
// of logarithms, with the median and its interval below.
//
// # Columns
//
// Names may be written in any letter case, with spaces, dashes or underscores,
// and with or without "_at" or "_time". Other columns are named on standard error
// and ignored. Fields are separated by commas, or by semicolons if the first line
// has no comma.
//
//	id            default: the number of the line
//	severity      P1 to P4, SEV1, SEV-1, S1 or 1 (also: sev, priority); -scale for other names
//	service       class         to compare within, with -strata
//	impact        users are affected (also: start, started, begin, began)
//	detected      somebody or something knows (also: first_detected, alerted, created)
//	acknowledged  somebody works on it (also: acked, ack)
//	mitigated     users are no longer affected severely (also: repaired, stabilized)
//	resolved      back to normal (also: end, ended, restored)
//	minutes       the time from impact to resolved, instead of the times (also: duration_min, ttr_minutes)
//	period        such as 2026-Q1 (also: quarter, year, month)
//	state         open or closed; without it, an incident that has not resolved is open
//
// Times are RFC 3339, or 2026-04-01 12:30 and 2026-04-01 12:30:59, which count as
// UTC. An empty field is not known.
//
// # Exit status
//
//	0  no evidence of a change, too few incidents, or evidence that they got shorter
//	1  evidence that a measure got longer
//	2  the input cannot be used: everything wrong with it is listed, with its line
//
// It is a report, no gate: too few incidents are no failure. "go run" turns every
// failure into 1.
package main
