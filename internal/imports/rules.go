package imports

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Rule is one thing that the tree must hold to.
type Rule struct {
	Name string
	Why  string
	find func(t *Tree) []string // what breaks it
}

// Check returns what in t breaks r, each with the reason for the rule.
func (r Rule) Check(t *Tree) []string {
	list := r.find(t)
	slices.Sort(list)
	list = slices.Compact(list)
	for i := range list {
		list[i] = fmt.Sprintf("%s\n\trule: %s\n\twhy: %s", list[i], r.Name, r.Why)
	}
	return list
}

// The kinds of package, told apart by their paths.
const (
	kindRoot     = "the root package"
	kindDomain   = "a domain package"
	kindBridge   = "a bridge"
	kindStore    = "a store"
	kindFile     = "a reader of policy files"
	kindAdapter  = "an adapter"
	kindKit      = "a test kit"
	kindStorage  = "storage"
	kindInternal = "an internal package"
	kindExample  = "an example"
	kindOther    = "a package without a place"
)

var (
	domains = []string{"slo", "budget", "oncall", "incident", "change", "postmortem", "capacity"}

	bridges = []string{"change/budgetrule", "change/feedback", "incident/recovery", "incident/fromalert", "postmortem/fromincident"}

	// adapters speak somebody else's language: a format, a protocol, a server.
	adapters = []string{
		"openslo", "sloth", "pyrra", "slogenerator", "promrules", "prometheus", "scrape",
		"pagerduty", "opsgenie", "grafana", "ical", "slack", "email", "webhook",
		"statuspage", "nginx", "github", "csv", "sqlite", "postgres", "etcd", "backstage",
	}

	testLibraries = []string{"pgregory.net/rapid", "github.com/google/go-cmp", "github.com/anishathalye/porcupine"}

	yamlPath = regexp.MustCompile(`(^|/)(go-)?yaml(\.v\d+)?(/|$)`)
)

const (
	multierror       = "github.com/hashicorp/go-multierror"
	prometheusCommon = "github.com/prometheus/common"
)

// place says what kind of package a folder holds, and of which domain.
func place(dir string) (kind, domain string) {
	first, _, _ := strings.Cut(dir, "/")
	last := path.Base(dir)
	switch {
	case dir == ".":
		return kindRoot, ""
	case strings.Contains("/"+dir+"/", "/internal/"):
		return kindInternal, ""
	case first == "examples":
		return kindExample, ""
	case !slices.Contains(domains, first) && first != "storage":
		return kindOther, ""
	case slices.Contains(bridges, dir):
		return kindBridge, first
	case last == first+"test":
		return kindKit, first
	case last == first+"store" || dir == "oncall/dispatch" || strings.HasPrefix(dir, "oncall/dispatch/"):
		return kindStore, first
	case last == first+"file":
		return kindFile, first
	case strings.HasPrefix(dir, "oncall/alert/"): // pure readers of messages, whoever has thought of their format
		return kindDomain, first
	case dir != first && slices.Contains(adapters, last):
		return kindAdapter, first
	case first == "storage":
		return kindStorage, first
	}
	return kindDomain, first
}

// allowed is what each kind may import in its production code.
type allowed struct {
	kind   string
	ours   func(domain, kind, of string) bool // a package of this repository, of that kind and domain
	others func(importPath string) bool       // a package of somebody else
	std    bool                               // all of the standard library, not only what is pure
	why    string
}

var allowances = []allowed{
	{
		kind: kindRoot, ours: nothingOfOurs, others: within(multierror),
		why: "everybody imports the few shared words, so they bring nothing along but the list of problems",
	},
	{
		kind: kindDomain, ours: ownDomain, others: nothing,
		why: "an engine is a pure function: time, randomness, files, requests and another domain's facts are arguments, so that anybody can embed and test it; a caller or a bridge brings them",
	},
	{
		kind: kindBridge, ours: anyDomain, others: nothing, std: true,
		why: "a bridge joins the engines of two domains and nothing else",
	},
	{
		kind: kindStore, others: nothing, std: true,
		ours: func(domain, kind, of string) bool { return ownDomain(domain, kind, of) || kind == kindStorage },
		why:  "a store keeps one domain's machine in storage, whichever storage that is, and effects of other domains are the caller's",
	},
	{
		kind: kindFile, ours: ownDomain, others: yamlPath.MatchString, std: true,
		why: "a file of policies says what one domain's policies say",
	},
	{
		kind: kindAdapter, std: true,
		ours: func(domain, kind, of string) bool {
			return ownDomain(domain, kind, of) || of == domain && kind == kindStorage
		},
		others: func(string) bool { return true },
		why:    "an adapter serves its own domain: who takes it takes nothing else",
	},
	{
		kind: kindStorage, ours: func(_, kind, _ string) bool { return kind == kindStorage || kind == kindRoot || kind == kindInternal }, others: nothing, std: true,
		why: "storage keeps bytes: it knows no domain, so that users host their own machines on it",
	},
	{
		kind: kindKit, others: within(testLibraries...), std: true,
		ours: func(domain, kind, of string) bool {
			return ownDomain(domain, kind, of) || kind == kindKit || kind == kindStorage || of == domain && kind != kindBridge
		},
		why: "a test kit is imported by tests of strangers: it brings the test libraries and its own domain",
	},
}

func nothing(string) bool { return false }

func nothingOfOurs(_, kind, _ string) bool { return kind == kindInternal }

func ownDomain(domain, kind, of string) bool {
	if kind == kindRoot || kind == kindInternal {
		return true
	}
	return kind == kindDomain && (of == domain || domain == "budget" && of == "slo")
}

func anyDomain(_, kind, _ string) bool {
	return kind == kindRoot || kind == kindInternal || kind == kindDomain
}

// within returns whether a path is one of those modules or a package in one.
func within(modules ...string) func(string) bool {
	return func(importPath string) bool {
		return slices.ContainsFunc(modules, func(m string) bool { return importPath == m || strings.HasPrefix(importPath, m+"/") })
	}
}

// isStandard tells the standard library by the dot that it has not.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// impure returns why a pure package must not import that package of the
// standard library, or "".
func impure(importPath string) string {
	for _, b := range []struct{ of, why string }{
		{"os", "files, environment and processes are the caller's"},
		{"net", "requests are the caller's"},
		{"log", "a decision is returned, not logged"},
		{"database", "storage stays behind its seam"},
		{"math/rand", "jitter and fresh IDs are arguments"},
		{"crypto/rand", "jitter and fresh IDs are arguments"},
		{"syscall", "the system is the caller's"},
		{"io/ioutil", "files are the caller's"},
	} {
		if within("net/url", "net/netip")(importPath) {
			return "" // values, no I/O
		}
		if within(b.of)(importPath) {
			return b.why
		}
	}
	return ""
}

// Rules returns every rule about imports and places.
func Rules() []Rule {
	var rules []Rule
	for _, a := range allowances {
		rules = append(rules, Rule{
			Name: a.kind + " imports only what its kind may",
			Why:  a.why,
			find: a.find,
		})
	}
	return append(rules,
		Rule{
			Name: "what a domain package reaches through internal packages is pure too",
			Why:  "an engine that reads a file through a helper still reads a file",
			find: findThroughInternal,
		},
		Rule{
			Name: "only examples and tests import a bridge",
			Why:  "who imports a bridge has joined two domains for everybody who imports him",
			find: forImports(func(_ *Tree, p Package, i Import) bool {
				kind, _ := place(p.Dir)
				return ours(i, kindBridge) && !i.Test && kind != kindExample && kind != kindInternal
			}),
		},
		Rule{
			Name: "only tests, examples and other kits import a test kit",
			Why:  "it would link package testing and its flags into production",
			find: forImports(func(_ *Tree, p Package, i Import) bool {
				return ours(i, kindKit) && !forTests(p, i)
			}),
		},
		Rule{
			Name: "only tests and test kits import package testing",
			Why:  "it links its flags into production",
			find: forImports(func(_ *Tree, p Package, i Import) bool {
				return within("testing")(i.Path) && !forTests(p, i)
			}),
		},
		Rule{
			Name: "rapid, go-cmp and porcupine are imported by test kits and tests",
			Why:  "a service that gates its deploys needs no test library",
			find: forImports(func(_ *Tree, p Package, i Import) bool {
				kind, _ := place(p.Dir)
				return within(testLibraries...)(i.Path) && !i.Test && kind != kindKit
			}),
		},
		Rule{
			Name: "prometheus/common stays in the Prometheus adapters",
			Why:  "its model package brings 30 packages and its config 58",
			find: forImports(func(t *Tree, p Package, i Import) bool {
				if !within(prometheusCommon)(i.Path) || path.Base(p.Dir) == "prometheus" {
					return false
				}
				kind, _ := place(p.Dir)
				alone := t.module(p.Dir) != "." && (kind == kindExample || kind == kindInternal)
				return !alone // no library module imports what those modules require
			}),
		},
		Rule{
			Name: "YAML is read by the readers of policy files and by adapters",
			Why:  "one reader per format refuses unknown fields and names the line; a second one would differ",
			find: forImports(func(_ *Tree, p Package, i Import) bool {
				kind, _ := place(p.Dir)
				may := []string{kindFile, kindAdapter, kindExample, kindInternal}
				return yamlPath.MatchString(i.Path) && !isStandard(i.Path) && !i.Test && !slices.Contains(may, kind)
			}),
		},
		Rule{
			Name: "a nested module imports no internal package of the root module",
			Why:  "modules are upgraded one by one: an internal package that changes with the root would break an older adapter",
			find: forImports(func(t *Tree, p Package, i Import) bool {
				dir, ok := dirOf(i.Path)
				return ok && within("internal")(dir) && t.module(dir) == "." && t.module(p.Dir) != "."
			}),
		},
		Rule{
			Name: "the root module requires only what design.md lists",
			Why:  "each requirement stands in the go.sum file of everybody; a package that needs another is a module of its own",
			find: findRequirements,
		},
		Rule{
			Name: "the top-level folder holds the domains and nothing else",
			Why:  "it is the table of contents",
			find: findTopLevel,
		},
		Rule{
			Name: "every package has a place",
			Why:  "the rules are told apart by paths: a package that none of them knows is held by none",
			find: func(t *Tree) []string {
				var list []string
				for _, p := range t.Packages {
					if kind, _ := place(p.Dir); kind == kindOther {
						list = append(list, p.Dir+" is in no domain")
					}
				}
				return list
			},
		},
		Rule{
			Name: "no exported type is defined as a type of an internal package",
			Why:  "godoc shows neither its fields nor its methods",
			find: func(t *Tree) []string {
				var list []string
				for _, p := range t.Packages {
					for _, n := range p.Types {
						if IsInternal(n.Of) && isLibrary(p) {
							list = append(list, fmt.Sprintf("%s defines %s as %s", n.File, n.Name, n.Of))
						}
					}
				}
				return list
			},
		},
	)
}

// find returns the production imports that a does not allow.
func (a allowed) find(t *Tree) []string {
	var list []string
	for _, p := range t.Packages {
		kind, domain := place(p.Dir)
		if kind != a.kind {
			continue
		}
		for _, i := range p.Imports {
			if why := a.refuse(domain, i); why != "" && !i.Test {
				list = append(list, fmt.Sprintf("%s imports %s: %s", i.File, i.Path, why))
			}
		}
	}
	return list
}

// refuse returns why a package of that domain may not import i, or "".
func (a allowed) refuse(domain string, i Import) string {
	if dir, ok := dirOf(i.Path); ok {
		if kind, of := place(dir); !a.ours(domain, kind, of) {
			return fmt.Sprintf("it is %s, imported by %s", kind, a.kind)
		}
		return ""
	}
	if isStandard(i.Path) {
		if a.std {
			return ""
		}
		return impure(i.Path)
	}
	if !a.others(i.Path) {
		return a.kind + " imports no such module"
	}
	return ""
}

// findThroughInternal follows internal imports from each pure package.
func findThroughInternal(t *Tree) []string {
	byDir := map[string]Package{}
	for _, p := range t.Packages {
		byDir[p.Dir] = p
	}
	var list []string
	seen := map[string]bool{}
	var follow func(chain string, p Package)
	follow = func(chain string, p Package) {
		for _, i := range p.Imports {
			if i.Test {
				continue
			}
			dir, isOurs := dirOf(i.Path)
			kind, _ := place(dir)
			switch {
			case isOurs && kind == kindInternal:
				if !seen[dir] {
					seen[dir] = true
					follow(chain+" imports "+dir, byDir[dir])
				}
			case p.Dir == "." || !within("internal")(p.Dir):
				// The pure package itself: its own rule judges this import.
			case isOurs && kind != kindRoot:
				list = append(list, fmt.Sprintf("%s imports %s: %s", chain, i.Path, kind))
			case isOurs, isStandard(i.Path) && impure(i.Path) == "":
			case isStandard(i.Path):
				list = append(list, fmt.Sprintf("%s imports %s: %s", chain, i.Path, impure(i.Path)))
			case !within("gonum.org/v1/gonum", "github.com/teambition/rrule-go", "golang.org/x/exp", multierror)(i.Path):
				list = append(list, fmt.Sprintf("%s imports %s: it is no module for arithmetic or calendars", chain, i.Path))
			}
		}
	}
	for _, p := range t.Packages {
		if kind, _ := place(p.Dir); kind == kindDomain || kind == kindRoot {
			follow(p.Dir, p)
		}
	}
	return list
}

// requirements are what the root module may require directly.
var requirements = map[string]string{
	prometheusCommon:                    "the Prometheus adapters: TLS, authentication, decoding",
	multierror:                          "lists of problems",
	"golang.org/x/exp":                  "where the standard library has nothing; apidiff and gorelease",
	"github.com/google/go-cmp":          "tests",
	"pgregory.net/rapid":                "test kits",
	"go.yaml.in/yaml/v3":                "readers of policy files, with line numbers",
	"gonum.org/v1/gonum":                "statistics",
	"github.com/teambition/rrule-go":    "RFC 5545 recurrences",
	"github.com/anishathalye/porcupine": "the linearizability check of storagetest",
}

func findRequirements(t *Tree) []string {
	var list []string
	for _, r := range t.Requires {
		if requirements[r] == "" {
			list = append(list, "go.mod requires "+r)
		}
	}
	return list
}

// topNames are all names that may stand in the top-level folder, besides those
// that begin with a dot.
var topNames = append([]string{
	"storage", "examples", "internal",
	"go.mod", "go.sum", "go.work", "go.work.sum", "doc.go", "README.md", "LICENSE",
}, domains...)

func findTopLevel(t *Tree) []string {
	var list []string
	for _, name := range t.Top {
		if !strings.HasPrefix(name, ".") && !slices.Contains(topNames, name) {
			list = append(list, name+" stands in the top-level folder")
		}
	}
	return list
}

// forImports makes a rule of what is wrong with one import.
func forImports(wrong func(*Tree, Package, Import) bool) func(*Tree) []string {
	return func(t *Tree) []string {
		var list []string
		for _, p := range t.Packages {
			for _, i := range p.Imports {
				if wrong(t, p, i) {
					list = append(list, i.File+" imports "+i.Path)
				}
			}
		}
		return list
	}
}

// ours reports whether i is a package of this repository of that kind.
func ours(i Import, kind string) bool {
	dir, ok := dirOf(i.Path)
	if !ok {
		return false
	}
	got, _ := place(dir)
	return got == kind
}

// forTests reports whether i is imported for the sake of tests.
func forTests(p Package, i Import) bool {
	kind, _ := place(p.Dir)
	return i.Test || kind == kindKit || kind == kindExample || kind == kindInternal
}

// isLibrary reports whether strangers import p.
func isLibrary(p Package) bool {
	kind, _ := place(p.Dir)
	return p.Name != "" && p.Name != "main" && kind != kindInternal && kind != kindExample
}

// IsInternal reports whether that import path, or path and name, lies in an
// internal folder of this repository.
func IsInternal(importPath string) bool {
	dir, ok := dirOf(importPath)
	return ok && slices.Contains(strings.Split(strings.ReplaceAll(dir, ".", "/"), "/"), "internal")
}
