// Command prices knows what things cost, in cents.
package main

import (
	"net/http"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

// Price is the answer.
type Price struct {
	Item     string `json:"item"`
	Cents    int    `json:"cents"`
	ServedBy string `json:"servedBy"`
}

var cents = map[string]int{"apple": 35, "bread": 280, "coffee": 740}

func handlePrice(w http.ResponseWriter, r *http.Request) {
	item := r.PathValue("item")
	price, known := cents[item]
	if !known {
		http.Error(w, "no such item", http.StatusNotFound)
		return
	}
	httpd.JSON(w, Price{Item: item, Cents: price, ServedBy: httpd.Host()})
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /prices/{item}", handlePrice)
	mux.HandleFunc("GET /healthz", httpd.Healthy)
	return mux
}

func main() { httpd.Run("prices", httpd.Env("LISTEN", ":80"), handler()) }
