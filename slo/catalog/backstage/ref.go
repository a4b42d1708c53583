package backstage

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
)

// defaultNamespace is where an entity without metadata.namespace is.
const defaultNamespace = "default"

// A ref names an entity. All parts are in lower case and not empty.
type ref struct{ kind, namespace, name string }

var refForm = regexp.MustCompile(`^(?:([^:/]+):)?(?:([^:/]+)/)?([^:/]+)$`)

// parseRef reads a reference; the kind stays empty if neither text nor default
// gives one.
func parseRef(text, kind, namespace string) (ref, error) {
	parts := refForm.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return ref{}, sre.NewProblem("", "invalid_reference", text, "[kind:][namespace/]name")
	}
	return newRef(parts[1], parts[2], parts[3], kind, namespace)
}

// parts are the forms of a kind, a namespace and a name that an ID can hold.
var partForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// maxPart is Backstage's limit on names and namespaces.
const maxPart = 63

func newRef(kind, namespace, name, defaultKind, namespaceOfEntity string) (ref, error) {
	r := ref{strings.ToLower(cmp.Or(kind, defaultKind)), strings.ToLower(cmp.Or(namespace, namespaceOfEntity)), strings.ToLower(name)}
	if r.kind == "" {
		return ref{}, sre.NewProblem("", "missing_kind", name, "a kind before the name, such as component:"+r.name+" or resource:"+r.name)
	}
	for _, part := range []string{r.kind, r.namespace, r.name} {
		if !partForm.MatchString(part) || len(part) > maxPart {
			return ref{}, sre.NewProblem("", "invalid_reference", part, "at most 63 letters, digits and _ . -, the first a letter or digit")
		}
	}
	if id := r.short(defaultKind); !sre.ValidID(id) {
		return ref{}, sre.NewProblem("", "invalid_id", id, "a kind, namespace and name of at most 100 bytes together")
	}
	return r, nil
}

// short returns the shortest reference where kind is the default one.
func (r ref) short(kind string) string {
	text := r.name
	if r.namespace != defaultNamespace {
		text = r.namespace + "/" + text
	}
	if r.kind != strings.ToLower(kind) {
		text = r.kind + ":" + text
	}
	return text
}

// id returns the ID of the service that a component or resource becomes.
func (r ref) id() string { return r.short("component") }

// isService reports whether entities of the kind become services.
func (r ref) isService() bool { return isService(r.kind) }

func isService(kind string) bool {
	return strings.EqualFold(kind, "component") || strings.EqualFold(kind, "resource")
}

// readRef reads a reference in either form; ok is false if there is none or it
// was reported.
func readRef(n yamlfile.Node, kind, namespace string) (r ref, ok bool) {
	if !n.Exists() {
		return ref{}, false
	}
	var err error
	if _, isText := n.Peek(); isText {
		text := n.Text()
		if text == "" {
			n.Add("invalid_reference", text, "[kind:][namespace/]name")
			return ref{}, false
		}
		r, err = parseRef(text, kind, namespace)
	} else {
		m := n.Map()
		if !m.Exists() {
			return ref{}, false
		}
		r, err = newRef(m.Optional("kind").Text(), m.Optional("namespace").Text(), m.Required("name").Text(), kind, namespace)
		m.Done()
	}
	if err != nil {
		n.Merge(err)
		return ref{}, false
	}
	return r, true
}
