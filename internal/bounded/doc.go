// Package bounded reads things whose size others decide, up to a bound. What is larger is an error and is not read whole. A rule of
// internal/arch leads here: ferry's own code reads nothing whole without a bound.
package bounded
