// Package backstage reads the catalog-info.yaml files of Backstage
// (https://backstage.io/docs/features/software-catalog/descriptor-format) as a
// [catalog.Catalog].
//
// A Component or a Resource becomes a service. Entities refer to each other
// across files, so all files are read together:
//
//   - spec.dependsOn and spec.dependencyOf become dependencies.
//   - spec.consumesApis makes the component depend on each component of the
//     input that has the API in its spec.providesApis.
//   - spec.owner is the owner, spec.system the system, spec.type the type.
//   - spec.lifecycle is read if it is one of the well-known three,
//     experimental, production and deprecated.
//   - metadata.title, description, labels and links are taken over; a link of
//     type runbook becomes a runbook. The annotation backstage.io/source-location
//     becomes a repository; of annotations those in [Kept] are kept as names in
//     other systems.
//
// API, System, Domain, Group, User, Location and Template entities become no
// service and are reported.
//
// # References
//
// A reference is [<kind>:][<namespace>/]<name>, or a mapping of kind, namespace
// and name, and letter case does not matter. The default namespace is that of
// the entity that refers. The default kind is Group for spec.owner, System for
// spec.system, API for providesApis and consumesApis, as Backstage has it.
// dependsOn and dependencyOf have none: Backstage refuses "artists-db" there,
// and so does this reader.
//
// # Identity
//
// The ID of a service is the shortest reference that means it where the default
// kind is Component and the default namespace is default, in lower case:
// "artist-web", "music/artist-web", "resource:artists-db". Owners and systems
// are written likewise, with Group and System as default kinds.
//
// # What is lost
//
// [File.Dropped] lists what has no place in a catalog or is not understood:
// nothing disappears silently. A dependency on a component or resource that is
// not in the input stays in the catalog, where Compile reports it, because the
// input may be one part of a catalog. An API that nobody in the input provides
// is dropped and reported, and so is a dependency on an entity of another kind.
// What is malformed is a [sre.Problem], and then there is no result, unless
// [Options.Lenient] leaves out the entities that have problems.
//
// # Annotations
//
// What a catalog has and Backstage has not can be said in annotations. An
// unknown one with this prefix is a problem.
//
//	sre-sdk.github.com/criticality        low, standard, high or critical
//	sre-sdk.github.com/slos               IDs, separated by commas
//	sre-sdk.github.com/runbooks           IDs or URLs, separated by commas
//	sre-sdk.github.com/escalation         ID of an escalation policy; default: "pagerduty:" and pagerduty.com/service-id
//	sre-sdk.github.com/soft-dependencies  references to components and resources, separated by commas, with kinds:
//	                                      of the dependencies stated otherwise, those that are soft
package backstage
