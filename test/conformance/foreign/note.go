package main

import (
	"fmt"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func openNote(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	msg, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(args[0], msg)
	if err != nil {
		return err
	}
	fmt.Printf("accepted: size %d, root %v\n", tree.N, tree.Hash)
	return nil
}

// openCheckpoint returns the tree of a note that the key signed and whose origin is the key's name.
func openCheckpoint(vkey string, msg []byte) (tlog.Tree, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return tlog.Tree{}, err
	}
	c, err := torchwood.ParseCheckpoint(n.Text)
	if err != nil {
		return tlog.Tree{}, err
	}
	if c.Origin != v.Name() {
		return tlog.Tree{}, fmt.Errorf("origin %q under the key of %q", c.Origin, v.Name())
	}
	return c.Tree, nil
}
