package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

// echo gives back what a WebSocket is sent.
var echo = websocket.Server{Handler: func(ws *websocket.Conn) { _, _ = io.Copy(ws, ws) }}

// streams answers gRPC's reflection: a stream on which each question has an answer.
var streams = func() *grpc.Server {
	s := grpc.NewServer()
	reflection.RegisterV1(s)
	return s
}()

// A conversation has so many turns, and a pause after each: it takes two seconds.
const (
	turns = 40
	pause = 50 * time.Millisecond
	turn  = 30 * time.Second // no answer takes as long, on a machine that is busy
)

// Conversations are held until they are stopped, one after the other, by several at once.
type Conversations struct {
	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup

	mu     sync.Mutex
	held   map[string]int
	failed []string
}

// Converse makes conversations that are held by several at once.
func (e *Env) Converse(several int, each map[string]func(context.Context) error) *Conversations {
	c := &Conversations{held: map[string]int{}}
	c.ctx, c.stop = context.WithCancel(e.Context())
	for name, hold := range each {
		for range several {
			c.all.Go(func() {
				for c.ctx.Err() == nil {
					c.note(name, hold(context.WithoutCancel(c.ctx)))
				}
			})
		}
	}
	return c
}

func (c *Conversations) note(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[name]++
	if err != nil {
		c.failed = append(c.failed, fmt.Sprintf("%s: %v", name, err))
		c.stop() // the first failures say enough
	}
}

// Failed are those that did not come to a good end.
func (c *Conversations) Failed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.failed)
}

// Stop lets the last ones come to their end, and gives how many of each were held.
func (c *Conversations) Stop() map[string]int {
	c.stop()
	c.all.Wait()
	return maps.Clone(c.held)
}

// WebSocket is a conversation with a host at an address.
func WebSocket(address, host string) func(context.Context) error {
	return func(ctx context.Context) error {
		config, err := websocket.NewConfig("ws://"+host+"/", "http://"+host+"/")
		if err != nil {
			return err
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(turn))
		ws, err := websocket.NewClient(config, conn)
		if err != nil {
			return err
		}
		for i := range turns {
			_ = conn.SetDeadline(time.Now().Add(turn))
			said, heard := fmt.Sprint("turn ", i), ""
			if err := websocket.Message.Send(ws, said); err != nil {
				return fmt.Errorf("turn %d: %w", i, err)
			}
			if err := websocket.Message.Receive(ws, &heard); err != nil || heard != said {
				return fmt.Errorf("turn %d: %q, %w", i, heard, err)
			}
			time.Sleep(pause)
		}
		return ws.Close()
	}
}

// GRPC is a conversation with a host at an address, on a stream. All have one connection.
func (e *Env) GRPC(address, host string) func(context.Context) error {
	e.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(host))
	if err != nil {
		e.Fatalf("%v", err)
	}
	e.Cleanup(func() { _ = conn.Close() })
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, turns*pause+turn)
		defer cancel()
		stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
		if err != nil {
			return err
		}
		question := &reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}
		for i := range turns {
			if err := stream.Send(question); err != nil {
				_, why := stream.Recv() // what Send does not say
				return fmt.Errorf("turn %d: %w", i, errors.Join(err, why))
			}
			if _, err := stream.Recv(); err != nil {
				return fmt.Errorf("turn %d: %w", i, err)
			}
			time.Sleep(pause)
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("the end: %w", err)
		}
		return nil
	}
}
