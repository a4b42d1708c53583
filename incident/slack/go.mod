module github.com/sre-sdk/sre/incident/slack

go 1.26.0

require (
	github.com/slack-go/slack v0.35.0
	github.com/sre-sdk/sre v0.0.0
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/hashicorp/errwrap v1.0.0 // indirect
	github.com/hashicorp/go-multierror v1.1.1 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)

replace github.com/sre-sdk/sre => ../..
