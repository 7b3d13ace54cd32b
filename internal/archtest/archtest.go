// Package archtest gives the import law of the house as a check: who may import
// whom, and the reason of every ban.
//
// The rooms and their floors are those of the table in docs/design.md; a package
// imports lower floors only, and on its own floor only the rooms above it in the
// table, unless its row says otherwise. The law is enforced on what go list says
// of the whole module, so that a new package without a row is found too.
package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Module is the path of the module whose packages are judged.
const Module = "github.com/trimtab-ecs/trimtab"

// MaxLines is the length that a Go file without tests may not exceed.
const MaxLines = 500

// Package is one package as go list -json prints it: the fields the law reads.
type Package struct {
	ImportPath string
	Name       string
	Dir        string
	Standard   bool
	// Imports are those of the package's own files, without its tests.
	Imports []string
	// Deps are all packages that are linked with it.
	Deps    []string
	GoFiles []string
	// IgnoredGoFiles are those that the build constraints left out.
	IgnoredGoFiles []string
	Error          *ListError
}

// ListError is what go list could not load of a package.
type ListError struct {
	Err string
}

// Room is one row of the table: a package, or a folder of packages, and what it
// may import.
type Room struct {
	// Floor orders the rooms: a room imports lower floors.
	Floor int
	// Path is the folder in the module; "x/..." is x and every package below it.
	Path string
	// Alone says that the room imports nothing of its own floor.
	Alone bool
	// OnlyFor are the rooms that may import this one; nil is any on a higher floor.
	OnlyFor []string
	// Outside are the import paths that the room may use beside the standard
	// library: these and everything below them.
	Outside []string
	// NotStd are packages of the standard library that the room may not use,
	// each with the reason.
	NotStd []Ban
	// Why is the reason that a broken rule is told with.
	Why string
}

// Ban is a package, with all below it, that must not be used, and the reason.
type Ban struct {
	Path string
	Why  string
}

// Law is the table of rooms and the bans on what the functions link.
type Law struct {
	Rooms []Room
	// Names are package names that say nothing.
	Names []string
	// Linked bans packages from everything under functions, however they get there.
	Linked []Ban
	// LinkedOutside are the only import paths from outside that functions link.
	LinkedOutside []string
}

// Check judges the packages and gives every breach of the law, one line each, in
// the order of the packages.
func (l Law) Check(pkgs []Package) []string {
	var breaches []string
	byPath := make(map[string]Package, len(pkgs))
	for _, p := range pkgs {
		byPath[p.ImportPath] = p
	}
	for _, p := range pkgs {
		folder, ours := folderOf(p.ImportPath)
		if !ours {
			continue
		}
		if p.Error != nil {
			breaches = append(breaches, fmt.Sprintf("%s cannot be loaded: %s", folder, p.Error.Err))
			continue
		}
		breaches = append(breaches, l.checkName(folder)...)
		breaches = append(breaches, l.checkImports(folder, p)...)
		if matches("functions/...", folder) {
			breaches = append(breaches, l.checkLinked(folder, p, byPath)...)
		}
	}
	return breaches
}

// checkName refuses folder names that say nothing.
func (l Law) checkName(folder string) []string {
	var breaches []string
	for element := range strings.SplitSeq(folder, "/") {
		if slices.Contains(l.Names, element) {
			breaches = append(breaches, fmt.Sprintf("%s: %q says nothing: name the package after what it gives", folder, element))
		}
	}
	return breaches
}

// checkImports judges the direct imports of one package.
func (l Law) checkImports(folder string, p Package) []string {
	from, ok := l.room(folder)
	if !ok {
		return []string{folder + " has no floor: give it a row in the design's table and in internal/archtest/law.go"}
	}
	room := l.Rooms[from]
	var breaches []string
	for _, imported := range p.Imports {
		if target, ours := folderOf(imported); ours {
			if why := l.mayImport(folder, from, target); why != "" {
				breaches = append(breaches, fmt.Sprintf("%s imports %s: %s", folder, target, why))
			}
			continue
		}
		if why := room.mayUse(imported, isSuite(folder)); why != "" {
			breaches = append(breaches, fmt.Sprintf("%s imports %s: %s", folder, imported, why))
		}
	}
	return breaches
}

// mayImport gives the reason why the package in folder, of the room with index
// from, may not import the package in target; "" if it may.
func (l Law) mayImport(folder string, from int, target string) string {
	to, ok := l.room(target)
	switch {
	case !ok:
		return "it has no floor"
	case isSuite(target):
		return "a conformance suite is for tests"
	case from == to:
		return "" // packages of one room; a suite and what it tests
	}
	mine, theirs := l.Rooms[from], l.Rooms[to]
	if theirs.OnlyFor != nil && !slices.ContainsFunc(theirs.OnlyFor, func(p string) bool { return matches(p, folder) }) {
		return theirs.Why
	}
	switch {
	case theirs.Floor > mine.Floor:
		return fmt.Sprintf("floor %d is above floor %d: %s", theirs.Floor, mine.Floor, mine.Why)
	case theirs.Floor == mine.Floor && mine.Alone:
		return "rooms of this floor stand alone: " + mine.Why
	case theirs.Floor == mine.Floor && to > from:
		return "it stands below in the table of this floor: " + mine.Why
	}
	return ""
}

// mayUse gives the reason why the room may not import a package from outside the
// module; "" if it may. A conformance suite may use what tests use.
func (r Room) mayUse(imported string, suite bool) string {
	if isStd(imported) {
		for _, ban := range r.NotStd {
			if matches(ban.Path+"/...", imported) && (!suite || ban.Path != "testing") {
				return ban.Why
			}
		}
		if !suite && matches("testing/...", imported) {
			return "tests only"
		}
		return ""
	}
	allowed := r.Outside
	if suite {
		allowed = append(slices.Clone(allowed), testModules...)
	}
	for _, outside := range allowed {
		if matches(outside+"/...", imported) {
			return ""
		}
	}
	return "not among the modules that this room may use: " + r.Why
}

// checkLinked judges everything that is linked into one function.
func (l Law) checkLinked(folder string, p Package, byPath map[string]Package) []string {
	var breaches []string
	for _, dep := range p.Deps {
		why := l.mayLink(dep, byPath[dep].Standard || isStd(dep))
		if why == "" {
			continue
		}
		breaches = append(breaches, fmt.Sprintf("%s links %s: %s (%s)", folder, dep, why,
			strings.Join(chain(p.ImportPath, dep, byPath), " -> ")))
	}
	return breaches
}

// mayLink gives the reason why a function may not link the package; "" if it may.
func (l Law) mayLink(dep string, std bool) string {
	for _, ban := range l.Linked {
		if matches(ban.Path+"/...", dep) {
			return ban.Why
		}
	}
	if _, ours := folderOf(dep); ours || std {
		return ""
	}
	for _, outside := range l.LinkedOutside {
		if matches(outside+"/...", dep) {
			return ""
		}
	}
	return "a function links the standard library, the AWS clients and us: each further module is start-up time"
}

// room gives the index of the row that the folder belongs to: the longest path
// that matches. A suite such as ledger/ledgertest belongs to what it tests.
func (l Law) room(folder string) (int, bool) {
	best := -1
	for i, r := range l.Rooms {
		if matches(r.Path, folder) && (best < 0 || len(r.Path) > len(l.Rooms[best].Path)) {
			best = i
		}
	}
	if best < 0 && isSuite(folder) {
		return l.room(path.Dir(folder))
	}
	return best, best >= 0
}

// chain gives the shortest way from one package to another along the imports, so
// that a breach names the import to remove.
func chain(from, to string, byPath map[string]Package) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			break
		}
		for _, next := range byPath[queue[0]].Imports {
			if _, seen := before[next]; !seen {
				before[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	if _, found := before[to]; !found {
		return []string{from, "...", to}
	}
	var way []string
	for at := to; at != ""; at = before[at] {
		way = append(way, strings.TrimPrefix(at, Module+"/"))
	}
	slices.Reverse(way)
	return way
}

// folderOf gives the folder of a package of the module, and whether it is one.
func folderOf(importPath string) (string, bool) {
	if importPath == Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

// matches tells whether the folder is the pattern's; "x/..." is x and all below.
func matches(pattern, folder string) bool {
	if base, deep := strings.CutSuffix(pattern, "/..."); deep {
		return folder == base || strings.HasPrefix(folder, base+"/")
	}
	return folder == pattern
}

// isSuite tells whether the folder is a conformance suite: its name ends in test
// and it lies in what it tests, as ledger/ledgertest does.
func isSuite(folder string) bool {
	return strings.HasSuffix(folder, "test") && strings.Count(folder, "/") > 1
}

// isStd tells whether the import path is of the standard library: its first
// element has no dot.
func isStd(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}
