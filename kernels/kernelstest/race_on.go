//go:build race

package kernelstest

// raceDetector is set where the race detector is: it makes arithmetic ten times
// slower, and gives memory a shadow that huge blocks have no room for.
const raceDetector = true
