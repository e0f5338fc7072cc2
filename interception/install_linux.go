package interception

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// Install makes the machine as the rules say, whatever there was of ours before, also after a process that
// was killed. The nftables rules are replaced in one step: a packet meets the old ones or the new ones. An error wraps ErrNotPermitted or
// ErrUnsupported where it is one of these; rules that were there before stay in effect then.
func Install(r Rules) error {
	if err := setRoutes(r); err != nil {
		return explain(fmt.Errorf("routes: %w", err))
	}
	conn, err := nftables.New()
	if err != nil {
		return explain(err)
	}
	if err := flush(conn, func() { newTable(conn, r) }); err != nil {
		return explain(fmt.Errorf("nftables: %w", err))
	}
	return nil
}

// flush replaces the table in one transaction.
func flush(conn *nftables.Conn, fill func()) error {
	table := &nftables.Table{Name: Table, Family: nftables.TableFamilyINet}
	conn.AddTable(table) // so that it can be deleted
	conn.DelTable(table)
	fill()
	return conn.Flush()
}

// Remove takes everything away that Install has made; it is fine if there is nothing.
func Remove() error {
	conn, err := nftables.New()
	if err != nil {
		return explain(err)
	}
	return explain(errors.Join(flush(conn, func() {}), setRoutes(Rules{})))
}

// Status tells what of ours is there.
func Status() (Installed, error) {
	var i Installed
	conn, err := nftables.New()
	if err != nil {
		return i, explain(err)
	}
	chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return i, explain(err)
	}
	for _, c := range chains {
		if c.Table.Name != Table {
			continue
		}
		rules, err := conn.GetRules(c.Table, c)
		if err != nil {
			return i, explain(err)
		}
		for _, r := range rules {
			if words, ok := userdata.GetString(r.UserData, userdata.TypeComment); ok {
				i.Rules = append(i.Rules, c.Name+": "+words)
			}
		}
	}
	i.Routes, i.RoutingRules, err = ownRoutes()
	return i, explain(err)
}

// explain wraps what an error of the kernel means.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: %w", ErrNotPermitted, err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return err
}
