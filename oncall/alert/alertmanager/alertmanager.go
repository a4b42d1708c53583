// Package alertmanager reads the webhooks of Alertmanager (version 4) and of
// Grafana, whose webhook is a variant with more fields.
//
// Alertmanager does not send again what was answered with a 4xx status. Answer
// such a body with what [Read] could read, and set max_alerts in the receiver so
// that no message exceeds [alert.MaxBytes].
package alertmanager

import (
	"cmp"
	"fmt"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/alert/internal/intake"
)

// Read reads the body of a webhook.
//
// The status of the group decides nothing: an alert is resolved if it is listed
// as resolved. What a truncated message leaves out stands in Batch.Truncated;
// see [alert.Batch.Unlisted].
//
// The severity is that of the label severity, else priority; the service that of
// the label service; the summary that of the annotation summary, else
// description, else the label alertname.
//
// The error carries every [sre.Problem]. The batch holds all alerts that have
// none, also then: pages do not wait for a sender to be mended. The others count
// as left out (Batch.Truncated) unless they are resolved, so that something pages
// for them, too. Fields that are
// not known are in Batch.Dropped.
func Read(data []byte) (alert.Batch, error) {
	r := intake.New("alertmanager")
	doc := r.Parse(data)
	if doc == nil {
		return alert.Batch{}, r.Err()
	}
	if !doc.IsObject() {
		r.Problems.Add("", "wrong_type", nil, "an object")
		return alert.Batch{}, r.Err()
	}
	grafana := doc.Field("orgId").Exists()
	switch version := doc.Need("version").Text(); {
	case version == "4", version == "1" && grafana, version == "":
	default:
		r.Problems.Add("version", "unsupported_version", version, `"4", or "1" of Grafana`)
		return alert.Batch{}, r.Err()
	}
	source := "alertmanager"
	if grafana {
		source = "grafana"
	}
	common := doc.Field("commonLabels").Labels()
	before := r.Problems.Len()
	truncated := doc.Field("truncatedAlerts").Int()
	if r.Problems.Len() > before {
		truncated = 1 // it cannot be told that none is left out
	}
	b := alert.Batch{
		GroupKey:    doc.Need("groupKey").Text(),
		GroupLabels: doc.Field("groupLabels").Labels(),
		Status:      status(r, doc.Need("status")),
		Truncated:   truncated,
	}
	b.Severity, _ = alert.ParseSeverity(cmp.Or(common.Get("severity"), common.Get("priority")))
	if b.GroupKey != "" {
		b.GroupKey = source + " " + doc.Field("receiver").Text() + " " + doc.Field("externalURL").Text() + " " + b.GroupKey
	}
	list := doc.Need("alerts")
	nodes := list.List(alert.MaxBatchAlerts)
	b.Truncated += list.Len() - len(nodes)
	for _, n := range nodes {
		if a, ok := read(r, n, source); ok {
			b.Alerts = append(b.Alerts, a)
		} else if a.Status != alert.Resolved {
			b.Truncated++ // it may fire, so it must not be lost
		}
	}
	doc.Skip("receiver", "externalURL", "commonAnnotations", "title", "state", "message", "appVersion")
	doc.Rest()
	b.Dropped = r.Dropped()
	return b, r.Err()
}

func status(r *intake.Reading, n *intake.Node) alert.Status {
	switch text := n.Text(); text {
	case "firing":
		return alert.Firing
	case "resolved":
		return alert.Resolved
	case "":
	default:
		r.Problems.Add(n.Path, "unknown_status", text, "firing or resolved")
	}
	return alert.StatusUnknown
}

func read(r *intake.Reading, n *intake.Node, source string) (alert.Alert, bool) {
	if !n.Object() {
		if !n.Exists() {
			r.Problems.Add(n.Path, "missing", nil, "an alert")
		}
		return alert.Alert{}, false
	}
	before := r.Problems.Len()
	labels := n.Need("labels").Labels()
	annotations := n.Field("annotations").Texts()
	a := alert.Alert{
		Fingerprint: n.Field("fingerprint").Text(),
		Status:      status(r, n.Need("status")),
		Labels:      labels,
		Annotations: annotations,
		Severity:    r.Severity(sre.JoinPath(n.Path, "labels.severity"), cmp.Or(labels.Get("severity"), labels.Get("priority"))),
		Service:     r.Service(sre.JoinPath(n.Path, "labels.service"), labels.Get("service")),
		Summary:     cmp.Or(annotations["summary"], annotations["description"], labels.Get("alertname")),
		Source:      source,
		Starts:      n.Field("startsAt").Time(),
	}
	if ends := n.Field("endsAt").Time(); a.Status == alert.Resolved { // of what fires it is when it would time out
		a.Ends = ends
	}
	for _, l := range []struct{ field, text string }{
		{"generatorURL", "source"}, {"dashboardURL", "dashboard"}, {"panelURL", "panel"}, {"silenceURL", "silence"}, {"imageURL", "image"},
	} {
		if url := n.Field(l.field).Text(); url != "" {
			a.Links = append(a.Links, alert.Link{Text: l.text, URL: url})
		}
	}
	a.Links = append(a.Links, runbook(annotations)...)
	a.Annotations = values(n, a.Annotations)
	n.Skip("orgId", "ruleUID")
	n.Rest()
	ok := r.Finish(n.Path, &a)
	return a, ok && r.Problems.Len() == before
}

func runbook(annotations map[string]string) []alert.Link {
	if url := annotations["runbook_url"]; url != "" {
		return []alert.Link{{Text: "runbook", URL: url}}
	}
	return nil
}

// values keeps what Grafana has measured: the annotations value_string and, for
// each expression, value_<name>.
func values(n *intake.Node, annotations map[string]string) map[string]string {
	add := func(name, value string) {
		if annotations == nil {
			annotations = map[string]string{}
		}
		if _, there := annotations[name]; !there {
			annotations[name] = value
		}
	}
	if text := n.Field("valueString").Text(); text != "" {
		add("value_string", text)
	}
	if v := n.Field("values"); v.Object() {
		for _, name := range v.Names() {
			if text, ok := v.Field(name).Scalar(); ok {
				add(fmt.Sprintf("value_%s", name), text)
			}
		}
	}
	return annotations
}
