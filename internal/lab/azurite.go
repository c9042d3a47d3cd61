package lab

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// An Azurite is a running Azurite: Microsoft's emulator of Azure Blob Storage, which keeps all in memory. Stop ends it.
type Azurite struct {
	Endpoint string // of its account, without a slash at the end

	cmd *exec.Cmd
}

// The one account of every Azurite, and its key.
// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
const (
	AzuriteAccount = "devstoreaccount1"
	AzuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// azuriteProgram are Node and Azurite's blob service, which scripts/azurite.sh installs.
func azuriteProgram() (node, program string, err error) {
	dir := filepath.Join(Root(), "bin", "azurite")
	node, err = exec.LookPath(filepath.Join(dir, "node"))
	return node, filepath.Join(dir, "node_modules", "azurite", "dist", "src", "blob", "main.js"), err
}

// AzuriteInstalled is an error where scripts/azurite.sh has not installed it.
func AzuriteInstalled() error {
	_, _, err := azuriteProgram()
	return err
}

var azuriteListens = regexp.MustCompile(`successfully listens on (http://[^ ]+)`)

// StartAzurite starts it, and returns when it answers. dir is its working directory.
func StartAzurite(dir string) (*Azurite, error) {
	node, program, err := azuriteProgram()
	if err != nil {
		return nil, err
	}
	a := &Azurite{cmd: exec.Command(node, program, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent", "--blobHost", "127.0.0.1", "--blobPort", "0")}
	a.cmd.Dir, a.cmd.Env = dir, Environ()
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // however the test ends
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.cmd.Stderr = a.cmd.Stdout
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	said := make(chan string, 1)
	go func() {
		var all string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := azuriteListens.FindStringSubmatch(lines.Text()); m != nil {
				said <- m[1]
				_, _ = io.Copy(io.Discard, out)
				return
			}
			all += lines.Text() + "\n"
		}
		said <- all
	}()
	select {
	case text := <-said:
		if m := azuriteListens.FindStringSubmatch("successfully listens on " + text); m != nil {
			a.Endpoint = text + "/" + AzuriteAccount
			return a, nil
		}
		err = fmt.Errorf("azurite ended: %s", text)
	case <-time.After(startWithin):
		err = fmt.Errorf("azurite does not answer within %s", startWithin)
	}
	a.Stop()
	return nil, err
}

// Env are the variables that make Azure's tools use it.
func (a *Azurite) Env() []string { return AzuriteEnv(a.Endpoint) }

// AzuriteEnv is Env for an endpoint that stands for it.
func AzuriteEnv(endpoint string) []string {
	return []string{"AZURE_STORAGE_CONNECTION_STRING=AccountName=" + AzuriteAccount + ";AccountKey=" + AzuriteKey + ";BlobEndpoint=" + endpoint + ";"}
}

// Container makes a container.
func (a *Azurite) Container(ctx context.Context, name string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, a.Endpoint+"/"+name+"?restype=container", nil)
	if err != nil {
		return err
	}
	date := time.Now().UTC().Format(http.TimeFormat)
	req.Header.Set("X-Ms-Date", date)
	req.Header.Set("X-Ms-Version", "2021-12-02")
	key, err := base64.StdEncoding.DecodeString(AzuriteKey)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:%s\nx-ms-version:2021-12-02\n/%s/%s/%s\nrestype:container", date, AzuriteAccount, AzuriteAccount, name)
	req.Header.Set("Authorization", "SharedKey "+AzuriteAccount+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusCreated {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return fmt.Errorf("azurite: making container %q: %s: %s", name, resp.Status, said)
	}
	return nil
}

// Stop ends it, and returns when it has ended.
func (a *Azurite) Stop() {
	_ = a.cmd.Process.Kill() // one that has ended needs none
	_ = a.cmd.Wait()
}
