package schematest

import (
	"crypto/tls"
	"net/http"
)

// insecure trusts the certificate that the server has just made for itself, on loopback.
func insecure() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 8}
}
