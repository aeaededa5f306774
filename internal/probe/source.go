package probe

import (
	"context"
	"maps"
	"slices"
)

// source is how one kind of value is read.
type source struct {
	read func(ctx context.Context, e *Evaluator, q query) (Value, error)
	// args: how many arguments, at least and at most; max 0 is no bound.
	min, max int
	// params are the keys of Probe.Params it takes beside the common ones;
	// prefixes those of which it takes every key ("header.").
	params   []string
	prefixes []string
	// expect is what is wanted when the probe does not say: "" is a value.
	expect string
	// selects: it takes a selector. password: it takes a secret.
	selects, password bool
	// words, where given, are all that can be selected; told says that what is
	// expected of them must be written.
	words []string
	told  bool
	// checks are further rules; they read nothing.
	check func(q query) error
}

// common are the keys of Probe.Params that every source takes.
var common = [...]string{"timeout", "compare"}

// table names every source. The value of a probe never depends on anything
// but this table, the probe and the world.
func table() map[string]source {
	return map[string]source{
		"file":     {read: readFile, min: 1, max: 1, selects: true, params: []string{"format"}},
		"exists":   {read: readExists, min: 1, max: 1},
		"writable": {read: readWritable, min: 1, max: 1},
		"free":     {read: readFree, min: 1, max: 1},
		"newest":   {read: readNewest, min: 1, max: 1, params: []string{"name"}},
		"age":      {read: readAge, min: 1, max: 1, selects: true, params: []string{"format"}},
		"sum":      {read: readSum, min: 1, max: 1, check: checkSum},
		"lock":     {read: readLock, min: 1, max: 1, expect: "free"},
		"process":  {read: readProcess, min: 1, max: 1, params: []string{"name", "user"}, expect: "running", words: []string{"count"}, told: true},
		"command":  {read: readCommand, min: 1, selects: true, params: []string{"format"}},
		"http": {read: readHTTP, min: 1, max: 1, selects: true, password: true, check: checkHTTP,
			params: []string{"format", "method", "body", "status", "user", "secret-header", "redirects"}, prefixes: []string{"header."}},
		"package":         {read: readPackage, min: 1, max: 1, selects: true, check: checkPackage},
		"port":            {read: readPort, min: 1, max: 1},
		"tcp":             {read: readPort, min: 1, max: 1},
		"drift":           {read: readDrift, min: 1, max: 1, expect: "none", check: checkDrift},
		"sql":             {read: readSQL, min: 1, max: 1, selects: true, check: checkSQL},
		"open-files":      {read: readOpenFiles, min: 1, max: 1},
		"tls":             {read: readTLS, min: 1, max: 1, params: []string{"ca", "name"}},
		"os":              {read: readOS, min: 1, max: 1, check: oneOf("id", "version", "kernel", "arch")},
		"log":             {read: readLog, min: 1, params: []string{"level", "since"}, expect: "none", check: checkLog},
		"memory":          {read: readMemory, min: 1, max: 1, check: oneOf("total", "available", "swap")},
		"inodes":          {read: readInodes, min: 1, max: 1},
		"dns":             {read: readDNS, min: 1, max: 1},
		"clock":           {read: readClock, min: 1, max: 1, expect: "in-step", check: oneOf("computer")},
		"ask":             {read: readAnswer, min: 1, max: 1, params: []string{"answer", "by", "at"}, expect: "yes"},
		"pending-restart": {read: readRestart, min: 1, max: 1, expect: "none", check: oneOf("os", "libraries")},
		"access":          {read: readAccess, min: 1, max: 1, expect: "none", check: oneOf(leftOver)},
		"service":         {read: readService, max: 1, expect: "running", check: checkService, words: []string{startType}, told: true},
		"cpu":             {read: readCPU, min: 1, max: 1, selects: true, check: checkCPU},
		"mount":           {read: readMount, min: 1, max: 1, words: []string{"options", "source", "at", "network"}},
		"block-device":    {read: readBlockDevice, min: 1, max: 1, words: []string{"name", "size", "read-only", "rotational"}},
		"kernel-module":   {read: readKernelModule, min: 1, max: 1, check: checkKernelModule},
		"sysctl":          {read: readSysctl, min: 1, max: 1, check: checkSysctl},
		"address":         {read: readAddress, min: 1, max: 1, check: checkAddress},
		"udp":             {read: readUDP, min: 1, max: 1, check: checkUDP},
		"limits":          {read: readLimits, min: 1, max: 1, params: []string{"name", "user"}, words: slices.Sorted(maps.Keys(limitNames()))},
		"account":         {read: readAccount, min: 1, max: 1, check: checkAccount, words: []string{"home", "shell", "group", "groups"}},
		"group":           {read: readGroup, min: 1, max: 1, check: checkAccount, words: []string{"members"}},
		"redis":           {read: readRedis, min: 1, max: 1, selects: true, password: true, params: []string{"user"}, check: checkRedis},
		"registry":        {read: readRegistry, min: 1, max: 1, check: checkRegistry},
		"timer":           {read: readTimer, min: 1, max: 1, expect: "active", words: []string{"enabled", "last", "next", "result"}, told: true},
		"last-run":        {read: readLastRun, min: 1, max: 1, selects: true, expect: "none", check: oneOf(failedAt)},
		"feed":            {read: readFeed, min: 1, max: 1, check: oneOf("age", "published", "published-at", "detected", "detected-at")},
		"inventory":       {read: readInventory, min: 1, max: 1, selects: true, params: []string{"format", "item", "state", "depends"}, check: checkInventory},
	}
}

// Sources lists the sources that this version reads, sorted.
func Sources() []string { return slices.Sorted(maps.Keys(table())) }
