package main

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gateway-cp/gateway-cp/replica"
)

// replicaConfig is what a control plane has to know of others that serve the same fleet.
type replicaConfig struct {
	Name    string
	Address string // where followers connect; empty: none
	// Advertise is where they find it, if it is elected.
	Advertise string
	Follow    string // the leader's; empty: this one leads
	CA        string
	Identity  string

	identity replica.Identity // read
}

// addReplicaFlags adds the flags of serve about other replicas.
func addReplicaFlags(cmd *cobra.Command, c *replicaConfig) {
	f := cmd.Flags()
	f.StringVar(&c.Address, "replica-address", "", "where other replicas follow this one: host:port or unix:///path (default: nowhere)")
	f.StringVar(&c.Advertise, "replica-advertise-address", "", "where other replicas reach --replica-address of this one when it is elected (--leader-election; default: --replica-address)")
	f.StringVar(&c.Follow, "follow", "", "follow the replica at this address, its --replica-address: it decides on rollouts, and this one does as it says")
	f.StringVar(&c.Name, "replica-name", "", "name of this replica, unique among them (default: the host name)")
	f.StringVar(&c.CA, "replica-ca", "", "CA that the certificates of other replicas must come from (PEM file; default: --xds-client-ca); this one shows --xds-cert")
	f.StringVar(&c.Identity, "replica-identity", replica.DefaultIdentity, "name in a certificate that makes a client or server a replica: a SPIFFE ID or DNS name with * in it")
	_ = cmd.MarkFlagFilename("replica-ca")
}

// checkReplica checks what concerns other replicas, and fills what follows from the rest.
func (c *serveConfig) checkReplica() (err error) {
	r := &c.Replica
	if r.Name == "" && (c.electing() || r.Address != "" || r.Follow != "") {
		if r.Name, err = os.Hostname(); err != nil {
			return withHint(usagef("no name for this replica: %w", err), "give one with --replica-name")
		}
	}
	if r.Address == "" && r.Follow == "" {
		return nil
	}
	if r.Address != "" && r.Follow != "" {
		return withHint(usagef("--replica-address and --follow contradict each other: a replica that follows cannot be followed"),
			"have all replicas --follow the one that leads")
	}
	flag, address := "replica-address", r.Address
	if r.Follow != "" {
		flag, address = "follow", r.Follow
	}
	if err := checkAddress(flag, address); err != nil {
		return err
	}
	if c.XDSCert == "" && !c.XDSInsecure && !isLocal(address) {
		return withHint(usagef("--%s %s is not on this machine, and without TLS anybody could say where the traffic goes", flag, address),
			"either give --xds-cert, --xds-key and --xds-client-ca (TLS with certificates on both sides), or say --xds-insecure")
	}
	if r.CA = cmp.Or(r.CA, c.XDSClientCA); c.XDSCert == "" && r.CA != "" {
		return withHint(usagef("--replica-ca is given, but --xds-cert is not"), "replicas show each other --xds-cert: give it and --xds-key as well")
	}
	if r.identity, err = replica.ParseIdentity(r.Identity); err != nil {
		return withHint(usagef("--replica-identity %q: %w", r.Identity, err), "write it like %s or *.replicas.example.com", replica.DefaultIdentity)
	}
	return nil
}

// replicaServer are the credentials for replicas that follow this one.
func (c *serveConfig) replicaServer(files *tlsFiles) credentials.TransportCredentials {
	if files == nil {
		return insecure.NewCredentials()
	}
	return files.credentials()
}

// replicaClient are those for the replica that this one follows.
func (c *serveConfig) replicaClient(files *tlsFiles) credentials.TransportCredentials {
	if files == nil {
		return insecure.NewCredentials()
	}
	return files.clientOf(c.Replica.identity)
}

// followers is what those that follow must be; nil where no certificates are asked for.
func (c *serveConfig) followers(files *tlsFiles) *replica.Identity {
	if files == nil {
		return nil
	}
	return &c.Replica.identity
}
