package engine

import (
	"io/fs"
	"os"
)

// lockFolder: folders can't be locked here, and what is left is not looked for.
func lockFolder(*os.File) (locked bool, err error) { return false, nil }

func ownedByUser(fs.FileInfo) bool { return false }
