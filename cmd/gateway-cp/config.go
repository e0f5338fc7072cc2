package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// envPrefix stands before every environment variable.
const envPrefix = "GATEWAY_CP"

// addConfigFlag adds the flag that names the config file.
func addConfigFlag(root *cobra.Command) {
	root.PersistentFlags().String("config", "", "YAML file that sets flags by their names")
}

// envName gives the environment variable of a flag.
func envName(flag string) string {
	return envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// resolveFlags fills every flag that was not given from the environment, else from the
// config file. Values go through the flag's own parser, so that they are checked alike
// wherever they come from. This is the one place that knows the precedence.
func resolveFlags(cmd *cobra.Command) error {
	v := viper.New()
	v.SetEnvPrefix(envPrefix)
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	config := cmd.Flags().Lookup("config")
	if !config.Changed {
		if path := os.Getenv(envName("config")); path != "" {
			_ = config.Value.Set(path) // a string flag takes every value
		}
	}
	var written map[string]any
	if path := config.Value.String(); path != "" {
		var err error
		if written, err = readConfig(v, path, knownFlags(cmd.Root())); err != nil {
			return err
		}
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed == nil && !f.Changed && configurable(f) {
			failed = fillFlag(cmd.Flags(), v, written, f)
		}
	})
	return failed
}

// fillFlag sets one flag from the environment or the config file, which is also given as it is written:
// viper has all names in lower case.
func fillFlag(flags *pflag.FlagSet, v *viper.Viper, written map[string]any, f *pflag.Flag) error {
	if err := v.BindEnv(f.Name); err != nil {
		return err
	}
	if !v.IsSet(f.Name) {
		return nil
	}
	value, err := "", error(nil)
	values := []any{v.Get(f.Name)}
	if list, ok := values[0].([]any); ok && f.Value.Type() == listType {
		values = list
	}
	for _, one := range values {
		if m, ok := one.(map[string]any); ok && f.Value.Type() == mappingType {
			if as, ok := written[f.Name].(map[string]any); ok {
				m = as
			}
			value, err = mapping(m)
		} else {
			value, err = scalar(one)
		}
		if err == nil {
			err = flags.Set(f.Name, value)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		return nil
	}
	if os.Getenv(envName(f.Name)) != "" {
		return usagef("environment variable %s: %w", envName(f.Name), err)
	}
	return usagef("config file %s: %s: %w", v.ConfigFileUsed(), f.Name, err)
}

// scalar writes a value of the config file as it would stand on the command line.
func scalar(value any) (string, error) {
	switch x := value.(type) {
	case nil:
		return "", nil
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			var err error
			if parts[i], err = scalar(e); err != nil {
				return "", err
			}
		}
		return strings.Join(parts, ","), nil
	case map[string]any, map[any]any:
		return "", fmt.Errorf("wants one value, not a mapping")
	}
	return fmt.Sprint(value), nil
}

// mappingType is the type of flags that take NAME=VALUE, several with commas.
const mappingType = "REASON=SEVERITY"

// listType is the type of flags that are given several times, and take a list in the config file:
// their values may have commas in them.
const listType = "stringArray"

// mapping writes a mapping of the config file as it would stand on the command line.
func mapping(values map[string]any) (string, error) {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value, err := scalar(values[name])
		if err != nil {
			return "", fmt.Errorf("%s %w", name, err)
		}
		parts = append(parts, name+"="+value)
	}
	return strings.Join(parts, ","), nil
}

// readConfig reads the config file, and refuses what no command knows. It gives what is written.
func readConfig(v *viper.Viper, path string, known []string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("config file %s: %w", path, unwrapPath(err))
	}
	v.SetConfigFile(path)
	v.SetConfigType("yaml")
	var written map[string]any
	if err := errors.Join(v.ReadConfig(bytes.NewReader(text)), yaml.Unmarshal(text, &written)); err != nil {
		return nil, usagef("config file %s: %w", path, err)
	}
	for _, key := range topKeys(v) {
		if slices.Contains(known, key) {
			continue
		}
		err := usagef("config file %s: unknown key %q", path, key)
		if near := nearest(key, known); near != "" {
			return nil, withHint(err, "did you mean %q?", near)
		}
		return nil, withHint(err, "the keys are the names of the flags, without the dashes in front")
	}
	return written, nil
}

// topKeys lists the top-level keys of the config file, sorted.
func topKeys(v *viper.Viper) []string {
	var keys []string
	for k := range v.AllSettings() {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// knownFlags lists the flags of all commands, so that one file can serve them all.
func knownFlags(root *cobra.Command) []string {
	var names []string
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if configurable(f) {
				names = append(names, f.Name)
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	slices.Sort(names)
	return slices.Compact(names)
}

// commandLineOnly annotates flags that mean something else in another command, so that they must
// not be set from where both would read them.
const commandLineOnly = "command-line-only"

// configurable says whether a flag may be set from the environment and the config file.
func configurable(f *pflag.Flag) bool {
	if _, only := f.Annotations[commandLineOnly]; only {
		return false
	}
	return f.Name != "config" && f.Name != "help" && f.Name != "version"
}
