package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"
)

// Where a probe's pod listens. The tests know the numbers by the manifests.
const (
	controlPort = ":7000"
	talkPort    = ":7001"
	resetPort   = ":7002"
	fullPort    = ":7003"
	bulkPort    = ":7004"
	closePort   = ":7005"
	echoPort    = ":7006" // UDP
	calleePort  = ":8080" // nobody listens there but a probe that is asked to
)

// serve is a pod's main process: it runs probes, calls for the tests, and is called.
func serve() {
	for address, handle := range map[string]func(net.Conn){
		talkPort: talk, resetPort: afterLine(reset), bulkPort: afterLine(bulk), closePort: afterLine(func(net.Conn) {}),
	} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		go accept(l, handle)
	}
	messages, err := net.ListenPacket("udp", echoPort)
	if err != nil {
		log.Fatal(err)
	}
	go echo(messages)
	if err := listenFull(fullPort); err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /run", handleRun)
	http.HandleFunc("GET /call", handleCall)
	server := &http.Server{Addr: controlPort, ReadHeaderTimeout: patience}
	log.Fatal(server.ListenAndServe())
}

func accept(l net.Listener, handle func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(10 * patience))
			handle(conn)
		}()
	}
}

// handleRun runs a probe in this pod. The arguments are the words of its command
// line, the body its questions.
func handleRun(w http.ResponseWriter, r *http.Request) {
	args := r.URL.Query()["arg"]
	if len(args) == 0 {
		http.Error(w, "what is to be run?", http.StatusBadRequest)
		return
	}
	questions, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	cmd := exec.CommandContext(r.Context(), args[0], args[1:]...)
	cmd.Stdin = bytes.NewReader(questions)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		http.Error(w, fmt.Sprintf("%v: %v: %s", args, err, failure.String()), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(out)
}

// handleCall calls an address for the tests, and gives its answer.
func handleCall(w http.ResponseWriter, r *http.Request) {
	who := r.URL.Query().Get("say")
	if to := r.URL.Query().Get("udp"); to != "" {
		if datagram, err := net.Dial("udp", to); err == nil {
			_, _ = datagram.Write([]byte(who))
			_ = datagram.Close()
		}
	}
	conn, err := net.DialTimeout("tcp", r.URL.Query().Get("to"), time.Second)
	if err == nil {
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err = fmt.Fprintln(conn, who)
	}
	var answer []byte
	if err == nil {
		answer, err = io.ReadAll(conn)
	}
	told := map[string]string{"answer": strings.TrimSpace(string(answer))}
	if err != nil {
		told["error"] = nameOf(err)
	}
	_ = json.NewEncoder(w).Encode(told)
}
