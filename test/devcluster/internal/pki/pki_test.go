package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func TestAKubeconfigCarriesTheUserAndTheirGroups(t *testing.T) {
	ca, err := New(filepath.Join(t.TempDir(), "pki"))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"alice", "corp/bob@example.test", "../carol"} {
		path := filepath.Join(t.TempDir(), "kubeconfig")
		if err := ca.Kubeconfig(path, "https://192.0.2.1:6443", "c", user, []string{"devs", "ops"}); err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		config, err := clientcmd.BuildConfigFromFlags("", path)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(config.CertData)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(cert.Subject.Organization) // a set: its order means nothing
		if cert.Subject.CommonName != user || !slices.Equal(cert.Subject.Organization, []string{"devs", "ops"}) {
			t.Errorf("%s: the certificate is of %v", user, cert.Subject)
		}
		if err := cert.CheckSignatureFrom(ca.cert); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
}

func TestALoadedCASignsAsTheOneThatWasMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	made, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Issue("server", pkix.Name{CommonName: "server"}, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(made.cert)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost"}); err != nil {
		t.Error(err)
	}
}
