package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/admin"
)

func newFleetServicesCommand(socket *string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "services",
		Short: "Show the cluster IPs, load balancer addresses and node ports of Services",
		Long: `Services lists every Service with its addresses and ports: those that manifests ask for, and those that
were chosen. What a manifest asks for and does not get is a problem: see gateway-cp fleet problems.`,
		Example: "  gateway-cp fleet services\n  gateway-cp fleet services -o json | jq '.[] | select(.name == \"shop\") | .ports[0].nodePort'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := connect(*socket)
			if err != nil {
				return err
			}
			all, err := client.Services(cmd.Context())
			if err != nil {
				return unanswered(err)
			}
			return print(cmd.OutOrStdout(), format, all, func(w io.Writer) error { return writeServices(w, all) })
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

func writeServices(w io.Writer, all []admin.ServiceStatus) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "There are no Services.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(t, "SERVICE\tTYPE\tCLUSTER IP\tLOAD BALANCER\tPORTS\n")
	for _, s := range all {
		var ports []string
		for _, p := range s.Ports {
			text := fmt.Sprintf("%d/%s", p.Port, p.Protocol)
			if p.NodePort != 0 {
				text = fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol)
			}
			ports = append(ports, text)
		}
		fmt.Fprintf(t, "%s/%s\t%s\t%s\t%s\t%s\n", s.Namespace, s.Name, s.Type,
			dash(strings.Join(s.ClusterIPs, ", ")), dash(strings.Join(s.LoadBalancer, ", ")), dash(strings.Join(ports, ", ")))
	}
	return t.Flush()
}

// Services is for the admin socket.
func (c *controlPlane) Services() []admin.ServiceStatus {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	all := []admin.ServiceStatus{}
	c.do(ctx, func() {
		for _, o := range c.allocations.Services() {
			all = append(all, serviceStatus(o.Value.(*corev1.Service)))
		}
	})
	return all
}

func serviceStatus(s *corev1.Service) admin.ServiceStatus {
	status := admin.ServiceStatus{
		Namespace: s.Namespace, Name: s.Name, Type: string(s.Spec.Type), ClusterIPs: s.Spec.ClusterIPs,
		HealthCheckNodePort: s.Spec.HealthCheckNodePort, Ports: []admin.ServicePort{},
	}
	if s.Spec.ClusterIP == corev1.ClusterIPNone {
		status.ClusterIPs = []string{corev1.ClusterIPNone}
	}
	for _, i := range s.Status.LoadBalancer.Ingress {
		status.LoadBalancer = append(status.LoadBalancer, i.IP)
	}
	for _, p := range s.Spec.Ports {
		status.Ports = append(status.Ports, admin.ServicePort{Name: p.Name, Port: p.Port, Protocol: string(p.Protocol), NodePort: p.NodePort})
	}
	return status
}
