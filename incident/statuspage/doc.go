// Package statuspage publishes incidents on a status page with the REST API of
// Atlassian Statuspage, version 1, or one that speaks the same. [New] makes an
// incident.StatusPage of a [Config].
//
// # What the public sees
//
// The title, the texts, and the state: investigating while the incident is
// declared, identified once it is triaged, monitoring once it is mitigated,
// resolved. The severity becomes the impact: 1 critical, 2 major, others minor,
// and 0 leaves it to the page. Components get the states that the post names.
// Nothing else of the incident is sent but the identities of the posts, in the
// metadata, which the page does not show.
//
// # Idempotency
//
// The API documents no idempotency keys. Open first looks among the unresolved
// incidents for one whose metadata have its Key; Update and Resolve first read
// the incident, and do nothing if its metadata say that the same Key was the
// latest. So a post that is made again after an unknown outcome is published
// once, unless two are made at the same time by different processes, or an
// incident was resolved before its Open is repeated. The price is one more call.
//
// # Errors
//
//	incident.ErrPermanent:   400, 404, 405, 410, 413, 415, 422, and other 4xx that are not below
//	                         401 and 403, for which errors.Is(err, [ErrKey]) holds too
//	incident.RateLimited:    420 and 429, and the 60 requests a minute that a key has are used up
//	try again:               408, 409, 423, 425, redirects, 5xx, no answer, an answer that is not one
//
// Config.Rate holds back what would exceed the limit without asking the server.
// A process that shares the key with others gets fewer.
//
// # Security
//
// The key goes to Config.BaseURL only, by https unless the host is the loopback
// interface; redirects are not followed. Neither it nor what the server wrote is in
// an error, and Config and Page do not print it.
package statuspage
