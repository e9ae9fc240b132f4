package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
)

// tokenFolder is where every pod finds its identity.
const tokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount/"

// apiVerbs call the API server as client-go's rest.InClusterConfig would.
var apiVerbs = map[string]func([]string) (string, error){
	"api":      func(a []string) (string, error) { return apiStatus(a[0], environmentHost()) },
	"proxy":    func(a []string) (string, error) { return proxyFor(a[0]) },
	"apiname":  func(a []string) (string, error) { return apiStatus(a[0], a[1]) },
	"identity": func([]string) (string, error) { return identity() },
	"claim":    func([]string) (string, error) { return claimedPod() },
}

// proxyFor is the proxy by which Go's client would call a URL.
func proxyFor(address string) (string, error) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	proxy, err := http.ProxyFromEnvironment(request)
	if proxy == nil {
		return "none", err
	}
	return proxy.String(), err
}

func environmentHost() string {
	return net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
}

func call(method, host, path, body string) (int, []byte, error) {
	token, err := os.ReadFile(tokenFolder + "token")
	if err != nil {
		return 0, nil, err
	}
	ca, err := os.ReadFile(tokenFolder + "ca.crt")
	if err != nil {
		return 0, nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return 0, nil, errors.New("no certificates in ca.crt")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "https://"+host+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	return answer.StatusCode, content, err
}

func apiStatus(path, host string) (string, error) {
	code, _, err := call(http.MethodGet, host, path, "")
	return fmt.Sprint(code), err
}

type review struct {
	Status struct {
		UserInfo struct {
			Username string              `json:"username"`
			Groups   []string            `json:"groups"`
			Extra    map[string][]string `json:"extra"`
		} `json:"userInfo"`
	} `json:"status"`
}

func selfReview() (*review, error) {
	body := `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`
	code, content, err := call(http.MethodPost, environmentHost(), "/apis/authentication.k8s.io/v1/selfsubjectreviews", body)
	if err != nil {
		return nil, err
	}
	var r review
	if err := json.Unmarshal(content, &r); err != nil || code != http.StatusCreated {
		return nil, fmt.Errorf("answer %d", code)
	}
	return &r, nil
}

// identity is who the API server says that this process is.
func identity() (string, error) {
	r, err := selfReview()
	if err != nil {
		return "", err
	}
	slices.Sort(r.Status.UserInfo.Groups)
	return strings.Join(append([]string{r.Status.UserInfo.Username}, r.Status.UserInfo.Groups...), "\n"), nil
}

// claimedPod is the pod that the token says it was given to.
func claimedPod() (string, error) {
	r, err := selfReview()
	if err != nil {
		return "", err
	}
	return strings.Join(r.Status.UserInfo.Extra["authentication.kubernetes.io/pod-name"], " "), nil
}
