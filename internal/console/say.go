package console

import (
	"html/template"
	"slices"
	"text/template/parse"
)

// said are the fields of answers that hold what the engine side says, in
// English: wherever a template shows one, it is translated. Names, versions,
// commands, comparisons and logs are shown as they are.
var said = []string{"Title", "Text", "Error", "Evidence", "Effect", "Fix", "Now", "Lacks", "Line", "Unknown", "Standard", "UnderWay", "Else", "Vouched"}

// lists are the fields that hold several of them.
var lists = []string{"Notes", "NoReturn", "People", "Try", "Reasons", "Versions", "Fine"}

// saying has a template translate what it shows of the engine side.
func saying(t *template.Template) {
	for _, part := range t.Templates() {
		if part.Tree != nil {
			sayIn(part.Tree.Root, false)
		}
	}
}

// sayIn goes through a list of nodes; in says that the dot is one of a list
// of such texts.
func sayIn(list *parse.ListNode, in bool) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			say(n.Pipe, in)
		case *parse.TemplateNode:
			say(n.Pipe, in)
		case *parse.IfNode:
			sayIn(n.List, in)
			sayIn(n.ElseList, in)
		case *parse.WithNode:
			sayIn(n.List, false)
			sayIn(n.ElseList, in)
		case *parse.RangeNode:
			sayIn(n.List, slices.Contains(lists, last(n.Pipe)))
			sayIn(n.ElseList, in)
		}
	}
}

// say adds the function say to a pipeline that is one field.
func say(pipe *parse.PipeNode, in bool) {
	if pipe == nil || len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return
	}
	_, dot := pipe.Cmds[0].Args[0].(*parse.DotNode)
	if dot && in || slices.Contains(said, last(pipe)) {
		pipe.Cmds = append(pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pipe.Pos, Args: []parse.Node{parse.NewIdentifier("say").SetPos(pipe.Pos)}})
	}
}

// last is the name of the field that a pipeline gives, if it gives one.
func last(pipe *parse.PipeNode) string {
	if pipe == nil || len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return ""
	}
	var names []string
	switch n := pipe.Cmds[0].Args[0].(type) {
	case *parse.FieldNode:
		names = n.Ident
	case *parse.VariableNode:
		names = n.Ident[1:]
	case *parse.ChainNode:
		names = n.Field
	}
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}
