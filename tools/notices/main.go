package main

import (
	"context"
	"fmt"
	"os"
)

// name is the file that notices stand in, at the root of the repository.
const name = "THIRD_PARTY_NOTICES"

func main() {
	if err := write(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// write writes the file into the working directory, which is the root of the repository.
func write(ctx context.Context) error {
	content, err := notices(ctx, ".")
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(content), 0o644)
}

// notices is what the file has to say of the repository at root.
func notices(ctx context.Context, root string) (string, error) {
	folders, err := linked(ctx, root, "./cmd/ferry")
	if err != nil {
		return "", err
	}
	texts, err := collect(folders)
	if err != nil {
		return "", err
	}
	return render(texts), nil
}
