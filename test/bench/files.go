package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/translator"
)

// folder is a directory tree that holds a crowd, a file for each object.
type folder struct {
	crowd crowd
	dir   string
}

func newFolder(c crowd, dir string) (*folder, error) {
	f := &folder{c, dir}
	for i := range c.services {
		namespace, _ := c.id(i)
		if err := os.MkdirAll(filepath.Join(dir, namespace), 0o700); err != nil {
			return nil, err
		}
		if err := f.write(c.service(i), i, "service"); err != nil {
			return nil, err
		}
		if err := f.write(c.slice(i, 0), i, "slice"); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *folder) write(value api.Value, i int, kind string) error {
	data, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	namespace, name := f.crowd.id(i)
	path := filepath.Join(f.dir, namespace, name+"-"+kind+".yaml")
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// change writes the file of the EndpointSlice in the middle.
func (f *folder) change(nth int) error {
	return f.write(f.crowd.slice(f.crowd.services/2, nth), f.crowd.services/2, "slice")
}

// follow feeds a gateway from the folder until ctx ends; ready is closed after the first batch.
func (f *folder) follow(ctx context.Context, g *gateway, ready chan<- struct{}) error {
	batches := make(chan source.Batch)
	ended := make(chan error, 1)
	go func() { ended <- files.New(files.Options{Dir: f.dir}).Run(ctx, batches) }()
	for first := true; ; first = false {
		select {
		case err := <-ended:
			return err
		case b := <-batches:
			for _, p := range b.Problems {
				if p.Severity == api.Error {
					return fmt.Errorf("%s", p)
				}
			}
			var changes []translator.Change
			for _, o := range b.Set {
				changes = append(changes, translator.Change{Key: o.Key, Object: o})
			}
			if !first {
				if err := g.apply(changes); err != nil {
					return err
				}
				continue
			}
			g.server.Apply(g.translator.Apply(changes))
			close(ready)
		}
	}
}
