//go:build !linux

package main

func resetPeakRSS() {}

// peakRSS is 0: the peak is not known here.
func peakRSS() int64 { return 0 }
