package docs_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sre-sdk/sre/internal/imports"
)

const (
	root   = "../.."
	readme = "README.md"
)

// TestGoBlocksOfReadmeCompile type-checks each block of README.md that is
// fenced as ```go:
//
//   - a block that begins with "package" is a file;
//   - one that parses as declarations stands in a file of its own;
//   - any other is the body of a function.
//
// What a block takes for granted, its imports first, stands in a comment right
// before it, which a reader of the page does not see:
//
//	<!-- go
//	import "github.com/sre-sdk/sre/budget"
//	var now time.Time
//	-->
//
// A variable that is not used and an import that is not needed are allowed, as
// an excerpt ends where the reader has seen enough.
func TestGoBlocksOfReadmeCompile(t *testing.T) {
	text, err := os.ReadFile(root + "/" + readme)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no README.md yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	// The importer builds packages in another process. Reading their files here
	// too keeps go test from taking its cached result after one has changed.
	if _, err := imports.Scan(root); err != nil {
		t.Fatal(err)
	}
	problems, err := compile(readme, string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// A block is the Go code of one fence.
type block struct {
	line   int // of its first line
	code   string
	hidden string // the comment before it
	before int    // the line of the comment's first line
}

// blocks returns the Go blocks of a Markdown page.
func blocks(page string) []block {
	var (
		list   []block
		b      block
		fence  string // of the open block
		isGo   bool
		hiding bool
	)
	for i, line := range strings.Split(page, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "" && trimmed == fence:
			if isGo {
				list = append(list, b)
			}
			fence, b = "", block{}
		case fence != "":
			b.code += line + "\n"
		case hiding:
			before, _, end := strings.Cut(line, "-->")
			b.hidden += before + "\n"
			hiding = !end
		case strings.HasPrefix(trimmed, "<!-- go"):
			text, _, end := strings.Cut(strings.TrimPrefix(trimmed, "<!-- go"), "-->")
			b = block{hidden: text + "\n", before: i + 1}
			hiding = !end
		case strings.HasPrefix(trimmed, "```"):
			info := strings.TrimLeft(trimmed, "`")
			fence = trimmed[:len(trimmed)-len(info)]
			language := strings.Fields(info + " none")[0]
			isGo = language == "go" || language == "golang"
			b.line, b.code = i+2, ""
		case trimmed != "":
			b = block{} // the comment before was for nothing
		}
	}
	return list
}

// compile returns what is wrong with the Go blocks of a page. Positions are
// those of the page.
func compile(name, page string) (problems []string, err error) {
	fset := token.NewFileSet()
	var files []*ast.File
	paths := []string{"unsafe"} // never none, which would list the folder
	for _, b := range blocks(page) {
		f, err := parse(fset, name, b)
		if err != nil {
			problems = append(problems, fmt.Sprintf("the Go block at %s:%d does not parse: %v", name, b.line, err))
			continue
		}
		files = append(files, f)
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, err
			}
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	from, err := imports.Importer(root, slices.Compact(paths)...)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		config := types.Config{Importer: from, Error: func(err error) {
			var e types.Error
			if errors.As(err, &e) && e.Soft {
				return // not used, and not needed
			}
			problems = append(problems, fmt.Sprintf("a Go block does not compile: %v", err))
		}}
		config.Check("readme", fset, []*ast.File{f}, nil) // errors went to config.Error
	}
	return problems, nil
}

// parse makes a file of b.
func parse(fset *token.FileSet, name string, b block) (*ast.File, error) {
	at := func(line int) string { return fmt.Sprintf("\n//line %s:%d\n", name, line) }
	if first, _, _ := strings.Cut(strings.TrimSpace(b.code), " "); first == "package" {
		return parser.ParseFile(fset, name, at(b.line)+b.code, parser.SkipObjectResolution)
	}
	head := "package readme\n"
	if b.hidden != "" {
		head += at(b.before) + b.hidden
	}
	f, err := parser.ParseFile(fset, name, head+at(b.line)+b.code, parser.SkipObjectResolution)
	if err == nil {
		return f, nil
	}
	return parser.ParseFile(fset, name, head+"func _() {"+at(b.line)+b.code+"}\n", parser.SkipObjectResolution)
}

func TestBlocksThatCompileAreAccepted(t *testing.T) {
	for name, page := range map[string]string{
		"no blocks":              "# Title\n\ntext\n\n```sh\ngo test work\n```\n",
		"a file":                 "```go\npackage main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println() }\n```\n",
		"a body":                 "<!-- go import \"fmt\" -->\n```go\nfmt.Println(1)\n```\n",
		"a body with its facts":  "<!-- go\nimport \"time\"\nvar now time.Time\n-->\n\n```go\nnow = now.Add(1)\n```\n",
		"declarations":           "<!-- go import \"testing\" -->\n```go\nfunc TestX(t *testing.T) { t.Log() }\n```\n",
		"an unused variable":     "```go\nx := 1\n```\n",
		"an unused import":       "<!-- go import \"fmt\" -->\n```go\nvar x = 1\n```\n",
		"a block that is not Go": "```text\nx :=\n```\n",
		"an early return":        "<!-- go var err error -->\n```go\nif err != nil {\n\treturn\n}\n```\n",
		"this module":            "<!-- go import \"" + imports.Module + "\" -->\n```go\nvar o sre.Outcome\n```\n",
	} {
		t.Run(name, func(t *testing.T) {
			problems, err := compile("page.md", page)
			if err != nil || len(problems) > 0 {
				t.Errorf("got %v, %q, want nothing", err, problems)
			}
		})
	}
}

func TestBlocksThatDoNotCompileAreNamedWithTheirLine(t *testing.T) {
	for name, test := range map[string]struct{ page, want string }{
		"an unknown name":            {"# Title\n\n```go\nx := 1\ny := nowhere(x)\n```\n", "page.md:5"},
		"an unknown method":          {"<!-- go import \"time\" -->\n```go\nvar now time.Time\nnow.Tomorrow()\n```\n", "page.md:4"},
		"a type":                     {"```go\nvar x int = \"one\"\n```\n", "page.md:2"},
		"a file":                     {"```go\npackage main\n\nfunc main() { fmt.Println() }\n```\n", "page.md:4"},
		"its hidden part":            {"text\n<!-- go\nvar x nothing\n-->\n```go\nx = 1\n```\n", "page.md:3"},
		"a syntax error":             {"```go\nx := := 1\n```\n", "page.md:2"},
		"the second block":           {"```go\nx := 1\n```\n\n```go\nnowhere()\n```\n", "page.md:6"},
		"facts of another block":     {"<!-- go var now int -->\n```go\nnow = 1\n```\n```go\nnow = 2\n```\n", "page.md:6"},
		"facts with text in between": {"<!-- go var now int -->\ntext\n```go\nnow = 1\n```\n", "page.md:4"},
		"an indented block":          {"- item\n\n  ```go\n  nowhere()\n  ```\n", "page.md:4"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, err := compile("page.md", test.page)
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) != 1 || !strings.Contains(problems[0], test.want) {
				t.Errorf("got %q, want one problem at %s", problems, test.want)
			}
		})
	}
}
