package xds

import "google.golang.org/protobuf/encoding/protowire"

// controlPlaneIdentifier is the Protobuf field of ControlPlane.
const controlPlaneIdentifier = 1

// appendIdentity encodes who the control plane is, as a field of a response.
func appendIdentity(field protowire.Number, identifier string) []byte {
	body := appendString(nil, controlPlaneIdentifier, identifier)
	return append(appendHead(nil, field, len(body)), body...)
}
