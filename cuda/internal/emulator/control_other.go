//go:build !(linux && cgo)

package emulator

import "time"

const supported = false

type control struct{}

func openControl(string) (*control, error) { return nil, nil }

func (Library) SetOrder(Order, uint64)    {}
func (Library) SetMemory(int)             {}
func (Library) SetDelay(time.Duration)    {}
func (Library) FailCall(string, int, int) {}
func (Library) FailLaunch(int, int)       {}
func (Library) Calls() int                { return 0 }
func (Library) Live() Live                { return Live{} }
func (Library) Reset()                    {}
func (Library) Reports() []string         { return nil }
