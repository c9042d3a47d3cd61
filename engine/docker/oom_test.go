package docker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// lateEngine answers as Docker 20.10 does where it learns of a container's end before it learns that it was for memory.
type lateEngine struct {
	end    container.State
	limits container.Resources
	tells  bool         // that it was for memory, after the end
	asked  atomic.Int32 // how often its events were
}

const lateID = "0123456789ab"

func (l *lateEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch path {
	case "": // a ping
		w.Header().Set("Api-Version", "1.41")
	case "containers/" + lateID + "/wait":
		answer(container.WaitResponse{StatusCode: int64(l.end.ExitCode)})
	case "containers/" + lateID + "/stop":
		w.WriteHeader(http.StatusNoContent)
	case "containers/" + lateID + "/json":
		answer(container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{ID: lateID, State: &l.end, HostConfig: &container.HostConfig{Resources: l.limits}}})
	case "events":
		l.asked.Add(1)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		wanted, err := filters.FromJSON(r.URL.Query().Get("filters"))
		if l.tells && err == nil && wanted.ExactMatch("container", lateID) && wanted.ExactMatch("event", "oom") {
			time.Sleep(50 * time.Millisecond)
			answer(events.Message{Type: events.ContainerEventType, Action: events.ActionOOM, Actor: events.Actor{ID: lateID}})
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	default:
		http.Error(w, fmt.Sprintf(`{"message": "no %s"}`, r.URL.Path), http.StatusNotFound)
	}
}

// TestToldLate has the engine say after a container's end that it was killed for memory, or not say it; where it was not
// killed, or by ferry, or has no limit, the engine is not asked.
func TestToldLate(t *testing.T) {
	limited, killed := container.Resources{Memory: 1 << 24}, container.State{ExitCode: 137}
	for name, c := range map[string]struct {
		end     container.State
		limits  container.Resources
		tells   bool
		stopped bool
		want    bool
		asked   int32
	}{
		"told":                 {killed, limited, true, false, true, 1},
		"told of the parent's": {killed, container.Resources{CgroupParent: "/ecs/task"}, true, false, true, 1},
		"not told":             {killed, limited, false, false, false, 1},
		"told at once":         {container.State{ExitCode: 137, OOMKilled: true}, limited, false, false, true, 0},
		"stopped by ferry":     {killed, limited, true, true, false, 0},
		"no limit":             {killed, container.Resources{}, true, false, false, 0},
		"another end":          {container.State{ExitCode: 1}, limited, true, false, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			late := &lateEngine{end: c.end, limits: c.limits, tells: c.tells}
			late.end.StartedAt, late.end.FinishedAt = "2026-01-02T03:04:05.6Z", "2026-01-02T03:04:06.7Z"
			server := httptest.NewServer(late)
			t.Cleanup(server.Close)
			e, err := New(Config{Host: "tcp://" + strings.TrimPrefix(server.URL, "http://")})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			h, err := e.Attach(t.Context(), lateID)
			if err != nil {
				t.Fatal(err)
			}
			if c.stopped {
				if err := h.Stop(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
			exit, err := h.Wait(t.Context())
			if err != nil || exit.OOMKilled != c.want || exit.Code != c.end.ExitCode || exit.Started.IsZero() {
				t.Errorf("%+v, %v", exit, err)
			}
			if n := late.asked.Load(); n != c.asked {
				t.Errorf("asked for its events %d times, want %d", n, c.asked)
			}
		})
	}
}
