package cluster

import "testing"

func TestTheNearestNameIsTheOneThatWasMeant(t *testing.T) {
	names := []string{"cart", "prices", "web", "cart-admin"}
	for name, want := range map[string]string{"crat": "cart", "card": "cart", "price": "prices", "cart-admn": "cart-admin", "checkout": "", "": "", "w": ""} {
		if got := nearest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
