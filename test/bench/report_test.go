package main

import (
	"strings"
	"testing"
)

func TestMedianOfAnyNumberOfRounds(t *testing.T) {
	cases := map[string]struct {
		values []float64
		want   float64
	}{
		"none": {nil, 0},
		"one":  {[]float64{3}, 3},
		"odd":  {[]float64{9, 1, 5}, 5},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := median(c.values); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRoundKeepsThreeDigits(t *testing.T) {
	for in, want := range map[float64]float64{0: 0, 0.0123456: 0.0123, 1.2345: 1.23, 999.4: 999, 12345.6: 12346} {
		if got := round(in); got != want {
			t.Errorf("%v: got %v, want %v", in, got, want)
		}
	}
}

func TestGoalsAreHeldAgainstTheRightRow(t *testing.T) {
	r := &report{}
	r.beside("latency p50, 1 kept-alive connection", 0.6, "ms", wayOrigin, 0.1)
	r.beside("latency p50, 1 kept-alive connection", 0.6, "ms", wayForward, 0.7)
	r.beside("bulk to the workstation (uploads)", 100, "MB/s", wayForward, 200)
	verdicts := map[string]string{}
	for _, g := range goals {
		verdicts[g.row] = strings.Fields(g.verdict(r))[0]
	}
	for row, want := range map[string]string{"latency p50": "met", "bulk to the workstation": "MISSED", "stop to the first answer": "MISSED"} {
		if verdicts[row] != want {
			t.Errorf("%s: %s, want %s", row, verdicts[row], want)
		}
	}
}
