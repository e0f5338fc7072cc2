package main

import (
	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/xds"
)

// addLimitFlags adds the flags that bound what clients of the xDS address can take. A count of
// 0 is no limit.
func addLimitFlags(cmd *cobra.Command, l *xds.Limits) {
	d := xds.DefaultLimits()
	f := cmd.Flags()
	f.IntVar(&l.Clients, "xds-max-clients", d.Clients, "clients that are served at once (0: any number, here and below)")
	f.IntVar(&l.StreamsPerClient, "xds-max-streams", d.StreamsPerClient, "streams of one client; Envoy has three")
	f.IntVar(&l.RequestBytes, "xds-max-request-bytes", d.RequestBytes, "size of one message of a client")
	f.IntVar(&l.RequestRate, "xds-request-rate", d.RequestRate, "messages a second of one stream, beyond those that answer responses; what is faster waits")
	f.IntVar(&l.RequestBurst, "xds-request-burst", d.RequestBurst, "messages that a stream may send at once before --xds-request-rate counts")
	f.IntVar(&l.Subscriptions, "xds-max-subscriptions", d.Subscriptions, "names that one stream may be subscribed to")
	f.IntVar(&l.Handshakes, "xds-max-handshakes", d.Handshakes, "connections that may be at their handshakes at once")
	f.DurationVar(&l.HandshakeTimeout, "xds-handshake-timeout", d.HandshakeTimeout, "time that a connection has for TLS and the begin of HTTP/2")
	f.DurationVar(&l.FirstRequestTimeout, "xds-first-request-timeout", d.FirstRequestTimeout, "time that a stream has for its first message")
	f.DurationVar(&l.AnswerTimeout, "xds-answer-timeout", d.AnswerTimeout, "time that a client may leave a response unread or unanswered (clusters only unread, since Envoy withholds their answers while one warms)")
	f.DurationVar(&l.IdleTimeout, "xds-idle-timeout", d.IdleTimeout, "time that a connection may be open without a stream")
	f.DurationVar(&l.KeepaliveTime, "xds-keepalive-time", d.KeepaliveTime, "silence after which a client is asked for a sign of life")
	f.DurationVar(&l.KeepaliveTimeout, "xds-keepalive-timeout", d.KeepaliveTimeout, "time that a client has to give it, before its connection is closed")
	f.DurationVar(&l.ConnectionAge, "xds-max-connection-age", d.ConnectionAge, "age, give or take a tenth, at which a client is asked to connect again, so that Envoys spread over replicas and show their certificates (0: never)")
	f.DurationVar(&l.ConnectionGrace, "xds-connection-grace", d.ConnectionGrace, "time that it has to do so")
}
