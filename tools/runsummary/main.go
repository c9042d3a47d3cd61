// Command runsummary prints a job's record for people: runsummary run.json.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/genepattern/ferry/cause"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper/record"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: runsummary run.json")
		os.Exit(2)
	}
	if err := summarize(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "runsummary:", err)
		os.Exit(1)
	}
}

func summarize(path string, w io.Writer) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var r record.Record
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	return write(w, &r)
}

// write prints the record. The columns of a stage are when it began after the job, how long it took, how it ended, and
// what it moved.
func write(w io.Writer, r *record.Record) error {
	ended := "the module ended by itself"
	if r.Cause != cause.None {
		ended = fmt.Sprintf("%s: %s", r.Cause, r.Error)
	}
	fmt.Fprintf(w, "job %s, attempt %d   exit code %d (%s)\n", r.Job, r.Attempt, r.ExitCode, ended)
	fmt.Fprintf(w, "image %s %.19s   engine %s %s\n", r.Image.Ref, r.Image.ID, r.Engine.Name, r.Engine.Version)
	if x := r.Exit; x != nil {
		fmt.Fprintf(w, "module %.2f s, %.2f CPU s", x.Finished.Sub(x.Started).Seconds(), x.CPUSeconds)
		if x.PeakMemory > 0 {
			fmt.Fprintf(w, ", %s of memory at most", size(x.PeakMemory))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)

	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "stage\tstart\tseconds\toutcome\tfiles\tbytes\trequests\tretries\t")
	for _, s := range r.Stages {
		fmt.Fprintf(t, "%s\t+%.2f\t%.2f\t%s\t", s.Name, s.Start.Sub(r.Started).Seconds(), s.Seconds, s.Outcome)
		if moved, ok := r.Transfers[s.Name]; ok {
			fmt.Fprint(t, columns(moved))
		} else {
			fmt.Fprint(t, "\t\t\t\t")
		}
		fmt.Fprintln(t)
	}
	if r.Ended != nil {
		fmt.Fprintf(t, "all\t\t%.2f\t\t\t\t\t\t\n", r.Ended.Sub(r.Started).Round(time.Millisecond).Seconds())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	return nil
}

func columns(s ferrysync.Stats) string {
	return fmt.Sprintf("%d\t%s\t%d\t%d\t", s.Files, size(s.Bytes), s.Requests, s.Retries)
}

// size is bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
