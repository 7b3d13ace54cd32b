package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// output is a file that a flag asks for; there is none where the path is empty.
type output struct{ flag, path string }

// writable refuses what could not be written, before a long run and not after it. The
// folders that are missing are made when the file is written.
func writable(outputs ...output) error {
	for i, o := range outputs {
		if o.path == "" {
			continue
		}
		if err := o.check(); err != nil {
			return err
		}
		for _, p := range outputs[:i] {
			if p.path != "" && filepath.Clean(p.path) == filepath.Clean(o.path) {
				return refused("%s and %s name one file, %s: give each its own", p.flag, o.flag, o.path)
			}
		}
	}
	return nil
}

func (o output) check() error {
	if at, err := os.Stat(o.path); err == nil && at.IsDir() {
		return refused("%s %s is a folder: name a file", o.flag, o.path)
	}
	dir := filepath.Dir(o.path)
	for {
		at, err := os.Stat(dir)
		up := filepath.Dir(dir)
		switch {
		case err == nil && !at.IsDir():
			return refused("%s %s cannot be written: %s is a file and no folder", o.flag, o.path, dir)
		case err == nil:
			return o.try(dir)
		case up == dir || errors.Is(err, fs.ErrPermission):
			return refused("%s %s cannot be written: %w", o.flag, o.path, err)
		}
		dir = up
	}
}

// try writes an empty file where the output or its first missing folder goes.
func (o output) try(dir string) error {
	f, err := os.CreateTemp(dir, ".trimtab-*")
	if err != nil {
		return refused("%s %s cannot be written: %w", o.flag, o.path, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return refused("%s %s cannot be written: %w", o.flag, o.path, err)
	}
	return nil
}
