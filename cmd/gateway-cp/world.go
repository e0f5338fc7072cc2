package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/allocation"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/state"
	"github.com/gateway-cp/gateway-cp/traffic"
	"github.com/gateway-cp/gateway-cp/translator"
)

// worldOptions say how manifests become a world.
type worldOptions struct {
	Stdin   io.Reader // what the path "-" means
	Exclude exclusion // of all sides, where there are several
	// StateDir is the state directory that rollouts and node ports continue from; empty: every Rollout
	// is a first deployment.
	StateDir string
	// Rollouts are the states that rollouts continue from instead, if not nil.
	Rollouts memoryStates
}

// addWorldFlags adds the flags of commands that look at manifests without a control plane.
func addWorldFlags(cmd *cobra.Command, o *worldOptions) {
	o.Exclude.register(cmd)
	cmd.Flags().StringVar(&o.StateDir, "state", "", "state directory that rollouts and node ports continue from (default: each Rollout is a first deployment)")
}

// world is what manifests come to, without any Envoy: the objects, the translation, and the
// rollouts where they would stand once all that is ready is healthy. Every command that
// looks at manifests offline goes through it, and through the code that serve uses.
type world struct {
	Objects  []*api.Object // as they were read, sorted by key
	Problems []api.Problem // of reading and translating, with positions, sorted

	allocations *allocation.Manager
	translator  *translator.Translator
	rollouts    memoryStates // where they stand
}

// loadWorld reads files, directories and standard input ("-") together, and translates them.
func loadWorld(o worldOptions, paths []string) (*world, error) {
	paths, err := expandPaths(paths)
	if err != nil {
		return nil, err
	}
	loaded, err := readGiven(files.LoadOptions{Stdin: o.Stdin, Skip: o.Exclude.skip()}, paths)
	if err != nil {
		return nil, err
	}
	return newWorld(loaded, o)
}

// readPaths reads manifests. A path that is not there is wrong usage.
func readPaths(o files.LoadOptions, paths []string) (*files.Result, error) {
	if err := existing(paths); err != nil {
		return nil, err
	}
	loaded, err := files.Load(o, paths...)
	if err != nil {
		return nil, cannotf("%w", err)
	}
	return loaded, nil
}

// readGiven is readPaths for commands that take what they read for all there is: an empty standard input
// is no empty set of manifests for them.
func readGiven(o files.LoadOptions, paths []string) (*files.Result, error) {
	input := &countingReader{from: o.Stdin}
	if o.Stdin != nil {
		o.Stdin = input
	}
	loaded, err := readPaths(o, paths)
	if err == nil && slices.Contains(paths, "-") && input.n == 0 {
		err = withHint(cannotf("%s", emptyStdin), emptyStdinHint)
	}
	return loaded, err
}

// countingReader counts the bytes that are read.
type countingReader struct {
	from io.Reader
	n    int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.n += int64(n)
	return n, err
}

// existing fails with wrong usage for a path that is not there.
func existing(paths []string) error {
	for _, path := range paths {
		if path == "-" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return usagef("%s: %w", path, unwrapPath(err))
		}
	}
	return nil
}

// newWorld translates what was read, and says what is wrong.
func newWorld(loaded *files.Result, o worldOptions) (*world, error) {
	w, err := translateLoaded(loaded, o)
	if err != nil {
		return nil, err
	}
	w.Problems = slices.Concat(loaded.Problems, placed(w.said(), w.translator.Object))
	slices.SortFunc(w.Problems, api.Problem.Compare)
	return w, nil
}

// mostTold is how many errors are told by commands that are not about them.
const mostTold = 20

// tellErrors says what is wrong with the manifests, so that nobody takes what is missing for what
// they say.
func (w *world) tellErrors(stderr io.Writer) {
	told := 0
	for _, p := range w.Problems {
		if p.Severity != api.Error {
			continue
		}
		if told++; told > mostTold {
			fmt.Fprintln(stderr, "and more errors: gateway-cp validate tells all")
			return
		}
		fmt.Fprintln(stderr, p)
	}
}

// translateLoaded translates what was read. Problems are left out. With an error there is a world, too, and
// nothing is translated in it.
func translateLoaded(loaded *files.Result, o worldOptions) (*world, error) {
	w := &world{Objects: loaded.Objects, allocations: allocation.NewManager(nil, nil), translator: translator.New()}
	states, records, err := loadStates(o.StateDir)
	if err != nil {
		return w, err
	}
	if o.Rollouts != nil {
		states = o.Rollouts
	}
	w.rollouts = maps.Clone(states)
	manager, err := rollout.NewManager(w.rollouts)
	if err != nil {
		return w, cannotf("read the state of rollouts: %w", err)
	}
	w.allocations = allocation.NewManager(records, nil)
	return w, w.settle(manager)
}

// settle gives Services their numbers, and then lets the rollouts decide and translates the objects, in
// turns, as the main loop of the control plane does. No Envoy is there, so that what the objects say to be ready counts. Nothing
// is known of a version before its Rollout is translated, so that the rollouts come first: then no
// Service is translated without its Rollout, and once more with it.
func (w *world) settle(manager *rollout.Manager) error {
	quiet := slog.New(slog.DiscardHandler)
	moved := newRollouts(manager, w.translator, quiet, time.Time{})
	var changes []translator.Change
	for _, o := range w.Objects {
		switch {
		case w.allocations.Set(o):
		case o.Key.Kind == api.KindRollout:
			moved.set(o)
		default:
			if fleet, ok := o.Value.(*v1alpha1.Fleet); ok {
				moved.setFleet(o.Key.Name, fleet)
			}
			changes = append(changes, translator.Change{Key: o.Key, Object: o})
		}
	}
	now := time.Now()
	var decided []translator.Change
	var deciding sync.WaitGroup
	deciding.Go(func() { decided, _ = moved.step(now) }) // without a look at the numbers
	services, err := w.allocations.Step()
	deciding.Wait()
	if err != nil {
		return err
	}
	for _, o := range services {
		changes = append(changes, translator.Change{Key: o.Key, Object: o})
	}
	moved.services(changes)
	changes = append(changes, decided...)
	for range maxRounds {
		moved.notice(w.translator.Apply(changes))
		moved.handedOver()
		if changes, _ = moved.step(now); len(changes) == 0 {
			return nil
		}
	}
	moved.notice(w.translator.Apply(changes))
	return nil
}

// said is what is wrong with the objects together, without positions.
func (w *world) said() []api.Problem {
	return append(w.translator.Problems(), w.allocations.Problems()...)
}

// object gives an object as it is translated, a Rollout with where it stands; nil when there
// is none.
func (w *world) object(k api.Key) *api.Object { return w.translator.Object(k) }

// snapshot gives all that was translated.
func (w *world) snapshot() *traffic.Translation { return traffic.Snapshot(w.translator) }

// originPosition finds the place of a field, through the objects that a function knows.
func originPosition(object func(api.Key) *api.Object, key api.Key, path string) api.Position {
	o := object(key)
	if o == nil || o.Origin == nil {
		return api.Position{}
	}
	return o.Origin.At(path)
}

// memoryStates is where rollouts keep their state when nothing may be written.
type memoryStates map[api.Key]rollout.State

// Load gives a copy: the Manager takes states out of what it is given.
func (m memoryStates) Load() (map[api.Key]rollout.State, error) { return maps.Clone(m), nil }

// Save keeps the states for whoever goes on from here. It is no promise that they outlive the program.
func (m memoryStates) Save(states map[api.Key]*rollout.State, _ map[api.Key][]rollout.Record) error {
	for k, s := range states {
		if s == nil {
			delete(m, k)
		} else {
			m[k] = *s
		}
	}
	return nil
}

// loadStates reads the states of rollouts, and the numbers of Services, from a state directory.
func loadStates(dir string) (memoryStates, allocation.Records, error) {
	if dir == "" {
		return memoryStates{}, nil, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "state.db")); err != nil {
		return nil, nil, withHint(usagef("--state: %s is not a state directory: %w", dir, unwrapPath(err)),
			"it is what serve --state-dir names; without --state every Rollout is a first deployment")
	}
	db, err := state.Open(dir, time.Second)
	if err != nil {
		if errors.Is(err, state.ErrLocked) {
			return nil, nil, withHint(cannotf("--state: %w", err), "ask the gateway-cp that runs there (explain --live), or look at a copy of the directory")
		}
		return nil, nil, cannotf("--state: %w", err)
	}
	states, err := rollout.NewStore(db).Load()
	records, err2 := allocation.StateStore{DB: db}.Load()
	if err = errors.Join(err, err2, db.Close()); err != nil {
		return nil, nil, cannotf("--state: %w", err)
	}
	return states, records, nil
}
