//go:build unix

package install

import "syscall"

const errQuota = syscall.EDQUOT
