// Command app is the debuggee of the tests: it tells its environment, serves, and
// ends when it is told to.
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

func main() {
	for _, name := range []string{"FROM_POD", "FROM_USER", "GOFLAGS", "GOPATH", "HOME", "BOTH", "GONE"} {
		value, set := os.LookupEnv(name)
		fmt.Printf("env %s=%q set=%v\n", name, value, set)
	}
	answer := 42
	fmt.Println("answer", answer) // line 19: breakpoint
	if os.Getenv("APP_CHILD") != "" {
		if err := exec.Command("sleep", "3600").Start(); err != nil {
			panic(err)
		}
	}
	if address := os.Getenv("APP_LISTEN"); address != "" {
		l, err := net.Listen("tcp", address)
		if err != nil {
			panic(err)
		}
		fmt.Println("listening")
		for {
			conn, err := l.Accept()
			if err != nil {
				panic(err)
			}
			_, _ = conn.Write([]byte("hello"))
			_ = conn.Close()
		}
	}
	if os.Getenv("APP_WAIT") != "" {
		fmt.Println("waiting")
		for {
			time.Sleep(time.Hour)
		}
	}
	os.Exit(3)
}
