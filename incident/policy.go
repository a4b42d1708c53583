package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sre-sdk/sre"
)

// A Policy says how incidents are run. The zero value with an ID is a good one.
type Policy struct {
	ID string // required

	// Matrix makes a severity of an impact. Default: DefaultMatrix.
	Matrix Matrix

	// Retriage says how a severity follows measurements by itself; see
	// [Compiled.Retriage]. Default: see Hysteresis.
	Retriage Hysteresis

	// Deadlines says what is due when. Default: see Deadlines.
	Deadlines Deadlines

	// Major is the mildest severity of a major incident, in which a commander is
	// required. Default: 2.
	Major sre.Severity

	// Authority says which roles may give a command. A kind that is not in it, or
	// has no roles, may be given by anybody. Roles that nobody holds bind nobody:
	// an incident must not wait for a commander. Default: DefaultAuthority.
	Authority map[Kind][]Role

	// ReviewFrom is the mildest severity of an incident that is not closed before
	// the question about runbooks and alerts is answered. Default: 4, which is
	// each one of the default scale.
	ReviewFrom sre.Severity
}

// DefaultAuthority lets anybody tell what happens, and the commander and the
// deputy decide.
func DefaultAuthority() map[Kind][]Role {
	decide := []Role{Commander, Deputy}
	return map[Kind][]Role{
		KindTriage: decide, KindAssign: decide, KindOffer: decide, KindDecline: decide, KindLeave: decide, KindMerge: decide, KindSplit: decide,
		KindCancel: decide, KindResolve: decide, KindClose: decide, KindReopen: nil,
		KindSchedulePostmortem: decide, KindSkipPostmortem: decide, KindRestrict: decide,
		KindUpdate: {Commander, Deputy, Liaison, PublicLiaison},
	}
}

// Compiled is a checked policy. It is immutable and safe for concurrent use; the
// zero value refuses everything.
type Compiled struct {
	policy Policy
	may    [kindEnd][]Role
	matrix *CompiledMatrix
	due    schedule // what Deadlines says
}

// Policy returns the policy with its defaults filled in. What it holds is not to
// be changed.
func (c *Compiled) Policy() Policy { return c.policy }

// Compile checks the policy, reporting every [sre.Problem].
func (p Policy) Compile() (*Compiled, error) {
	var problems sre.Problems
	problems.CheckID("id", p.ID)
	if p.Major == 0 {
		p.Major = 2
	}
	if p.ReviewFrom == 0 {
		p.ReviewFrom = 4
	}
	if p.Authority == nil {
		p.Authority = DefaultAuthority()
	}
	p.Authority = maps.Clone(p.Authority)
	c := &Compiled{policy: p}
	for k, roles := range p.Authority {
		path := fmt.Sprintf("authority[%s]", k)
		if k == KindUnknown || k >= kindEnd {
			problems.Add(path, "unknown_kind", k, "the kind of a command")
			continue
		}
		if k == KindAbsorb || k == KindRedirect || k == KindSeparate {
			problems.Add(path, "not_supported", k, "merge or split, from which it follows")
		}
		for i, r := range roles {
			if r == RoleUnknown || r >= roleEnd {
				problems.Add(fmt.Sprintf("%s[%d]", path, i), "unknown_role", r, "a declared Role")
			}
		}
		c.may[k] = slices.Clone(roles)
		c.policy.Authority[k] = c.may[k]
	}
	matrix := p.Matrix
	if matrix.Rows == nil {
		matrix = DefaultMatrix()
		matrix.Scale = p.Matrix.Scale
		c.policy.Matrix = matrix
	}
	var err error
	c.matrix, err = matrix.Compile()
	problems.Merge("matrix", err)
	c.policy.Retriage = p.Retriage.filled(&problems)
	c.policy.Deadlines = p.Deadlines.filled()
	c.due = c.policy.Deadlines.compile(&problems, p.Major)
	if err := problems.Err("incident"); err != nil {
		return nil, err
	}
	return c, nil
}

// MustCompile is Compile for policies that are known to be right. It panics.
func (p Policy) MustCompile() *Compiled {
	c, err := p.Compile()
	if err != nil {
		panic(err)
	}
	return c
}

// Major reports whether a severity is that of a major incident.
func (c *Compiled) Major(s sre.Severity) bool { return s.Effective() <= c.policy.Major }

// May reports whether an actor may give a kind of command, and else which roles
// may. A service or a policy may give what is bound to no role. Handle lets
// people give up, offer, and decline what is their own besides, and a policy
// offer any role, such as that of a commander who does not answer.
func (c *Compiled) May(s *State, by sre.Actor, k Kind) (bool, []Role) {
	if k >= kindEnd || len(c.may[k]) == 0 {
		return k < kindEnd, nil
	}
	held := false
	for _, r := range c.may[k] {
		if by.Kind == sre.Human && s.Holds(by.ID, r) {
			return true, nil
		}
		held = held || s.HolderOf(r) != ""
	}
	if !held && by.Kind == sre.Human {
		return true, nil
	}
	return false, c.may[k]
}

// mayGive is May for a request: with what is one's own.
func (c *Compiled) mayGive(s *State, r Request) (bool, []Role) {
	ok, roles := c.May(s, r.By, r.Command.Kind())
	if _, offers := r.Command.(Offer); offers && r.By.Kind == sre.PolicyActor {
		return true, nil // else a commander who does not answer would block everything
	}
	if ok || r.By.Kind != sre.Human {
		return ok, roles
	}
	switch cmd := r.Command.(type) {
	case Leave:
		return cmd.Person == r.By.ID, roles
	case Offer:
		return s.Holds(r.By.ID, cmd.Role), roles
	case Decline:
		return s.Holds(r.By.ID, cmd.Role) || s.offered(cmd.Role, r.By.ID), roles
	}
	return false, roles
}

// names says which roles may, and who holds them.
func (s *State) names(roles []Role) string {
	list := make([]string, len(roles))
	for i, role := range roles {
		list[i] = "the " + role.String()
		if person := s.HolderOf(role); person != "" {
			list[i] += " (" + person + ")"
		}
	}
	return strings.Join(list, ", ")
}
