// Command cmd boots one host of the lab and gives a shell in it, for trials by
// hand: go run ./internal/lab/host/cmd [-name NAME] [-packages a,b] [COMMAND…].
// With -base it only makes the base that all hosts share. Linux, root.
package main
