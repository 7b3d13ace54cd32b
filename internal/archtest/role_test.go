package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// roleAction finds the granted actions in template.yaml.
var roleAction = regexp.MustCompile(`\b(ecs|autoscaling|application-autoscaling|cloudwatch|dynamodb|events|sqs):([A-Z]\w+)`)

// iamPrefix gives the IAM prefix of each AWS client, by its package name.
var iamPrefix = map[string]string{
	"ecs": "ecs", "autoscaling": "autoscaling", "applicationautoscaling": "application-autoscaling",
	"cloudwatch": "cloudwatch", "dynamodb": "dynamodb", "eventbridge": "events", "sqs": "sqs",
}

// peoples are the files whose calls people make with their own rights, through the
// commands; no function is allowed them. They do reach the rest of the ledger's desk,
// where reconcile writes the overrides of manual payloads.
var peoples = []string{"internal/aws/dynamoledger/remove.go"}

// roles are the roles of template.yaml, each with the function that has it.
var roles = map[string]string{"ReconcileRole": "functions/reconcile", "DrainRole": "functions/drain"}

// uncalled are the actions that no call of ours names, each with who needs it.
var uncalled = map[string]string{
	"sqs:SendMessage":         "Lambda itself sends to the dead letters, with the function's role",
	"ecs:ListTagsForResource": "ECS may ask for it where DescribeServices includes the tags",
}

// TestRolesMatchCalls compares the actions that template.yaml grants each function
// with the calls that it can reach. A call without its action fails in production
// alone; an action without its call is authority that nobody needs.
func TestRolesMatchCalls(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	anywhere := calledActions(t)
	if len(anywhere) == 0 {
		t.Fatal("no call found in internal/aws: the test does not see them any more")
	}
	for role, function := range roles {
		called := reachedActions(t, function)
		granted := grantedActions(t, string(template), role)
		for action, place := range called {
			delete(anywhere, action)
			if !granted[action] {
				t.Errorf("%s calls %s, %s reaches it, and %s in template.yaml does not allow it", place, action, function, role)
			}
		}
		for action := range uncalled {
			if !granted[action] || called[action] != "" {
				t.Errorf("%s is listed as needed without a call, and %s does not grant it or %s calls it: take it off the list", action, role, function)
			}
		}
		for action := range granted {
			if called[action] == "" && uncalled[action] == "" {
				t.Errorf("%s in template.yaml allows %s, and nothing that %s reaches calls it", role, action, function)
			}
		}
	}
	// What no function reaches is dead, or the test has lost its way to it.
	for action, file := range anywhere {
		t.Errorf("%s calls %s, and no function reaches it", file, action)
	}
}

// grantedActions gives the actions of one role of the template.
func grantedActions(t *testing.T, template, role string) map[string]bool {
	t.Helper()
	_, block, ok := strings.Cut(template, "\n  "+role+":\n")
	if !ok {
		t.Fatalf("template.yaml has no %s", role)
	}
	granted := map[string]bool{}
	for line := range strings.Lines(block) {
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") && !strings.HasPrefix(line, "  #") {
			break // the next resource
		}
		line, _, _ = strings.Cut(line, "#")
		for _, match := range roleAction.FindAllStringSubmatch(line, -1) {
			granted[match[1]+":"+match[2]] = true
		}
	}
	return granted
}

// calledActions gives the IAM actions of all calls in internal/aws, each with a
// file that makes it.
func calledActions(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "internal/aws/*/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]string{}
	for _, name := range files {
		short := strings.TrimPrefix(name, root+"/")
		if strings.HasSuffix(name, "_test.go") || slices.Contains(peoples, short) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		clients := clientsOf(t, file)
		ast.Inspect(file, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := selector.X.(*ast.Ident); ok {
					if action := actionOf(clients[x.Name], selector.Sel.Name); action != "" {
						called[action] = short
					}
				}
			}
			return true
		})
	}
	return called
}

// clientsOf gives the AWS packages that the file imports, by their local names:
// "ecs", or "dynamodb/types".
func clientsOf(t *testing.T, file *ast.File) map[string]string {
	t.Helper()
	clients := map[string]string{}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		client, ok := strings.CutPrefix(imported, "github.com/aws/aws-sdk-go-v2/service/")
		if !ok {
			continue
		}
		local := path.Base(client)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		clients[local] = client
	}
	return clients
}

// actionOf gives the IAM action that naming an identifier of a client stands for:
// the input of an operation, or a part of a DynamoDB transaction, which has no
// action of its own. It is "" where there is none.
func actionOf(client, name string) string {
	if client == "dynamodb/types" && slices.Contains([]string{"Get", "Put", "Update", "Delete", "ConditionCheck"}, name) {
		return "dynamodb:" + name + "Item"
	}
	operation, isInput := strings.CutSuffix(name, "Input")
	if iamPrefix[client] == "" || !isInput || strings.HasPrefix(operation, "Transact") {
		return ""
	}
	return iamPrefix[client] + ":" + operation
}
