package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// services is where the tiers find one another: all through the gateway.
type services struct {
	listener string // HTTP, by the Host
	database string // TCP
}

// rows is what the database has.
var rows = map[string]string{"users": "ada, grace", "orders": "a lamp, two books", "products": "lamps, books"}

// open starts one process of a tier.
func (s services) open(tier, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	var handler http.HandlerFunc
	switch tier {
	case "database":
		go serveDatabase(l, address)
		return nil
	case "frontend":
		handler = s.frontend(address)
	case "api-gateway":
		handler = s.apiGateway
	default:
		handler = s.record(tier, address)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.Handle("GET /", handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }()
	return nil
}

// serveDatabase answers every line that names a table with what is in it.
func serveDatabase(l net.Listener, address string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			for lines := bufio.NewScanner(c); lines.Scan(); {
				_, _ = fmt.Fprintf(c, "%s, says the database at %s\n", rows[lines.Text()], address)
			}
		}()
	}
}

// record is users, orders or products: it asks the database.
func (s services) record(table, address string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, err := net.DialTimeout("tcp", s.database, 5*time.Second)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = fmt.Fprintln(c, table)
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			http.Error(w, "the database: "+err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprintf(w, "%s at %s: %s", table, address, line)
	}
}

// apiGateway passes /users on to users, and so on.
func (s services) apiGateway(w http.ResponseWriter, r *http.Request) {
	table := strings.Trim(r.URL.Path, "/")
	if rows[table] == "" {
		http.NotFound(w, r)
		return
	}
	s.pass(w, table, "/")
}

// frontend puts a page together.
func (s services) frontend(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		page := &strings.Builder{}
		_, _ = fmt.Fprintf(page, "the shop, by the frontend at %s\n", address)
		for _, table := range []string{"users", "orders", "products"} {
			if err := s.get(page, "api-gateway", "/"+table); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
		}
		_, _ = io.WriteString(w, page.String())
	}
}

func (s services) pass(w http.ResponseWriter, service, path string) {
	answer := &strings.Builder{}
	if err := s.get(answer, service, path); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = io.WriteString(w, answer.String())
}

var client = http.Client{Timeout: 10 * time.Second}

// get asks a Service by its name.
func (s services) get(to io.Writer, service, path string) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+s.listener+path, nil)
	if err != nil {
		return err
	}
	req.Host = service
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("%s: %s: %s", service, resp.Status, body)
	}
	_, err = io.Copy(to, resp.Body)
	return err
}
