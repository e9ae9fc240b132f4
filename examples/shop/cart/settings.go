package main

import (
	"encoding/base64"
	"encoding/json"
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
	Identity string `json:"identity"` // whom the service account's token is for
}

func settings() Settings {
	return Settings{
		Currency: os.Getenv("CURRENCY"),
		Region:   os.Getenv("REGION"),
		Token:    fmt.Sprintf("%d characters", len(os.Getenv("PAYMENT_TOKEN"))),
		Edition:  os.Getenv("EDITION"),
		Banner:   banner(httpd.Env("BANNER_FILE", "/etc/cart/banner.txt")),
		Identity: identity(httpd.Env("IDENTITY_FILE", "/var/run/secrets/kubernetes.io/serviceaccount/token")),
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

// identity is the subject of a JSON Web Token (RFC 7519), which is not checked: who
// wants to know would ask the API server.
func identity(path string) string {
	token, err := os.ReadFile(path)
	if err != nil {
		return "(no token: " + err.Error() + ")"
	}
	_, rest, _ := strings.Cut(string(token), ".")
	payload, _, _ := strings.Cut(rest, ".")
	var claims struct {
		Subject string `json:"sub"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		return "(no token: " + err.Error() + ")"
	}
	return claims.Subject
}
