// Package sre holds the few words that every domain of the module shares:
// [Outcome], [Severity], [Actor], [Reason], [Problem] and [Labels].
//
// The module models site reliability engineering as Go code. Each package
// exposes typed domain models and a pure policy engine: time is an argument,
// and no engine reads a clock, draws randomness, starts a goroutine, logs or
// does I/O. Storage, paging and metric sources plug in behind small
// interfaces.
//
// # Packages
//
//   - slo: what reliable means. SLO, Objective, SLI, Window, Source; Lint.
//   - slo/openslo: reads OpenSLO v1 documents.
//   - slo/prometheus: a Source over the Prometheus HTTP API; also Thanos, Mimir
//     and VictoriaMetrics.
//   - slo/slotest: generators and the conformance test of a Source.
//   - budget: what is left. Status, BurnAlert, Policy and its Decision.
//   - budget/budgetfile: reads budget policies from YAML or JSON.
//   - budget/budgettest: generators and the laws of a budget policy.
//
// # Stability
//
// Nothing is released yet. The shapes of slo and budget settle first.
package sre
