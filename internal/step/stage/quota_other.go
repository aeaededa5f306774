//go:build !unix

package stage

import "syscall"

const errQuota = syscall.ENOSPC
