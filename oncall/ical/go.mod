module github.com/sre-sdk/sre/oncall/ical

go 1.26.0

require (
	github.com/arran4/golang-ical v0.3.4
	github.com/google/go-cmp v0.7.0
	github.com/sre-sdk/sre v0.0.0
)

require (
	github.com/hashicorp/errwrap v1.0.0 // indirect
	github.com/hashicorp/go-multierror v1.1.1 // indirect
	github.com/teambition/rrule-go v1.8.2 // indirect
)

replace github.com/sre-sdk/sre => ../..
