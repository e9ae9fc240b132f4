// Command probe answers questions about what it finds around itself, one a line on
// standard input, as JSON on standard output. It runs in a real pod and in a session,
// and must not know in which of the two it is. "probe serve" is what its pods do
// besides: run probes when they are asked to, and be called.
//
// It imports miekg/dns and nothing of the project: it is what a user's program is.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		serve()
		return
	}
	if err := answerAll(); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// answerAll reads lines of an id, a tab, and a question of words.
func answerAll() error {
	answers := map[string]string{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		id, question, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			return fmt.Errorf("question %q", lines.Text())
		}
		answers[id] = answer(strings.Fields(fill(question)))
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

// verbs are the questions by their first word; the others are its arguments.
var verbs = map[string]func(args []string) (string, error){}

func init() {
	for _, more := range []map[string]func([]string) (string, error){processVerbs, fileVerbs, linkVerbs, nameVerbs, dialVerbs, listenVerbs, apiVerbs} {
		for name, verb := range more {
			verbs[name] = verb
		}
	}
}

// fill puts in what only this process knows: a session's pod is made when it begins.
func fill(question string) string {
	if !strings.Contains(question, "{") {
		return question
	}
	address, err := ownAddress(false)
	if err != nil {
		return question
	}
	address6, err := ownAddress(true)
	if err != nil {
		return question
	}
	hostname, err := os.Hostname()
	if err != nil {
		return question
	}
	return strings.NewReplacer("{own.ip}", address, "{own.ip6}", address6, "{hostname}", hostname).Replace(question)
}

func answer(words []string) string {
	if len(words) == 0 || verbs[words[0]] == nil {
		return "this probe does not know the question"
	}
	text, err := verbs[words[0]](words[1:])
	if err != nil {
		return "error: " + nameOf(err)
	}
	return strings.TrimRight(text, "\n")
}

// sorted makes an answer of lines whose order says nothing.
func sorted(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// errnos are told by the names that programs compare with.
var errnos = map[syscall.Errno]string{
	syscall.ECONNREFUSED: "ECONNREFUSED", syscall.ECONNRESET: "ECONNRESET", syscall.EHOSTUNREACH: "EHOSTUNREACH",
	syscall.ENETUNREACH: "ENETUNREACH", syscall.ETIMEDOUT: "ETIMEDOUT", syscall.EADDRINUSE: "EADDRINUSE",
	syscall.EADDRNOTAVAIL: "EADDRNOTAVAIL", syscall.EACCES: "EACCES", syscall.EPERM: "EPERM", syscall.EROFS: "EROFS",
	syscall.ENOENT: "ENOENT", syscall.EMSGSIZE: "EMSGSIZE", syscall.EPIPE: "EPIPE", syscall.ENOTDIR: "ENOTDIR",
	syscall.EISDIR: "EISDIR", syscall.EINVAL: "EINVAL", syscall.ENOTEMPTY: "ENOTEMPTY", syscall.EBUSY: "EBUSY",
	syscall.EXDEV: "EXDEV",
}

// nameOf names an error the same way in every language.
func nameOf(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if name := errnos[errno]; name != "" {
			return name
		}
		return errno.Error()
	}
	if text := nameOfNetError(err); text != "" {
		return text
	}
	return err.Error()
}
