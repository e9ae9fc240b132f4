// Command web is the shop's front: it asks cart, over kept-alive connections.
package main

import (
	"encoding/json"
	"net/http"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{customer}", func(w http.ResponseWriter, r *http.Request) {
		var cart json.RawMessage
		if err := httpd.Get(r.Context(), httpd.Env("CART_URL", "http://cart")+"/cart/"+r.PathValue("customer"), &cart); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		httpd.JSON(w, map[string]any{"servedBy": httpd.Host(), "cart": cart})
	})
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	httpd.Run("web", httpd.Env("LISTEN", ":8080"), mux)
}
