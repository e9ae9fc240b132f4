package tunnel

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

var errNotPinned = errors.New("it is not the expected one")

// ClientTLS makes a TLS 1.3 configuration that proves key and takes only a
// server with the key peer. Certificates are self-signed carriers of the keys:
// names, chains and times mean nothing.
func ClientTLS(key PrivateKey, peer PublicKey) *tls.Config {
	cfg := baseTLS(key)
	// The server is known by its key alone, which VerifyConnection checks.
	cfg.InsecureSkipVerify = true //nolint:gosec // pinned below
	cfg.VerifyConnection = verifier(func(k PublicKey) error {
		if k != peer {
			return errNotPinned
		}
		return nil
	})
	return cfg
}

// ServerTLS makes a TLS 1.3 configuration that proves key and asks authorize
// about each client's key.
func ServerTLS(key PrivateKey, authorize func(PublicKey) error) *tls.Config {
	cfg := baseTLS(key)
	cfg.ClientAuth = tls.RequireAnyClientCert
	cfg.VerifyConnection = verifier(authorize)
	return cfg
}

func baseTLS(key PrivateKey) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// A resumed TLS session would not show the key again.
		SessionTicketsDisabled: true,
		// One fixed size saves small records at the start of each burst.
		DynamicRecordSizingDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certificate(key)
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate(key)
		},
	}
}

func verifier(authorize func(PublicKey) error) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		key, err := peerKey(state)
		if err != nil {
			return err
		}
		if err := authorize(key); err != nil {
			return &UnauthorizedError{Key: key, Cause: err}
		}
		return nil
	}
}

func peerKey(state tls.ConnectionState) (PublicKey, error) {
	if len(state.PeerCertificates) == 0 {
		return "", errors.New("the far side has no certificate")
	}
	raw, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return "", fmt.Errorf("the far side's key is a %T, want Ed25519", state.PeerCertificates[0].PublicKey)
	}
	return publicKey(raw), nil
}

func certificate(key PrivateKey) (*tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.raw.Public(), key.raw)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key.raw}, nil
}
