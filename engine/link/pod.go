package link

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// Pod fetches what the twin tells of the app's container; the files are put below
// dir, or those of ConfigMaps, Secrets and the like below memory, and kept up to date
// there until the link is closed.
func (l *Link) Pod(ctx context.Context, dir, memory string) (*engine.Pod, error) {
	e, err := l.environment(ctx)
	if err != nil {
		return nil, err
	}
	l.domain.Store(podNames(e.ResolvConf, e.PodIPs, e.Env))
	pod := &engine.Pod{Env: e.Env, Hostname: e.Hostname, Addresses: e.PodIPs, ResolvConf: e.ResolvConf, Hosts: e.Hosts}
	scratch := map[string]string{} // folders, by volume
	for i, m := range e.Mounts {
		path := filepath.Join(dir, strconv.Itoa(i))
		switch {
		case m.Volume == tunnel.VolumeScratch:
			path = scratchPath(scratch, m, path)
		case m.Volume == tunnel.VolumeUpdated && memory != "":
			path = filepath.Join(memory, strconv.Itoa(i))
		}
		source, err := l.fetchMount(ctx, m, path)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			pod.Notes = append(pod.Notes, fmt.Sprintf("%s is not the app's here: %v.", m.Path, err))
			continue
		case m.Volume == tunnel.VolumeScratch:
			pod.Notes = append(pod.Notes, m.Path+" is empty: it is a scratch volume of each pod.")
		case m.Volume == tunnel.VolumeOther && !m.File:
			pod.Notes = append(pod.Notes, m.Path+" is a copy: what is written there stays on this workstation.")
		}
		pod.Files = append(pod.Files, engine.PodFile{Path: m.Path, Source: source, ReadOnly: m.ReadOnly})
	}
	return pod, nil
}

// scratchPath is where a mount of a scratch volume is kept: all mounts of one volume
// show the same files.
func scratchPath(known map[string]string, m tunnel.Mount, path string) string {
	if m.Name == "" {
		return path // an agent that does not tell
	}
	if known[m.Name] == "" {
		known[m.Name] = path
	}
	if filepath.IsLocal(m.SubPath) {
		return filepath.Join(known[m.Name], m.SubPath)
	}
	return known[m.Name]
}

// fetchMount puts a mount's content at path and gives the folder or file to be shown.
func (l *Link) fetchMount(ctx context.Context, m tunnel.Mount, path string) (source string, err error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	if m.Volume == tunnel.VolumeScratch {
		return path, likeMount(path, m)
	}
	f, err := openFolder(path)
	if err != nil {
		return "", err
	}
	follow := &mountFollower{link: l, path: m.Path, folder: f}
	if err := follow.begin(ctx); err != nil {
		f.close()
		return "", err
	}
	if m.File || m.Volume != tunnel.VolumeUpdated {
		// The kubelet does not update these either.
		follow.end()
	} else {
		l.followers.Go(follow.run)
	}
	if m.File {
		return filepath.Join(path, tunnel.MountFile), nil
	}
	return path, likeMount(path, m)
}

// likeMount gives a folder the mode and the owner that the pod's has.
func likeMount(path string, m tunnel.Mount) error {
	if m.Mode == 0 {
		return nil // an agent that does not tell
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	header := tar.Header{Typeflag: tar.TypeDir, Mode: m.Mode, Uid: m.UID, Gid: m.GID}
	return makeLike(root, ".", &header)
}
