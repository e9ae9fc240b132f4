package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// A tool beside the debuggee reaches a Service at a local port while the session lasts, and no longer.
func TestForwardReachesAServiceFromTheWorkstation(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "prices")
	port := freePort(ctx, t)
	cmd := exec.Command(world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/prices", "--forward", fmt.Sprintf("%d:cart:80", port), "--", "sleep", "600") //nolint:gosec // our own
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/cart/ann", port)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() (*cartAnswer, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer func() { _ = response.Body.Close() }()
		var answer cartAnswer
		return &answer, json.NewDecoder(response.Body).Decode(&answer)
	}
	err := cluster.Wait(ctx, "cart's answer at the forwarded port", func() (bool, error) {
		answer, err := ask()
		return err == nil && answer.ServedBy != "" && !cluster.AtWorkstation(answer.ServedBy), err
	})
	if interrupt := cmd.Process.Signal(os.Interrupt); interrupt != nil {
		t.Error(interrupt)
	}
	_ = cmd.Wait()
	if err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	if answer, err := ask(); err == nil {
		t.Errorf("the forward outlives its session: %+v", answer)
	}
	restored()
	waitNothingLeft(ctx, t, shop)
}
