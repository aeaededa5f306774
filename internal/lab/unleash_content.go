package lab

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Flag is a feature of Unleash with what users have set, as its API tells it
// in all the versions.
type Flag struct {
	Name, Description, Type string
	On                      bool // in the environment development
	Strategies              []Strategy
	Variants                []Variant
}

// Strategy says to whom a feature is given.
type Strategy struct {
	Name       string            `json:"name"`
	Parameters map[string]string `json:"parameters"`
}

// Variant is a form of a feature.
type Variant struct {
	Name       string `json:"name"`
	Weight     int    `json:"weight"`
	WeightType string `json:"weightType"`
	Stickiness string `json:"stickiness"`
}

const features = "/api/admin/projects/default/features"

// Seed writes so many features through the API of the old version, every
// second one with a strategy and switched on, every third one with variants.
func (s *UnleashSite) Seed(ctx context.Context, n int) ([]Flag, error) {
	for i := range n {
		name := fmt.Sprintf("lab.feature-%02d", i)
		in := map[string]any{"name": name, "type": []string{"release", "experiment", "kill-switch"}[i%3], "description": fmt.Sprintf("Ünïcode “%d”", i)}
		if err := s.api(ctx, "POST", features, in, nil); err != nil {
			return nil, err
		}
		if i%2 == 0 {
			st := map[string]any{"name": "flexibleRollout", "parameters": map[string]string{"rollout": fmt.Sprint(10 + i), "stickiness": "userId", "groupId": name}}
			if err := s.api(ctx, "POST", features+"/"+name+"/environments/development/strategies", st, nil); err != nil {
				return nil, err
			}
			if err := s.api(ctx, "POST", features+"/"+name+"/environments/development/on", nil, nil); err != nil {
				return nil, err
			}
		}
		if i%3 == 0 {
			vs := []map[string]any{{"name": "blue", "weight": 300, "weightType": "fix", "stickiness": "default"}, {"name": "green", "weight": 700, "weightType": "variable", "stickiness": "default"}}
			if err := s.api(ctx, "PUT", features+"/"+name+"/variants", vs, nil); err != nil {
				return nil, err
			}
		}
	}
	return s.ReadBack(ctx)
}

// ReadBack reads all features through the API.
func (s *UnleashSite) ReadBack(ctx context.Context) ([]Flag, error) {
	var list struct {
		Features []struct{ Name string }
	}
	if err := s.api(ctx, "GET", features, nil, &list); err != nil {
		return nil, err
	}
	var out []Flag
	for _, f := range list.Features {
		var got struct {
			Name, Description, Type string
			Variants                []Variant
			Environments            []struct {
				Name       string
				Enabled    bool
				Strategies []Strategy
				Variants   []Variant
			}
		}
		if err := s.api(ctx, "GET", features+"/"+f.Name, nil, &got); err != nil {
			return nil, err
		}
		flag := Flag{Name: got.Name, Description: got.Description, Type: got.Type, Variants: got.Variants}
		for _, e := range got.Environments {
			if e.Name == "development" {
				flag.On, flag.Strategies = e.Enabled, e.Strategies
				if len(e.Variants) > 0 { // of the environment, from 4.21 on
					flag.Variants = e.Variants
				}
			}
		}
		slices.SortFunc(flag.Variants, func(a, b Variant) int { return cmp.Compare(a.Name, b.Name) })
		if len(flag.Variants) == 0 {
			flag.Variants = nil
		}
		if len(flag.Strategies) == 0 {
			flag.Strategies = nil
		}
		out = append(out, flag)
	}
	slices.SortFunc(out, func(a, b Flag) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// Version asks the running product which version it is.
func (s *UnleashSite) Version(ctx context.Context) (string, error) {
	var v struct{ Version string }
	err := s.api(ctx, "GET", "/api/admin/ui-config", nil, &v)
	return v.Version, err
}

// Healthy asks the product how it is.
func (s *UnleashSite) Healthy(ctx context.Context) (string, error) {
	var v struct{ Health string }
	err := s.api(ctx, "GET", "/health", nil, &v)
	return v.Health, err
}

func (s *UnleashSite) api(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("cannot ask Unleash: %w", err)
		}
		body = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return fmt.Errorf("cannot ask Unleash: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true // the product may be another one by the next call
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("cannot ask Unleash: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("cannot ask Unleash: %s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("cannot ask Unleash: %s %s: %s: %.300s", method, path, resp.Status, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("cannot read Unleash's answer to %s %s: %w", method, path, err)
	}
	return nil
}
