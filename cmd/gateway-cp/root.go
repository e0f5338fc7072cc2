package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gateway-cp/gateway-cp/findings"
)

// execute runs one command line and gives its exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	running := false
	resolve := root.PersistentPreRunE
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		running = true
		return resolve(cmd, args)
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err == nil || errors.Is(err, errProblems) {
		return codeOf(err)
	}
	// What cobra itself refuses before a command runs (an unknown command, say) is usage.
	var coded *exitError
	if !errors.As(err, &coded) && !running {
		err = &exitError{code: exitUsage, err: err}
	}
	fmt.Fprintf(stderr, "%s: %v\n", displayName(), err)
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(stderr, "  %s\n", hint)
	}
	if codeOf(err) == exitUsage {
		fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	return codeOf(err)
}

// displayName is how the program is called: kubectl finds a file kubectl-gateway_cp in the PATH when "kubectl gateway-cp"
// is typed (https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/#naming-a-plugin).
func displayName() string {
	if filepath.Base(os.Args[0]) == "kubectl-gateway_cp" {
		return "kubectl gateway-cp"
	}
	return "gateway-cp"
}

// newRoot builds the tree of commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:         "gateway-cp",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: displayName()},
		Short:       "A control plane for a fleet of Envoy gateways",
		Long: `gateway-cp reads Services, routes and rollouts, translates them into Envoy configuration and
streams it to a fleet of Envoys over xDS.

Every flag can also be set by the environment (--xds-address is GATEWAY_CP_XDS_ADDRESS) and in
the YAML file that --config names (xds-address: ...). A flag wins over the environment, the
environment over the file, the file over the default.

Exit codes: 0 fine, 1 problems found, 2 wrong usage, 3 could not run.`,
		Version:       readBuildInfo().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	addConfigFlag(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return resolveFlags(cmd) }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return suggestFlag(cmd, err)
	})
	root.AddCommand(
		newRunCommand(),
		newServeCommand(),
		newBootstrapCommand(),
		newValidateCommand(),
		newTranslateCommand(),
		newExplainCommand(),
		newDiffCommand(),
		newTestCommand(),
		newConvertCommand(),
		newEnvCommand(),
		newNodeCommand(),
		newFleetCommand(),
		newRolloutCommand(),
		newSchemasCommand(),
		newLSPCommand(),
		newVersionCommand(),
	)
	strictCompletion(root)
	strictHelp(root)
	return root
}

// strictHelp makes cobra's command for help refuse what is no command, and explain reasons.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		return
	}
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		about := root
		for i, word := range args {
			sub := subcommand(about, word)
			if sub == nil {
				return noHelp(about, strings.Join(args[:i+1], " "), word)
			}
			about = sub
		}
		about.InitDefaultHelpFlag()
		about.InitDefaultVersionFlag()
		return about.Help()
	}
	help.AddCommand(newHelpReasonCommand())
}

// subcommand gives the command of a command with a name; nil when there is none.
func subcommand(of *cobra.Command, name string) *cobra.Command {
	for _, sub := range of.Commands() {
		if sub.Name() == name || sub.HasAlias(name) {
			return sub
		}
	}
	return nil
}

// noHelp is for help about what is no command. A reason is near at hand.
func noHelp(of *cobra.Command, words, word string) error {
	err := usagef("there is no command %q", words)
	var names []string
	for _, sub := range of.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if info, known := findings.Explain(word); known == nil {
		return withHint(err, "it is the reason of a problem: gateway-cp help reason %s", info.Reason)
	}
	if near := nearest(word, names); near != "" {
		return withHint(err, "did you mean %q?", near)
	}
	return withHint(err, "gateway-cp --help lists the commands")
}

// strictCompletion makes cobra's command for completion refuse a shell that it does not know.
func strictCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	var shells []string
	for _, sub := range cmd.Commands() {
		shells = append(shells, sub.Name())
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		of := strings.Join(shells, ", ")
		if len(args) == 0 {
			return usagef("completion needs a shell: one of %s", of)
		}
		return usagef("completion for %q is not there, only for %s", args[0], of)
	}
}

// suggestFlag turns a flag error into one of usage, with the nearest flag that exists.
func suggestFlag(cmd *cobra.Command, err error) error {
	usage := usagef("%w", err)
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest(strings.TrimLeft(unknown.GetSpecifiedName(), "-"), names); near != "" {
		return withHint(usage, "did you mean --%s?", near)
	}
	return usage
}

// name is a command's without the program's.
func name(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// noArgs, exactArgs and minArgs are cobra's, as errors of usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, but got %q", name(cmd), args[0])
	}
	return nil
}

func exactArgs(arguments ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(arguments) {
			return usagef("%s needs %s", name(cmd), arguments[len(args)])
		}
		if len(args) > len(arguments) {
			return usagef("%s takes only %s, but got %q as well", name(cmd), strings.Join(arguments, " "), args[len(arguments)])
		}
		return nil
	}
}

func minArgs(argument string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s needs at least one %s", name(cmd), argument)
		}
		return nil
	}
}
