// Package catalog says which services there are, who owns them and what they
// need to work.
//
// A [Catalog] is plain data; [Catalog.Compile] checks it once and returns the
// [Compiled] form that answers questions: who owns it, what does it need, who
// is hit when it fails, how are two services connected. Other packages that want
// to know the dependencies of a service take [Dependencies], one method.
//
// # Vocabulary
//
//   - A service is anything that can fail by itself: a service, a website, a
//     database, a queue, the API of somebody else.
//   - A hard dependency is one without which the service does not work; a soft
//     one is missed, and the service works on without it. What is not stated is
//     hard. Hard dependencies have no cycle: services in one could never be
//     started, and each would need to be more reliable than itself.
//   - Criticality is how much depends on a service, as in package slo. What is
//     elsewhere called a tier is this.
//   - The ceiling of a service is how reliable it can be at best, given what
//     those promise that it needs: [Compiled.Ceiling].
//
// [Compiled.Lint] advises where a team may want to go on: services without an
// owner, SLO or escalation policy, services that nothing connects, objectives
// above the ceiling. [Compiled.Markdown] and [Compiled.DOT] show the catalog.
//
// Package slo/slofile reads catalogs from files; slo/catalog/backstage reads
// catalog-info.yaml. Everything here is pure, and a Compiled is immutable and
// safe for concurrent use.
package catalog
