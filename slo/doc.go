// Package slo models what reliable means: service level indicators (SLI) and
// objectives (SLO), the window and the method by which an error budget is
// counted, and the [Source] that measures them.
//
// The vocabulary is that of the SRE Workbook (chapter 2) and of OpenSLO v1.
// An [SLO] says that of the events an [SLI] counts, at least the share
// [Objective] is good over a [Window]; what may be bad is the error budget,
// which package budget accounts for.
//
// The package is pure: no clock, no I/O beyond loading a time zone in
// [SLO.Compile], no goroutine. Objectives are exact rationals made from
// decimal text, and comparisons with them are exact on the counts given.
//
// Missing data never looks like success: a [Source] reports how much of each
// span was measured, and [Counts] carry it.
package slo
