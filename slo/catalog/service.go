package catalog

import (
	"fmt"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// Limits on a catalog, part of the contract.
const (
	MaxServices     = 20_000
	MaxDependencies = 500 // of one service
	MaxItems        = 100 // SLOs, runbooks, repositories or links of one service
	MaxText         = slo.MaxText
)

// A Catalog is a set of services. The order does not matter.
type Catalog struct {
	Services []Service
}

// A Service is anything that can fail by itself. Only ID is required; what else
// should be there is what [Compiled.Lint] asks for.
type Service struct {
	ID          string // an ID as sre.ValidID has it, unique in the catalog
	Name        string // for people; default: the ID
	Description string
	Type        string // such as "service", "website" or "database"; free, for people and for LintOptions.Idle
	System      string // the ID of what it is a part of

	Owner       string          // the ID of the team that answers for it
	Criticality slo.Criticality // default: slo.Standard
	Lifecycle   Lifecycle       // default: Production

	DependsOn []Dependency

	SLOs       []string // their IDs
	Runbooks   []string // their IDs, or absolute URLs
	Escalation string   // the ID of the escalation policy that pages somebody

	Repositories []string // absolute URLs
	Links        []Link
	Labels       sre.Labels
	External     sre.Labels // what other systems call it, such as pagerduty.com/service-id="P123"
}

// A Dependency says that a service uses another one.
type Dependency struct {
	On   string // the ID of the other service
	Soft bool   // the service works without it; default: it does not
	Why  string // for people
}

// A Link leads to a page about a service.
type Link struct {
	Title string // default: the URL
	URL   string // absolute: http, https or mailto
}

// A Lifecycle says how far a service is.
type Lifecycle uint8

const (
	LifecycleUnset Lifecycle = iota // treated as Production
	Experimental                    // promises nothing yet
	Production
	Deprecated // still there; nobody should begin to need it
	Retired    // gone; it stays in the catalog for those who look for it
)

var lifecycleNames = [...]string{"unset", "experimental", "production", "deprecated", "retired"}

func (l Lifecycle) orDefault() Lifecycle {
	if l == LifecycleUnset {
		return Production
	}
	return l
}

// String returns the lower-case name.
func (l Lifecycle) String() string {
	if int(l) < len(lifecycleNames) {
		return lifecycleNames[l]
	}
	return fmt.Sprintf("lifecycle(%d)", uint8(l))
}

// ParseLifecycle reads the lower-case name; "" is unset.
func ParseLifecycle(text string) (Lifecycle, error) {
	if text == "" {
		return LifecycleUnset, nil
	}
	for i, name := range lifecycleNames[1:] {
		if text == name {
			return Lifecycle(i + 1), nil
		}
	}
	return 0, sre.NewProblem("", "unknown_value", text, "experimental, production, deprecated or retired")
}

// MarshalText returns the lower-case name, or nothing for an unset one.
func (l Lifecycle) MarshalText() ([]byte, error) {
	switch {
	case l == LifecycleUnset:
		return nil, nil
	case int(l) >= len(lifecycleNames):
		return nil, sre.Problem{Code: "unknown_value", Value: l.String(), Want: "a declared Lifecycle"}
	}
	return []byte(l.String()), nil
}

// UnmarshalText reads the lower-case name.
func (l *Lifecycle) UnmarshalText(text []byte) error {
	v, err := ParseLifecycle(string(text))
	if err == nil {
		*l = v
	}
	return err
}
