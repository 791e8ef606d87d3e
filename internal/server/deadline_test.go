// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestTheContextOfARequestEnds(t *testing.T) {
	type named struct{}
	parent, leave := context.WithCancel(context.WithValue(t.Context(), named{}, "v"))
	defer leave()
	past, future := time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	for name, row := range map[string]struct {
		deadline time.Time
		end      func(*requestContext)
		want     error
	}{
		"not yet":                              {future, func(*requestContext) {}, nil},
		"at its deadline":                      {past, func(*requestContext) {}, context.DeadlineExceeded},
		"at its deadline, while one waits":     {past, func(c *requestContext) { <-c.Done() }, context.DeadlineExceeded},
		"when it is released":                  {future, func(c *requestContext) { c.release() }, context.Canceled},
		"when it is released, while one waits": {future, func(c *requestContext) { c.Done(); c.release() }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			c := &requestContext{Context: parent, deadline: row.deadline}
			if at, ok := c.Deadline(); !ok || !at.Equal(row.deadline) || c.Value(named{}) != "v" {
				t.Errorf("deadline %v, value %v", at, c.Value(named{}))
			}
			row.end(c)
			if err := c.Err(); !errors.Is(err, row.want) {
				t.Errorf("it ends with %v, want %v", err, row.want)
			}
			if row.want != nil {
				<-c.Done()
			}
			c.release()
		})
	}
}

func TestTheContextOfARequestEndsWithTheClient(t *testing.T) {
	parent, leave := context.WithCancel(t.Context())
	c := &requestContext{Context: parent, deadline: time.Now().Add(time.Hour)}
	waiting, done := context.WithTimeout(c, time.Hour)
	defer done()
	leave()
	<-waiting.Done()
	if !errors.Is(c.Err(), context.Canceled) || !errors.Is(waiting.Err(), context.Canceled) {
		t.Errorf("they end with %v and %v", c.Err(), waiting.Err())
	}
	c.release()
}
