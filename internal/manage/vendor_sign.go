package manage

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"upkeep/internal/bundle"
	"upkeep/internal/push"
	"upkeep/internal/scratch"
	"upkeep/internal/step"
	"upkeep/internal/vendor"
)

// SignedBundle says who has signed a bundle for pushes.
type SignedBundle struct {
	Bundle     string          `json:"bundle"`
	Digest     string          `json:"digest"`
	Product    string          `json:"product"`
	Version    string          `json:"version"`
	Triggers   []string        `json:"triggers"` // that the product declares
	Signatures []PushSignature `json:"signatures"`
}

// PushSignature is a signature that lies in a bundle.
type PushSignature struct {
	File     string   `json:"file"`
	Key      string   `json:"key,omitempty"` // ID
	Triggers []string `json:"triggers,omitempty"`
	New      bool     `json:"new,omitempty"`   // made just now
	Error    string   `json:"error,omitempty"` // why it does not count
}

// IsBundle says whether a path is that of a bundle, by its form.
func IsBundle(path string) bool {
	info, err := os.Stat(path)
	return err == nil && (info.IsDir() || strings.HasSuffix(path, bundle.PayloadSuffix))
}

// SignBundle signs a bundle for pushes by triggers. Without keys it only says
// who has signed it.
func SignBundle(ctx context.Context, path string, keys, triggers []string, passphrase vendor.Passphrase) (SignedBundle, error) {
	temp, err := scratch.New(realFiles(), "", "sign")
	if err != nil {
		return SignedBundle{}, fmt.Errorf("cannot make a folder for reading the bundle: %w", err)
	}
	defer temp.Close()
	abs, err := filepath.Abs(path)
	if err != nil {
		return SignedBundle{}, err
	}
	in := &Installation{FS: realFiles()}
	r, err := in.openRelease(ctx, abs, temp.Path)
	if err != nil {
		return SignedBundle{}, err
	}
	out := SignedBundle{Bundle: abs, Digest: r.Bundle.Digest(), Product: r.Product.ID, Version: r.Release.Version, Triggers: slices.Sorted(maps.Keys(r.Product.Triggers)), Signatures: []PushSignature{}}
	var made []string
	if len(keys) > 0 {
		if made, err = signBundle(ctx, r.Bundle, out, keys, triggers, passphrase); err != nil {
			return out, err
		}
	}
	files, err := r.Bundle.Signatures()
	if err != nil {
		return out, fmt.Errorf("cannot read the signatures of the bundle: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s := PushSignature{File: name, New: slices.Contains(made, name)}
		st, key, err := push.Read(files[name])
		switch {
		case err != nil:
			s.Error = err.Error()
		case st.Bundle != out.Digest:
			s.Key, s.Error = key, fmt.Sprintf("it is under another bundle (%.12s…)", st.Bundle)
		default:
			s.Key, s.Triggers = key, st.Triggers
		}
		out.Signatures = append(out.Signatures, s)
	}
	return out, nil
}

// signBundle adds a signature of each key, and gives their files' names.
func signBundle(ctx context.Context, b *bundle.Bundle, about SignedBundle, keys, triggers []string, passphrase vendor.Passphrase) (made []string, err error) {
	known := "it declares none, so nothing can be pushed to it"
	if len(about.Triggers) > 0 {
		known = "it declares " + strings.Join(about.Triggers, ", ")
	}
	if len(triggers) == 0 {
		return nil, &step.UserError{Msg: "for which trigger the bundle may be pushed was not said, and nothing was signed", Now: "name it with --trigger: of " + about.Product + ", " + known}
	}
	for _, t := range triggers {
		if !slices.Contains(about.Triggers, t) {
			return nil, &step.UserError{Msg: fmt.Sprintf("%s has no trigger %q, and nothing was signed", about.Product, t), Now: known}
		}
	}
	list, err := signingKeys(keys, passphrase)
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		name, text, err := push.Sign(push.Statement{Bundle: about.Digest, Triggers: triggers}, k.PublicKey(), k.Sign)
		if err != nil {
			return made, fmt.Errorf("cannot sign the bundle by the key %s: %w", k.Name, err)
		}
		if err := b.AddSignature(ctx, name, text); err != nil {
			return made, err
		}
		made = append(made, name)
	}
	return made, nil
}
