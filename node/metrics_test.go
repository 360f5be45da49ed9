package node

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

var updateDocs = flag.Bool("update", false, "write docs/metrics.md anew")

// metric is one, as the registry describes it.
type metric struct{ name, kind, labels, help string }

// described are the node's own metrics. Prometheus gives away a metric's type only with a sample, and those with labels have
// none at first; the name says it then.
func described(t *testing.T, n *Node) []metric {
	t.Helper()
	families, err := n.meter.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, f := range families {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	ch := make(chan *prometheus.Desc, 1024)
	n.meter.registry.Describe(ch)
	close(ch)
	parts := regexp.MustCompile(`fqName: "([^"]*)", help: "((?:[^"\\]|\\.)*)", .*variableLabels: \{([^}]*)\}`)
	var out []metric
	for d := range ch {
		m := parts.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s", d)
		}
		if !strings.HasPrefix(m[1], "paradox_") {
			continue
		}
		kind := kinds[m[1]]
		switch {
		case kind != "":
		case strings.HasSuffix(m[1], "_total"):
			kind = "counter"
		case strings.HasSuffix(m[1], "_seconds") && m[3] != "":
			kind = "histogram"
		default:
			kind = "gauge"
		}
		out = append(out, metric{m[1], kind, m[3], m[2]})
	}
	slices.SortFunc(out, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return out
}

// TestMetricsPage holds docs/metrics.md against a node's registry, and names against their units.
func TestMetricsPage(t *testing.T) {
	c := newCluster(t, 1)
	cfg := c.config(0, true)
	cfg.Settings.IPFS.Pinning, cfg.Settings.IPFS.PinningTokens = []string{"http://127.0.0.1:1/psa"}, []string{"a-token"} // its metrics have a sample then
	if err := c.startConfig(0, cfg); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Metrics\n\nGenerated from the code (`go test ./node -run TestMetricsPage -update`). A node serves them at `/metrics` of the API and of `admin.listen`,\nbeside those of the Go runtime and the process (`go_…`, `process_…`). Alerts and a Grafana dashboard of them lie in [ops](../ops).\n\n| metric | type | labels | |\n|---|---|---|---|\n")
	for _, m := range described(t, c.nodes[0].Node) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, m.labels, m.help)
		if m.kind == "counter" != strings.HasSuffix(m.name, "_total") {
			t.Errorf("%s is a %s", m.name, m.kind)
		}
		if m.kind == "histogram" && !strings.HasSuffix(m.name, "_seconds") {
			t.Errorf("%s has no unit", m.name)
		}
	}
	const file = "../docs/metrics.md"
	if *updateDocs {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		t.Errorf("%s is not what the node has; run go test ./node -run TestMetricsPage -update", file)
	}
}
