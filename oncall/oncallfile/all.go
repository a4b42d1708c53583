package oncallfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/yamlfile"
	"github.com/sre-sdk/sre/oncall"
	"github.com/sre-sdk/sre/oncall/alert"
	"github.com/sre-sdk/sre/oncall/escalation"
	"github.com/sre-sdk/sre/oncall/internal/reading"
	"github.com/sre-sdk/sre/oncall/routing"
	"github.com/sre-sdk/sre/oncall/schedule"
)

// The kinds of document, beside [Kind], which is a schedule.
const (
	KindPolicy  = "EscalationPolicy"
	KindRoster  = "Roster"
	KindRouting = "AlertRouting"
	KindAlerts  = "AlertPolicy"
)

// Limits of a folder, part of the contract.
const (
	MaxFiles      = 1000
	MaxAllBytes   = 16 << 20 // of all files together
	bytesPerValue = 8        // a value takes two bytes at least; the documents that are read have longer ones
)

// A Set is what documents of any kind say together. Each part compiles by
// itself; [Set.Compile] checks that they fit together.
type Set struct {
	Schedules []schedule.Schedule
	People    []oncall.Person // of all rosters
	Teams     []oncall.Team
	Policies  []escalation.Policy
	Routing   []routing.Policy
	Alerts    []alert.Policy

	places map[string]string // where each part stands: "policies[0].levels[1]" in "db.yaml:12: levels[1]"
}

// ReadAll reads the documents of one file, of any kinds and in any order; name
// is the file's, for messages. The error carries every [sre.Problem] of all of
// them, IDs that are used twice among them.
func ReadAll(r io.Reader, name string) (Set, error) {
	all := collection{}
	err := all.read(r, name)
	return all.finish(err)
}

// ReadFS reads every file of a folder and the folders in it of which the name
// ends in .yaml, .yml or .json, as [ReadAll] does. Names that begin with a dot
// are left out. A folder that says nothing is a problem.
func ReadFS(fsys fs.FS) (Set, error) {
	all := collection{}
	files := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case strings.HasPrefix(base, ".") && base != ".":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(base)):
			return nil
		}
		if files++; files > MaxFiles {
			return sre.NewProblem("", "too_many", nil, fmt.Sprintf("at most %d files", MaxFiles))
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return all.read(f, name)
	})
	if err == nil && files == 0 {
		all.problems.Add("", "missing", nil, "a folder with a file that ends in .yaml, .yml or .json")
	}
	return all.finish(err)
}

// collection is a Set as it is read.
type collection struct {
	set      Set
	problems sre.Problems
	bytes    int
	seen     map[string]string // kind and ID to where it stands
}

// read reads the documents of one file. What is wrong with them is recorded;
// the error is that the file could not be read at all.
func (c *collection) read(r io.Reader, name string) error {
	if c.seen == nil {
		c.seen, c.set.places = map[string]string{}, map[string]string{}
	}
	counted := &counter{r: r}
	docs, err := yamlfile.Parse(counted, yamlfile.Options{Name: name, Prefix: prefix, MaxBytes: MaxBytes, MaxNodes: MaxBytes / bytesPerValue})
	if c.bytes += counted.n; c.bytes > MaxAllBytes {
		return sre.NewProblem(name, "too_large", nil, fmt.Sprintf("at most %d bytes in all files", MaxAllBytes))
	}
	if problems := sre.ProblemsIn(err); len(problems) > 0 {
		c.problems.Merge("", err)
		return nil
	}
	if err != nil {
		return err
	}
	if len(docs) == 0 {
		c.problems.Add(name, "missing", nil, "a document")
	}
	for _, doc := range docs {
		c.document(file{reading.Document(doc, prefix)})
	}
	return nil
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func (c *collection) finish(err error) (Set, error) {
	if err != nil && len(sre.ProblemsIn(err)) == 0 {
		return Set{}, errors.Join(fmt.Errorf("%s: %w", prefix, err), c.problems.Err(prefix))
	}
	c.problems.Merge("", err)
	if err := c.problems.Err(prefix); err != nil {
		return Set{}, err
	}
	return c.set, nil
}

// document reads one document.
func (c *collection) document(f file) {
	var sink sre.Problems // the reader of the kind reports what is wrong with apiVersion
	kind := f.Root.Into(&sink).Map().Optional("kind")
	text, _ := kind.Peek()
	s := &c.set
	switch text {
	case Kind:
		v := f.schedule()
		f.Compile(v)
		c.add(f, Kind, "schedules", len(s.Schedules), "id", v.ID)
		s.Schedules = append(s.Schedules, v)
	case KindPolicy:
		v := f.policy()
		c.add(f, KindPolicy, "policies", len(s.Policies), "id", v.ID)
		s.Policies = append(s.Policies, v)
	case KindRoster:
		people, teams := f.roster()
		for i, p := range people {
			c.addAs(f, "person or team", fmt.Sprintf("people[%d]", i), fmt.Sprintf("people[%d]", len(s.People)+i), "id", p.ID)
		}
		for i, t := range teams {
			c.addAs(f, "person or team", fmt.Sprintf("teams[%d]", i), fmt.Sprintf("teams[%d]", len(s.Teams)+i), "id", t.ID)
		}
		s.People, s.Teams = append(s.People, people...), append(s.Teams, teams...)
	case KindRouting:
		v := f.routing()
		c.add(f, KindRouting, "routing", len(s.Routing), "id", v.ID)
		s.Routing = append(s.Routing, v)
	case KindAlerts:
		v := f.alerts()
		c.add(f, KindAlerts, "alerts", len(s.Alerts), "name", cmp.Or(v.Name, "alerts"))
		s.Alerts = append(s.Alerts, v)
	default:
		m := f.Root.Map()
		m.Required("apiVersion").Enum(APIVersion)
		m.Required("kind").Enum(Kind, KindPolicy, KindRoster, KindRouting, KindAlerts)
	}
	c.problems.Merge("", f.Err())
}

// add remembers where a document stands that is the n-th of a list, and refuses
// its ID if another one of the kind has it.
func (c *collection) add(f file, kind, list string, n int, field, id string) {
	c.addAs(f, kind, "", fmt.Sprintf("%s[%d]", list, n), field, id)
}

func (c *collection) addAs(f file, kind, from, to, field, id string) {
	if from == "" {
		c.set.places[to] = f.Root.Path()
	}
	for at, n := range f.Places() {
		if rest, ok := below(at, from); ok {
			c.set.places[sre.JoinPath(to, rest)] = n.Path()
		}
	}
	node := f.Find(sre.JoinPath(from, field))
	key := kind + " " + id
	if first, twice := c.seen[key]; twice && id != "" {
		node.Add("duplicate", id, "an ID that no other "+kind+" has; "+first+" has it too")
		return
	}
	c.seen[key] = node.Path()
}

// below returns what of a path follows on another one.
func below(path, from string) (rest string, ok bool) {
	if from == "" {
		return path, true
	}
	rest, ok = strings.CutPrefix(path, from)
	if !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
		return "", false
	}
	return strings.TrimPrefix(rest, "."), true
}
