// Package tree is a directory tree as a transfer sees it. A walk is in the order of keys, and each written file appears at once
// and whole. All access is through one os.Root, so no symlink leads outside.
package tree
