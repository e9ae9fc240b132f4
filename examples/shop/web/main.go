// Command web is the shop's front: it asks cart, over kept-alive connections.
package main

import (
	"encoding/json"
	"net/http"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

// Page is the answer.
type Page struct {
	ServedBy string          `json:"servedBy"`
	Cart     json.RawMessage `json:"cart"`
}

func handlePage(w http.ResponseWriter, r *http.Request) {
	page := Page{ServedBy: httpd.Host()}
	url := httpd.Env("CART_URL", "http://cart") + "/cart/" + r.PathValue("customer") // breakpoint here
	if err := httpd.Get(r.Context(), url, &page.Cart); err != nil {
		httpd.Fail(w, err)
		return
	}
	httpd.JSON(w, page)
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{customer}", handlePage)
	mux.HandleFunc("GET /healthz", httpd.Healthy)
	return mux
}

func main() { httpd.Run("web", httpd.Env("LISTEN", ":8080"), handler()) }
