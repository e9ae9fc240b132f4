// Command prices knows what things cost, in cents.
package main

import (
	"net/http"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

var cents = map[string]int{"apple": 35, "bread": 280, "coffee": 740}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /prices/{item}", func(w http.ResponseWriter, r *http.Request) {
		price, known := cents[r.PathValue("item")]
		if !known {
			http.Error(w, "no such item", http.StatusNotFound)
			return
		}
		httpd.JSON(w, map[string]any{"item": r.PathValue("item"), "cents": price, "servedBy": httpd.Host()})
	})
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	httpd.Run("prices", httpd.Env("LISTEN", ":80"), mux)
}
