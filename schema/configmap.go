package schema

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// configMap checks the keys and the size of the data. It looks at the object as it is, as what is large is not read once more.
func (r *report) configMap(Object) {
	root := new(path)
	plain, _ := r.object["data"].(map[string]any)
	binary, _ := r.object["binaryData"].(map[string]any)
	r.dataKeys(root.field("data"), plain)
	r.dataKeys(root.field("binaryData"), binary)
	for _, key := range slices.Sorted(maps.Keys(binary)) {
		if _, twice := plain[key]; twice {
			r.invalid(root.field("binaryData").at(key), "remove one of the two", "is in data as well")
		}
	}
	r.dataSize(root, sizeOf(plain)+decodedSizeOf(binary))
}

// secretData checks the keys and the size of the data, and what the type of the Secret asks for. That a certificate
// and its key fit is asked by those who serve with them.
func (r *report) secretData(Object) {
	root := new(path)
	encoded, _ := r.object["data"].(map[string]any)
	plain, _ := r.object["stringData"].(map[string]any)
	r.dataKeys(root.field("data"), encoded)
	r.dataKeys(root.field("stringData"), plain)
	size := sizeOf(plain)
	for key, value := range encoded {
		if _, replaced := plain[key]; !replaced {
			size += decodedSizeOf(map[string]any{key: value})
		}
	}
	r.dataSize(root.field("data"), size)
	kind, _ := r.object["type"].(string)
	r.secretType(corev1.SecretType(kind), func(key string) (value []byte, there bool) {
		if text, there := plain[key]; there {
			text, _ := text.(string)
			return []byte(text), true
		}
		text, there := encoded[key]
		if text, ok := text.(string); ok {
			value, _ = base64.StdEncoding.DecodeString(text) // that it is base64 has been checked
		}
		return value, there
	})
}

// secretType checks what a Secret of a type has to have. https://kubernetes.io/docs/concepts/configuration/secret/#secret-types
func (r *report) secretType(kind corev1.SecretType, data func(key string) ([]byte, bool)) {
	at := new(path).field("data")
	switch kind {
	case corev1.SecretTypeServiceAccountToken:
		meta, _ := r.object["metadata"].(map[string]any)
		annotations, _ := meta["annotations"].(map[string]any)
		if name, _ := annotations[corev1.ServiceAccountNameKey].(string); name == "" {
			r.missing(new(path).field("metadata").field("annotations").at(corev1.ServiceAccountNameKey), "name the ServiceAccount that the token is for")
		}
	case corev1.SecretTypeDockercfg:
		r.registryLogin(at.at(corev1.DockerConfigKey), data)
	case corev1.SecretTypeDockerConfigJson:
		r.registryLogin(at.at(corev1.DockerConfigJsonKey), data)
	case corev1.SecretTypeBasicAuth:
		_, user := data(corev1.BasicAuthUsernameKey)
		_, password := data(corev1.BasicAuthPasswordKey)
		if !user && !password {
			r.missing(at.at(corev1.BasicAuthUsernameKey), "give the username, the password or both")
		}
	case corev1.SecretTypeSSHAuth:
		if key, _ := data(corev1.SSHAuthPrivateKey); len(key) == 0 {
			r.missing(at.at(corev1.SSHAuthPrivateKey), "put the private key there")
		}
	case corev1.SecretTypeTLS:
		for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
			if _, there := data(key); !there {
				r.missing(at.at(key), "put it there in PEM form")
			}
		}
	}
}

// registryLogin checks what logs in to a registry of images. It tells nothing of what is in there.
func (r *report) registryLogin(p *path, data func(key string) ([]byte, bool)) {
	value, there := data(p.name)
	var content map[string]any
	switch {
	case !there:
		r.missing(p, "make it with kubectl create secret docker-registry")
	case json.Unmarshal(value, &content) != nil:
		r.invalid(p, "make it with kubectl create secret docker-registry", "is not a JSON object")
	}
}

func (r *report) dataKeys(p *path, data map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if len(validation.IsConfigMapKey(key)) > 0 {
			r.invalid(p.at(key), "use letters, digits, '-', '_' and '.', at most 253 characters", "%q is not a key", key)
		}
	}
}

func (r *report) dataSize(p *path, size int) {
	if size > corev1.MaxSecretSize {
		r.invalid(p, "split it, or put the data elsewhere", "has %d bytes of data; at most %d are allowed", size, corev1.MaxSecretSize)
	}
}

func sizeOf(data map[string]any) (size int) {
	for _, value := range data {
		text, _ := value.(string)
		size += len(text)
	}
	return size
}

func decodedSizeOf(data map[string]any) (size int) {
	for _, value := range data {
		text, _ := value.(string)
		size += base64.StdEncoding.DecodedLen(len(text))
		for end := len(text); end > 0 && text[end-1] == '='; end-- {
			size--
		}
	}
	return size
}
