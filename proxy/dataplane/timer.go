package dataplane

import (
	"net/http"
	"time"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// await starts the timer for a reply.
func (d *direction) await(a awaiting) {
	d.awaiting = a
	d.arm(d.x.proxy.config.MessageTimeout)
}

func (d *direction) arm(timeout time.Duration) {
	d.disarm()
	if d.mode == wire.ModeFullDuplex {
		return
	}
	set := d.timerSet
	d.timer = time.AfterFunc(timeout, func() {
		d.x.post(func() {
			if set == d.timerSet {
				d.x.proxy.Stats.Timeouts.Add(1)
				d.x.fail(http.StatusGatewayTimeout, "ext_proc_error_per-message_timeout_exceeded")
			}
		})
	})
}

func (d *direction) disarm() {
	d.timerSet++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
