package cli

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// jsonFlag is --json: the result as JSON, on standard output or, as --json=FILE, in a
// file.
type jsonFlag struct {
	on   bool
	file string // empty for standard output
}

// IsBool makes the value optional.
func (*jsonFlag) IsBool() bool { return true }

// Decode reads the flag.
func (f *jsonFlag) Decode(ctx *kong.DecodeContext) error {
	f.on, f.file = true, ""
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	switch v := ctx.Scan.Pop().String(); v {
	case "true":
	case "false":
		f.on = false
	case "":
		return fmt.Errorf("the file is empty: name one, or write --json alone for standard output")
	default:
		f.file = v
	}
	return nil
}
