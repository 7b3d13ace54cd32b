package archtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/archtest"
)

// program is one function with all of our packages that it links, type-checked. It
// answers which of their code the function can reach.
type program struct {
	fset     *token.FileSet
	packages map[string]*types.Package // ours, by import path
	info     types.Info
	bodies   map[*types.Func]ast.Node
	named    []*types.Named // our types, which may stand behind an interface
	always   []ast.Node     // the values of package variables: they are made whatever is called
}

// loadProgram checks the main package in a folder of the module from its source;
// what is not ours comes from the compiler's export data.
func loadProgram(t *testing.T, folder string) *program {
	t.Helper()
	p := &program{
		fset: token.NewFileSet(), packages: map[string]*types.Package{}, bodies: map[*types.Func]ast.Node{},
		info: types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}},
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles", "./"+folder)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list what %s links: %v", folder, err)
	}
	type listed struct {
		ImportPath, Export, Dir string
		GoFiles                 []string
	}
	exports := map[string]string{}
	outside := importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	from := importFunc(func(path string) (*types.Package, error) {
		if ours := p.packages[path]; ours != nil {
			return ours, nil
		}
		return outside.Import(path)
	})
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; { // every package after those it imports
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return p
		} else if err != nil {
			t.Fatal(err)
		}
		exports[l.ImportPath] = l.Export
		if strings.HasPrefix(l.ImportPath, archtest.Module+"/") {
			p.check(t, from, l.ImportPath, l.Dir, l.GoFiles)
		}
	}
}

type importFunc func(path string) (*types.Package, error)

func (f importFunc) Import(path string) (*types.Package, error) { return f(path) }

// check type-checks one package of ours and notes its functions and types.
func (p *program) check(t *testing.T, from types.Importer, path, dir string, names []string) {
	t.Helper()
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(p.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	conf := types.Config{Importer: from}
	pkg, err := conf.Check(path, p.fset, files, &p.info)
	if err != nil {
		t.Fatalf("check %s: %v", path, err)
	}
	p.packages[path] = pkg
	for _, file := range files {
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if f, ok := p.info.Defs[d.Name].(*types.Func); ok && d.Body != nil {
					p.bodies[f] = d
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					p.always = append(p.always, d)
				}
			}
		}
	}
	for _, name := range pkg.Scope().Names() {
		if tn, ok := pkg.Scope().Lookup(name).(*types.TypeName); ok && !tn.IsAlias() {
			if n, ok := tn.Type().(*types.Named); ok && !types.IsInterface(n) && n.TypeParams().Len() == 0 {
				p.named = append(p.named, n)
			}
		}
	}
}

// reach visits every use of a name in the code that the main package reaches: all
// of its functions count, since Lambda calls the handler's. A call through an
// interface reaches that method of each of our types that has all of the
// interface; a function that is named anywhere counts as called. What others
// call of our lower packages, as encoding/json calls MarshalJSON, is not seen.
func (p *program) reach(main string, visit func(types.Object, token.Position)) {
	seen := map[*types.Func]bool{}
	todo := slices.Clone(p.always)
	for f, body := range p.bodies {
		if f.Pkg() == p.packages[main] {
			seen[f] = true
			todo = append(todo, body)
		}
	}
	call := func(f *types.Func) {
		f = f.Origin()
		if body, ours := p.bodies[f]; ours && !seen[f] {
			seen[f] = true
			todo = append(todo, body)
		}
	}
	for len(todo) > 0 {
		node := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		ast.Inspect(node, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok || p.info.Uses[id] == nil {
				return true
			}
			visit(p.info.Uses[id], p.fset.Position(id.Pos()))
			if f, ok := p.info.Uses[id].(*types.Func); ok {
				call(f)
				for _, m := range p.behind(f) {
					call(m)
				}
			}
			return true
		})
	}
}

// behind gives the methods of our types that a call of an interface's method may
// mean; none if f is no such method.
func (p *program) behind(f *types.Func) []*types.Func {
	recv := f.Signature().Recv()
	if recv == nil || !types.IsInterface(recv.Type()) {
		return nil
	}
	in, ok := recv.Type().Underlying().(*types.Interface)
	if !ok {
		return nil
	}
	var methods []*types.Func
	for _, n := range p.named {
		pointer := types.NewPointer(n)
		if !types.Implements(pointer, in) {
			continue
		}
		if m, ok := types.NewMethodSet(pointer).Lookup(f.Pkg(), f.Name()).Obj().(*types.Func); ok {
			methods = append(methods, m)
		}
	}
	return methods
}

// reachedActions gives the IAM actions of the AWS calls that a function can reach,
// each with a place that makes it. What only people do is left out: the code of the
// desk is there, and no payload leads to it.
func reachedActions(t *testing.T, folder string) map[string]string {
	t.Helper()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	p := loadProgram(t, folder)
	actions := map[string]string{}
	p.reach(archtest.Module+"/"+folder, func(o types.Object, at token.Position) {
		if _, isType := o.(*types.TypeName); !isType || o.Pkg() == nil {
			return
		}
		client, ok := strings.CutPrefix(o.Pkg().Path(), "github.com/aws/aws-sdk-go-v2/service/")
		if !ok {
			return
		}
		file, err := filepath.Rel(top, at.Filename)
		if err != nil {
			t.Fatal(err)
		}
		if action := actionOf(client, o.Name()); action != "" && !slices.Contains(peoples, file) {
			actions[action] = fmt.Sprintf("%s:%d", file, at.Line)
		}
	})
	return actions
}
