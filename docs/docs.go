// Package docs gives the published files that commands print.
package docs

import _ "embed"

// PolicySchema is the JSON Schema of the policy document, as docs/policy.schema.json
// has it. It is written by internal/policyfile/schemagen.
//
//go:embed policy.schema.json
var PolicySchema string
