module github.com/sre-sdk/sre/oncall/pagerduty

go 1.26.0

require (
	github.com/PagerDuty/go-pagerduty v1.8.0
	github.com/sre-sdk/sre v0.0.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/google/go-querystring v1.1.0 // indirect
	github.com/hashicorp/errwrap v1.1.0 // indirect
	github.com/hashicorp/go-multierror v1.1.1 // indirect
	github.com/teambition/rrule-go v1.8.2 // indirect
)

replace github.com/sre-sdk/sre => ../..
