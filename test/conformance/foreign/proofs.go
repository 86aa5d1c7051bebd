package main

import (
	"encoding/json"
	"fmt"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// proofSet is the JSON in which proofs go back and forth. Hashes are base64.
type proofSet struct {
	Checkpoint  string        `json:"checkpoint"`
	Inclusion   []inclusion   `json:"inclusion"`
	Consistency []consistency `json:"consistency"`
}

type inclusion struct {
	Index int64       `json:"index"`
	Leaf  tlog.Hash   `json:"leaf"`
	Proof []tlog.Hash `json:"proof"`
}

type consistency struct {
	From  int64       `json:"from"`
	Root  tlog.Hash   `json:"root"`
	Proof []tlog.Hash `json:"proof"`
}

func checkProofs(args []string) error {
	if err := want(args, 2); err != nil {
		return err
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var set proofSet
	if err := json.Unmarshal(data, &set); err != nil {
		return err
	}
	tree, err := openCheckpoint(args[0], []byte(set.Checkpoint))
	if err != nil {
		return err
	}
	for _, p := range set.Inclusion {
		if err := tlog.CheckRecord(p.Proof, tree.N, tree.Hash, p.Index, p.Leaf); err != nil {
			return fmt.Errorf("inclusion of %d: %w", p.Index, err)
		}
	}
	for _, p := range set.Consistency {
		if err := tlog.CheckTree(p.Proof, tree.N, tree.Hash, p.From, p.Root); err != nil {
			return fmt.Errorf("consistency with %d: %w", p.From, err)
		}
	}
	if len(set.Inclusion)+len(set.Consistency) == 0 {
		return fmt.Errorf("no proofs")
	}
	fmt.Printf("accepted: %d inclusion and %d consistency proofs at size %d\n", len(set.Inclusion), len(set.Consistency), tree.N)
	return nil
}

func checkProofFile(args []string) error {
	if err := want(args, 3); err != nil {
		return err
	}
	var files [3][]byte
	for i, path := range args {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files[i] = data
	}
	policy, err := torchwood.ParsePolicy(files[0])
	if err != nil {
		return err
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(files[1]), files[2]); err != nil {
		return err
	}
	fmt.Println("accepted")
	return nil
}
