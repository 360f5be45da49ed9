package akash

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// StateFile is where a home remembers its deployment. Nothing secret stands in it.
const StateFile = "akash.json"

const (
	stateVersion = 1
	maxState     = 4 << 20 // bytes; an SDL and a manifest
)

// How far a deployment has come. Each stage is on disk before what it names is asked for, so that a run that was interrupted
// goes on where it was, and makes nothing twice.
const (
	stageCreating = "creating" // asked for; whether it was made is not known
	stageCreated  = "created"
	stageLeasing  = "leasing" // a bid was accepted; whether the lease was made is not known
	stageLeased   = "leased"
)

// ErrNoDeployment: this home has none.
var ErrNoDeployment = errors.New("this home has no deployment on Akash; `paradox akash deploy` makes one")

// ErrBusy: another process is at it.
var ErrBusy = errors.New("another process works on this home's deployment")

// State is what a home knows of its deployment.
type State struct {
	Version  int      `json:"version"`
	API      string   `json:"api"`
	Stage    string   `json:"stage"`
	SDL      string   `json:"sdl"`                // as the operator wants it
	Sent     string   `json:"sent,omitempty"`     // as the provider has it: with the addresses to announce
	Asked    int64    `json:"asked,omitempty"`    // when the creation was asked for, unix seconds
	Before   []string `json:"before,omitempty"`   // the account's other deployments when it was
	DSeq     string   `json:"dseq,omitempty"`     //
	Manifest string   `json:"manifest,omitempty"` //
	Lease    *LeaseID `json:"lease,omitempty"`
	Announce []string `json:"announce,omitempty"`
}

// LoadState reads a home's state; ErrNoDeployment where there is none.
func LoadState(home string) (*State, error) {
	path := filepath.Join(home, StateFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoDeployment
	}
	if err != nil {
		return nil, fmt.Errorf("reading the deployment's state: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return nil, fmt.Errorf("reading the deployment's state: %w", err)
	}
	s, err := parseState(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; it names what runs and is paid for: mend it, or close the deployment at https://console.akash.network and remove the file", path, err)
	}
	return s, nil
}

func parseState(b []byte) (*State, error) {
	if len(b) > maxState {
		return nil, fmt.Errorf("more than %d bytes", maxState)
	}
	s := new(State)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, err
	}
	switch {
	case s.Version != stateVersion:
		return nil, fmt.Errorf("version %d is not %d", s.Version, stateVersion)
	case s.Stage == stageCreating:
	case s.Stage != stageCreated && s.Stage != stageLeasing && s.Stage != stageLeased:
		return nil, fmt.Errorf("stage %q is none", s.Stage)
	case !dseqShape.MatchString(s.DSeq):
		return nil, fmt.Errorf("dseq %q is no number", s.DSeq)
	case s.Stage == stageCreated:
	case s.Lease == nil || s.Lease.check(s.DSeq) != nil:
		return nil, errors.New("lease is missing or not of this deployment")
	}
	return s, nil
}

// save puts the state on disk in one step, and there it is when save returns.
func (s *State) save(home string) error {
	s.Version = stateVersion
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the deployment's state: %w", err)
	}
	path := filepath.Join(home, StateFile)
	if err := write(path+".new", append(b, '\n')); err != nil {
		return fmt.Errorf("writing the deployment's state: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing the deployment's state: %w", err)
	}
	return nil
}

func write(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// forget removes a home's state.
func forget(home string) error {
	if err := os.Remove(filepath.Join(home, StateFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the deployment's state: %w", err)
	}
	return nil
}

// hold keeps other processes from the home's deployment until release.
func hold(home string) (release func(), err error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("making the home: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(home, StateFile+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the deployment's state: %w", err)
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}
