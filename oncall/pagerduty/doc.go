// Package pagerduty sends deliveries to PagerDuty, as trigger events of its
// Events API v2. [New] makes an oncall.Pager of a [Config].
//
// # Contacts
//
// The address of a contact is the name of an entry of Config.RoutingKeys, or a
// routing key itself, which is the 32 characters of the Events API v2
// integration of a PagerDuty service. Prefer names: a delivery is stored and
// shown in many places, and a name is no secret. An address that is neither is
// oncall.ErrPermanent.
//
// PagerDuty escalates by itself whatever reaches one of its services. A routing
// key for each person or team, whose PagerDuty policy notifies just them, leaves
// the escalation to the caller.
//
// # Idempotency
//
// PagerDuty merges a trigger event into the open alert with the same dedup_key
// of the same service, and merging notifies nobody. So the dedup_key must be as
// narrow as one page, and by default it is the Key of the delivery, through
// [DedupKey]: sending the same again, also from another process and after an
// unknown outcome, adds a log line to one alert. The next level, the next person
// and the next round of one escalation have other Keys and page again.
//
// Config.DedupKey can say otherwise, for example one alert for an escalation and
// person, so that a second round shows on the same alert. Whoever widens it must
// know that the wider alert, once open, takes further pages without notifying
// anybody: never leave the person or the routing key's audience out of it.
//
// Two things cannot be repaired here. When the alert is already resolved, a
// repeated event opens a new one: resolve only what is no longer being sent. And
// a receipt says that PagerDuty has queued the event, not that it notified
// somebody: a service that is disabled, in maintenance or without anybody on call
// also accepts.
//
// # Errors
//
//	202 with status "success" and our dedup_key   accepted
//	400                                           oncall.ErrPermanent
//	401, 403, 404 and other 4xx, if the body is   oncall.ErrPermanent
//	an error object of the Events API
//	429                                           oncall.RateLimited by Retry-After
//	5xx, no answer, anything else                 try again
//
// What PagerDuty documents is 202, 400, 429 and 5xx. A 401 or 403 from a proxy
// on the way says nothing about the key and will often pass, so only one that
// carries PagerDuty's own error object is final. That is so for the sake of
// whoever waits: a key that was revoked stays so for longer than a page may take,
// and a permanent error makes the caller try the next contact at once. Where the
// answer names the routing key, errors.Is(err, [ErrRoutingKey]) holds as well:
// alarm on it, because every page to that contact will fail. Redirects are not
// followed.
//
// Errors are *[Error] if PagerDuty answered. They carry the reasons that it gave,
// shortened and without anything that looks like a routing key.
//
// # Limits
//
// A routing key gets 120 calls a minute, triggers, acknowledgements and
// resolutions together. PagerDuty's specification of the Events API names no
// number and says that it adjusts its throttle to the traffic; 120 is the
// customary one, and its 429 decides. The Pager counts its own calls, and answers
// one more with oncall.RateLimited without making it. A call counts until a minute
// after its answer has come, so no minute at PagerDuty's clock sees more, however
// long a call was on its way. Processes that share a key share the limit: give
// each its part in Config.CallsPerMinute. A 429 holds all further calls of that
// key back for as long as PagerDuty asked, at most [MaxRetryAfter].
//
// The summary is cut to [MaxSummary] bytes and the event to [MaxEvent], both
// between characters; a cut title is whole in the custom details, and of the
// details the longest are cut first. Nothing is refused for its size.
//
// # Security
//
// A routing key can only send events to one service: it reads nothing, and it is
// all that this package needs. No API token is involved. Keys are in no error,
// and neither a Config nor a Pager prints them. Events go to the configured
// endpoint only, by https unless the host is the loopback interface.
package pagerduty
