package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

// refusal starts a session that must be refused: by this number, at preflight and at the start.
func refusal(ctx context.Context, t *testing.T, e *servertest.Editor, params *protocol.StartSessionParams, want protocol.ErrorCode, said string) *protocol.Error {
	t.Helper()
	found, err := e.Server.Preflight(ctx, &protocol.PreflightParams{Target: params.Target})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Diagnostics) == 0 || found.Diagnostics[0].Code != want {
		t.Fatalf("preflight: got %+v, want %d first", found.Diagnostics, want)
	}
	_, err = e.Server.StartSession(ctx, params)
	var refused *protocol.Error
	if !errors.As(err, &refused) || refused.Code != want || !refused.Data.ShowUser {
		t.Fatalf("start: got %v, want %d", err, want)
	}
	if !strings.Contains(refused.Message, said) {
		t.Errorf("%q does not say %q", refused.Message, said)
	}
	return refused
}

func TestDeveloperOfOneServiceDebugsItAndNoOther(t *testing.T) {
	ctx := testContext(t)
	ann := newPerson(ctx, t, "ann")
	ann.grant(ctx, t, "cart", "intercept", "inherit")
	restored := remember(ctx, t, shop, "cart")
	e := ann.open(ctx, t)
	goLive(ctx, t, e, serviceOf(ctx, t, "granted", "cart"))
	waitServedBy(ctx, t, true)

	other := serviceOf(ctx, t, "refused", "prices")
	refused := refusal(ctx, t, e, other, protocol.CodeForbidden, ann.name+" may not intercept services.kubetunnel.dev prices in namespace "+shop)
	if strings.Contains(refused.Data.Fix.YAML, "intercepts") || !strings.Contains(refused.Data.Fix.YAML, `resourceNames: ["prices"]`) {
		t.Errorf("the fix is more than the missing rule:\n%s", refused.Data.Fix.YAML)
	}
	paste(ctx, t, e, other.Target, refused.Data.Fix)
	goLive(ctx, t, e, serviceOf(ctx, t, "pasted", "prices"))
	stopSession(ctx, t, e, "pasted")
	stopSession(ctx, t, e, "granted")
	restored()
	waitNothingLeft(ctx, t, shop)
}

func TestUserWithoutAnyRightGetsAllThatASessionNeeds(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	eve := newPerson(ctx, t, "eve")
	e := eve.open(ctx, t)
	params := serviceOf(ctx, t, "refused", "cart")
	refused := refusal(ctx, t, e, params, protocol.CodeForbidden, eve.name+" may not intercept")
	paste(ctx, t, e, params.Target, refused.Data.Fix)
	goLive(ctx, t, e, serviceOf(ctx, t, "pasted", "cart"))
	waitServedBy(ctx, t, true)
	stopped := stopSession(ctx, t, e, "pasted")
	if stopped.State != protocol.StateEnded {
		t.Errorf("the end with these rights: %+v", stopped)
	}
	restored()
	waitNothingLeft(ctx, t, shop)
}

func TestInheritNeedsAVerbOfItsOwn(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	joe := newPerson(ctx, t, "joe")
	joe.grant(ctx, t, "cart", "intercept")
	e := joe.open(ctx, t)
	params := serviceOf(ctx, t, "refused", "cart")
	refused := refusal(ctx, t, e, params, protocol.CodeInheritForbidden, joe.name+" may not inherit services.kubetunnel.dev cart")

	no, without := false, serviceOf(ctx, t, "without", "cart")
	without.Target.Inherit = &no
	goLive(ctx, t, e, without)
	if answer := waitServedBy(ctx, t, true); answer.Settings["currency"] != "" {
		t.Errorf("without the right, the process has the app's environment: %v", answer.Settings)
	}
	for _, pod := range agentPods(ctx, t) {
		if len(pod.Spec.Containers) != 1 {
			t.Errorf("without the right, agent %s has a twin", pod.Name)
		}
	}
	stopSession(ctx, t, e, "without")
	waitNothingLeft(ctx, t, shop)

	paste(ctx, t, e, params.Target, refused.Data.Fix)
	goLive(ctx, t, e, serviceOf(ctx, t, "pasted", "cart"))
	stopSession(ctx, t, e, "pasted")
	restored()
	waitNothingLeft(ctx, t, shop)
}
