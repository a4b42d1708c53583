// Package webhook pages by signed HTTP requests, as the Standard Webhooks
// specification 1.0.0 (https://www.standardwebhooks.com) has them, and receives
// such requests.
//
// A [Pager] implements [oncall.Pager] for contacts of the kind
// [oncall.Webhook], whose address is a URL. It posts a [Message] in an
// envelope:
//
//	POST /hook HTTP/1.1
//	Content-Type: application/json
//	Webhook-Id: esc-7/1/alice
//	Webhook-Timestamp: 1772805600
//	Webhook-Signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
//
//	{"schema":1,"type":"oncall.delivery","data":{
//	  "key":"esc-7/1/alice", "person":"alice", "contact":"gateway", "severity":1,
//	  "title":"checkout is down", "body":"5xx 12 %", "link":"https://..."}}
//
// The signature is the HMAC-SHA256 of "id.timestamp.body". There is one for each
// secret, so that a key is rotated without a gap: add the new one in front, change
// the receivers, take the old one away.
//
// # Idempotency
//
// The webhook-id is a function of the delivery's key, [ID]: the key itself, or
// its hash where it holds bytes that cannot be signed safely. It is the same
// whenever the same delivery is sent again, and so is the body; only the
// timestamp and the signature change. A receiver that knows the id answers 2xx
// and does nothing, as [Receiver] does.
//
// # Outcomes
//
// Send makes one attempt; whoever calls it repeats it.
//
//	2xx                               accepted
//	429                               oncall.RateLimited: Retry-After, else Config.Pause
//	503 with Retry-After              oncall.RateLimited
//	410 and what Permanent lists      oncall.ErrPermanent: the next contact
//	401, 403, 404, 3xx                try again: see Permanent
//	other 4xx that a wait mends, 5xx  try again
//	no answer, for whatever reason    try again: it may have arrived
//	not a webhook, no key, bad URL    oncall.ErrPermanent, without a request
//	address not public, see below     oncall.ErrPermanent and ErrBlocked
//
// The rule is that of the seam: permanent is only what no retry can mend. A wrong
// key, a missing route or a certificate that has expired is mended by a person
// while the page is on its way, so the delivery is kept and not given up. Where a 404 means that the endpoint is gone
// for good, say so in Config.Permanent. Retry-After is read as seconds or as a
// date, and bounded by [MinPause] and Config.MaxPause.
//
// # Security
//
// Connections go to https URLs, with TLS 1.2 or better, and to public addresses
// only: contacts are often entered by people who must not reach the services
// beside this program. The address is checked when the connection is made, after
// the name was resolved. Networks of one's own are opened with Config.Private; to
// let a proxy check instead, set Config.Transport. Redirects are never followed,
// and the proxies of the environment are not used.
//
// Errors name the contact by kind and ID. They hold neither the URL, which often
// is the secret, nor the host, nor a byte of the answer. A [Secret] does not
// print.
//
// # Receiving
//
// [Verify] checks one message: signature in constant time, then age, within five
// minutes either way. [Receiver] is a handler that also bounds the body and
// refuses to handle the same id twice within the time in which it could be
// replayed, with a bounded [Memory] or a [Seen] of one's own. Both serve any
// sender that follows the specification; [ParseMessage] reads the messages of
// this package.
package webhook
