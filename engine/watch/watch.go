// Package watch tells when files change: kubeconfigs, settings, mounted files.
// It imports fsnotify and nothing of the project.
package watch

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// Files calls changed after each change of one of the files, which need not exist
// yet, until stop is called. Folders are watched, not files: editors and kubectl
// replace files by renaming others over them. Its goroutine ends with stop, which
// may be called twice.
func Files(paths []string, changed func()) (stop func(), err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	names := map[string]bool{}
	watched := 0
	var failures []error
	for _, path := range paths {
		full, err := filepath.Abs(path)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		names[full] = true
		if err := watcher.Add(filepath.Dir(full)); err != nil {
			failures = append(failures, fmt.Errorf("watch %s: %w", filepath.Dir(full), err))
			continue
		}
		watched++
	}
	if watched == 0 && len(paths) > 0 {
		return nil, errors.Join(append(failures, watcher.Close())...)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case event, ok := <-watcher.Events:
				if !ok {
					return
				}
				if names[event.Name] && !event.Has(fsnotify.Chmod) {
					changed()
				}
			case _, ok := <-watcher.Errors:
				if !ok {
					return
				}
				changed() // events were lost: better once too often
			}
		}
	}()
	return func() {
		_ = watcher.Close()
		<-done
	}, nil
}
