// Package ops is what operators watch a node with: alert rules and a dashboard, held against the metrics that a node has and
// the runbooks that say what to do.
package ops

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	b, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(b, &f); err != nil || len(f.Groups) != 1 {
		t.Fatal(err, len(f.Groups))
	}
	return f.Groups[0].Rules
}

// promtool runs Prometheus' own checker, which a machine must have.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool %s: %v (it is in Debian's package prometheus)\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlertRules(t *testing.T) {
	promtool(t, "check", "rules", "alerts.yml")
	promtool(t, "test", "rules", "alerts_test.yml")
	tested, err := os.ReadFile("alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules(t) {
		if !strings.Contains(string(tested), `alertname="`+r.Alert+`"`) {
			t.Errorf("%s is not tested", r.Alert)
		}
	}
}

// Every alert links to a runbook, every runbook belongs to an alert and says the alert's own condition.
func TestRunbooks(t *testing.T) {
	const dir, base = "../docs/runbooks", "https://github.com/phantom-paradox/paradox/blob/main/docs/runbooks/"
	linked := []string{"README.md"}
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules(t) {
		name, ok := strings.CutPrefix(r.Annotations["runbook_url"], base)
		if !ok {
			t.Errorf("%s: runbook_url is %q", r.Alert, r.Annotations["runbook_url"])
			continue
		}
		linked = append(linked, name)
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		text := string(page)
		if !strings.HasPrefix(text, "# "+r.Alert+"\n") || !strings.Contains(text, "`"+strings.ReplaceAll(r.Expr, "|", `\|`)+"`") {
			t.Errorf("%s is not the page of %s as it is", name, r.Alert)
		}
		for _, part := range []string{"## Why it may be\n- ", "## Where to look\n- ", "## What to do\n- "} {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %q", name, part)
			}
		}
		if !strings.Contains(string(index), "("+name+")") {
			t.Errorf("the index lacks %s", name)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(linked, f.Name()) {
			t.Errorf("no alert links to %s", f.Name())
		}
	}
}

// Alerts and the dashboard name only metrics that a node has.
func TestMetricsExist(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"process_resident_memory_bytes": true}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+)").FindAllStringSubmatch(string(page), -1) {
		known[m[1]] = true
		if m[2] == "histogram" {
			known[m[1]+"_bucket"], known[m[1]+"_count"] = true, true
		}
	}
	expressions := map[string]string{}
	for _, r := range rules(t) {
		expressions["alert "+r.Alert] = r.Expr
	}
	for title, list := range panels(t) {
		expressions["panel "+title] = strings.Join(list, "\n")
	}
	for where, text := range expressions {
		found := regexp.MustCompile(`\b(paradox|process|go)_[a-z_]+`).FindAllString(text, -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric: %s", where, text)
		}
		for _, m := range found {
			if !known[m] {
				t.Errorf("%s: a node has no %s", where, m)
			}
		}
	}
}

// panels are the dashboard's expressions by title, each with a datasource that the one who imports it chooses.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID         int
			Type       string
			Title      string
			Datasource struct{ UID string }
			Targets    []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	out, ids := map[string][]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %s: %+v", p.Title, p)
		}
		for _, target := range p.Targets {
			out[p.Title+" "+p.Type] = append(out[p.Title+" "+p.Type], target.Expr)
		}
	}
	return out
}

// What the dashboard asks is PromQL: promtool parses it as the expressions of recording rules.
func TestDashboardExpressionsParse(t *testing.T) {
	type recording struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var list []recording
	for _, expressions := range panels(t) {
		for _, e := range expressions {
			list = append(list, recording{"dashboard:" + string(rune('a'+len(list)%26)) + strings.Repeat("x", len(list)/26), strings.ReplaceAll(e, "$instance", ".*")})
		}
	}
	b, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": list}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}

// Every row of the trust table has tests in the threat model, and those are there.
func TestThreatModel(t *testing.T) {
	security, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	model, err := os.ReadFile("../docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`(?m)^\| ([^|]+) \|`)
	rows := map[string]bool{}
	for _, m := range first.FindAllStringSubmatch(string(model), -1) {
		rows[m[1]] = true
	}
	for _, m := range first.FindAllStringSubmatch(string(security), -1) {
		if !rows[m[1]] {
			t.Errorf("the threat model has no row of %s", m[1])
		}
	}
	found := 0
	for _, m := range regexp.MustCompile("`([a-z0-9/]+)`\\s+((?:(?:Test|Fuzz)[A-Za-z0-9]+(?:, )?)+)").FindAllStringSubmatch(string(model), -1) {
		files, err := filepath.Glob(filepath.Join("..", m[1], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(b)
		}
		for name := range strings.SplitSeq(strings.TrimSuffix(m[2], ", "), ", ") {
			if found++; !strings.Contains(text.String(), "func "+name+"(") {
				t.Errorf("%s has no %s", m[1], name)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d tests are named", found)
	}
}
