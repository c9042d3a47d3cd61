package testenv

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"
)

var quiet = log.New(io.Discard, "", 0)

// A Rule says which requests fail, and how. The requests that Kind and Match select are counted per rule.
type Rule struct {
	Kind  string             // the S3 operation, such as "GetObject"; "" for all
	Match func(Request) bool // which of them; nil for all
	After int                // leave that many alone first
	Times int                // then fail that many; 0 for all of them
	Every int                // fail only each n-th of them; 0 and 1 mean each
	Fault Fault

	count int
}

// A Fault is what happens to a request. Fields that can go together do: Delay with any other.
type Fault struct {
	Delay      time.Duration // before anything else, so before the first byte
	Status     int           // answer this without asking the server, such as 503
	Code       string        // the S3 error code for Status; by default the usual one
	Body       string        // with Status: this in place of an error document
	Reset      bool          // reset the connection at once
	LoseAnswer bool          // let the server do it, then reset the connection
	Stall      bool          // never answer, until the client or the test gives up
	Cut        int64         // close the connection after so many bytes of the response's body
	ThenStall  bool          // with Cut: leave the connection open and silent instead
	Flip       int64         // invert the n-th byte of the response's body, from 1
	NoSums     bool          // leave the stored checksums out of the answer, as a server does that keeps none
	FlipUpload int64         // invert the n-th byte of the request's body, from 1
}

// meet records the request, and finds what the first rule that applies does to it.
func (p *FaultProxy) meet(req Request) (*Request, *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, &req)
	for _, r := range p.rules {
		if r.applies(req) {
			req.Fault = true
			return &req, &r.Fault
		}
	}
	return &req, &Fault{}
}

// applies counts the request and says whether it fails.
func (r *Rule) applies(req Request) bool {
	if r.Kind != "" && r.Kind != req.Kind || r.Match != nil && !r.Match(req) {
		return false
	}
	r.count++
	n := r.count - r.After
	if r.Every > 1 {
		if n%r.Every != 0 {
			return false
		}
		n /= r.Every
	}
	return n > 0 && (r.Times == 0 || n <= r.Times)
}

// usual are the error codes that S3 sends with a status.
var usual = map[int]string{
	400: "InvalidRequest", 403: "AccessDenied", 404: "NoSuchKey", 429: "TooManyRequests", 500: "InternalError",
	503: "SlowDown",
}

// answer writes the fault's status as the store would, and returns the length of the body.
func (f *Fault) answer(w http.ResponseWriter, r *http.Request) int64 {
	code := f.Code
	if r.Header.Get("X-Ms-Version") != "" {
		if code == "" {
			code = usualAzure[f.Status]
		}
		w.Header().Set("X-Ms-Error-Code", code)
	}
	if code == "" {
		code = usual[f.Status]
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(f.Status)
	if r.Method == http.MethodHead {
		return 0
	}
	if f.Body != "" {
		n, _ := io.WriteString(w, f.Body)
		return int64(n)
	}
	n, _ := fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<Error><Code>%s</Code><Message>injected by a test</Message><RequestId>test</RequestId></Error>`, code)
	return int64(n)
}

// errCut is the end of a body that was cut on purpose.
var errCut = errors.New("cut")

// body is the response's body with what the fault does to it.
func (f *Fault) body(r io.Reader) io.Reader {
	if f.Flip > 0 {
		r = &flipper{r: r, at: f.Flip - 1}
	}
	if f.Cut > 0 {
		r = &cutter{r: r, left: f.Cut}
	}
	return r
}

// A flipper inverts the byte at an offset.
type flipper struct {
	r  io.Reader
	at int64
}

func (f *flipper) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if f.at >= 0 && f.at < int64(n) {
		p[f.at] ^= 0xff
	}
	f.at -= int64(n)
	return n, err
}

// A cutter fails with errCut after so many bytes. A shorter body passes whole.
type cutter struct {
	r    io.Reader
	left int64
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errCut
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.left -= int64(n)
	return n, err
}
