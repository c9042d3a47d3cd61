// Package procid names processes for other processes that look, later or elsewhere, whether they live. It knows nothing of what they do.
package procid
