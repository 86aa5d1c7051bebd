// Command foreign reads and writes transparency logs with the packages that the specs' authors maintain: golang.org/x/mod/sumdb, torchwood and
// Tessera's POSIX driver. It holds no cryptography of its own. It exits 0 when it accepts or has written what it was asked for, and 1, with the
// reason on one line, when not.
package main

import (
	"fmt"
	"os"
)

type command struct {
	usage string
	run   func(args []string) error
}

var commands = map[string]command{
	"note":        {"VKEY FILE: open a signed note", openNote},
	"tiles":       {"VKEY URL: check a log's checkpoint, tiles and entries", checkTiles},
	"proofs":      {"VKEY FILE: check the proofs in a JSON file against its checkpoint", checkProofs},
	"proof":       {"POLICY ENTRY FILE: check a .tlog-proof for the entry in a file", checkProofFile},
	"write-log":   {"FOLDER NAME SIZE: write a log by x/mod, with proofs and a .tlog-proof", writeLog},
	"write-posix": {"FOLDER NAME SIZE: write a log by Tessera's POSIX driver", writePosix},
	"agent":       {"SOCKET: be an ssh-agent with one new Ed25519 key until killed", serveAgent},
	"trust":       {"DATABASE ORIGIN VKEY: have a litewitness know a log", trust},
	"versions":    {"BINARY...: the versions of the modules that were built in", printVersions},
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	c, ok := commands[os.Args[1]]
	if !ok {
		usage()
	}
	if err := c.run(os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "refused: %v\n", err)
		os.Exit(1)
	}
}

func usage() {
	for name, c := range commands {
		fmt.Fprintf(os.Stderr, "foreign %s %s\n", name, c.usage)
	}
	os.Exit(2)
}

// want returns an error unless a command got as many arguments as it takes.
func want(args []string, n int) error {
	if len(args) != n {
		return fmt.Errorf("%d arguments, %d are wanted", len(args), n)
	}
	return nil
}
