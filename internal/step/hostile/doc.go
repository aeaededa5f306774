// Package hostile has no code that ships: its fuzz test gives the handlers of
// all verbs memos that nobody wrote. It may import all that the wiring does.
package hostile
