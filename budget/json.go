package budget

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// Engine is the version of the rules by which decisions are made. It changes
// when the same policy and facts could be judged differently.
const Engine = "budget/1"

// schema is the version of the JSON of decisions.
const schema = 1

type envelope struct {
	Schema int `json:"schema"`
	Data   any `json:"data"`
}

// policyJSON is the canonical form of a policy: fixed order, no floats.
type policyJSON struct {
	Name              string          `json:"name"`
	Thresholds        []thresholdJSON `json:"thresholds"`
	Alerts            []alertJSON     `json:"alerts"`
	Exempt            []Purpose       `json:"exempt"`
	FreezeReliability bool            `json:"freeze_reliability"`
	ForecastCalendar  bool            `json:"forecast_calendar"`
	Hysteresis        slo.Ratio       `json:"hysteresis"`
	MinCoverage       slo.Ratio       `json:"min_coverage"`
	MinAlertCoverage  slo.Ratio       `json:"min_alert_coverage"`
	MaxAge            string          `json:"max_age"`
	ScrapeInterval    string          `json:"scrape_interval"`
}

type thresholdJSON struct {
	Name        string            `json:"name"`
	Below       slo.Ratio         `json:"below"`
	Effect      sre.Outcome       `json:"effect"`
	Criticality []slo.Criticality `json:"criticality,omitempty"`
}

type alertJSON struct {
	Name     string       `json:"name"`
	Long     string       `json:"long"`
	Short    string       `json:"short"`
	Spend    slo.Ratio    `json:"spend,omitzero"`
	Factor   slo.Ratio    `json:"factor,omitzero"`
	Effect   sre.Outcome  `json:"effect"`
	Severity sre.Severity `json:"severity"`
}

// canonical returns the JSON by which a compiled policy is identified.
func (policy Policy) canonical() []byte {
	out := policyJSON{Name: policy.Name, Thresholds: []thresholdJSON{}, Alerts: []alertJSON{}, Exempt: policy.Exempt,
		FreezeReliability: policy.FreezeReliability, ForecastCalendar: policy.ForecastCalendar, Hysteresis: policy.Hysteresis,
		MinCoverage: policy.MinCoverage, MinAlertCoverage: policy.MinAlertCoverage,
		MaxAge: policy.MaxAge.String(), ScrapeInterval: policy.ScrapeInterval.String()}
	for _, t := range policy.Thresholds {
		out.Thresholds = append(out.Thresholds, thresholdJSON(t))
	}
	for _, a := range policy.Alerts {
		out.Alerts = append(out.Alerts, alertJSON{Name: a.Name, Long: a.Long.String(), Short: a.Short.String(),
			Spend: a.Spend, Factor: a.Factor, Effect: a.Effect, Severity: a.Severity})
	}
	return mustJSON(envelope{schema, out})
}

// mustJSON encodes values of this package, which always can be.
func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("budget: " + err.Error())
	}
	return data
}

// countsJSON has its numbers as exact decimal text.
type countsJSON struct {
	Span    string `json:"span"`
	Good    string `json:"good"`
	Bad     string `json:"bad"`
	Covered string `json:"covered"`
}

func countsOf(c slo.Counts) countsJSON {
	return countsJSON{c.Span.String(), exactNumber(c.Good), exactNumber(c.Bad), c.Covered.String()}
}

type statusJSON struct {
	SLO         string       `json:"slo"`
	Service     string       `json:"service"`
	Objective   string       `json:"objective"`
	Window      string       `json:"window"`
	Method      string       `json:"method,omitempty"`  // unless Occurrences
	Slice       string       `json:"slice,omitempty"`   // unless Occurrences
	Missing     string       `json:"missing,omitempty"` // unless Ignore
	Criticality string       `json:"criticality"`
	At          string       `json:"at"`
	PeriodStart string       `json:"period_start"`
	PeriodEnd   string       `json:"period_end"`
	Error       string       `json:"error,omitempty"`
	Measured    *countsJSON  `json:"measured,omitempty"`
	Good        string       `json:"good,omitempty"`
	Bad         string       `json:"bad,omitempty"`
	Consumed    string       `json:"consumed,omitempty"`
	Windows     []countsJSON `json:"windows,omitempty"`
}

func (st *Status) json() statusJSON {
	if st.slo == nil {
		return statusJSON{Error: st.Err().Error()}
	}
	out := statusJSON{SLO: st.slo.ID(), Service: st.slo.Service(), Objective: st.slo.Objective().String(),
		Window: st.slo.Spec().Window.String(), Criticality: st.slo.Criticality().String(), At: utc(st.at), PeriodStart: utc(st.start), PeriodEnd: utc(st.end)}
	spec := st.slo.Spec()
	if spec.Budgeting.Slice > 0 {
		out.Method, out.Slice = spec.Budgeting.Method.String(), spec.Budgeting.Slice.String()
	}
	if spec.Missing != slo.Ignore {
		out.Missing = spec.Missing.String()
	}
	if st.err != nil {
		out.Error = oneLine(st.err)
		return out
	}
	measured := countsOf(st.measured)
	out.Measured, out.Good, out.Bad = &measured, exactNumber(st.good), exactNumber(st.bad)
	if consumed := st.ConsumedRat(); consumed != nil {
		out.Consumed = consumed.RatString()
	}
	for _, w := range st.windows {
		out.Windows = append(out.Windows, countsOf(w))
	}
	return out
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// MarshalJSON returns the status with every number as exact decimal text.
// Consumed is a fraction in lowest terms. Good and Bad have missing data
// accounted for, measured is what the source said.
func (st Status) MarshalJSON() ([]byte, error) { return json.Marshal(st.json()) }

type decisionJSON struct {
	Decision   sre.Outcome  `json:"decision"`
	Budget     sre.Outcome  `json:"budget"`
	EarliestAt string       `json:"earliest_at,omitempty"`
	Now        string       `json:"now"`
	Change     string       `json:"change,omitempty"`
	Purpose    Purpose      `json:"purpose"`
	Previous   sre.Outcome  `json:"previous"`
	Reasons    []sre.Reason `json:"reasons"`
	SLOs       []statusJSON `json:"slos"`
	Policy     string       `json:"policy"`
	PolicySHA  string       `json:"policy_sha256"`
	Engine     string       `json:"engine"`
}

// MarshalJSON returns the decision in the envelope {"schema":1,"data":...}:
// fixed order of fields, no floats, times in UTC, and the digest of the policy
// and the version of the rules, so that it can be judged again. The same
// decision has the same bytes.
func (d Decision) MarshalJSON() ([]byte, error) {
	out := decisionJSON{Decision: d.Outcome, Budget: d.Budget, Now: utc(d.now), Change: d.change.ID, Purpose: d.change.Purpose,
		Previous: d.prev, Reasons: d.Reasons(), SLOs: []statusJSON{}, Engine: Engine}
	if !d.EarliestAt.IsZero() {
		out.EarliestAt = utc(d.EarliestAt)
	}
	if d.policy != nil {
		out.Policy, out.PolicySHA = d.policy.policy.Name, d.policy.digest
	}
	for i := range d.n {
		out.SLOs = append(out.SLOs, d.status(i).json())
	}
	return json.Marshal(envelope{schema, out})
}

// Digest returns the SHA-256 of the decision's JSON, in hex.
func (d Decision) Digest() string {
	sum := sha256.Sum256(mustJSON(d))
	return hex.EncodeToString(sum[:])
}
