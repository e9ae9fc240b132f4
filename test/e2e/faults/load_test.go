package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// Kinds of call, as the load names them.
const (
	httpNew, httpKept = "http-new", "http-kept"
	lineNew, lineKept = "line-new", "line-kept"
)

// count and failure are what the load tells of a kind of call; see faultapp.
type count struct {
	Requests, Failed, Inside, Slow, Skipped, RecoveryMillis int64
	ServedBy                                                map[string]int64
	Failures                                                []failure
}

type failure struct {
	AfterMarkMillis, TookMillis       int64
	Stage, Local, Remote, Last, Error string
	Reused, Inside                    bool
	PinnedMillis                      *int64
}

// excuse moves the failures of calls that began, or whose connection was made, while the
// fault was being done, and that were under way when it was, to those inside.
func (c *count) excuse(fault time.Duration) {
	for i, f := range c.Failures {
		began := f.AfterMarkMillis
		if f.PinnedMillis != nil {
			began = *f.PinnedMillis
		}
		if !f.Inside && f.Stage == "asking" && began <= fault.Milliseconds() {
			c.Failures[i].Inside = true
			c.Failed, c.Inside = c.Failed-1, c.Inside+1
		}
	}
}

// counts are by app, then by kind.
type counts map[string]map[string]count

// byOrigin counts the answers of the app's own pods, or of all others.
func (c counts) answers(app, kind string, own bool) (n int64) {
	for by, answers := range c[app][kind].ServedBy {
		if strings.HasPrefix(by, app+"-") == own {
			n += answers
		}
	}
	return n
}

// excuse says which failed calls count as inside a process that was killed.
type excuse string

const (
	noExcuse excuse = ""
	// pinned: those under way at the fault, and one on each connection that the workstation had.
	pinned excuse = "pinned"
	// dying: those that were broken off after they were sent.
	dying excuse = "dying"
)

// order gives the load an order. The API server reaches it past all Services.
func (s *stage) order(ctx context.Context, verb, path string, query url.Values) ([]byte, error) {
	request := world.Kube.CoreV1().RESTClient().Verb(verb).Namespace(s.namespace).Resource("services").Name("load:http").SubResource("proxy").Suffix(path)
	for name := range query {
		request = request.Param(name, query.Get(name))
	}
	answer, err := request.Do(ctx).Raw()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", verb, path, err, answer)
	}
	return answer, nil
}

func (s *stage) startLoad(app string) {
	s.t.Helper()
	if _, err := s.order(s.ctx, http.MethodPost, "load", url.Values{"app": {app}, "timeout": {s.row.callTimeout().String()}, "share": {strconv.Itoa(len(s.row.apps()))}}); err != nil {
		s.t.Fatal(err)
	}
}

// mark tells the load that the fault comes now.
func (s *stage) mark(e excuse) {
	s.t.Helper()
	s.marked, s.excused = time.Now(), e
	if _, err := s.order(s.ctx, http.MethodPost, "mark", url.Values{"excuse": {string(e)}}); err != nil {
		s.t.Fatal(err)
	}
}

// done tells that the fault is there.
func (s *stage) done() { s.took = time.Since(s.marked) }

func (s *stage) stats(verb string) (c counts, err error) {
	raw, err := s.order(s.ctx, verb, "load", nil)
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(raw, &c)
}

// waitServed waits until calls to an app are answered by its own pods, or by the
// workstation: new ones by its own pods, new and kept ones by the workstation.
func (s *stage) waitServed(app string, own bool) {
	s.t.Helper()
	var before counts
	err := cluster.Wait(s.ctx, fmt.Sprintf("answers for %s by its own pods=%v", app, own), func() (bool, error) {
		now, err := s.stats(http.MethodGet)
		if err != nil {
			return false, err
		}
		if before == nil {
			before = now
		}
		kinds := []string{httpNew, lineNew}
		if !own {
			kinds = append(kinds, httpKept, lineKept)
		}
		for _, kind := range kinds {
			// Two, so that one began after this wait.
			if now.answers(app, kind, own) < before.answers(app, kind, own)+2 {
				return false, fmt.Errorf("%s: %v", kind, now[app][kind])
			}
		}
		return true, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
