// Package slofile reads service catalogs from YAML or JSON files.
//
//	apiVersion: sre-sdk/v1
//	kind: Catalog
//	services:
//	  - id: checkout
//	    name: Checkout                # optional, like everything but id
//	    description: Takes orders.
//	    type: service
//	    system: shop
//	    owner: team-pay
//	    criticality: critical         # low, standard (default), high or critical
//	    lifecycle: production         # experimental, production (default), deprecated or retired
//	    depends_on:
//	      - payments                  # hard: it does not work without
//	      - {on: recommendations, soft: true, why: shows bestsellers instead}
//	    slos: [checkout-availability]
//	    runbooks: [checkout-errors, https://example.com/runbooks/checkout]
//	    escalation: team-pay
//	    repositories: [https://github.com/example/checkout]
//	    links:
//	      - {title: Dashboard, url: https://example.com/d/checkout}
//	    labels: {region: eu}
//	    external: {pagerduty.com/service-id: P123}
//
// See [catalog.Service] for what the fields mean. A catalog may be spread over
// several documents, and over several files read by [ReadCatalogs].
//
// Unknown fields are refused. All problems are reported at once, each with file
// and line. The input is bounded, and the reader never panics and never guesses.
package slofile
