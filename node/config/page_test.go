package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// TestPage holds docs/configuration.md against the struct.
func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Configuration\n\nGenerated from the code (`go test ./node/config -run TestPage -update`). A flag wins over the environment, that over `config.toml` in\nthe home directory, that over the default; `paradox config` prints what holds and where it comes from. Lists are separated by\ncommas in the environment. Values without a flag are secrets, or expectations that only guard against a wrong network.\n\n")
	for _, f := range Fields() {
		fmt.Fprintf(&b, "## `%s`\n\n%s\n\n", f.Key, f.Help)
		var names []string
		for _, name := range []string{f.Flag, f.Env, f.Legacy} {
			if name != "" {
				names = append(names, "`"+name+"`")
			}
		}
		fmt.Fprintf(&b, "%s", strings.Join(names, ", "))
		if f.Default != "" {
			fmt.Fprintf(&b, "; default `%s`", f.Default)
		}
		b.WriteString(".\n\n")
	}
	got := strings.TrimRight(b.String(), "\n") + "\n"
	const file = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what the code has; run go test ./node/config -run TestPage -update", file)
	}
}
