//go:build !unix

package service

const noFollow = 0
