//! What can go wrong, by number. The numbers start at 6000, so that a called
//! program's small codes cannot be taken for ours; docs/spec/vault.md says
//! which check gives which.

use core::num::NonZeroU64;

/// An error code. Never zero, so that [`Outcome`] is one machine word: a
/// function on this machine returns no more than one.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Fault(NonZeroU64);

pub type Outcome = Result<(), Fault>;

impl Fault {
    #[inline(always)]
    pub fn code(self) -> u64 {
        self.0.get()
    }
}

const fn fault(code: u64) -> Fault {
    match NonZeroU64::new(code) {
        Some(code) => Fault(code),
        None => panic!("an error code is not zero"),
    }
}

/// Empty data or unknown tag.
pub const BAD_INSTRUCTION: Fault = fault(6000);
/// Instruction data of a wrong length.
pub const BAD_DATA: Fault = fault(6001);
/// Too few or too many accounts.
pub const BAD_ACCOUNTS: Fault = fault(6002);
/// An account that must sign did not.
pub const MISSING_SIGNER: Fault = fault(6003);
/// An account that must be writable is not.
pub const NOT_WRITABLE: Fault = fault(6004);
/// An account stands twice in the list.
pub const DUPLICATE_ACCOUNT: Fault = fault(6005);
/// Not a vault of this program.
pub const BAD_VAULT: Fault = fault(6006);
/// Not a purse of this vault, or of another mint than the chunk.
pub const BAD_PURSE: Fault = fault(6007);
/// Not a page of this purse, or pages out of order.
pub const BAD_PAGE: Fault = fault(6008);
/// No such entry in the page, or in the pages listed.
pub const BAD_ENTRY: Fault = fault(6009);
/// Not the derived address.
pub const BAD_ADDRESS: Fault = fault(6010);
/// The account to be made exists.
pub const ALREADY_EXISTS: Fault = fault(6011);
pub const BAD_SYSTEM_PROGRAM: Fault = fault(6012);
/// Not the classic Token program.
pub const BAD_TOKEN_PROGRAM: Fault = fault(6013);
/// Not a classic mint, or not the purse's.
pub const BAD_MINT: Fault = fault(6014);
/// Not the purse's token account.
pub const BAD_TOKEN_ACCOUNT: Fault = fault(6015);
/// Not the Instructions sysvar.
pub const BAD_SYSVAR: Fault = fault(6016);
/// A rent threshold that is neither 2.0 nor 1.0.
pub const BAD_RENT: Fault = fault(6017);
/// A sum or a counter overflows.
pub const OVERFLOW: Fault = fault(6018);
/// A weight of zero or a key twice.
pub const BAD_MEMBERS: Fault = fault(6019);
/// A member's key is of small order.
pub const SMALL_ORDER_KEY: Fault = fault(6020);
/// Not floor(2 · total / 3).
pub const BAD_THRESHOLD: Fault = fault(6021);
/// The signer does not own the entry.
pub const NOT_OWNER: Fault = fault(6022);
/// Available is 0.
pub const NOTHING_TO_WITHDRAW: Fault = fault(6023);
pub const ZERO_AMOUNT: Fault = fault(6024);
/// The entry has no request.
pub const NO_REQUEST: Fault = fault(6025);
/// The unlock slot has not come.
pub const LOCKED: Fault = fault(6026);
/// A height is pending.
pub const HEIGHT_PENDING: Fault = fault(6027);
pub const NOTHING_PENDING: Fault = fault(6030);
/// The pending height is being undone.
pub const REVERSING: Fault = fault(6031);
pub const WRONG_EPOCH: Fault = fault(6032);
pub const WRONG_HEIGHT: Fault = fault(6033);
pub const WRONG_GENERATION: Fault = fault(6034);
/// Below the floor or above the event number.
pub const BAD_CUT: Fault = fault(6035);
/// Less than 32 slots after the last settle or drop.
pub const TOO_SOON: Fault = fault(6036);
/// The instruction before is not the Ed25519 program's.
pub const NO_SIGNATURES: Fault = fault(6037);
/// Not the one layout.
pub const BAD_SIGNATURES: Fault = fault(6038);
/// The signed message is not this header's COMMIT.
pub const BAD_MESSAGE: Fault = fault(6039);
/// A signing key that is no member's.
pub const UNKNOWN_MEMBER: Fault = fault(6040);
/// A member attests twice.
pub const REPEATED_MEMBER: Fault = fault(6041);
/// Not a tally of this vault.
pub const BAD_TALLY: Fault = fault(6042);
/// Not a well-formed chunk.
pub const BAD_CHUNK: Fault = fault(6043);
/// Not the next chunk (apply), not the newest (unapply).
pub const WRONG_CHUNK: Fault = fault(6044);
/// Debits after credits, entries that do not ascend, a member chunk that is not the last.
pub const BAD_ORDER: Fault = fault(6045);
/// Available would fall below zero.
pub const INSUFFICIENT: Fault = fault(6046);
/// A debit below an acknowledged request.
pub const REQUESTED: Fault = fault(6047);
/// In flight would fall below zero, or is left at the end.
pub const IN_FLIGHT: Fault = fault(6048);
/// The drop time has not passed.
pub const NOT_YET: Fault = fault(6049);
/// Chunks must be unapplied first.
pub const CHUNKS_APPLIED: Fault = fault(6050);
/// No chunk to unapply.
pub const NOTHING_APPLIED: Fault = fault(6051);
/// The tally's height can still be attested.
pub const TALLY_CURRENT: Fault = fault(6052);
/// Not the tally's payer.
pub const BAD_PAYER: Fault = fault(6053);
