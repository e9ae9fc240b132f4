// Command cart adds up what is in a cart. Its settings come from everywhere that
// a pod's settings come from: an environment variable, a ConfigMap, a Secret, the
// image, and a mounted file.
package main

import (
	"context"
	"net/http"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

// Line is an item in the cart, with its price.
type Line struct {
	Item  string `json:"item"`
	Cents int    `json:"cents"`
}

// Cart is the answer.
type Cart struct {
	Customer string   `json:"customer"`
	Lines    []Line   `json:"lines"`
	Total    int      `json:"total"`
	ServedBy string   `json:"servedBy"`
	Settings Settings `json:"settings"`
}

func price(ctx context.Context, item string) (int, error) {
	var answer struct {
		Cents int `json:"cents"`
	}
	err := httpd.Get(ctx, httpd.Env("PRICES_URL", "http://prices")+"/prices/"+item, &answer)
	return answer.Cents, err
}

func handleCart(w http.ResponseWriter, r *http.Request) {
	cart := Cart{Customer: r.PathValue("customer"), ServedBy: httpd.Host(), Settings: settings()}
	for _, item := range []string{"apple", "bread", "coffee"} {
		cents, err := price(r.Context(), item)
		if err != nil {
			httpd.Fail(w, err)
			return
		}
		cart.Lines = append(cart.Lines, Line{Item: item, Cents: cents})
		cart.Total += cents
	}
	httpd.JSON(w, cart) // breakpoint here
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cart/{customer}", handleCart)
	mux.HandleFunc("GET /healthz", httpd.Healthy)
	return mux
}

func main() { httpd.Run("cart", httpd.Env("LISTEN", ":8080"), handler()) }
