package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// checkTiles reads the whole log as torchwood's client does, which checks each tile and entry against the signed root, then makes proofs
// from its tiles by x/mod and checks them.
func checkTiles(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fetcher, err := torchwood.NewTileFetcher(args[1], torchwood.WithTilePath(torchwood.TilePath))
	if err != nil {
		return err
	}
	msg, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(args[0], msg)
	if err != nil {
		return err
	}
	client, err := torchwood.NewClient(fetcher, torchwood.WithCutEntry(cutEntry))
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	for i, entry := range client.AllEntries(ctx, tree, 0) {
		if i != int64(len(hashes)) {
			return fmt.Errorf("entry %d after %d", i, len(hashes)-1)
		}
		hashes = append(hashes, tlog.RecordHash(entry))
	}
	if err := client.Err(); err != nil {
		return err
	}
	if int64(len(hashes)) != tree.N {
		return fmt.Errorf("%d entries of %d", len(hashes), tree.N)
	}

	reader := torchwood.TileHashReaderWithContext(ctx, tree, fetcher)
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("the tiles make another root")
	}
	for _, i := range []int64{0, tree.N / 3, tree.N - 1} {
		proof, err := tlog.ProveRecord(tree.N, i, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, hashes[i]); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	fmt.Printf("accepted: %d entries, root %v\n", tree.N, tree.Hash)
	return nil
}

// cutEntry takes one entry off an entry bundle of tlog-tiles.
func cutEntry(bundle []byte) (entry []byte, hash tlog.Hash, rest []byte, err error) {
	if len(bundle) < 2 {
		return nil, tlog.Hash{}, nil, errors.New("a bundle ends within a length")
	}
	n := int(binary.BigEndian.Uint16(bundle))
	if len(bundle) < 2+n {
		return nil, tlog.Hash{}, nil, errors.New("a bundle ends within an entry")
	}
	entry = bundle[2 : 2+n]
	return entry, tlog.RecordHash(entry), bundle[2+n:], nil
}
