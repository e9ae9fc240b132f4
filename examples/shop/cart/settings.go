package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

// Settings are what this process was told.
type Settings struct {
	Currency string `json:"currency"` // an environment variable of the Deployment
	Region   string `json:"region"`   // from a ConfigMap
	Token    string `json:"token"`    // from a Secret: its length, never itself
	Edition  string `json:"edition"`  // set in the image
	Banner   string `json:"banner"`   // a mounted ConfigMap file
}

func settings() Settings {
	return Settings{
		Currency: os.Getenv("CURRENCY"),
		Region:   os.Getenv("REGION"),
		Token:    fmt.Sprintf("%d characters", len(os.Getenv("PAYMENT_TOKEN"))),
		Edition:  os.Getenv("EDITION"),
		Banner:   banner(httpd.Env("BANNER_FILE", "/etc/cart/banner.txt")),
	}
}

// banner is a file's text. Where it is not there, the shop opens without it.
func banner(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "(no banner: " + err.Error() + ")"
	}
	return strings.TrimSpace(string(content))
}
