package main

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

var headed bool

// report prints a line for an operation: ferry's ratio to the best peer of each measure, to the older ferry where there is
// one, then the medians.
func report(mode, op string, costs map[string][]cost) {
	if !headed {
		older, rule := "", ""
		if len(costs[before]) > 0 {
			older, rule = " wall/before | cpu/before |", "---|---|"
		}
		fmt.Println("\n| | wall/best | cpu/best |" + older + " tool: wall s, cpu s, MiB |")
		fmt.Println("|---|---|---|" + rule + "---|")
		headed = true
	}
	names := slices.SortedFunc(maps.Keys(costs), func(a, b string) int { return order(a) - order(b) })
	var mine, older, best cost
	line, compared := "", ""
	for _, n := range names {
		c := median(costs[n])
		line += fmt.Sprintf("%s: %.2f, %.2f, %d; ", n, c.wall.Seconds(), c.cpu.Seconds(), c.mem>>10)
		switch n {
		case "ferry":
			mine = c
		case before:
			older = c
		case "curl": // not a peer: it verifies and compares nothing
		default:
			best.wall, best.cpu = least(best.wall, c.wall), least(best.cpu, c.cpu)
		}
	}
	if older.wall > 0 {
		compared = fmt.Sprintf(" %s | %s |", ratio(mine.wall, older.wall), ratio(mine.cpu, older.cpu))
	}
	fmt.Printf("| %s, %s | %s | %s |%s %s|\n", op, mode, ratio(mine.wall, best.wall), ratio(mine.cpu, best.cpu), compared, line)
}

func order(name string) int {
	return slices.Index([]string{"ferry", before, "curl", "s5cmd", "rclone", "aws"}, name)
}

func least(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

func ratio(a, b time.Duration) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a.Seconds()/b.Seconds())
}

// median of each measure by itself.
func median(all []cost) cost {
	pick := func(f func(cost) int64) int64 {
		v := make([]int64, len(all))
		for i, c := range all {
			v[i] = f(c)
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return cost{
		wall: time.Duration(pick(func(c cost) int64 { return int64(c.wall) })),
		cpu:  time.Duration(pick(func(c cost) int64 { return int64(c.cpu) })),
		mem:  pick(func(c cost) int64 { return c.mem }),
	}
}
