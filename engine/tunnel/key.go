package tunnel

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// PublicKey is an Ed25519 public key: "ed25519:" and 43 characters of unpadded
// base64url (RFC 4648 section 5).
type PublicKey string

const keyPrefix = "ed25519:"

// ParsePublicKey checks the form of a key.
func ParsePublicKey(s string) (PublicKey, error) {
	encoded, ok := strings.CutPrefix(s, keyPrefix)
	if !ok {
		return "", fmt.Errorf("public key %.20q: want %q and 43 characters", s, keyPrefix)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return "", fmt.Errorf("public key %.20q: want %d bytes in unpadded base64url", s, ed25519.PublicKeySize)
	}
	return PublicKey(s), nil
}

func publicKey(raw ed25519.PublicKey) PublicKey {
	return PublicKey(keyPrefix + base64.RawURLEncoding.EncodeToString(raw))
}

// PrivateKey is an Ed25519 private key.
type PrivateKey struct {
	raw ed25519.PrivateKey
}

// GenerateKey makes a new key pair.
func GenerateKey() (PrivateKey, error) {
	_, raw, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("generate key: %w", err)
	}
	return PrivateKey{raw: raw}, nil
}

// Public is the public half.
func (k PrivateKey) Public() PublicKey {
	public, ok := k.raw.Public().(ed25519.PublicKey)
	if !ok {
		return ""
	}
	return publicKey(public)
}

// Marshal gives the key as PEM of PKCS #8 (RFC 5958).
func (k PrivateKey) Marshal() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k.raw)
	if err != nil {
		return nil // only keys of unknown types can't be written
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// ParsePrivateKey reads what Marshal wrote.
func ParsePrivateKey(content []byte) (PrivateKey, error) {
	block, _ := pem.Decode(content)
	if block == nil {
		return PrivateKey{}, errors.New("private key: not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("private key: %w", err)
	}
	raw, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return PrivateKey{}, fmt.Errorf("private key: is a %T, want Ed25519", parsed)
	}
	return PrivateKey{raw: raw}, nil
}
