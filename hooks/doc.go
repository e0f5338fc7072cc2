// Package hooks asks and tells others about rollouts, over HTTP.
//
// In: the Calls that the engine of rollouts wants to be on their way (Desk), and its events (Notifier). Out: what hooks have
// answered. A request is made at least once: again, with the same webhook-id, when the process was killed
// before the answer was stored. Requests are signed as Standard Webhooks 1.0 has it.
//
// It may not know Envoy, the translation or where secrets are: whoever wires it gives what is in them. It prints neither the path
// of an address nor a key: both may be secrets.
package hooks
