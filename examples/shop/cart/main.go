// Command cart adds up what is in a cart. Its settings come from everywhere that
// a pod's settings come from: an environment variable, a ConfigMap, a Secret, the
// image, and a mounted file.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

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

// Settings are what this process was told.
type Settings struct {
	Currency string `json:"currency"` // an environment variable of the Deployment
	Region   string `json:"region"`   // from a ConfigMap
	Token    string `json:"token"`    // from a Secret: its length, never itself
	Edition  string `json:"edition"`  // set in the image
	Banner   string `json:"banner"`   // a mounted ConfigMap file
}

func settings() Settings {
	banner, err := os.ReadFile(httpd.Env("BANNER_FILE", "/etc/cart/banner.txt"))
	if err != nil {
		banner = []byte("(no banner: " + err.Error() + ")")
	}
	return Settings{
		Currency: os.Getenv("CURRENCY"),
		Region:   os.Getenv("REGION"),
		Token:    fmt.Sprintf("%d characters", len(os.Getenv("PAYMENT_TOKEN"))),
		Edition:  os.Getenv("EDITION"),
		Banner:   strings.TrimSpace(string(banner)),
	}
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
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		cart.Lines = append(cart.Lines, Line{Item: item, Cents: cents})
		cart.Total += cents
	}
	httpd.JSON(w, cart) // breakpoint here
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cart/{customer}", handleCart)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	httpd.Run("cart", httpd.Env("LISTEN", ":8080"), mux)
}
