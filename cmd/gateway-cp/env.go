package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8svalidation "k8s.io/apimachinery/pkg/util/validation"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/environment"
)

func newEnvCommand() *cobra.Command {
	var namespace, format string
	var links bool
	var o worldOptions
	cmd := &cobra.Command{
		Use:   "env PATH...",
		Short: "Print the environment variables by which a Pod finds Services",
		Long: `Env prints the variables that a kubelet would give to the Pods of a namespace, for the Services in
the manifests: WEB_SERVICE_HOST, WEB_SERVICE_PORT, those of named ports, and the forms of Docker's
links. Only Services with a cluster IP have any: those of the namespace, and that of the API server
(kubernetes, in default), which alone is there with --service-links=false. A Service whose manifest
gives no cluster IP has the one that it gets from the Fleet's range; --state names the state
directory where the one that it has already is recorded.

PATH is a file, a directory, or - for standard input. What is not as it may be meant is said on
standard error.`,
		Example: `  eval "$(gateway-cp env -n shop ./manifests)"
  gateway-cp env -n shop -o dotenv ./manifests >.env
  gateway-cp env -n shop -o json ./manifests | jq -r .WEB_SERVICE_HOST`,
		Args: minArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if faults := k8svalidation.IsDNS1123Label(namespace); len(faults) > 0 {
				return withHint(usagef("--namespace %q cannot be the name of a namespace", namespace), "%s", faults[0])
			}
			o.Stdin = cmd.InOrStdin()
			w, err := loadWorld(o, args)
			if err != nil {
				return err
			}
			w.tellErrors(cmd.ErrOrStderr())
			services := w.services()
			tellAddressless(cmd.ErrOrStderr(), namespace, services)
			return writeEnv(cmd.OutOrStdout(), cmd.ErrOrStderr(), format, environment.Of(namespace, services, links))
		},
	}
	addWorldFlags(cmd, &o)
	f := cmd.Flags()
	f.StringVarP(&namespace, "namespace", "n", metav1.NamespaceDefault, "namespace of the Pod")
	f.BoolVar(&links, "service-links", true, "as the Pod's spec.enableServiceLinks")
	enumFlag(cmd, &format, "output", "o", "output format: export commands of a shell, lines of a .env file, or one JSON object", "shell", "dotenv", "json")
	return cmd
}

// services gives the Services, with the addresses that they get.
func (w *world) services() []*corev1.Service {
	var all []*corev1.Service
	for _, o := range w.Objects {
		if o.Key.Kind != api.KindService {
			continue
		}
		if o = w.object(o.Key); o != nil {
			all = append(all, o.Value.(*corev1.Service))
		}
	}
	return all
}

// tellAddressless says which Services of the namespace would have variables if they had a cluster
// IP.
func tellAddressless(stderr io.Writer, namespace string, services []*corev1.Service) {
	for _, s := range services {
		if s.Namespace == namespace && s.Spec.ClusterIP == "" && s.Spec.Type != corev1.ServiceTypeExternalName {
			fmt.Fprintf(stderr, "Service %s/%s has no cluster IP, so it has no variables\n", s.Namespace, s.Name)
		}
	}
}

// shellName is what a shell takes as the name of a variable. A kubelet sets others, too.
var shellName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func writeEnv(w, stderr io.Writer, format string, all []environment.Variable) error {
	if format == "json" {
		values := map[string]string{}
		for _, v := range all {
			values[v.Name] = v.Value
		}
		out, err := json.MarshalIndent(values, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", out)
		return err
	}
	var b strings.Builder
	for _, v := range all {
		switch {
		case !shellName.MatchString(v.Name):
			fmt.Fprintf(stderr, "%s is not a name that a shell takes: it is left out (-o json has it)\n", v.Name)
		case format == "shell":
			fmt.Fprintf(&b, "export %s='%s'\n", v.Name, v.Value)
		default:
			fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
