package incidentfile_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/sre-sdk/sre/incident"
	"github.com/sre-sdk/sre/incident/incidentfile"
)

func ExampleReadPolicy() {
	policy, err := incidentfile.ReadPolicy(strings.NewReader(`
apiVersion: sre-sdk/v1
kind: IncidentPolicy
id: shop
matrix: {preset: pagerduty}
major: SEV-2
deadlines:
  acknowledge: {SEV-1: 5m, SEV-2: 15m}
`), "shop.yaml", nil)
	if err != nil {
		log.Fatal(err)
	}
	matrix := policy.MustCompile().Matrix()
	impact := incident.Impact{Users: incident.ShareOf(0.1), DataLoss: incident.No, Security: incident.No}
	fmt.Println(policy.ID, matrix.Name(matrix.Severity(impact)))
	// Output: shop SEV-2
}
