package main

import (
	"os"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/budget"
	"github.com/sre-sdk/sre/budget/budgetfile"
)

// readPolicy compiles a preset or, if there is none of that name, a file. It
// returns nil if it recorded a problem.
func (f *flags) readPolicy(p *sre.Problems) *budget.Compiled {
	policy, err := budget.Preset(f.policy)
	if err != nil {
		policy, err = readPolicyFile(f.policy)
	}
	if err != nil {
		mergeFile(p, "-policy", err)
		return nil
	}
	compiled, err := policy.Compile()
	p.Merge("-policy", err)
	return compiled
}

func readPolicyFile(name string) (budget.Policy, error) {
	file, err := os.Open(name)
	if err != nil {
		return budget.Policy{}, sre.Problem{Path: "-policy", Code: "no_such_policy", Value: name, Want: "a readable file, or one of workbook, slo-generator, tiered: " + cause(err)}
	}
	defer file.Close()
	return budgetfile.Read(file, name)
}
