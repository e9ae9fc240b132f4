package e2e

import (
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func TestSecondSessionOnAServiceIsRefusedAndHarmless(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	first := openEditor(ctx, t)
	debugCart(ctx, t, first, "first")
	second := openEditor(ctx, t)
	target, launch := cartLaunch(ctx, t)
	_, err := second.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "second", Target: target, Launch: launch})
	if codeOf(err) != protocol.CodeAlreadyIntercepted || !strings.Contains(err.Error(), user) {
		t.Errorf("got %v", err)
	}
	waitServedBy(ctx, t, true)
	services, err := second.Server.ListServices(ctx, &protocol.ListServicesParams{Namespace: shop})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range services.Services {
		if strings.HasSuffix(s.Name, "-origin") {
			t.Errorf("%s is ours, and listed among the Services", s.Name)
		}
		if s.Name == "cart" && (s.Intercept == nil || s.Intercept.User != user || s.Intercept.State != "Live") {
			t.Errorf("cart is told as %+v", s.Intercept)
		}
	}
	stopSession(ctx, t, first, "first")
	restored()
}
