// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2" //nolint:depguard // client-go logs through it, and is told here to use logr
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// newLogger logs JSON to standard error, one line per entry, and takes over the logs
// of the Kubernetes libraries. Nothing is sampled. The
// process calls flush before it ends.
func newLogger(level string) (logr.Logger, error) {
	levels := map[string]zapcore.Level{"debug": zapcore.DebugLevel, "info": zapcore.InfoLevel, "error": zapcore.ErrorLevel}
	least, ok := levels[level]
	if !ok {
		return logr.Logger{}, fmt.Errorf("--log-level: %q is none of debug, info and error", level)
	}
	log := zapr.NewLogger(zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoderConfig()), newLineWriter(os.Stderr), least)))
	klog.SetLogger(log.WithName("kubernetes"))
	ctrllog.SetLogger(log.WithName("kubernetes"))
	return log, nil
}

func encoderConfig() zapcore.EncoderConfig {
	config := zap.NewProductionEncoderConfig()
	config.TimeKey = "time"
	config.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return config
}

// flush writes what has been logged and is not written yet.
func flush(log logr.Logger) {
	if sink, ok := log.GetSink().(zapr.Underlier); ok {
		_ = sink.GetUnderlying().Sync()
	}
}

// serveGarbage is how much the heap grows, in percent of what lives in it, until garbage is
// collected. What lives is the directory: it is large, has few pointers to follow, and
// requests leave little garbage, so that collecting often costs little and keeps the
// process half as large again as its directory, and not twice.
const serveGarbage = 50

func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(serveGarbage)
	}
}

// limitMemory tells the garbage collector of the container's memory limit, which Go does
// not find out itself as it does the CPU's. GOMEMLIMIT wins.
func limitMemory(log logr.Logger) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	text, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return // not in a container, or an older cgroup
	}
	if soft, ok := heapLimit(string(text)); ok {
		debug.SetMemoryLimit(soft)
		log.Info("memory limit", "container", strings.TrimSpace(string(text)), "garbageCollector", soft)
	}
}

// heapLimit gives the bytes that the garbage collector keeps to under a cgroup's
// memory.max, which is a number of bytes or "max". The rest is for what Go does not count.
func heapLimit(memoryMax string) (bytes int64, ok bool) {
	limit, err := strconv.ParseInt(strings.TrimSpace(memoryMax), 10, 64)
	if err != nil || limit <= 0 || limit == math.MaxInt64 {
		return 0, false // there is no limit
	}
	return limit - limit/10, true
}
