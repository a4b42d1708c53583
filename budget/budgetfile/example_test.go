package budgetfile_test

import (
	"fmt"
	"strings"

	"github.com/sre-sdk/sre/budget/budgetfile"
)

func ExampleRead() {
	policy, err := budgetfile.Read(strings.NewReader(`
apiVersion: sre-sdk/v1
kind: BudgetPolicy
name: payments
preset: workbook
hysteresis: 5%
`), "payments.yaml")
	fmt.Println(policy.Name, policy.Hysteresis.Percent(), len(policy.Alerts), err)
	// Output: payments 5% 4 <nil>
}
