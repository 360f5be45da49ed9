package svm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/gagliardetto/solana-go"
)

// maxAnswer bounds what the server may answer: a few dozen full pages.
const maxAnswer = 32 << 20

// An Account is an account's state.
type Account struct {
	Key      solana.PublicKey
	Lamports uint64
	Owner    solana.PublicKey
	Data     []byte
}

// A Result is what became of one transaction.
type Result struct {
	Err   json.RawMessage // Solana's TransactionError; null if it succeeded
	Logs  []string
	Units uint64
	Fee   uint64
	Inner json.RawMessage // as in Solana's transaction metadata
}

// Failed says whether the transaction failed.
func (r *Result) Failed() bool { return len(r.Err) > 0 && !bytes.Equal(r.Err, []byte("null")) }

// Custom is the code with which instruction index failed, if it failed with one.
func (r *Result) Custom() (index int, code uint32, ok bool) {
	var e struct{ InstructionError []json.RawMessage }
	if json.Unmarshal(r.Err, &e) != nil || len(e.InstructionError) != 2 {
		return 0, 0, false
	}
	var c struct{ Custom *uint32 }
	if json.Unmarshal(e.InstructionError[0], &index) != nil || json.Unmarshal(e.InstructionError[1], &c) != nil || c.Custom == nil {
		return 0, 0, false
	}
	return index, *c.Custom, true
}

// An Execution is a batch of transactions' results and the accounts after it.
type Execution struct {
	Blockhash solana.Hash
	Results   []Result
	Accounts  []*Account // nil: there is none
}

// Execute runs transactions in the running slot, without a blockhash's age being looked at, and then reads accounts.
func (s *Server) Execute(ctx context.Context, transactions [][]byte, read ...solana.PublicKey) (*Execution, error) {
	var answer struct {
		Blockhash solana.Hash
		Results   []Result
		Accounts  []*accountJSON
	}
	if transactions == nil {
		transactions = [][]byte{}
	}
	if read == nil {
		read = []solana.PublicKey{}
	}
	if err := s.call(ctx, &answer, "svmExecute", transactions, read); err != nil {
		return nil, err
	}
	out := &Execution{Blockhash: answer.Blockhash, Results: answer.Results}
	for i, a := range answer.Accounts {
		decoded, err := a.decode(read[i])
		if err != nil {
			return nil, err
		}
		out.Accounts = append(out.Accounts, decoded)
	}
	return out, nil
}

// SetSlot moves the clock.
func (s *Server) SetSlot(ctx context.Context, slot uint64) error {
	return s.call(ctx, nil, "svmSetSlot", slot)
}

// Tick ends the running slot.
func (s *Server) Tick(ctx context.Context) error { return s.call(ctx, nil, "svmTick") }

// SetAccounts puts accounts in place by fiat.
func (s *Server) SetAccounts(ctx context.Context, accounts ...Account) error {
	list := make([]any, len(accounts))
	for i, a := range accounts {
		list[i] = map[string]any{"key": a.Key, "lamports": strconv.FormatUint(a.Lamports, 10), "owner": a.Owner, "data": append([]byte{}, a.Data...)}
	}
	return s.call(ctx, nil, "svmSetAccounts", list)
}

// SetRent replaces the Rent sysvar; the threshold is given as the bits of its 64-bit float.
func (s *Server) SetRent(ctx context.Context, lamportsPerByteYear, thresholdBits uint64) error {
	return s.call(ctx, nil, "svmSetRent", strconv.FormatUint(lamportsPerByteYear, 10), strconv.FormatUint(thresholdBits, 10))
}

type accountJSON struct {
	Lamports uint64
	Owner    solana.PublicKey
	Data     []json.RawMessage
}

func (a *accountJSON) decode(key solana.PublicKey) (*Account, error) {
	if a == nil {
		return nil, nil
	}
	out := &Account{Key: key, Lamports: a.Lamports, Owner: a.Owner}
	if len(a.Data) != 2 {
		return nil, fmt.Errorf("account %s: the data is not a pair", key)
	}
	if err := json.Unmarshal(a.Data[0], &out.Data); err != nil {
		return nil, fmt.Errorf("account %s: %w", key, err)
	}
	return out, nil
}

// call makes one JSON-RPC request.
func (s *Server) call(ctx context.Context, out any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", method, err), s.stderrError())
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: reading the answer: %w", method, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s (%d)", method, answer.Error.Message, answer.Error.Code)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Result, out); err != nil {
		return fmt.Errorf("%s: reading the result: %w", method, err)
	}
	return nil
}

func (s *Server) stderrError() error {
	if text := s.stderr.String(); text != "" {
		return errors.New(text)
	}
	return nil
}
