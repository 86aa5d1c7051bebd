package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"filippo.io/torchwood"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// record is the i-th entry of every log that is written here: empty, short and long ones.
func record(i int64) []byte {
	switch i % 7 {
	case 3:
		return nil
	case 5:
		return make([]byte, 300+i%40)
	}
	return fmt.Appendf(nil, "foreign entry %d", i)
}

func newLog(args []string) (folder string, size int64, signer note.Signer, err error) {
	if err := want(args, 3); err != nil {
		return "", 0, nil, err
	}
	if size, err = strconv.ParseInt(args[2], 10, 64); err != nil || size < 1 {
		return "", 0, nil, fmt.Errorf("size %q", args[2])
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, args[1])
	if err != nil {
		return "", 0, nil, err
	}
	if signer, err = note.NewSigner(skey); err != nil {
		return "", 0, nil, err
	}
	folder = args[0]
	if err := write(filepath.Join(folder, "vkey"), []byte(vkey)); err != nil {
		return "", 0, nil, err
	}
	return folder, size, signer, nil
}

// writeLog writes FOLDER/{checkpoint, tile/...} by x/mod alone, proofs.json, and entry.tlog-proof for the entry in FOLDER/entry.
func writeLog(args []string) error {
	folder, size, signer, err := newLog(args)
	if err != nil {
		return err
	}
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			if at >= int64(len(stored)) {
				return nil, errors.New("no such hash")
			}
			out[i] = stored[at]
		}
		return out, nil
	})
	for i := range size {
		more, err := tlog.StoredHashes(i, record(i), hashes)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
	}
	for _, tile := range tlog.NewTiles(torchwood.TileHeight, 0, size) {
		data, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(folder, torchwood.TilePath(tile)), data); err != nil {
			return err
		}
		if tile.L == 0 {
			tile.L = -1
			if err := write(filepath.Join(folder, torchwood.TilePath(tile)), bundle(tile)); err != nil {
				return err
			}
		}
	}

	root, err := tlog.TreeHash(size, hashes)
	if err != nil {
		return err
	}
	text := torchwood.Checkpoint{Origin: signer.Name(), Tree: tlog.Tree{N: size, Hash: root}}.String()
	checkpoint, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return err
	}
	set := proofSet{Checkpoint: string(checkpoint)}
	for i := int64(0); i < size; i += 1 + size/50 {
		proof, err := tlog.ProveRecord(size, i, hashes)
		if err != nil {
			return err
		}
		set.Inclusion = append(set.Inclusion, inclusion{i, tlog.RecordHash(record(i)), proof})
		tree, err := tlog.ProveTree(size, i+1, hashes)
		if err != nil {
			return err
		}
		old, err := tlog.TreeHash(i+1, hashes)
		if err != nil {
			return err
		}
		set.Consistency = append(set.Consistency, consistency{i + 1, old, tree})
	}
	encoded, err := json.Marshal(set)
	if err != nil {
		return err
	}
	last := set.Inclusion[len(set.Inclusion)-1]
	for name, data := range map[string][]byte{
		"checkpoint": checkpoint, "proofs.json": encoded, "entry": record(last.Index),
		"entry.tlog-proof": torchwood.FormatProofWithExtraData(last.Index, []byte("extra"), last.Proof, checkpoint),
	} {
		if err := write(filepath.Join(folder, name), data); err != nil {
			return err
		}
	}
	fmt.Printf("written: size %d, root %v\n", size, root)
	return nil
}

func bundle(tile tlog.Tile) []byte {
	var out []byte
	for i := range int64(tile.W) {
		entry := record(tile.N*torchwood.TileWidth + i)
		out = binary.BigEndian.AppendUint16(out, uint16(len(entry)))
		out = append(out, entry...)
	}
	return out
}

// writePosix has Tessera write its log into FOLDER, in batches, as an operator would.
func writePosix(args []string) error {
	folder, size, signer, err := newLog(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return err
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(signer).WithBatching(uint(min(size, 256)), 100*time.Millisecond).WithCheckpointInterval(100*time.Millisecond))
	if err != nil {
		return err
	}
	var futures []tessera.IndexFuture
	for i := range size {
		futures = append(futures, appender.Add(ctx, tessera.NewEntry(record(i))))
	}
	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)
	for _, future := range futures {
		if _, _, err := await.Await(ctx, future); err != nil {
			return err
		}
	}
	if err := shutdown(ctx); err != nil {
		return err
	}
	fmt.Printf("written: size %d\n", size)
	return nil
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
