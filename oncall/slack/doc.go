// Package slack sends deliveries as Slack messages, and takes the presses of
// their Acknowledge button. [New] makes an oncall.Pager of a [Config];
// [NewHandler] makes the endpoint for the button of a [HandlerConfig].
//
// # Contacts
//
// The address of a contact is the ID of a channel (C..., G..., D...) or of a user
// (U..., W...), whom the app then writes directly. Slack also takes the name of a
// channel; an ID does not change. Who is notified of a message in a channel is
// up to the settings of its members, so page people directly.
//
// # Messages
//
// A message has the severity and title as its header, the body, for whom it is,
// and buttons: one opens the link and changes nothing, one acknowledges if
// Config.Button is set. All text is plain text to Slack, with & < > escaped and
// @channel, @here and @everyone broken up, so nothing in a title or body can
// mention people, link, or format. Long text is cut between characters, counted
// in UTF-16 units after escaping: the header to [MaxHeader], the body to
// [MaxSections] sections of [MaxSection], the text of notifications to
// [MaxNotification]. That stays far below the 40,000 characters of a message, and
// below the 13,000 or so at which Slack refuses blocks without documenting it
// (msg_blocks_too_long).
//
// # Idempotency
//
// There is none at Slack. chat.postMessage documents no idempotency key: the
// client_msg_id in its list of errors belongs to Slack's own clients, and Slack
// asks apps not to rely on it. So after an unknown outcome (a lost answer, a
// crash) the same delivery sent again can appear twice. This package makes that
// rare:
//
//   - A Pager remembers the receipts of the last [MaxRemembered] accepted
//     deliveries, and returns the receipt of a repeated Key without sending.
//   - With Config.Lookback, each message carries a mark in its metadata, and Send
//     first looks for the mark among the newest [MaxLookback] messages of that time.
//     This finds what another process or an unknown outcome left, costs one more
//     call per page and needs the scope to read the history. It works for channels
//     and not for users, whose conversation is not known before a message was
//     sent. If the look-up fails, takes more than [LookupTimeout] or asks for a
//     pause, the message is sent: twice is better than never. Commercially
//     distributed apps outside the Marketplace get one such call a minute, which
//     makes the option useless for them.
//
// The mark is an HMAC of the Key under the token, so no other app can forge it to
// suppress a page, nor read the Key.
//
// # Errors
//
//	oncall.ErrPermanent, the next contact is tried:
//	  the contact    channel_not_found, user_not_found, user_disabled, is_archived,
//	                 not_in_channel, restricted_action and its variants, no_permission,
//	                 messages_tab_disabled, cannot_dm_bot, channel_type_not_supported,
//	                 slack_connect_*, team_not_found, access_denied, ekm_access_denied
//	  the message    msg_too_long, msg_too_large, msg_blocks_too_long, no_text, invalid_blocks*,
//	                 *metadata*, invalid_arguments and other invalid_* of the call
//	  the token      not_authed, invalid_auth, account_inactive, token_revoked,
//	                 token_expired, missing_scope, not_allowed_token_type and such,
//	                 for which errors.Is(err, [ErrToken]) holds too
//	oncall.RateLimited:
//	  429, ratelimited, rate_limited, message_limit_exceeded
//	try again, the outcome may be unknown:
//	  internal_error, fatal_error, request_timeout, service_unavailable,
//	  team_added_to_org, org_login_required, external_channel_migrating, any code
//	  that is not listed, 5xx, no answer, an answer that is not Slack's
//
// What somebody must repair by hand, such as inviting the app to a channel or
// renewing a token, takes longer than a page may wait, so it is permanent: the
// caller tries the next contact now, and its dead letters show what to repair.
// Alarm on ErrToken, because it fails every page by this Pager. A code that Slack
// adds tomorrow is tried again rather than taken for a final refusal.
//
// # Limits
//
// Slack takes one message a second and channel, with short bursts that it does
// not guarantee to show. The Pager sends no faster, by Config.Burst messages at
// once at most, and answers what is too early with oncall.RateLimited. A call
// counts until a second after its answer, so Slack's clock sees no more either.
// Processes that share a channel add up; then Slack's 429 decides, which holds
// that channel back for as long as Slack asks, at most [MaxRetryAfter].
//
// # Security
//
// A bot token (xoxb-) needs the scope chat:write, and chat:write.public to write
// in public channels that it is no member of. Config.Lookback needs
// channels:history and groups:history as well. Take nothing else, and no user
// token. The token goes to Config.BaseURL only, by https unless the host is the
// loopback interface; redirects are not followed. Neither token, signing secret
// nor address is in an error, and Config, HandlerConfig and Pager do not print
// them. Receipts name a message by its timestamp and not the channel.
//
// The handler believes a request only if the X-Slack-Signature of its body is
// right, compared in constant time before anything is parsed, and its timestamp
// at most five minutes off. Within that time a copy passes again: acknowledging is
// idempotent, and Press.ID is the same. Slack says who pressed; whether they may
// acknowledge is for the callback to say, since everybody who sees the message has
// the button.
package slack
