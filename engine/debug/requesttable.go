package debug

import (
	"maps"
	"slices"
)

// request is a request under the number that its sender gave it.
type request struct {
	seq     int
	command string
}

// requestTable finds a request by the number under which it was passed on. Answered
// ones are kept for a while: some adapters answer twice.
type requestTable struct {
	open     map[int]request
	answered map[int]request
	order    []int
}

const keptAnswered = 256

func (t *requestTable) add(passed int, r request) {
	if t.open == nil {
		t.open, t.answered = map[int]request{}, map[int]request{}
	}
	t.open[passed] = r
}

// answer gives the request that a response belongs to.
func (t *requestTable) answer(passed int) (request, bool) {
	if r, ok := t.open[passed]; ok {
		delete(t.open, passed)
		t.answered[passed] = r
		t.order = append(t.order, passed)
		if len(t.order) > keptAnswered {
			delete(t.answered, t.order[0])
			t.order = t.order[1:]
		}
		return r, true
	}
	r, ok := t.answered[passed]
	return r, ok
}

// passed gives the number under which an open request was passed on, 0 when there is none.
func (t *requestTable) passed(seq int) int {
	for passed, r := range t.open {
		if r.seq == seq {
			return passed
		}
	}
	return 0
}

// command is what was asked under that number and is not answered yet.
func (t *requestTable) command(passed int) string { return t.open[passed].command }

// original gives a request's own number.
func (t *requestTable) original(passed int) (int, bool) {
	if r, ok := t.open[passed]; ok {
		return r.seq, true
	}
	r, ok := t.answered[passed]
	return r.seq, ok
}

// takeOpen takes what nobody has answered, in order.
func (t *requestTable) takeOpen() []request {
	var all []request
	for _, passed := range slices.Sorted(maps.Keys(t.open)) {
		all = append(all, t.open[passed])
	}
	clear(t.open)
	return all
}
