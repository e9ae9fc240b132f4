package main

import (
	"regexp"
	"slices"
	"strings"
)

// The states of a question.
const (
	stateSame        = "same"
	stateExplained   = "explained"
	stateUnexplained = "unexplained"
	// stateGone: the table says that it differs, and it does not.
	stateGone = "gone"
)

// row is one question to one probe as one user. Of an answer of lines, Pod and Session
// are those that the other side has not.
type row struct {
	Group    string `json:"group"`
	Question string `json:"question"`
	Language string `json:"language"`
	User     string `json:"user"`
	State    string `json:"state"`
	Pod      string `json:"pod"`
	Session  string `json:"session,omitempty"`
	Why      string `json:"why,omitempty"`
}

// own is what a pod is called and where it is.
type own struct{ hostname, address, address6 string }

func ownOf(answers map[string]string) own {
	return own{answers["hostname"], answers["address"], answers["address6"]}
}

var (
	// versions are the folders behind ..data, named by the kubelet for the time of their making.
	versions = regexp.MustCompile(`\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d+`)
	// lifetimes of cached records get shorter until CoreDNS (5 s in the dev cluster, 30 s by default) asks again.
	lifetimes = regexp.MustCompile(`(?m)^((?:answer|authority|additional) \S+) (?:[0-9]|[12][0-9]|30) IN `)
	// serials of CoreDNS's zone are the time of asking.
	serials = regexp.MustCompile(`(?m)( IN SOA \S+ \S+) \d+ `)
	// resolving are resolv.conf's options, merged by the kubelet in any order.
	resolving = regexp.MustCompile(`(?m)^options .*$`)
	// seen is when the kubelet has first seen a pod.
	seen = regexp.MustCompile(`kubernetes\.io/config\.seen="[^"]*"`)
)

// level takes out of an answer what no two pods have in common. What the pod itself is
// called and where it is stays, if that is the question.
func level(answer string, self own, raw bool) string {
	answer = versions.ReplaceAllString(answer, "..<version>")
	answer = lifetimes.ReplaceAllString(answer, "$1 <up to 30> IN ")
	answer = serials.ReplaceAllString(answer, "$1 <time> ")
	answer = resolving.ReplaceAllStringFunc(answer, func(line string) string {
		words := strings.Fields(line)
		slices.Sort(words[1:])
		return strings.Join(words, " ")
	})
	answer = seen.ReplaceAllString(answer, `kubernetes.io/config.seen="<time>"`)
	if raw {
		return answer
	}
	if self.hostname != "" {
		answer = strings.ReplaceAll(answer, self.hostname, "<own name>")
	}
	if self.address != "" {
		answer = regexp.MustCompile(`(^|[^0-9.])`+regexp.QuoteMeta(self.address)+`($|[^0-9])`).ReplaceAllString(answer, "$1<own address>$2")
	}
	if self.address6 != "" {
		answer = regexp.MustCompile(`(^|[^0-9a-f:])`+regexp.QuoteMeta(self.address6)+`($|[^0-9a-f:])`).ReplaceAllString(answer, "$1<own IPv6 address>$2")
	}
	return answer
}

// compare makes the report. Lines of the table that do not occur are told if whole: the
// cluster is the one that the table was written for.
func compare(all []*answered, meant []difference, whole bool) *report {
	r := &report{}
	for _, a := range all {
		for _, q := range a.probe.asked {
			r.Rows = append(r.Rows, a.compareOne(q))
		}
	}
	used := make([]bool, len(meant))
	for i := range r.Rows {
		r.Rows[i].judge(meant, used)
	}
	for i, m := range meant {
		if whole && !used[i] {
			r.Rows = append(r.Rows, row{Group: "table", Question: m.question, Language: m.language, User: m.user, State: stateGone, Pod: m.pod, Session: m.session, Why: m.why})
		}
	}
	r.count()
	return r
}

func (a *answered) compareOne(q question) row {
	out := row{Group: q.group, Question: q.text, Language: a.probe.language, User: a.user.name, State: stateSame}
	inPod, known := a.pod[q.text]
	inSession, knownToo := a.session[q.text]
	if !known || !knownToo {
		out.State, out.Pod, out.Session = stateUnexplained, inPod, inSession
		return out
	}
	out.Pod, out.Session = level(inPod, ownOf(a.pod), q.raw), level(inSession, ownOf(a.session), q.raw)
	if out.Pod == out.Session {
		out.Session = ""
		return out
	}
	out.State = stateUnexplained
	if pod, session := strings.Split(out.Pod, "\n"), strings.Split(out.Session, "\n"); len(pod) > 1 || len(session) > 1 {
		out.Pod, out.Session = without(pod, session), without(session, pod)
	}
	return out
}

// without are the lines of one answer that the other has not.
func without(lines, other []string) string {
	var kept []string
	for _, line := range lines {
		if !slices.Contains(other, line) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// judge looks for a difference in the table.
func (r *row) judge(meant []difference, used []bool) {
	if r.State != stateUnexplained {
		return
	}
	for i, m := range meant {
		if m.explains(r) {
			r.State, r.Why, used[i] = stateExplained, m.why, true
			return
		}
	}
}
