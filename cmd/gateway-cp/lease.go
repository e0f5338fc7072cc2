package main

import (
	"net"
	"time"

	"github.com/spf13/cobra"
	k8svalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/tools/leaderelection"

	"github.com/gateway-cp/gateway-cp/source/kube"
)

// leaseConfig says how several replicas agree on who leads, where objects come from an API server.
type leaseConfig struct {
	Elect                                bool
	Name, Namespace                      string
	Duration, RenewDeadline, RetryPeriod time.Duration
}

func addLeaseFlags(cmd *cobra.Command, c *leaseConfig) {
	f := cmd.Flags()
	f.BoolVar(&c.Elect, "leader-election", true, "have a Lease say which replica decides on rollouts and writes status, and keep where rollouts stand in their status (--source kube)")
	f.StringVar(&c.Name, "lease-name", "gateway-cp", "name of the Lease (--leader-election)")
	f.StringVar(&c.Namespace, "lease-namespace", "", "namespace of the Lease (--leader-election; default: that of the Pod, else of the kubeconfig's context)")
	f.DurationVar(&c.Duration, "lease-duration", 10*time.Second, "for how long no other replica takes a Lease that is not renewed: a leader that dies is replaced after that, and some seconds")
	f.DurationVar(&c.RenewDeadline, "lease-renew-deadline", 7*time.Second, "how long a leader goes on that cannot renew its Lease")
	f.DurationVar(&c.RetryPeriod, "lease-retry-period", time.Second, "how often a replica renews the Lease, or tries to take it")
}

// electing says whether a Lease says who leads.
func (c *serveConfig) electing() bool { return c.Source == sourceKube && c.Lease.Elect }

// checkLease checks what concerns the Lease, and fills what follows from the rest.
func (c *serveConfig) checkLease() (err error) {
	if !c.electing() {
		return nil
	}
	l := &c.Lease
	switch {
	case l.Duration < time.Second || l.Duration%time.Second != 0:
		return withHint(usagef("--lease-duration %s is not a number of seconds", l.Duration), "a Lease counts in seconds")
	case l.Duration <= l.RenewDeadline:
		return withHint(usagef("--lease-renew-deadline %s is not shorter than --lease-duration %s", l.RenewDeadline, l.Duration),
			"a leader must cease to lead before another begins")
	case l.RetryPeriod <= 0 || l.RenewDeadline <= time.Duration(leaderelection.JitterFactor*float64(l.RetryPeriod)):
		return withHint(usagef("--lease-retry-period %s is too long, or nothing", l.RetryPeriod),
			"it is tried several times within --lease-renew-deadline %s", l.RenewDeadline)
	}
	if faults := k8svalidation.IsDNS1123Subdomain(l.Name); len(faults) > 0 {
		return withHint(usagef("--lease-name %q cannot be the name of a Lease", l.Name), "%s", faults[0])
	}
	if l.Namespace == "" {
		if l.Namespace, err = kube.Namespace(c.Kube.Kubeconfig, c.Kube.Context); err != nil {
			return withHint(usagef("--lease-namespace: %w", err), "give it")
		}
	}
	if faults := k8svalidation.IsDNS1123Label(l.Namespace); len(faults) > 0 {
		return withHint(usagef("--lease-namespace %q cannot be the name of a namespace", l.Namespace), "%s", faults[0])
	}
	return c.checkAdvertise()
}

// checkAdvertise finds the address at which others follow this replica when it leads.
func (c *serveConfig) checkAdvertise() error {
	r := &c.Replica
	if r.Address == "" {
		if r.Advertise != "" {
			return withHint(usagef("--replica-advertise-address is given, but --replica-address is not"), "say where to listen, such as --replica-address :18001")
		}
		return nil
	}
	if r.Advertise != "" {
		return checkAddress("replica-advertise-address", r.Advertise)
	}
	if host, _, err := net.SplitHostPort(r.Address); err == nil {
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			return withHint(usagef("--replica-address %s does not say where other replicas reach this one", r.Address),
				"say it with --replica-advertise-address; in a Pod, $(POD_IP):18001 with POD_IP from status.podIP")
		}
	}
	r.Advertise = r.Address
	return nil
}
