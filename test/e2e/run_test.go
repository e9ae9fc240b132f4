package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestRunStandsInForAServiceWhosePortIsBelow1024(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "prices")
	port := freePort(ctx, t)
	cmd := exec.Command(world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/prices", "--port", strconv.Itoa(port), "--", filepath.Join(world.Root, "bin", "image", "prices")) //nolint:gosec // our own
	cmd.Env = append(os.Environ(), "LISTEN="+listenOn(port))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
		raw, err := world.Call(ctx, shop, "http://prices/prices/apple", true)
		var answer struct{ ServedBy string }
		if err == nil {
			err = json.Unmarshal(raw, &answer)
		}
		return err == nil && cluster.AtWorkstation(answer.ServedBy), err
	})
	if interrupt := cmd.Process.Signal(os.Interrupt); interrupt != nil {
		t.Error(interrupt)
	}
	_ = cmd.Wait()
	if err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	if !strings.Contains(output.String(), "the Service is as it was") {
		t.Errorf("no receipt:\n%s", output.String())
	}
	restored()
}

func TestRunGivesTheProgramsExitCode(t *testing.T) {
	cmd := exec.CommandContext(testContext(t), world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/cart", "--", "sh", "-c", `test "$REGION" = eu-north && exit 7`) //nolint:gosec // our own
	var exit *exec.ExitError
	if output, err := cmd.CombinedOutput(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v\n%s", err, output)
	}
}
