// Package schedulertest is what every scheduler has to pass. A scheduler's test brings a Rig and calls Run.
package schedulertest
