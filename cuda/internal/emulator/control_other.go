//go:build !(linux && cgo)

package emulator

import "time"

const supported = false

type control struct{}

func openControl(string) (*control, error) { return nil, nil }

func (Library) SetOrder(Order, uint64)    {}
func (Library) SetMemory(int)             {}
func (Library) SetDelay(time.Duration)    {}
func (Library) SetOnDemand(bool)          {}
func (Library) SetClock(float64, float64) {}
func (Library) HostTime() float64         { return 0 }
func (Library) Operations() []Operation   { return nil }
func (Library) FailCall(string, int, int) {}
func (Library) FailLaunch(int, int)       {}
func (Library) Calls() int                { return 0 }
func (Library) Live() Live                { return Live{} }
func (Library) Reset()                    {}
func (Library) Reports() []string         { return nil }
