package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// mostOfBody is how much of an answer that is no success is told.
const mostOfBody = 1024

// StatusError is an answer that is no success.
type StatusError struct {
	URL    string
	Status int
	Body   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: status %d: %s", e.URL, e.Status, e.Body)
}

// Fetch asks, and gives the whole answer.
func Fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, &StatusError{URL: url, Status: response.StatusCode, Body: string(body[:min(len(body), mostOfBody)])}
	}
	return body, nil
}

// Get asks another service with the default client, and reads its JSON.
func Get(ctx context.Context, url string, into any) error {
	body, err := Fetch(ctx, http.DefaultClient, url)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// Fail answers that another service could not: what is not there is not there
// for our caller either, all else is a bad gateway.
func Fail(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	var answered *StatusError
	if errors.As(err, &answered) && answered.Status == http.StatusNotFound {
		status = http.StatusNotFound
	}
	http.Error(w, err.Error(), status)
}
