package sites

import "testing"

func TestAll(t *testing.T) {
	calls, err := All()
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]int{}
	for _, c := range calls {
		methods[c.Method]++
		t.Log(c)
	}
	t.Logf("%d calls: %v", len(calls), methods)
	if len(calls) < 120 || methods["WriteFile"] < 20 || methods["SyncDir"] == 0 || methods["Sync"] == 0 {
		t.Errorf("that cannot be all: %d", len(calls))
	}
}
