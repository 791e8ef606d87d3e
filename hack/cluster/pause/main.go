// Pause holds a pod's namespaces open: it waits until it is told to stop.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// As process 1 of a pod that shares its process namespace it must also reap orphans,
	// which the kernel does by itself for a parent that ignores SIGCHLD.
	signal.Ignore(syscall.SIGCHLD)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}
