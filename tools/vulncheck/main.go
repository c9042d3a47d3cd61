package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/genepattern/ferry/tools/internal/tool"
)

// unreachable is the exit code where the database cannot be reached, and nothing was looked at. Other codes are govulncheck's own: 0 where
// it found nothing, 3 where it found something.
const unreachable = 69

// usual is govulncheck's own database.
const usual = "https://vuln.go.dev"

func main() { tool.Main("vulncheck", run) }

// run looks at everything that ferry is linked of. The database is GOVULNDB, as for govulncheck itself.
func run(ctx context.Context, _ []string) (int, error) {
	db := tool.Env("GOVULNDB", usual)
	if err := reach(ctx, db); err != nil {
		fmt.Fprintf(os.Stderr, "vulncheck: NOTHING WAS CHECKED: the database %s cannot be reached: %v\n", db, err)
		return unreachable, nil
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/lint/go.mod", "govulncheck", "-db", db, "./cmd/ferry")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// reach reads what every database begins with (https://go.dev/doc/security/vuln/database).
func reach(ctx context.Context, db string) error {
	if dir, ok := strings.CutPrefix(db, "file://"); ok {
		_, err := os.Stat(dir + "/index/db.json")
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(db, "/")+"/index/db.json", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}
