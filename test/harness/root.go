package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/gateway-cp/gateway-cp/envoybin"
	"github.com/gateway-cp/gateway-cp/test/module"
)

// BinaryEnv names the environment variable that, when set, gives a gateway-cp to use instead
// of one that is built here, such as a release.
const BinaryEnv = "GATEWAY_CP_BINARY"

// RaceEnv names the environment variable that, when set, has gateway-cp built with the race
// detector; it is also when this program has it. So the load need not be slowed down.
const RaceEnv = "GATEWAY_CP_RACE"

// KeepEnv names the environment variable that, when set, keeps the directories of all worlds.
const KeepEnv = "GATEWAY_CP_KEEP"

// root is what all worlds of this program share.
type root struct {
	dir       string // short: sockets live below it
	gatewayCP string
	envoy     string
	reaper    *os.File // the reaper waits for its end
}

// shared builds gateway-cp and finds Envoy, once for the program.
var shared = sync.OnceValues(func() (*root, error) {
	dir, err := os.MkdirTemp("", "gwcp-")
	if err != nil {
		return nil, err
	}
	r := &root{dir: dir, gatewayCP: filepath.Join(dir, "bin", "gateway-cp")}
	if r.reaper, err = startReaper(dir); err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	if path := os.Getenv(BinaryEnv); path != "" {
		if r.gatewayCP, err = filepath.Abs(path); err != nil {
			return nil, err
		}
	} else if err := build(r.gatewayCP); err != nil {
		return nil, err
	}
	r.envoy, err = envoybin.Find(context.Background(), func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	})
	return r, err
})

// build builds gateway-cp.
func build(to string) error {
	dir, err := module.Dir(module.Ours)
	if err != nil {
		return err
	}
	args := []string{"build", "-o", to}
	if raceEnabled || os.Getenv(RaceEnv) != "" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/gateway-cp")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build gateway-cp: %w\n%s", err, out)
	}
	return nil
}

// reap ends, by their ids, the processes whose command line names the directory, then removes
// it. It waits for the end of its standard input, which this program holds and never closes:
// the kernel does, however this program ends.
const reap = `
[ -n "$GATEWAY_CP_REAP" ] || exit 1
trap '' INT TERM HUP
cat >/dev/null
ps -axww -o pid= -o args= | while read -r pid args; do
	case "$args" in *"$GATEWAY_CP_REAP"/*) kill -9 "$pid" ;; esac
done
[ -n "$` + KeepEnv + `" ] || rm -rf "$GATEWAY_CP_REAP"
`

func startReaper(dir string) (*os.File, error) {
	in, held, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	// The directory goes in by the environment, so that the reaper does not find itself.
	cmd := exec.Command("/bin/sh", "-c", reap)
	cmd.Env = append(os.Environ(), "GATEWAY_CP_REAP="+dir)
	cmd.Stdin = in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return held, cmd.Start()
}
