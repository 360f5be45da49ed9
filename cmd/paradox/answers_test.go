package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// without are the commands whose answer is the same with --json, each with the reason.
var without = map[string]string{
	"completion":    "what it prints is for a shell to evaluate",
	"batch show":    "it is JSON always, as the node gives it",
	"network card":  "it is JSON always: a card to hand to the founder",
	"network sign":  "it is JSON always: a signature to hand to the founder",
	"testnet chain": "it answers nothing: it serves until it is stopped",
}

// TestEveryAnswerCanBeJSON walks the commands: whatever a command answers goes through the one place that knows --json, or the
// command is named above.
func TestEveryAnswerCanBeJSON(t *testing.T) {
	calls := callsOf(t)
	var c cli
	k, err := grammar(&c)
	must(t, err)
	seen := map[string]bool{}
	for _, n := range k.Model.Leaves(false) {
		path := strings.TrimPrefix(n.FullPath(), "paradox ")
		seen[path] = true
		knows := reaches(calls, n.Target.Type().Name()+".Run", map[string]bool{}, ".print", ".json")
		switch reason := without[path]; {
		case reason == "" && !knows:
			t.Errorf("%s answers without a.print: --json does nothing there", path)
		case reason != "" && knows:
			t.Errorf("%s knows --json, and is said not to: %s", path, reason)
		}
	}
	for path := range without {
		if !seen[path] {
			t.Errorf("%s is no command", path)
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d commands", len(seen))
	}
}

// TestWhatMovesFundsAsks walks the commands that have to do with money: each asks first and takes --yes, or only looks.
func TestWhatMovesFundsAsks(t *testing.T) {
	looks := map[string]bool{"intent show": true, "wallet new": true, "wallet address": true, "wallet balance": true, "wallet history": true, "vault status": true, "session list": true,
		"wallet fund": true} // what a faucet gives is its own, of a test network
	calls := callsOf(t)
	var c cli
	k, err := grammar(&c)
	must(t, err)
	asked := 0
	for _, n := range k.Model.Leaves(false) {
		path := strings.TrimPrefix(n.FullPath(), "paradox ")
		if !slices.Contains([]string{"intent", "session", "wallet", "vault"}, strings.Fields(path)[0]) && path != "akash deploy" && path != "akash close" {
			continue
		}
		asks := reaches(calls, n.Target.Type().Name()+".Run", map[string]bool{}, ".confirm")
		yes := slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == "yes" })
		if looks[path] {
			continue
		}
		if !yes || !asks {
			t.Errorf("%s: asks %v, takes --yes %v", path, asks, yes)
		}
		asked++
	}
	if asked < 12 {
		t.Errorf("%d commands ask", asked)
	}
}

// callsOf reads this package: for each function, what it names. A method is Type.Method, and what is called on a value is
// .Method, of whichever type.
func callsOf(t *testing.T) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	must(t, err)
	calls := map[string][]string{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		must(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				of := f.Recv.List[0].Type
				if star, ok := of.(*ast.StarExpr); ok {
					of = star.X
				}
				if id, ok := of.(*ast.Ident); ok {
					name = id.Name + "." + name
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					called := "." + n.Sel.Name
					if lit, ok := n.X.(*ast.CompositeLit); ok {
						if id, ok := lit.Type.(*ast.Ident); ok {
							called = id.Name + called
						}
					}
					calls[name] = append(calls[name], called)
				case *ast.Ident:
					calls[name] = append(calls[name], n.Name)
				}
				return true
			})
		}
	}
	return calls
}

// reaches says whether a function comes to one of these by what it calls.
func reaches(calls map[string][]string, from string, seen map[string]bool, want ...string) bool {
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, name := range calls[from] {
		switch {
		case slices.Contains(want, name):
			return true
		case name == ".Run": // of a library
			continue
		case strings.HasPrefix(name, "."):
			for other := range calls {
				if strings.HasSuffix(other, name) && reaches(calls, other, seen, want...) {
					return true
				}
			}
		case reaches(calls, name, seen, want...):
			return true
		}
	}
	return false
}

// TestShellsTakeTheCompletion evaluates what completion prints, in the shells that are here; bash always is.
func TestShellsTakeTheCompletion(t *testing.T) {
	for shell, shown := range map[string]string{"bash": "complete -p paradox", "zsh": "print -r -- $_comps[paradox]", "fish": "complete -C 'paradox ' >/dev/null; complete"} {
		_, script, _ := newShell(t).run("completion", "-c", shell)
		path, err := exec.LookPath(shell)
		if err != nil {
			if shell == "bash" {
				t.Error(err)
			}
			continue
		}
		out, err := exec.CommandContext(t.Context(), path, "-c", script+"\n"+shown).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "paradox") {
			t.Errorf("%s: %v: %s\n%s", shell, err, out, script)
		}
	}
}

// TestPagesNameCommands looks for every command that runbooks and guides tell people to run.
func TestPagesNameCommands(t *testing.T) {
	var c cli
	k, err := grammar(&c)
	must(t, err)
	var pages []string
	for _, pattern := range []string{"../../docs/*.md", "../../docs/runbooks/*.md", "../../*.md"} {
		list, err := filepath.Glob(pattern)
		must(t, err)
		pages = append(pages, list...)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		must(t, err)
		for _, m := range regexp.MustCompile("`paradox ([^`]+)`").FindAllStringSubmatch(string(text), -1) {
			found++
			if word, ok := follow(k.Model.Node, strings.Fields(m[1])); !ok {
				t.Errorf("%s: `paradox %s`: there is no %s", page, m[1], word)
			}
		}
	}
	if found < 50 {
		t.Errorf("%d commands on the pages", found)
	}
}

// follow walks down the commands, and says at which word there is none. A|b|c are several.
func follow(n *kong.Node, words []string) (string, bool) {
	for _, word := range words {
		if len(n.Children) == 0 || strings.HasPrefix(word, "-") || word == strings.ToUpper(word) {
			break
		}
		var next *kong.Node
		for one := range strings.SplitSeq(word, "|") {
			next = nil
			for _, child := range n.Children {
				if child.Name == one {
					next = child
				}
			}
			if next == nil {
				return one, false
			}
		}
		n = next
	}
	return "", true
}
