package incident

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/sre-sdk/sre"
)

// Limits of a [Matrix]. They bound the lattice of impacts that Compile walks
// through.
const (
	MaxRows       = 10
	MaxConditions = 20 // of a row
	MaxThresholds = 50 // different ones of a quantity, in the whole matrix
)

// A Matrix makes a severity of an impact: the first row that holds decides.
//
// What is not known of an impact counts as the worst that it could be. Compile
// proves that this is the severest judgement of all that it could turn out to
// be: it walks through every impact that the conditions tell apart, and refuses
// a matrix in which
//
//   - an impact has no row (incomplete),
//   - more impact has a milder severity than less (not_monotone),
//   - a row hides a later one that is worse (conflict),
//   - a row or a condition never decides (unreachable).
//
// Each of these problems names an impact that shows it.
type Matrix struct {
	Scale sre.Scale // names of the severities; default: P1 to P4
	Rows  []Row     // at most MaxRows, the worst severity first
}

// A Row is a severity and when it holds: when any of the conditions does.
type Row struct {
	Severity sre.Severity
	Any      []Condition // none: always
}

// A Condition holds when all of its parts do. It has at least one.
type Condition struct {
	Users           float64 // at least this share of users is affected, 0 to 1; 0: whatever
	UsersBelow      float64 // less than this share is; 0: whatever
	BudgetBurn      float64 // the burn rate is at least this; 0: whatever
	BudgetBurnBelow float64 // it is less than this; 0: whatever
	DataLoss        Tri     // data are lost, or are not; NotKnown: whatever
	Security        Tri     // data are exposed or may be, or are not; NotKnown: whatever
	Redundancy      Tri     // some is left, or, with No, none is; NotKnown: whatever
}

// DefaultMatrix is P1 to P4. The burn rates are those at which the SRE Workbook,
// chapter 5, pages: 14.4 spends 2 % of a budget of 30 days in an hour, 6 spends
// 5 % in six hours. The shares of users are this library's.
func DefaultMatrix() Matrix {
	return Matrix{Rows: []Row{
		{1, []Condition{{Users: 0.25}, {DataLoss: Yes}, {Security: Yes}}},
		{2, []Condition{{Users: 0.05}, {BudgetBurn: 14.4}}},
		{3, []Condition{{Users: 0.001}, {BudgetBurn: 6}, {Redundancy: No}}},
		{4, nil},
	}}
}

// PagerDutyMatrix is SEV-1 to SEV-5 as PagerDuty's incident response
// documentation tells them apart: SEV-1 many customers, a broken SLA or exposed
// data; SEV-2 many customers cannot use the product; both are major incidents.
// SEV-3 a minor impact on customers, or no redundancy left; SEV-4 none on its
// use; SEV-5 cosmetic. It asks for definitions by metrics and gives no numbers;
// those here are this library's.
func PagerDutyMatrix() Matrix {
	return Matrix{
		Scale: sre.Scale{"SEV-1", "SEV-2", "SEV-3", "SEV-4", "SEV-5"},
		Rows: []Row{
			{1, []Condition{{Users: 0.25}, {DataLoss: Yes}, {Security: Yes}}},
			{2, []Condition{{Users: 0.05}, {BudgetBurn: 14.4}}},
			{3, []Condition{{Users: 0.001}, {BudgetBurn: 6}, {Redundancy: No}}},
			{4, []Condition{{Users: 0.0001}, {BudgetBurn: 1}}},
			{5, nil},
		},
	}
}

// AtlassianMatrix is SEV1 to SEV3 of Atlassian's incident management handbook:
// SEV1 data loss, a breach, or down for all; SEV2 down for a subset, or a
// critical function; both are major incidents. SEV3 the rest. The handbook gives
// no numbers; those here are this library's.
func AtlassianMatrix() Matrix {
	return Matrix{
		Scale: sre.Scale{"SEV1", "SEV2", "SEV3"},
		Rows: []Row{
			{1, []Condition{{Users: 0.9}, {DataLoss: Yes}, {Security: Yes}}},
			{2, []Condition{{Users: 0.01}, {BudgetBurn: 14.4}}},
			{3, nil},
		},
	}
}

// CompiledMatrix is a checked matrix. It is immutable and safe for concurrent
// use.
type CompiledMatrix struct {
	matrix Matrix
}

// Matrix returns the matrix by which severities are judged.
func (c *Compiled) Matrix() *CompiledMatrix { return c.matrix }

// Compile checks the matrix, reporting every [sre.Problem].
func (m Matrix) Compile() (*CompiledMatrix, error) {
	var problems sre.Problems
	m = Matrix{slices.Clone(m.Scale), slices.Clone(m.Rows)}
	for i := range m.Rows {
		m.Rows[i].Any = slices.Clone(m.Rows[i].Any)
	}
	m.check(&problems)
	if problems.Len() == 0 {
		m.prove(&problems)
	}
	if err := problems.Err("incident"); err != nil {
		return nil, err
	}
	return &CompiledMatrix{m}, nil
}

// check reports what each part says by itself.
func (m *Matrix) check(p *sre.Problems) {
	if len(m.Rows) == 0 || len(m.Rows) > MaxRows {
		p.Add("rows", "out_of_range", len(m.Rows), fmt.Sprintf("1 to %d rows", MaxRows))
		return
	}
	for i, name := range m.Scale {
		if name == "" || slices.ContainsFunc(m.Scale[:i], func(n string) bool { return strings.EqualFold(n, name) }) {
			p.Add(fmt.Sprintf("scale[%d]", i), "invalid_name", name, "a name of its own")
		}
	}
	for i := range m.Rows {
		r := &m.Rows[i]
		path := fmt.Sprintf("rows[%d]", i)
		if m.Scale.Name(r.Severity) == "unknown" {
			p.Add(path+".severity", "unknown_severity", r.Severity, "a severity that the scale names")
		}
		if len(r.Any) > MaxConditions {
			p.Add(path+".any", "too_many", len(r.Any), fmt.Sprintf("at most %d", MaxConditions))
			continue
		}
		for j := range r.Any {
			r.Any[j].check(p, fmt.Sprintf("%s.any[%d]", path, j))
		}
	}
	users, burns := m.thresholds()
	for name, n := range map[string]int{"users": len(users) - 1, "budget_burn": len(burns) - 1} {
		if n > MaxThresholds {
			p.Add("rows", "too_many", n, fmt.Sprintf("at most %d different thresholds of %s", MaxThresholds, name))
		}
	}
}

func (c *Condition) check(p *sre.Problems, path string) {
	if *c == (Condition{}) {
		p.Add(path, "missing", nil, "at least one part; a row without conditions always holds")
	}
	for _, q := range []struct {
		name        string
		value, most float64
	}{{"users", c.Users, 1}, {"users_below", c.UsersBelow, 1}, {"budget_burn", c.BudgetBurn, math.MaxFloat64}, {"budget_burn_below", c.BudgetBurnBelow, math.MaxFloat64}} {
		if !(q.value >= 0 && q.value <= q.most) {
			p.Add(path+"."+q.name, "out_of_range", q.value, "0 or more, and a share at most 1")
		}
	}
	for _, f := range []struct {
		name  string
		value Tri
	}{{"data_loss", c.DataLoss}, {"security", c.Security}, {"redundancy", c.Redundancy}} {
		if f.value > Yes {
			p.Add(path+"."+f.name, "unknown_tri", f.value, "not_known for whatever, no or yes")
		}
	}
}

// thresholds returns, ascending, 0 and the numbers at which a condition changes.
// Between two of them all impacts are alike.
func (m *Matrix) thresholds() (users, burns []float64) {
	users, burns = []float64{0}, []float64{0}
	for _, r := range m.Rows {
		for _, c := range r.Any {
			users = append(users, c.Users, c.UsersBelow)
			burns = append(burns, c.BudgetBurn, c.BudgetBurnBelow)
		}
	}
	slices.Sort(users)
	slices.Sort(burns)
	return slices.Compact(users), slices.Compact(burns)
}

// A lattice is all impacts that the conditions of a matrix tell apart. A point
// is its coordinates in a mixed radix; a step along an axis is more impact.
type lattice struct {
	users, burns []float64
}

var (
	flags = [...]Tri{No, Yes} // of data loss and security: more impact
	spare = [...]Tri{Yes, No} // of redundancy: likewise
)

func (l *lattice) sizes() [5]int { return [5]int{len(l.users), len(l.burns), 2, 2, 2} }

func (l *lattice) len() int { return len(l.users) * len(l.burns) * 8 }

func (l *lattice) at(n int) Impact {
	var x [5]int
	for axis, size := range l.sizes() {
		x[axis], n = n%size, n/size
	}
	return Impact{ShareOf(l.users[x[0]]), RateOf(l.burns[x[1]]), flags[x[2]], flags[x[3]], spare[x[4]]}
}

// less yields the points one step of less impact away. They come before n.
func (l *lattice) less(n int, yield func(int)) {
	stride, rest := 1, n
	for _, size := range l.sizes() {
		if rest%size > 0 {
			yield(n - stride)
		}
		rest, stride = rest/size, stride*size
	}
}

// prove reports what the rows say together.
func (m *Matrix) prove(p *sre.Problems) {
	users, burns := m.thresholds()
	l := lattice{users, burns}
	row := make([]int, l.len()) // that decides, by point; -1: none
	first := make([][]bool, len(m.Rows))
	for i := range m.Rows {
		first[i] = make([]bool, max(1, len(m.Rows[i].Any)))
	}
	gap, conflicts := false, map[[2]int]bool{}
	for n := range row {
		i := l.at(n)
		row[n] = -1
		for r := range m.Rows {
			c := m.Rows[r].meets(i)
			switch {
			case c < 0:
			case row[n] < 0:
				row[n], first[r][c] = r, true
			case m.Rows[r].Severity < m.Rows[row[n]].Severity && !conflicts[[2]int{row[n], r}]:
				conflicts[[2]int{row[n], r}] = true
				p.Add(fmt.Sprintf("rows[%d]", row[n]), "conflict", i, fmt.Sprintf("rows[%d], which is worse and holds too, to stand before it", r))
			}
		}
		if row[n] < 0 && !gap {
			gap = true
			p.Add("rows", "incomplete", i, "a row for each impact, such as a last one without conditions")
		}
	}
	m.proveMonotone(p, &l, row)
	for r := range first {
		for c, ok := range first[r] {
			if path := fmt.Sprintf("rows[%d]", r); !ok {
				if len(m.Rows[r].Any) > 0 {
					path += fmt.Sprintf(".any[%d]", c)
				}
				m.unreachable(p, &l, path, r, c)
			}
		}
	}
}

// proveMonotone carries along, for each point, the point of no more impact that
// is worst.
func (m *Matrix) proveMonotone(p *sre.Problems, l *lattice, row []int) {
	seen := map[[2]int]bool{}
	worst := make([]int, len(row)) // -1: none has a row
	for n := range row {
		worst[n] = -1
		l.less(n, func(k int) {
			if k = worst[k]; k >= 0 && (worst[n] < 0 || m.Rows[row[k]].Severity < m.Rows[row[worst[n]]].Severity) {
				worst[n] = k
			}
		})
		if row[n] < 0 {
			continue
		}
		if worst[n] < 0 || m.Rows[row[n]].Severity <= m.Rows[row[worst[n]]].Severity {
			worst[n] = n
			continue
		}
		a, b := row[worst[n]], row[n]
		if seen[[2]int{a, b}] {
			continue
		}
		seen[[2]int{a, b}] = true
		p.Add(fmt.Sprintf("rows[%d]", b), "not_monotone", fmt.Sprintf("%v is %s, and %v is %s", l.at(worst[n]), m.Scale.Name(m.Rows[a].Severity), l.at(n), m.Scale.Name(m.Rows[b].Severity)),
			"no milder severity for more impact")
	}
}

// unreachable names an impact that meets the condition, and what decides it.
func (m *Matrix) unreachable(p *sre.Problems, l *lattice, path string, row, condition int) {
	for n := range l.len() {
		i := l.at(n)
		if len(m.Rows[row].Any) > 0 && !m.Rows[row].Any[condition].holds(i) {
			continue
		}
		r, c := m.decide(i)
		p.Add(path, "unreachable", i, fmt.Sprintf("an impact that it decides; rows[%d].any[%d] decides this one, and each other that it meets is decided before it", r, c))
		return
	}
	p.Add(path, "unreachable", nil, "a condition that some impact meets")
}

// decide returns the first row that holds, and its first condition that does.
func (m *Matrix) decide(i Impact) (row, condition int) {
	for r := range m.Rows {
		if c := m.Rows[r].meets(i); c >= 0 {
			return r, c
		}
	}
	return -1, 0
}

// meets returns the first condition that holds, 0 if the row has none, or -1.
func (r *Row) meets(i Impact) int {
	if len(r.Any) == 0 {
		return 0
	}
	for c := range r.Any {
		if r.Any[c].holds(i) {
			return c
		}
	}
	return -1
}

// holds is for an impact of which everything is known.
func (c *Condition) holds(i Impact) bool {
	return i.Users.Value >= c.Users && (c.UsersBelow == 0 || i.Users.Value < c.UsersBelow) &&
		i.BudgetBurn.Value >= c.BudgetBurn && (c.BudgetBurnBelow == 0 || i.BudgetBurn.Value < c.BudgetBurnBelow) &&
		(c.DataLoss == NotKnown || i.DataLoss == c.DataLoss) && (c.Security == NotKnown || i.Security == c.Security) &&
		(c.Redundancy == NotKnown || i.Redundancy == c.Redundancy)
}

var (
	mostImpact  = Impact{ShareOf(1), RateOf(math.Inf(1)), Yes, Yes, No}
	leastImpact = Impact{ShareOf(0), RateOf(0), No, No, Yes}
)

// filled returns the impact with what is not known taken from another one.
func (i Impact) filled(from Impact) Impact {
	if !i.Users.Known || !(i.Users.Value >= 0) {
		i.Users = from.Users
	}
	if !i.BudgetBurn.Known || !(i.BudgetBurn.Value >= 0) {
		i.BudgetBurn = from.BudgetBurn
	}
	for _, f := range []struct {
		value *Tri
		from  Tri
	}{{&i.DataLoss, from.DataLoss}, {&i.Security, from.Security}, {&i.Redundancy, from.Redundancy}} {
		if *f.value != No && *f.value != Yes {
			*f.value = f.from
		}
	}
	return i
}

// Severity returns the severity of an impact: the worst that it can be, as far
// as it is known.
func (m *CompiledMatrix) Severity(i Impact) sre.Severity { return m.of(i.filled(mostImpact)) }

// AtLeast returns the severity that an impact has whatever turns out of what is
// not known: the mildest that it can be.
func (m *CompiledMatrix) AtLeast(i Impact) sre.Severity { return m.of(i.filled(leastImpact)) }

func (m *CompiledMatrix) of(i Impact) sre.Severity {
	if r, _ := m.matrix.decide(i); r >= 0 {
		return m.matrix.Rows[r].Severity
	}
	return 1
}

// Name returns the name of a severity on the scale of the matrix.
func (m *CompiledMatrix) Name(s sre.Severity) string { return m.matrix.Scale.Name(s) }

// Scale returns the names of the severities, the worst first.
func (m *CompiledMatrix) Scale() sre.Scale {
	if m.matrix.Scale == nil {
		return sre.Scale{"P1", "P2", "P3", "P4"} // the names of the default scale
	}
	return slices.Clone(m.matrix.Scale)
}

// Explain returns why an impact has its severity. Codes:
//
//   - matrix_condition: a condition of the matrix holds; the values are the
//     numbers that it compares
//   - matrix_rest: no condition of a worse row does
//   - assumed_worst: something that the condition asks for is not known, and the
//     severity would be milder if it turned out well
func (m *CompiledMatrix) Explain(i Impact) []sre.Reason {
	known := i.filled(mostImpact)
	row, condition := m.matrix.decide(known)
	if row < 0 {
		return nil
	}
	r := &m.matrix.Rows[row]
	name := m.Name(r.Severity)
	if len(r.Any) == 0 {
		return []sre.Reason{{Code: "matrix_rest", Text: name + ": no condition of a worse severity holds", Values: []sre.Value{{Name: "severity", Text: name}}}}
	}
	c := &r.Any[condition]
	reason := sre.Reason{Code: "matrix_condition", Text: name + ": " + c.String(), Values: []sre.Value{{Name: "severity", Text: name}}}
	parts := []struct {
		name     string
		asked    bool
		found    string
		known    bool
		resolved Impact // with this part at its best
	}{
		{"users", c.Users > 0 || c.UsersBelow > 0, percentText(known.Users.Value), i.Users.Known, with(known, func(k *Impact) { k.Users = leastImpact.Users })},
		{"budget_burn", c.BudgetBurn > 0 || c.BudgetBurnBelow > 0, decimal(known.BudgetBurn.Value), i.BudgetBurn.Known, with(known, func(k *Impact) { k.BudgetBurn = leastImpact.BudgetBurn })},
		{"data_loss", c.DataLoss != NotKnown, known.DataLoss.String(), i.DataLoss != NotKnown, with(known, func(k *Impact) { k.DataLoss = No })},
		{"security", c.Security != NotKnown, known.Security.String(), i.Security != NotKnown, with(known, func(k *Impact) { k.Security = No })},
		{"redundancy", c.Redundancy != NotKnown, known.Redundancy.String(), i.Redundancy != NotKnown, with(known, func(k *Impact) { k.Redundancy = Yes })},
	}
	var assumed []sre.Reason
	for _, p := range parts {
		switch {
		case !p.asked:
		case p.known:
			reason.Values = append(reason.Values, sre.Value{Name: p.name, Text: p.found})
		default:
			reason.Values = append(reason.Values, sre.Value{Name: p.name, Text: NotKnown.String()})
			if better := m.of(p.resolved); r.Severity.Worse(better) {
				assumed = append(assumed, sre.Reason{Code: "assumed_worst",
					Text:   fmt.Sprintf("%s is not known and counts as the worst; at its best it would be %s", p.name, m.Name(better)),
					Values: []sre.Value{{Name: "fact", Text: p.name}, {Name: "at_best", Text: m.Name(better)}}})
			}
		}
	}
	return append([]sre.Reason{reason}, assumed...)
}

func with(i Impact, change func(*Impact)) Impact {
	change(&i)
	return i
}

// String returns the parts of the condition.
func (c Condition) String() string {
	var parts []string
	for _, q := range []struct {
		name        string
		from, below float64
		text        func(float64) string
	}{{"users affected", c.Users, c.UsersBelow, percentText}, {"budget burn rate", c.BudgetBurn, c.BudgetBurnBelow, decimal}} {
		if q.from > 0 {
			parts = append(parts, q.name+" at least "+q.text(q.from))
		}
		if q.below > 0 {
			parts = append(parts, q.name+" below "+q.text(q.below))
		}
	}
	for _, f := range []struct {
		value   Tri
		no, yes string
	}{{c.DataLoss, "no data lost", "data lost"}, {c.Security, "no data exposed", "data exposed, or maybe"}, {c.Redundancy, "no redundancy left", "redundancy left"}} {
		switch f.value {
		case No:
			parts = append(parts, f.no)
		case Yes:
			parts = append(parts, f.yes)
		}
	}
	return strings.Join(parts, " and ")
}

// String returns the facts of the impact.
func (i Impact) String() string {
	users, burn := NotKnown.String(), NotKnown.String()
	if i.Users.Known {
		users = percentText(i.Users.Value)
	}
	if i.BudgetBurn.Known {
		burn = decimal(i.BudgetBurn.Value)
	}
	return fmt.Sprintf("users=%s budget_burn=%s data_loss=%s security=%s redundancy=%s", users, burn, i.DataLoss, i.Security, i.Redundancy)
}

// Markdown renders the matrix as the document to publish.
func (m *CompiledMatrix) Markdown() string {
	var b strings.Builder
	b.WriteString("| Severity | When any of these holds |\n|---|---|\n")
	for _, r := range m.matrix.Rows {
		text := "otherwise"
		if len(r.Any) > 0 {
			list := make([]string, len(r.Any))
			for i, c := range r.Any {
				list[i] = c.String()
			}
			text = strings.Join(list, "; ")
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.ReplaceAll(m.Name(r.Severity), "|", `\|`), text)
	}
	b.WriteString("\nThe first row that holds decides. What is not known counts as the worst that it could be. More impact never has a milder severity.\n")
	return b.String()
}

// decimal is the shortest decimal text that reads back as f.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// percentText is a share in percent, exactly.
func percentText(f float64) string {
	r, ok := new(big.Rat).SetString(decimal(f))
	if !ok {
		return decimal(f)
	}
	n, _ := r.Mul(r, big.NewRat(100, 1)).FloatPrec()
	return r.FloatString(n) + "%"
}
