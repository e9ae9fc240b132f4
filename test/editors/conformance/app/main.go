// Command app is what the conformance scripts debug, in Go.
package main

import "fmt"

type item struct {
	Name  string
	Cents int
}

func add(sum, cents int) int {
	return sum + cents
}

func total(items []item) int {
	sum := 0
	for _, i := range items {
		sum = add(sum, i.Cents) // breakpoint here
	}
	return sum
}

func main() {
	items := []item{{"apple", 35}, {"bread", 220}, {"coffee", 800}}
	sum := total(items)
	fmt.Println("total", sum)
}
