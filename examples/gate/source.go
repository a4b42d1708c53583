package main

import (
	"bytes"
	_ "embed"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/prometheus/common/config"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/examples/gate/internal/recording"
	"github.com/sre-sdk/sre/slo"
	"github.com/sre-sdk/sre/slo/openslo"
	"github.com/sre-sdk/sre/slo/prometheus"
)

// A source is where counts come from.
type source struct {
	slo.Source
	at     time.Time         // up to when is measured
	moment *recording.Moment // what is played back; nil for a source of the user's own
	past   bool              // it can be asked for any span, so the budget can be drawn
}

// prometheusFlags mean nothing without -prometheus.
var prometheusFlags = []string{"prometheus-bearer-token-file", "prometheus-http-config", "tenant", "scrape-interval"}

// ownSource reports whether the user named a source.
func (f *flags) ownSource() bool { return f.set["prometheus"] || f.set["counts"] }

// readSource fills in the source and the instant of the decision.
func (f *flags) readSource(o *options, p *sre.Problems) {
	if f.set["prometheus"] && f.set["counts"] {
		p.Add("-counts", "conflict", nil, "either -prometheus or -counts")
	}
	for _, name := range prometheusFlags {
		if f.set[name] && !f.set["prometheus"] {
			p.Add("-"+name, "not_allowed", nil, "-prometheus, to which it belongs")
		}
	}
	if f.moment != "" && f.ownSource() {
		p.Add("-moment", "not_allowed", f.moment, "no source: moments are those of the recording")
	}
	o.now = f.readNow(p)
	if f.set["prometheus"] {
		o.source = source{Source: f.makePrometheus(o, p), at: o.now, past: true}
	}
	if f.counts != "" {
		counts := readCountsFile(f.counts, p)
		o.source = source{Source: counts, at: counts.at}
	}
	if !f.ownSource() {
		f.readMoment(o, p)
	}
}

func (f *flags) readNow(p *sre.Problems) time.Time {
	now := time.Now().UTC().Truncate(time.Second)
	if f.at == "" {
		return now
	}
	if !f.ownSource() {
		p.Add("-at", "not_allowed", f.at, "-prometheus or -counts: a recording has its -moment")
	}
	at, err := time.Parse(time.RFC3339, f.at)
	switch {
	case err != nil:
		p.Add("-at", "invalid_instant", f.at, "RFC 3339, such as 2026-04-29T12:00:00Z")
	case at.After(now.Add(budget.MaxSkew)):
		p.Add("-at", "out_of_range", f.at, "an instant that has come")
	}
	return at.UTC()
}

// makePrometheus repeats neither the URL nor the content of a file in problems:
// both may hold passwords.
func (f *flags) makePrometheus(o *options, p *sre.Problems) slo.Source {
	u, err := url.Parse(f.prometheus)
	usable := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
	if !usable && f.prometheus != "" {
		p.Add("-prometheus", "invalid_url", nil, "an absolute http or https URL without query, such as http://prometheus:9090")
	}
	s := &prometheus.Source{URL: f.prometheus, Tenant: f.tenant, Timeout: o.timeout, HTTP: f.readHTTPConfig(p)}
	switch {
	case f.scrapeInterval != "":
		if s.ScrapeInterval, err = parseSpan(f.scrapeInterval); err != nil {
			p.Merge("-scrape-interval", err)
		} else if s.ScrapeInterval < prometheus.MinStep || s.ScrapeInterval%time.Millisecond != 0 {
			p.Add("-scrape-interval", "out_of_range", f.scrapeInterval, "at least 1s, in whole milliseconds")
		}
	case o.policy != nil:
		s.ScrapeInterval = o.policy.Policy().ScrapeInterval
	}
	return s
}

// quotedText is how the YAML reader repeats a value that it cannot use.
var quotedText = regexp.MustCompile("`[^`]*`")

func (f *flags) readHTTPConfig(p *sre.Problems) config.HTTPClientConfig {
	if f.set["prometheus-http-config"] && f.set["prometheus-bearer-token-file"] {
		p.Add("-prometheus-bearer-token-file", "conflict", nil, "either it or -prometheus-http-config")
		return config.HTTPClientConfig{}
	}
	if f.httpConfig != "" {
		c, _, err := config.LoadHTTPConfigFile(f.httpConfig)
		if err != nil {
			p.Add("-prometheus-http-config", "unreadable", f.httpConfig, "an http_config in YAML: "+quotedText.ReplaceAllString(err.Error(), "`...`"))
			return config.HTTPClientConfig{}
		}
		return *c
	}
	if f.tokenFile == "" {
		return config.HTTPClientConfig{}
	}
	if _, err := os.ReadFile(f.tokenFile); err != nil { // the first request would say it too late
		p.Add("-prometheus-bearer-token-file", "unreadable", f.tokenFile, "a readable file: "+cause(err))
	}
	return config.HTTPClientConfig{Authorization: &config.Authorization{Type: "Bearer", CredentialsFile: f.tokenFile}}
}

var (
	//go:embed testdata/checkout.yaml
	recordedSLO []byte
	//go:embed testdata/recording.jsonl
	recorded []byte
)

// readMoment sets up the recording.
func (f *flags) readMoment(o *options, p *sre.Problems) {
	moment, err := recording.ParseMoment(f.moment)
	if err != nil {
		p.Merge("-moment", err)
		return
	}
	play, err := recording.Decode(bytes.NewReader(recorded))
	if err != nil {
		p.Merge("-moment", err)
		return
	}
	o.now = moment.At
	o.source = source{
		Source: &prometheus.Source{URL: recording.URL, Transport: play},
		at:     moment.At, moment: &moment, past: true,
	}
}

func recordedSLOs(p *sre.Problems) []slo.SLO {
	read, err := openslo.Read(bytes.NewReader(recordedSLO), openslo.Options{Name: "checkout.yaml"})
	if err != nil {
		p.Merge("-slo", err)
		return nil
	}
	return read.SLOs
}
