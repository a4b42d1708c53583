// Command pager is a paging service that a team can run: alerts of Alertmanager
// and others in, escalations by YAML policies and schedules, pages by mail,
// webhook or console out, nothing lost in between.
//
//	pager                       a sample team, on a local port; prints what to send
//	pager -config DIR           the policies of a folder
//	pager -config DIR -check    what is wrong with them, and how long a P1 takes to a human
//
// DIR holds files of the kinds that oncall/oncallfile describes: Roster,
// OnCallSchedule, EscalationPolicy, one AlertRouting and at most one AlertPolicy.
// The sample is in testdata. Alertmanager sends to it with:
//
//	receivers:
//	  - name: pager
//	    webhook_configs:
//	      - url: http://pager.example:9099/v1/alerts/alertmanager
//	        max_alerts: 1000
//	        http_config: {authorization: {credentials_file: /etc/alertmanager/pager-token}}
//
// # The check
//
// -check asks escalation.Reach how long a P1 takes at worst, from a trigger at any
// instant of the next 90 days (-days), to the first contact of the kinds push, SMS
// and voice (-count): a mail at night reaches nobody. Where a webhook rings a
// telephone, say -count webhook. It takes every contact for one that can be paged:
// whether there is a way to do so is for the start to say.
//
// # What is served
//
//	POST /v1/alerts/... /v1/heartbeats/... /v2/enqueue   see oncall/dispatch/intake.Handler
//	     /v1/groups... /v1/silences...                   likewise, with a personal token
//	     /v1/escalations... /v1/dead-letters             see oncall/dispatch.Handler, likewise
//	GET  /v1/quality                                     how good the alerts of 30 days were, likewise
//	     /act/...                                        the acknowledgement links of pages
//	GET  /healthz                                        200 if the store answers
//
// A GET of an acknowledgement link shows, a POST acts. /v1/quality counts a page as
// noise or as actionable if a note on its escalation begins with that word. Serve
// TLS in front of it, and give its outer address by -url: links carry their right.
//
// # Ways of paging
//
// Contacts of the kind webhook are reached where PAGER_SIGNING_SECRETS is set,
// those of the kind email with -smtp and -from. Every other contact needs
// -console, which prints pages to standard output: without it a person who could
// not be reached is a problem at the start.
//
// # State
//
// -store says where the state is kept; any number of processes may share one:
//
//	sqlite:FILE                     one machine; default: sqlite:pager.db, of the sample a file that is removed
//	postgres://USER@HOST/DATABASE   many processes
//	etcd://HOST:PORT,HOST:PORT      survives the loss of a machine; etcds:// with TLS
//
// # Secrets
//
// Secrets come from the environment, or from the file that the variable with
// _FILE at its end names; several stand on lines of their own, and the first is
// the newest. They are never logged, and a secret of the store belongs into
// PAGER_STORE, since arguments are visible to everybody on the machine.
//
//	PAGER_TOKENS           of Alertmanager, Grafana and other senders; at least 16 bytes each
//	PAGER_PEOPLE           PERSON:TOKEN, personal tokens for the API
//	PAGER_LINK_KEYS        sign acknowledgement links; at least 32 bytes each. Without: no links
//	PAGER_ROUTING_KEYS     of senders of PagerDuty events
//	PAGER_WEBHOOK_SECRETS  of PagerDuty's v3 webhooks
//	PAGER_SIGNING_SECRETS  whsec_..., sign outgoing webhooks
//	PAGER_SMTP_PASSWORD    with -smtp-user
//	PAGER_STORE            instead of -store
//
// The start warns where no sender or nobody who could acknowledge has a secret.
//
// # Signals
//
// SIGHUP reads DIR again. If anything is wrong with it, it is logged and the old
// policies stay. Open escalations move to the new version of their policy.
// SIGINT and SIGTERM end the service: it takes no requests any more, ends what is
// under way within 10 seconds, and loses nothing.
//
// It needs no privileges but to listen, to write its SQLite file, which only its
// user can read, and to reach the store and the providers.
//
// # Exit status
//
//	0  it was stopped; with -check: every policy reaches a human within -within
//	1  with -check: some policy does not
//	2  arguments, secrets or policies cannot be used; everything wrong is listed
//	3  the port, the store or the service failed
//
// "go run" turns every failure into 1: build the command to tell them apart.
package main
