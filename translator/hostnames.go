package translator

import (
	"strings"
)

// Hostnames are those of the Gateway API: a name, a wildcard such as "*.example.com" that
// stands for one or more labels, or empty for every host. They are held in lower case.

// covers says whether every host that name stands for is one that pattern stands for.
func covers(pattern, name string) bool {
	switch {
	case pattern == "" || pattern == name:
		return true
	case strings.HasPrefix(pattern, "*."):
		return strings.HasSuffix(name, pattern[1:])
	}
	return false
}

// specificity ranks hostnames that cover the same host, the larger the more specific: a name
// before every wildcard, a long wildcard before a short one, the empty hostname last.
func specificity(hostname string) int {
	if hostname == "" || strings.HasPrefix(hostname, "*.") {
		return len(hostname)
	}
	return 1<<16 + len(hostname)
}

// covering gives all hostnames that cover this one, the most specific (itself) first, the
// empty one last.
func covering(hostname string) []string {
	var all []string
	if hostname != "" {
		all = append(all, hostname)
		rest := strings.TrimPrefix(hostname, "*.")
		for {
			_, after, more := strings.Cut(rest, ".")
			if !more {
				break
			}
			rest = after
			all = append(all, "*."+rest)
		}
	}
	return append(all, "")
}

// effective gives the hostnames that a route with these hostnames answers on a listener with
// that one: their intersection, each once.
func effective(listener string, route []string) []string {
	if len(route) == 0 {
		return []string{listener}
	}
	var all []string
	seen := map[string]bool{}
	for _, h := range route {
		switch {
		case covers(listener, h):
		case covers(h, listener):
			h = listener
		default:
			continue
		}
		if !seen[h] {
			seen[h] = true
			all = append(all, h)
		}
	}
	return all
}

// domain is the hostname as a domain of an Envoy virtual host.
func domain(hostname string) string {
	if hostname == "" {
		return "*"
	}
	return hostname
}
