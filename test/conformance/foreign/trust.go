package main

import (
	"encoding/base64"
	"errors"

	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// trust has a litewitness know a log, as its witnessctl does: that one cannot be built without modules which not every proxy serves.
// The witness made the tables when it started.
func trust(args []string) (err error) {
	if err := want(args, 3); err != nil {
		return err
	}
	db, err := sqlite.OpenConn(args[0], sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		return err
	}
	log := &sqlitex.ExecOptions{Args: []any{args[1], base64.StdEncoding.EncodeToString(empty[:])}}
	if err := sqlitex.Execute(db, "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", log); err != nil {
		return err
	}
	key := &sqlitex.ExecOptions{Args: []any{args[1], args[2]}}
	return sqlitex.Execute(db, "INSERT INTO key (origin, key) VALUES (?, ?)", key)
}
