package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// followPause is how long a follower rests before it asks again, when the agent was
// replaced.
const followPause = 2 * time.Second

// maxContentLine bounds a line of MountContent: an archive in base64, and the rest.
const maxContentLine = tunnel.MaxMount*3/2 + 1<<20

// mountFollower keeps a folder the way the twin's mount is. Its goroutine, run, ends
// when the link is closed.
type mountFollower struct {
	link    *Link
	path    string
	folder  *folder
	stream  tunnel.Stream
	content *json.Decoder
	version string
}

// begin asks for the mount and applies its first content.
func (f *mountFollower) begin(ctx context.Context) error {
	s, err := f.link.open(ctx, tunnel.Header{Kind: tunnel.KindFile, Target: f.path})
	if err != nil {
		return err
	}
	f.stream, f.content = s, json.NewDecoder(&lineReader{from: s, most: maxContentLine})
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	err = s.Accepted(ctx)
	if err == nil {
		err = f.next()
	}
	if err == nil {
		return nil
	}
	f.endStream()
	var refused *tunnel.RefusedError
	if errors.As(err, &refused) {
		return errors.New(refused.Message)
	}
	return err
}

// next waits for the next content and applies it.
func (f *mountFollower) next() error {
	var c tunnel.MountContent
	if err := f.content.Decode(&c); err != nil {
		return fmt.Errorf("the content of %s: %w", f.path, err)
	}
	if c.Version == f.version {
		return nil
	}
	if err := f.folder.apply(c.Archive); err != nil {
		return fmt.Errorf("the content of %s: %w", f.path, err)
	}
	f.version = c.Version
	return nil
}

func (f *mountFollower) run() {
	defer f.end()
	ctx := f.link.ctx
	for ctx.Err() == nil {
		err := f.readOn(ctx)
		if ctx.Err() != nil {
			return
		}
		f.link.log.Debug("a mount is not followed", "path", f.path, "error", err)
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(followPause):
			}
			if f.begin(ctx) == nil {
				break
			}
		}
	}
}

// readOn applies what comes until the stream ends.
func (f *mountFollower) readOn(ctx context.Context) error {
	stop := context.AfterFunc(ctx, f.endStream)
	defer stop()
	defer f.endStream()
	for {
		if err := f.next(); err != nil {
			return err
		}
	}
}

func (f *mountFollower) endStream() {
	if f.stream != nil {
		_ = f.stream.Reset()
	}
}

func (f *mountFollower) end() {
	f.endStream()
	f.folder.close()
}

var errLineTooLong = errors.New("the agent sends more than a mount may hold")

// lineReader refuses lines beyond a bound, which a decoder would keep in memory whole.
type lineReader struct {
	from io.Reader
	most int
	seen int
}

func (r *lineReader) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	for _, c := range b[:n] {
		r.seen++
		if c == '\n' {
			r.seen = 0
		}
	}
	if r.seen > r.most {
		return 0, errLineTooLong
	}
	return n, err
}
