package main

import (
	"os"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/results"
)

func TestWhatNoTwoPodsHaveInCommonIsLevelled(t *testing.T) {
	self := own{hostname: "cart-7d9f", address: "10.244.1.7", address6: "fd98::7"}
	for name, row := range map[string]struct {
		answer string
		raw    bool
		want   string
	}{
		"own address":         {"from 10.244.1.7 to 10.244.1.7", false, "from <own address> to <own address>"},
		"a longer address":    {"10.244.1.70", false, "10.244.1.70"},
		"another address":     {"110.244.1.7", false, "110.244.1.7"},
		"own address in full": {"10.244.1.7", true, "10.244.1.7"},
		"own IPv6 address":    {"[fd98::7] fd98::77 fd98::7", false, "[<own IPv6 address>] fd98::77 <own IPv6 address>"},
		"own name":            {"10.244.1.7\tcart-7d9f", false, "<own address>\t<own name>"},
		"a volume's version":  {"..data -> ..2026_11_24_10_45_49.123456", false, "..data -> ..<version>"},
		"a cached record":     {"answer web. 3 IN A 10.96.0.1\nanswer db. 30 IN A 1.2.3.4", false, "answer web. <up to 30> IN A 10.96.0.1\nanswer db. <up to 30> IN A 1.2.3.4"},
		"a long-lived record": {"answer web. 300 IN A 10.96.0.1", false, "answer web. 300 IN A 10.96.0.1"},
		"resolv.conf":         {"search a b\noptions timeout:2 ndots:5", false, "search a b\noptions ndots:5 timeout:2"},
		"a zone's serial":     {"authority a. 5 IN SOA ns.a. h.a. 1795518055 7200 1800 86400 5", false, "authority a. <up to 30> IN SOA ns.a. h.a. <time> 7200 1800 86400 5"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := level(row.answer, self, row.raw); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

const table = `
| question | who | pod | session | why |
| --- | --- | --- | --- | --- |
| ` + "`hostname`" + ` | all | cart-* | kt-* | two leaders |
| mode \| * | go user | a<br>b | * | the same |

| other | table |
| --- | --- |
| x | y |
`

func TestTheTableOfMeantDifferencesIsRead(t *testing.T) {
	list, err := parseMeant(table)
	if err != nil || len(list) != 2 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if want := (difference{"mode | *", "go", "user", "a\nb", "*", "two leaders"}); list[1] != want {
		t.Errorf("got %+v", list[1])
	}
	for name, text := range map[string]string{
		"no table":  "| other | table |\n| --- | --- |\n",
		"no reason": strings.Replace(table, "two leaders", "", 1),
		"who?":      strings.Replace(table, "all", "everybody", 1),
		"columns":   strings.Replace(table, "| kt-* ", "", 1),
	} {
		if list, err := parseMeant(text); err == nil {
			t.Errorf("%s: got %+v", name, list)
		}
	}
}

// The documentation is what the suite goes by: it must be readable without a cluster.
func TestTheDocumentationsTableIsRead(t *testing.T) {
	list, err := readMeant("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		known := false
		for _, asked := range [][]question{questions, questionsOfC, questionsOfPython, questionsOfNode} {
			for _, q := range asked {
				known = known || like(d.question, q.text)
			}
		}
		if !known {
			t.Errorf("nobody asks %q", d.question)
		}
	}
}

func TestQuestionsAreAskedOnce(t *testing.T) {
	for name, asked := range map[string][]question{"go": questions, "c": questionsOfC, "python": questionsOfPython, "node": questionsOfNode} {
		seen := map[string]bool{}
		for _, q := range asked {
			if seen[q.text] {
				t.Errorf("%s: %q is asked twice", name, q.text)
			}
			seen[q.text] = true
		}
	}
	if len(questions) < 60 {
		t.Errorf("only %d questions", len(questions))
	}
}

func TestEveryDifferenceAndEveryStaleLineOfTheTableCounts(t *testing.T) {
	meant, err := parseMeant(table)
	if err != nil {
		t.Fatal(err)
	}
	asked := []question{{"g", "hostname", true}, {"g", "same", false}, {"g", "lines", false}, {"g", "missing", false}}
	a := &answered{
		probe: probe{language: "go", asked: asked}, user: user{name: "root"},
		pod:     map[string]string{"hostname": "cart-1", "address": "10.0.0.1", "same": "cart-1 10.0.0.1", "lines": "a\nb\nc", "missing": "x"},
		session: map[string]string{"hostname": "kt-1", "address": "10.0.0.2", "same": "kt-1 10.0.0.2", "lines": "a\nc\nd"},
	}
	r := compare([]*answered{a}, meant, true)
	var states []string
	for _, row := range r.Rows {
		states = append(states, row.Question+" "+row.State)
	}
	want := "hostname explained, same same, lines unexplained, missing unexplained, mode | * gone"
	if got := strings.Join(states, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if lines := r.Rows[2]; lines.Pod != "b" || lines.Session != "d" {
		t.Errorf("lines differ by %q and %q", lines.Pod, lines.Session)
	}
	if r.Questions != 4 || r.Explained != 1 || r.Unexplained != 3 || r.verdict() == nil {
		t.Errorf("got %d questions, %d explained, %d unexplained", r.Questions, r.Explained, r.Unexplained)
	}
	var out strings.Builder
	r.print(&out, true)
	if text := out.String(); !strings.Contains(text, "DIFFERENT") || !strings.Contains(text, "two leaders") {
		t.Errorf("printed:\n%s", text)
	}
	path := t.TempDir() + "/deep/parity.json"
	if err := results.Write(path, r); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(path); err != nil || !strings.Contains(string(content), `"unexplained": 3`) {
		t.Errorf("%s, %v", content, err)
	}
}
