// Command main asks a Service by name and reads a mounted file.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	response, err := http.Get("http://prices/prices/apple")
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	banner, err := os.ReadFile(os.Getenv("KUBETUNNEL_ROOT") + "/etc/cart/banner.txt")
	if err != nil {
		panic(err)
	}
	fmt.Printf("service: %d %s\nfile: %s\nvariable: %s\n", response.StatusCode, body, banner, os.Getenv("REGION"))
}
