// One round of Tessera's POSIX driver for make bench-log: a fresh log, entries of one size, from the first Add until a checkpoint that holds them all
// is published on disk. Prints one line of JSON.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

var (
	dir        = flag.String("dir", "", "folder of the log, absent or empty")
	entries    = flag.Uint64("entries", 0, "how many entries")
	entryBytes = flag.Uint64("entry-bytes", 0, "size of each, at least 8")
	batch      = flag.Uint("batch", tessera.DefaultBatchMaxSize, "most entries that are integrated together")
	interval   = flag.Duration("checkpoint-interval", 100*time.Millisecond, "shortest time between checkpoints")
)

func main() {
	flag.Parse()
	if err := round(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func round(ctx context.Context) error {
	key, _, err := note.GenerateKey(rand.Reader, "bench.example/tessera")
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: *dir})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(*batch, 50*time.Millisecond).
		WithPushback(uint(*entries) + 1). // the whole of them may wait: nothing is refused
		WithCheckpointInterval(*interval).
		WithGarbageCollectionInterval(0) // partial tiles stay: no work that the figure would have to bear
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}

	// Made before the clock starts, as the other side's are.
	made := make([]*tessera.Entry, *entries)
	for i := range made {
		data := make([]byte, *entryBytes)
		binary.BigEndian.PutUint64(data, uint64(i))
		made[i] = tessera.NewEntry(data)
	}

	began := time.Now()
	var last tessera.IndexFuture
	for _, entry := range made {
		last = appender.Add(ctx, entry)
	}
	if _, err := last(); err != nil {
		return err
	}
	for {
		size, root, err := published(ctx, reader)
		if err != nil {
			return err
		}
		if size == *entries {
			seconds := time.Since(began).Seconds()
			if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"seconds": seconds, "size": size, "root": root}); err != nil {
				return err
			}
			return shutdown(ctx)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// published reads size and root (base64) of the checkpoint on disk.
func published(ctx context.Context, reader tessera.LogReader) (uint64, string, error) {
	raw, err := reader.ReadCheckpoint(ctx)
	if err != nil {
		return 0, "", err
	}
	lines := strings.SplitN(string(raw), "\n", 4)
	if len(lines) != 4 {
		return 0, "", fmt.Errorf("no checkpoint: %q", raw)
	}
	size, err := strconv.ParseUint(lines[1], 10, 64)
	return size, lines[2], err
}
