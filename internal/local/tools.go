package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Names of the tools that the bed and its tests use.
const (
	ToolJava     = "java"           // found on PATH; 17 or later
	ToolDynamoDB = "dynamodb-local" // .tools/dynamodb-local/DynamoDBLocal.jar and DynamoDBLocal_lib beside it
	ToolMoto     = "moto_server"    // .tools/bin/moto_server
	ToolAWS      = "aws"            // .tools/bin/aws
	ToolCfnLint  = "cfn-lint"       // .tools/bin/cfn-lint
	// For the report's test in a browser.
	ToolNode       = "node"            // found on PATH; 20 or later
	ToolChromium   = "chromium"        // found on PATH, also as chromium-browser or google-chrome
	ToolPlaywright = "playwright-core" // .tools/node/node_modules/playwright-core/package.json
)

// toolsVariable names a folder to use in place of .tools, so that several clones can share one.
const toolsVariable = "TRIMTAB_TOOLS"

// Tools is the folder of pinned tools that `make tools` fills from the lock files of the repository.
type Tools struct {
	Dir string
}

// MissingToolError says which tool is not there, where it was looked for and what brings it.
type MissingToolError struct {
	Tool   string
	Where  string
	Remedy string
}

// Error names the tool, the place and the remedy.
func (e *MissingToolError) Error() string {
	return fmt.Sprintf("%s is missing (%s): %s", e.Tool, e.Where, e.Remedy)
}

// FindTools finds the tools of the module that dir lies in; "" means the working directory. The folder need not exist.
func FindTools(dir string) (Tools, error) {
	if set := os.Getenv(toolsVariable); set != "" {
		return Tools{Dir: set}, nil
	}
	root, err := ModuleRoot(dir)
	if err != nil {
		return Tools{}, err
	}
	return Tools{Dir: filepath.Join(root, ".tools")}, nil
}

// Path is the path of a tool, or a *MissingToolError.
func (t Tools) Path(tool string) (string, error) {
	switch tool {
	case ToolJava:
		return onPath(tool, "install a Java 17 runtime")
	case ToolNode:
		return onPath(tool, "install Node.js 20 or newer")
	case ToolChromium:
		return onPath(tool, "install Chromium", "chromium-browser", "google-chrome")
	case ToolPlaywright:
		return t.inFolder(tool, filepath.Join("node", "node_modules", "playwright-core", "package.json"))
	case ToolDynamoDB:
		return t.inFolder(tool, filepath.Join("dynamodb-local", "DynamoDBLocal.jar"))
	default:
		return t.inFolder(tool, filepath.Join("bin", tool))
	}
}

// onPath finds a program that the machine brings, under its own or another name.
func onPath(tool, remedy string, aliases ...string) (string, error) {
	for _, name := range append([]string{tool}, aliases...) {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &MissingToolError{Tool: tool, Where: "on PATH", Remedy: remedy}
}

func (t Tools) inFolder(tool, rel string) (string, error) {
	path, err := filepath.Abs(filepath.Join(t.Dir, rel))
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", rel, err)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", &MissingToolError{Tool: tool, Where: path, Remedy: "run `make tools`"}
	} else if err != nil {
		return "", fmt.Errorf("look for %s: %w", tool, err)
	}
	return path, nil
}

// ModuleRoot walks up from dir ("" means the working directory) to the folder that holds go.mod.
func ModuleRoot(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolve folder %q: %w", dir, err)
	}
	for at := start; ; {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return "", fmt.Errorf("no go.mod in %s or above it: run this inside a clone of the repository", start)
		}
		at = up
	}
}
