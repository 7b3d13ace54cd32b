package policyfile

import (
	"bytes"
	"encoding/json"

	"github.com/trimtab-ecs/trimtab/internal/core/spec"
)

// Canonical gives the document as JSON with sorted keys and no spaces: the same
// bytes whenever the document says the same, however its file was written. A
// document that Validate refuses because a number is not finite gives nil.
func Canonical(d spec.Document) []byte { return canonical(d) }

func canonical(v any) []byte {
	first, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	// Structs are written in the order of their fields, maps in the order of
	// their keys: reading back into maps sorts everything.
	var sorted any
	dec := json.NewDecoder(bytes.NewReader(first))
	dec.UseNumber()
	if err := dec.Decode(&sorted); err != nil {
		return nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(sorted); err != nil {
		return nil
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
