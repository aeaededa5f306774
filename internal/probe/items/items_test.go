package items

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func show(all []Item) string {
	var out []string
	for _, i := range all {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s:%s:%s", i.Name, i.State, strings.Join(i.Needs, "+")), ":"))
	}
	return strings.Join(out, " ")
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		o          Options
		want, err  string
	}{
		{name: "lines", text: "# plug-ins\nagent on\n\npatch off agent, base\nalone\n", want: "agent:on patch:off:agent+base alone:"},
		{name: "tabs", text: "Patch Management\tto be upgraded\tagent\n", want: "Patch Management:to be upgraded:agent"},
		{name: "csv", o: Options{Format: "csv"}, text: "name,state,depends\nagent,on,\n\"patch, old\",off,\"agent,base\"\n", want: "agent:on patch, old:off:agent+base"},
		{name: "csv of a German spreadsheet", o: Options{Format: "csv", Item: "Modul", State: "Stand"}, text: "\ufeffModul;Stand\r\nagent;an\r\n", want: "agent:an"},
		{name: "csv without a state", o: Options{Format: "csv"}, text: "item\nagent\n", want: "agent:"},
		{name: "json", text: `[{"name": "agent", "status": "on"}, {"name": "patch", "enabled": false, "depends": ["agent"]}]`, want: "agent:on patch:false:agent"},
		{name: "json by name", text: `{"patch": {"state": "off", "depends": "agent base"}, "agent": "on"}`, want: "agent:on patch:off:agent+base"},
		{name: "json of names", text: `["agent", 7]`, want: "agent: 7:"},
		{name: "members", o: Options{Item: "id", State: "on"}, text: `[{"id": "agent", "on": true}]`, want: "agent:true"},
		{name: "empty", text: " \n", want: ""},
		{name: "empty list", text: "[]", want: ""},
		{name: "no column", o: Options{Format: "csv", State: "stat"}, text: "name,state\na,b\n", err: "it has no column stat: is state meant?"},
		{name: "no name column", o: Options{Format: "csv"}, text: "nam,state\na,b\n", err: "it has no column item or name"},
		{name: "no name", o: Options{Format: "csv"}, text: "name,state\n,b\n", err: "the item in line 2 has no name"},
		{name: "broken csv", o: Options{Format: "csv"}, text: "name\n\"a\n", err: "it is no CSV"},
		{name: "broken json", text: `[{"name": }]`, err: "it is no JSON"},
		{name: "two values", text: `[] []`, err: "more than one value"},
		{name: "no member", o: Options{State: "stat"}, text: `[{"name": "a", "state": "on"}]`, err: "item 1: a has no stat: is state meant?"},
		{name: "nested", text: `[{"name": {"x": 1}}]`, err: `item 1: name: {"x":1} is no single value`},
		{name: "number", o: Options{Format: "json"}, text: `7`, err: "neither a list nor an object"},
		{name: "format", o: Options{Format: "xml"}, text: "<a/>", err: `"xml" is no format of a list`},
	} {
		got, err := Parse(tt.text, tt.o)
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) || tt.err == "" && (err != nil || show(got) != tt.want) {
			t.Errorf("%s: %q, %v; want %q %s", tt.name, show(got), err, tt.want, tt.err)
		}
	}
	if _, err := Parse(strings.Repeat("a\n", maxItems+1), Options{}); err == nil {
		t.Error("a list without an end is read")
	}
}

func TestUnmet(t *testing.T) {
	all := []Item{{Name: "agent", State: "off"}, {Name: "base", State: "on"}, {Name: "patch", State: "on", Needs: []string{"agent", "base", "lost"}}, {Name: "old", State: "off", Needs: []string{"lost"}}}
	if got := Unmet(all, []string{"on"}); !slices.Equal(got, []string{"patch needs agent (off)", "patch needs lost (not there)"}) {
		t.Errorf("%q", got)
	}
	if got := Unmet(all, nil); !slices.Equal(got, []string{"patch needs lost (not there)", "old needs lost (not there)"}) {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("agent on\npatch off agent, base", "")
	f.Add("name;state\na;b\n\"", "csv")
	f.Add(`[{"name": "a", "state": true, "depends": ["b", null]}]`, "json")
	f.Add(`{"a": {"name": ""}, "": 1}`, "")
	f.Add("\ufeff\t\t\n", "lines")
	f.Fuzz(func(t *testing.T, text, format string) {
		all, err := Parse(text, Options{Format: format})
		if err != nil && all != nil {
			t.Error("an error comes with items")
		}
		for _, i := range all {
			if i.Name == "" && format != "json" && !strings.HasPrefix(strings.TrimSpace(text), "{") {
				t.Errorf("an item without a name: %+v", i)
			}
			if strings.ContainsAny(i.Name+i.State, "\n\r") {
				t.Errorf("an item of several lines: %+v", i)
			}
		}
	})
}
