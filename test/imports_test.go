package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gateway-cp/gateway-cp"

// rooms are the rules of docs/architecture.md: what the code of each room, tests aside, may
// import of ours, and what it may not import of others. A rule covers the folders below, unless
// they have one of their own.
var rooms = map[string]struct{ ours, never []string }{
	"api":         {ours: []string{"api"}, never: []string{grpc, envoyProtos, "log/slog"}},
	"resource":    {ours: []string{"api/objectkey"}, never: []string{grpc, envoyProtos, kubernetes, "log/slog"}},
	"state":       {never: []string{grpc, envoyProtos, kubernetes}},
	"source":      {ours: []string{"source", "api", "state"}, never: []string{grpc, envoyProtos}},
	"findings":    {ours: []string{"api"}, never: []string{grpc, envoyProtos, "log", "log/slog", "net/http"}},
	"traffic":     {ours: []string{"api", "resource", "translator"}, never: []string{grpc, "log", "log/slog", "os", "net/http", "math/rand", "math/rand/v2", "k8s.io/client-go"}},
	"policy":      {ours: []string{"api", "traffic"}, never: []string{grpc, envoyProtos, kubernetes, "log", "log/slog", "os", "net", "net/http", "math/rand", "math/rand/v2"}},
	"translator":  {ours: []string{"api", "resource"}, never: []string{grpc, "log", "log/slog", "os", "net/http", "math/rand", "math/rand/v2", "k8s.io/client-go"}},
	"lint":        {ours: []string{"api", "translator", "resource", "rollout/analysis"}, never: []string{grpc, envoyProtos, "log", "log/slog", "os", "net/http", "math/rand", "math/rand/v2", "k8s.io/client-go"}},
	"schema":      {ours: []string{"api", "schema"}, never: []string{grpc, envoyProtos, "log", "log/slog", "os", "net", "net/http", "k8s.io/client-go"}},
	"environment": {ours: []string{"api"}, never: []string{grpc, envoyProtos, "log", "log/slog", "os", "net/http", "k8s.io/client-go"}},
	"dns":         {ours: []string{"api"}, never: []string{grpc, envoyProtos, "log", "log/slog", "os", "k8s.io/client-go"}},
	"allocation":  {ours: []string{"api", "state"}, never: []string{grpc, envoyProtos, "log", "log/slog", "os", "net", "net/http", "math/rand", "math/rand/v2"}},
	"rollout":     {ours: []string{"api", "state"}, never: []string{grpc, envoyProtos, "log", "log/slog", "os", "net", "net/http", "math/rand", "math/rand/v2"}},
	// Asks and tells over HTTP what the engine of rollouts wants.
	"hooks":   {ours: []string{"api", "rollout"}, never: []string{grpc, envoyProtos, "os", "math/rand", "math/rand/v2", "k8s.io/client-go"}},
	"convert": {ours: []string{"api"}, never: []string{grpc, envoyProtos, "log", "log/slog", "os", "net/http", "math/rand", "math/rand/v2", "k8s.io/client-go"}},
	// Numbers in, numbers out.
	"rollout/analysis": {never: []string{"k8s.io", "sigs.k8s.io", grpc, envoyProtos, "log", "log/slog", "os", "net", "net/http", "math/rand", "math/rand/v2"}},
	// Chance is what it is about.
	"rollout/simulate": {ours: []string{"api", "rollout"}, never: []string{grpc, envoyProtos, "log", "log/slog", "os", "net", "net/http"}},
	"status":           {ours: []string{"api"}, never: []string{grpc, envoyProtos, "os"}},
	"election":         {ours: []string{"api", "rollout"}, never: []string{grpc, envoyProtos, "os"}},
	"replica":          {ours: []string{"api", "rollout", "state"}, never: []string{envoyProtos, kubernetes}},
	"xds":              {ours: []string{"api/objectkey", "resource"}, never: []string{kubernetes, "sigs.k8s.io"}},
	"admin":            {ours: []string{"api"}, never: []string{envoyProtos}},
	"configdump":       {ours: []string{"resource"}, never: []string{grpc, kubernetes, "log", "log/slog", "os", "net/http"}},
	"interception":     {ours: []string{"api"}, never: []string{grpc, envoyProtos, kubernetes, "log", "log/slog", "net/http"}},
	"supervise":        {ours: []string{"state"}, never: []string{grpc, kubernetes}},
	"envoybin":         {ours: []string{"envoybin"}, never: []string{grpc, kubernetes, envoyProtos}},
	"deploy":           {ours: []string{"deploy"}, never: []string{kubernetes}},
	"examples":         {never: []string{envoyProtos, kubernetes}},
	// What somebody else's program is made of.
	"examples/library": {ours: []string{"xds", "resource"}, never: []string{kubernetes, "sigs.k8s.io"}},
	"tools":            {ours: []string{"api"}},
}

const (
	grpc        = "google.golang.org/grpc"
	envoyProtos = "github.com/envoyproxy/go-control-plane"
	kubernetes  = "k8s.io"
)

// free are the rooms that may import everything: the wiring, and the tests.
var free = []string{"cmd", "test"}

func TestImportsKeepToTheirRooms(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(strings.TrimPrefix(file, "../"))
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		files++
		checkImports(t, file, path.Dir(dir))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("looked at %d files only: is this test still where it was?", files)
	}
}

func checkImports(t *testing.T, file, dir string) {
	t.Helper()
	room, _, _ := strings.Cut(dir, "/")
	for _, f := range free {
		if room == f {
			return
		}
	}
	rule, known := rooms[dir]
	for at := dir; !known && at != "."; at = path.Dir(at) {
		rule, known = rooms[at]
	}
	if !known {
		t.Errorf("%s: the room %q has no rule: add it here and to docs/architecture.md", file, room)
		return
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		at := fset.Position(spec.Pos())
		if ours, ok := strings.CutPrefix(name, module+"/"); ok && !within(ours, append([]string{room}, rule.ours...)) {
			t.Errorf("%s: %s may not import %s", at, room, ours)
		}
		// Addresses are values: who may not know the network may know what an address is.
		if within(name, rule.never) && name != "net/netip" {
			t.Errorf("%s: %s may not know %s", at, room, name)
		}
	}
}

// within says whether an import path is one of the roots, or below one.
func within(name string, roots []string) bool {
	for _, r := range roots {
		if name == r || strings.HasPrefix(name, r+"/") {
			return true
		}
	}
	return false
}

// Whoever uses xds as a library does not link the types of Kubernetes, not by a detour either.
func TestLibraryLinksNoKubernetes(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"/xds", module+"/resource").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if len(linked) < 100 {
		t.Fatalf("go list found %d packages only", len(linked))
	}
	for _, name := range linked {
		if within(name, []string{kubernetes, "sigs.k8s.io", module + "/api/v1alpha1"}) {
			t.Errorf("xds or resource links %s, and a program that uses them as a library would, too", name)
		}
	}
}

// The purity of the cores goes further than imports: none of them looks at a clock.
func TestCoresHaveNoClock(t *testing.T) {
	for _, room := range []string{"translator", "allocation", "rollout", "rollout/analysis", "rollout/simulate", "lint", "policy"} {
		files, err := filepath.Glob("../" + room + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(room, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				checkNoClock(t, file)
			}
		}
	}
}

func checkNoClock(t *testing.T, file string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, 0)
	if err != nil {
		t.Error(err)
		return
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
			switch s.Sel.Name {
			case "Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep":
				t.Errorf("%s: time.%s: the time is an argument here", fset.Position(s.Pos()), s.Sel.Name)
			}
		}
		return true
	})
}
