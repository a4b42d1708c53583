// Package slack is the place in Slack where people talk about an incident. [New]
// makes an incident.Channel of a [Config].
//
// # Channels
//
// A channel is known by its ID (C..., G...), which Create returns. Its name is the
// given one, bent to the rules of Slack by [ChannelName]. Names are unique in
// Slack, which makes Create idempotent: if the name is taken, the channel of that
// name is looked for among those that the app can see, and returned if the app
// itself has created it. A name that somebody else has taken is a permanent
// error. So a channel that was created without an answer is found again, by any
// process.
//
// Invite invites one by one, because Slack invites nobody if one of several cannot
// be invited. People are given as IDs of users (U..., W...), or as whatever
// Config.User makes such IDs of.
//
// # Messages
//
// Text is plain text: & < > are escaped and @channel, @here and @everyone broken
// up, so nothing in it can mention people, link or hide. A message that is longer
// than Slack takes is refused rather than cut, because its end says when the next
// one comes. A topic is cut to [MaxTopic].
//
// Slack has no idempotency for messages. A Channel remembers the last
// [MaxRemembered] keys that it has posted and does not post them again; after an
// unknown outcome or in another process a message may appear twice, never not at
// all.
//
// # Errors
//
//	incident.ErrPermanent:  channel_not_found, not_in_channel, is_archived, user_not_found, cant_invite,
//	                        restricted_action and its variants, invalid_name*, msg_too_long, a name that is
//	                        taken and such; for the token also errors.Is(err, [ErrToken]): not_authed,
//	                        invalid_auth, token_revoked, missing_scope and such
//	incident.RateLimited:   429, ratelimited
//	try again:              internal_error, fatal_error, any code that is not listed, 5xx, no answer, an
//	                        answer that is not Slack's
//
// What is so already is no error: already_in_channel, already_archived.
//
// # Security
//
// A bot token (xoxb-) needs channels:manage and chat:write, channels:read to find
// a channel again, and groups:write and groups:read for private ones. It goes to
// Config.BaseURL only, by https unless the host is the loopback interface;
// redirects are not followed. It is in no error, and Config and Channel do not
// print it.
package slack
