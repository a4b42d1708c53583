// Package yamlfile reads policy and specification files strictly: YAML 1.2 or
// its subset JSON, one or more documents, every problem with file, line and
// path, all of them at once.
//
// It walks the parsed nodes instead of filling structs, because a struct loses
// what a strict reader needs: the line of each value, the text of a decimal
// before a float rounds it, a field that nobody asked for, one that is there
// twice. A [Node] is a cursor on one value that may be absent; its accessors
// ([Node.Text], [Node.Decimal], [Node.Duration], ...) return the value, or
// record a [sre.Problem] and return the zero value. A [Map] hands out fields
// and refuses the others in [Map.Done]:
//
//	docs, err := yamlfile.Parse(r, yamlfile.Options{Name: "policy.yaml", Prefix: "budgetfile"})
//	...
//	var problems sre.Problems
//	m := docs[0].Node(&problems).Map()
//	p.Name = m.Required("name").Text()
//	p.Period = m.Optional("period").Duration()
//	p.Target = yamlfile.Value(m.Required("target"), slo.ParseRatio)
//	m.Done()
//	return problems.Err("budgetfile")
//
// An absent field, and one that is null, reads as the zero value without a
// problem: [Map.Required] has reported it already, and [Map.Optional] permits
// it. So a reader is written straight down, without a test after each line.
//
// What YAML offers beyond JSON and is refused: aliases and merge keys (a small
// file must not become a large one), explicit tags, keys that are not scalars,
// duplicate keys. Scalars are never guessed at: a string is the text as
// written (country: no is "no", version: 1.10 is "1.10"), a boolean is true or
// false, an integer is decimal.
package yamlfile
