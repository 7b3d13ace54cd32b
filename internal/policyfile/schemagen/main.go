// Package main writes the JSON Schema of the policy document and its reference from
// the types of core/spec and the comments on their fields, so that the file, the
// schema and the reference cannot drift apart.
//
//	schemagen FOLDER-OF-SPEC FOLDER-OF-DOCS
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("read arguments: %d are given: give the folder of core/spec and the folder of the docs", len(args))
	}
	files, err := generate(args[0])
	if err != nil {
		return err
	}
	docs, err := os.OpenRoot(args[1])
	if err != nil {
		return fmt.Errorf("open the folder of the docs: %w", err)
	}
	for name, content := range files {
		if err := docs.WriteFile(name, content, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return docs.Close()
}

// generate gives the files by their names.
func generate(source string) (map[string][]byte, error) {
	c, err := readComments(source)
	if err != nil {
		return nil, err
	}
	schema, err := writeSchema(c)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"policy.schema.json": schema, "policy-reference.md": []byte(writeReference(c))}, nil
}
