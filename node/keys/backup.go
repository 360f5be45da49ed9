package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age/armor"
)

// files are a node's, in the order in which they are written.
func files() []string { return []string{MemberFile, VRFFile, FeePayerFile} }

// Backup is a node's keys as one text, which age opens with the passphrase: it can be shown on a screen and carried away. The vote
// log is not in it, and would be worth nothing when it is old; a key without its log is silent for a height.
func Backup(dir string, ask Passphrase, passphrase string, work int) ([]byte, error) {
	if _, err := Load(dir, ask); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, name := range files() {
		b, err := open(filepath.Join(dir, name), ask)
		if err != nil {
			return nil, err
		}
		all[name] = string(b)
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("keys: a backup: %w", err)
	}
	return seal(b, passphrase, work)
}

// Restore puts the keys of a backup into a home that has none, in one step.
func Restore(dir string, backup []byte, ask Passphrase) (*Keys, error) {
	return restore(dir, backup, ask, maxWork)
}

func restore(dir string, backup []byte, ask Passphrase, work int) (*Keys, error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("keys: %s: %w; a key that has voted must not be replaced: take another home", dir, ErrExists)
	}
	if len(backup) > maxFile || !sealed(backup) || !bytes.Contains(backup, []byte(armor.Footer)) {
		return nil, fmt.Errorf("keys: the backup: %w: it is not what `paradox keys backup` printed, from its first line to its last", ErrDamaged)
	}
	text, err := unseal("the backup", backup, ask, work)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	if err := json.Unmarshal(text, &all); err != nil || len(all) != len(files()) {
		return nil, fmt.Errorf("keys: the backup: %w: it holds no node's keys", ErrDamaged)
	}
	beside := dir + ".restored"
	if err := os.RemoveAll(beside); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if err := os.MkdirAll(beside, 0o700); err != nil {
		return nil, fmt.Errorf("keys: making the directory: %w", err)
	}
	for _, name := range files() {
		if err := write(filepath.Join(beside, name), []byte(all[name])); err != nil {
			return nil, err
		}
	}
	k, err := Load(beside, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keys: the backup: %w", err), os.RemoveAll(beside))
	}
	_ = os.Remove(dir) // an empty one stands in the way on some systems; any other makes the next step fail
	if err := os.Rename(beside, dir); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return k, syncDir(filepath.Dir(dir))
}
