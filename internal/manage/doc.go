// Package manage is what a person can do with an installation, whatever the
// face: look at it, plan an upgrade, say yes, watch, decide, go back, make and
// restore restore points. The terminal and the page call it; it wires the
// engine to this computer. It imports the model, the engine and what touches
// the world.
package manage
