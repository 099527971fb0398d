package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var backlog = regexp.MustCompile(`(?m)^postroom_search_unindexed_messages (\S+)$`)

// untilIndexed waits until the search index knows every message, and says
// every half minute how many it does not.
func untilIndexed(ctx context.Context, metrics string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	told := time.Now()
	for {
		n, err := unindexed(ctx, metrics)
		if err != nil || n == "0" {
			return err
		}
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "bench: imap: not indexed yet: %s messages …\n", n)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not indexed: %s messages: %w", n, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func unindexed(ctx context.Context, metrics string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+metrics+"/metrics", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if m := backlog.FindSubmatch(b); m != nil {
		return string(m[1]), nil
	}
	return "an unknown number of", nil // counting them took the server too long
}

// removeNamed removes all files of that name below dir.
func removeNamed(dir, name string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == name {
			err = os.Remove(path)
		}
		return err
	})
}
