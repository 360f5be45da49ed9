package vault

import "fmt"

// A Code is an error of the vault program: Custom(n) of the failed instruction.
type Code uint32

// The codes of docs/spec/vault.md.
const (
	BadInstruction    Code = 6000
	BadData           Code = 6001
	BadAccounts       Code = 6002
	MissingSigner     Code = 6003
	NotWritable       Code = 6004
	DuplicateAccount  Code = 6005
	BadVault          Code = 6006
	BadPurse          Code = 6007
	BadPage           Code = 6008
	BadEntry          Code = 6009
	BadAddress        Code = 6010
	AlreadyExists     Code = 6011
	BadSystemProgram  Code = 6012
	BadTokenProgram   Code = 6013
	BadMint           Code = 6014
	BadTokenAccount   Code = 6015
	BadSysvar         Code = 6016
	BadRent           Code = 6017
	Overflow          Code = 6018
	BadMembers        Code = 6019
	SmallOrderKey     Code = 6020
	BadThreshold      Code = 6021
	NotOwner          Code = 6022
	NothingToWithdraw Code = 6023
	ZeroAmount        Code = 6024
	NoRequest         Code = 6025
	Locked            Code = 6026
	HeightPending     Code = 6027
	NothingPending    Code = 6030
	Reversing         Code = 6031
	WrongEpoch        Code = 6032
	WrongHeight       Code = 6033
	WrongGeneration   Code = 6034
	BadCut            Code = 6035
	TooSoon           Code = 6036
	NoSignatures      Code = 6037
	BadSignatures     Code = 6038
	BadMessage        Code = 6039
	UnknownMember     Code = 6040
	RepeatedMember    Code = 6041
	BadTally          Code = 6042
	BadChunk          Code = 6043
	WrongChunk        Code = 6044
	BadOrder          Code = 6045
	Insufficient      Code = 6046
	Requested         Code = 6047
	InFlight          Code = 6048
	NotYet            Code = 6049
	ChunksApplied     Code = 6050
	NothingApplied    Code = 6051
	TallyCurrent      Code = 6052
	BadPayer          Code = 6053
)

func (c Code) Error() string {
	if s, ok := codeText(c); ok {
		return fmt.Sprintf("vault error %d: %s", uint32(c), s)
	}
	return fmt.Sprintf("vault error %d", uint32(c))
}

func codeText(c Code) (string, bool) {
	s, ok := map[Code]string{
		BadInstruction:    "empty data or unknown tag",
		BadData:           "instruction data of a wrong length",
		BadAccounts:       "too few or too many accounts",
		MissingSigner:     "an account that must sign did not",
		NotWritable:       "an account that must be writable is not",
		DuplicateAccount:  "an account stands twice in the list",
		BadVault:          "not a vault of this program",
		BadPurse:          "not a purse of this vault, or of another mint than the chunk",
		BadPage:           "not a page of this purse, or pages out of order",
		BadEntry:          "no such entry in the pages given",
		BadAddress:        "not the derived address",
		AlreadyExists:     "the account to be made exists",
		BadSystemProgram:  "not the System program",
		BadTokenProgram:   "not the classic Token program",
		BadMint:           "not a classic mint, or not the purse's",
		BadTokenAccount:   "not the purse's token account",
		BadSysvar:         "not the Instructions sysvar",
		BadRent:           "an unknown rent threshold",
		Overflow:          "a sum or a counter overflows",
		BadMembers:        "a weight of zero or a key twice",
		SmallOrderKey:     "a member's key is of small order",
		BadThreshold:      "the threshold is not floor(2*total/3)",
		NotOwner:          "the signer does not own the entry",
		NothingToWithdraw: "nothing is available to withdraw",
		ZeroAmount:        "the amount is zero",
		NoRequest:         "the entry has no withdrawal request",
		Locked:            "the unlock slot has not come",
		HeightPending:     "a height is pending",
		NothingPending:    "no height is pending",
		Reversing:         "the pending height is being undone",
		WrongEpoch:        "another epoch",
		WrongHeight:       "another height than the next",
		WrongGeneration:   "another generation",
		BadCut:            "the cut is below the floor or above the event number",
		TooSoon:           "less than 32 slots after the last settle or drop",
		NoSignatures:      "the instruction before is not the Ed25519 program's",
		BadSignatures:     "the Ed25519 instruction has another layout",
		BadMessage:        "the signed message is not this header's COMMIT",
		UnknownMember:     "a signing key that is no member's",
		RepeatedMember:    "a member attests twice",
		BadTally:          "not a tally of this vault",
		BadChunk:          "not a well-formed chunk",
		WrongChunk:        "not the chunk whose turn it is",
		BadOrder:          "debits after credits, entries that do not ascend, or a member chunk that is not the last",
		Insufficient:      "available would fall below zero",
		Requested:         "a debit below an acknowledged request",
		InFlight:          "in flight would fall below zero, or is left at the end",
		NotYet:            "the drop time has not passed",
		ChunksApplied:     "chunks must be unapplied first",
		NothingApplied:    "no chunk is applied",
		TallyCurrent:      "the tally's height can still be attested",
		BadPayer:          "not the tally's payer",
	}[c]
	return s, ok
}
