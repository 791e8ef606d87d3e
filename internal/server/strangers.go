// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"time"
)

const (
	// strangersAtOnce bounds the requests of nobody who was let in whose refusals have not
	// left yet. A refusal leaves at once, unless its client does not take it.
	strangersAtOnce = 128
	// strangerPatience is how long a client whom nobody has let in has to take its refusal.
	strangerPatience = 5 * time.Second
)

// refuseStranger answers a request of nobody who was let in, and waits until the answer has
// left. A connection of HTTP/2 has as many requests as there are streams, and a client that
// gives them no room would have the server keep all of them, on any number of connections.
// So the answers that wait are bounded in number and time; beyond that a request is cut off.
func (x *exchange) refuseStranger(err error) {
	if !x.server.strangers.TryAcquire(1) {
		x.status, x.aborted = asRefusal(err).scim.Status, true
		return
	}
	defer x.server.strangers.Release(1)
	answer := http.NewResponseController(x.w)
	// Where the answer cannot be hurried it leaves as others do.
	_ = answer.SetWriteDeadline(time.Now().Add(strangerPatience))
	x.refuse(err)
	_ = answer.Flush()
}
