package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
)

// printVersions prints {binary: {module: version}} as the linker recorded them.
func printVersions(args []string) error {
	all := map[string]map[string]string{}
	for _, path := range args {
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			return err
		}
		modules := map[string]string{"go": info.GoVersion}
		for _, module := range append(info.Deps, &info.Main) {
			modules[module.Path] = module.Version
		}
		all[filepath.Base(path)] = modules
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}
