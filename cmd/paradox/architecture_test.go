package main

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestArchitecture holds docs/architecture.md and its drawing against what go list says: the rooms, and the arrows between them.
func TestArchitecture(t *testing.T) {
	rooms := imports(t)
	page, err := os.ReadFile("../../docs/architecture.md")
	must(t, err)
	drawing, err := os.ReadFile("../../docs/img/packages.svg")
	must(t, err)

	told := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .* \\| (.*) \\|$").FindAllStringSubmatch(string(page), -1) {
		told[row[1]] = row[2]
	}
	var drawn, arrows []string
	for _, arrow := range regexp.MustCompile(`<path id="(\w+-\w+)"`).FindAllStringSubmatch(string(drawing), -1) {
		drawn = append(drawn, arrow[1])
	}
	for room, list := range rooms {
		want := "nothing of ours"
		if len(list) > 0 {
			want = "`" + strings.Join(list, "`, `") + "`"
		}
		if told[room] != want {
			t.Errorf("docs/architecture.md says that %s imports %q, and it imports %s", room, told[room], want)
		}
		if !strings.Contains(string(drawing), ">"+room+"</text>") {
			t.Errorf("the drawing has no %s", room)
		}
		for _, to := range list {
			if !around(rooms, list, to) {
				arrows = append(arrows, room+"-"+to)
			}
		}
	}
	for room := range told {
		if _, is := rooms[room]; !is {
			t.Errorf("docs/architecture.md tells of %s, which is not there", room)
		}
	}
	slices.Sort(drawn)
	slices.Sort(arrows)
	if !slices.Equal(drawn, arrows) {
		t.Errorf("the drawing has the arrows\n%v\nand go list says\n%v", drawn, arrows)
	}
}

// imports are the rooms, which are the top directories, and which others the packages in each import outside their tests.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	const module = "github.com/phantom-paradox/paradox/"
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	must(t, err)
	room := func(path string) string {
		rest, ours := strings.CutPrefix(path, module)
		top, _, _ := strings.Cut(rest, "/")
		if !ours || slices.Contains([]string{"internal", "ops", "tools", "web"}, top) { // what the product is made and watched with
			return ""
		}
		return top
	}
	sets := map[string]map[string]bool{}
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		from := room(paths[0])
		if from == "" {
			continue
		}
		if sets[from] == nil {
			sets[from] = map[string]bool{}
		}
		for _, path := range paths[1:] {
			if to := room(path); to != "" && to != from {
				sets[from][to] = true
			}
		}
	}
	rooms := map[string][]string{}
	for from, set := range sets {
		rooms[from] = slices.Sorted(maps.Keys(set))
	}
	return rooms
}

// around says whether a room is also reached through another of the list.
func around(rooms map[string][]string, list []string, to string) bool {
	return slices.ContainsFunc(list, func(by string) bool {
		return by != to && (slices.Contains(rooms[by], to) || around(rooms, rooms[by], to))
	})
}
