package docker

import (
	"context"
	"encoding/json"
	"io"

	"github.com/docker/docker/api/types/container"

	"github.com/genepattern/ferry/engine"
)

// statsMax bounds the engine's answer, which has a part for each processor.
const statsMax = 16 << 20

// Stats implements engine.Container.
func (c *Container) Stats(ctx context.Context) (engine.Stats, error) {
	r, err := c.conn.cli.ContainerStatsOneShot(ctx, c.id)
	if err != nil {
		return engine.Stats{}, c.conn.explain("reading the container's statistics", err)
	}
	defer r.Body.Close()
	var s container.StatsResponse
	if err := json.NewDecoder(io.LimitReader(r.Body, statsMax)).Decode(&s); err != nil {
		return engine.Stats{}, c.conn.explain("reading the container's statistics", err)
	}
	// The page cache is not what the module needs: take the part that can be given back off, as `docker stats` does.
	used := s.MemoryStats.Usage
	for _, inactive := range []string{"total_inactive_file", "inactive_file"} { // cgroup v1, v2
		if v, ok := s.MemoryStats.Stats[inactive]; ok && v < used {
			used -= v
			break
		}
	}
	return engine.Stats{
		Memory: int64(used), MemoryPeak: int64(s.MemoryStats.MaxUsage),
		CPUSeconds: float64(s.CPUStats.CPUUsage.TotalUsage) / 1e9, PIDs: int64(s.PidsStats.Current),
	}, nil
}
