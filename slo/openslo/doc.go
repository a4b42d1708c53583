// Package openslo reads SLO and SLI documents of OpenSLO v1
// (https://github.com/OpenSLO/OpenSLO, apiVersion openslo/v1) as [slo.SLO].
//
// An input holds one or more YAML documents, each an object or a list of
// objects, or JSON. An SLO has its indicator inline or refers by indicatorRef
// to an SLI of the same input. Each objective becomes an slo.SLO of its own,
// because each has a budget of its own; every one that is returned compiles.
//
// # Strict and lenient
//
// By default [Read] is strict: every deviation is a [sre.Problem] with file,
// line and path, all of them are returned at once, and then there is no
// result. [Options.Lenient] reads the same way with two differences. What does
// not hinder understanding (an unknown field, kind or apiVersion, a name or
// label outside the specification's form, a description that is too long) is
// reported in [File.Dropped] and ignored. And an SLO that cannot be read is
// left out and named there with its problems, while the others are returned.
// So lenient never reads an SLO in another way than strict would; it only
// gives up less. Text that is not YAML is an error in both.
//
// In both modes File.Dropped also lists what is valid and understood but has no
// place in an slo.SLO, so that nothing disappears silently.
//
// # Identity
//
// The ID of an SLO is metadata.name. If the document has several objectives it
// is metadata.name, a slash, and the objective's displayName in lower case with
// every run of characters other than a-z and 0-9 as one hyphen
// ("web/good-experience"), or, where that leaves nothing, the objective's
// index, from 0. Two SLOs of one input with the same ID are a problem of both.
// The title is the displayName of the SLO and that of the objective.
//
// # Where the specification leaves a choice
//
//   - target and targetPercent keep their decimal text and never pass through a
//     float. 0 and 0% are permitted by OpenSLO and refused here: they promise
//     nothing. target: 99.9 is refused, not taken for a percentage.
//   - counter is required in a ratioMetric of good or bad and total, as in
//     OpenSLO's JSON schema. The official SDK takes a missing one for false, so
//     reading true would be a guess; [Options.AssumeCounter] is the caller's
//     word for it. counter: false (gauges of counts) is refused: such a ratio
//     can be given as raw with rawType.
//   - A rolling window in months, quarters or years has no exact length and is
//     refused; the problem names the length in days that is probably meant.
//   - The m of a duration is minutes. A calendar window of 1m, which an example
//     of the specification uses for a month, is refused and 1M suggested.
//   - A calendar window starts at calendar.startTime and then every duration,
//     so a week from 2022-01-01 12:00:00 runs from Saturday noon to Saturday
//     noon: see Anchor of [slo.Window].
//   - timeWindow is optional in OpenSLO but an SLO without a window decides
//     nothing: it is refused unless [Options.Window] says what to use.
//   - Composite SLOs (an indicator or compositeWeight in an objective) are
//     refused.
//   - A thresholdMetric takes one objective in OpenSLO; lenient reads several.
//   - op and value belong to a thresholdMetric, timeSliceTarget to Timeslices,
//     timeSliceWindow to both slice-based methods. Elsewhere they are dropped.
//   - Label values may be lists; [sre.Labels] have one value, so the values are
//     joined with commas and the joining is reported.
//   - A metric's Query is metricSource.spec.query, as written; its Source is
//     metricSourceRef or else type. Other fields of that spec are dropped, and
//     their values are not repeated: they may be credentials.
//   - alertPolicies, and the kinds DataSource, Service, AlertPolicy,
//     AlertCondition and AlertNotificationTarget, are dropped unread.
//   - Aliases, merge keys and tags of YAML are not followed.
//
// # Annotations
//
// What an slo.SLO has and OpenSLO has not can be said in annotations of the
// SLO's metadata, all optional. An unknown one with this prefix is an unknown
// field; other annotations are dropped.
//
//	sre-sdk.github.com/owner           ID of a team or person
//	sre-sdk.github.com/criticality     low, standard, high or critical
//	sre-sdk.github.com/review-by       2027-01-31 (midnight UTC) or an RFC 3339 instant
//	sre-sdk.github.com/missing         Ignore, CountAsGood or CountAsBad
//	sre-sdk.github.com/absent-is-zero  "true": no series of bad means no bad events
package openslo
