//! Instruction 7: members' signatures become weight, weight becomes a pending
//! height.

use crate::account::{same, Account, Input};
use crate::apply;
use crate::fault::{self, Fault, Outcome};
use crate::layout::{Member, Tally, Vault, MAX_MEMBERS};
use crate::make::{New, Seeds, SYSTEM};
use crate::sys::{self, bytes, Key};

/// Slots between the end of one height and the first attest of the next.
const REST: u64 = 32;

/// "paradox/commit/1", network 32, then [`Instance`], view and digest.
const MESSAGE_SIZE: usize = 100;

const SYSVAR: Key = [
    0x06, 0xa7, 0xd5, 0x17, 0x18, 0x7b, 0xd1, 0x66, 0x35, 0xda, 0xd4, 0x04, 0x55, 0xfd, 0xc2, 0xc0, 0xc1, 0x24, 0xc6, 0x8f, 0x21,
    0x56, 0x75, 0xa5, 0xdb, 0xba, 0xcb, 0x5f, 0x08, 0x00, 0x00, 0x00,
];

const ED25519: Key = [
    0x03, 0x7d, 0x46, 0xd6, 0x7c, 0x93, 0xfb, 0xbe, 0x12, 0xf9, 0x42, 0x8f, 0x83, 0x8d, 0x40, 0xff, 0x05, 0x70, 0x74, 0x49, 0x27,
    0xf4, 0x8a, 0x64, 0xfc, 0xca, 0x70, 0x44, 0x80, 0x00, 0x00, 0x00,
];

/// The arguments.
#[repr(C, packed)]
struct Header {
    body_hash: Key,
    cut: u64,
    head: Key,
}

/// The signed message.
#[repr(C, packed)]
struct Message {
    domain: [u8; 16],
    network: Key,
    epoch: u32,
    height: u64,
    generation: u32,
    view: u32,
    digest: Key,
}

/// One signature's place in the Ed25519 instruction.
#[repr(C, packed)]
struct Offsets {
    signature: u16,
    signature_instruction: u16,
    key: u16,
    key_instruction: u16,
    message: u16,
    message_size: u16,
    message_instruction: u16,
}

const OFFSETS_SIZE: usize = 14;
const SIGNATURE_SIZE: usize = 64;
const SIGNED_SIZE: usize = SIGNATURE_SIZE + 32;

/// The value that means "this instruction" in [`Offsets`].
const SELF: u16 = 0xffff;

const _: () = {
    assert!(core::mem::size_of::<Message>() == MESSAGE_SIZE);
    assert!(core::mem::size_of::<Offsets>() == OFFSETS_SIZE);
};

/// The Ed25519 instruction that stands right before this one, which the
/// runtime has carried out: its signatures hold.
struct Signed {
    data: &'static [u8],
    count: usize,
}

impl Signed {
    /// Finds it in the Instructions sysvar.
    #[inline(always)]
    fn before(sysvar: Account) -> Result<Signed, Fault> {
        let all = sysvar.data();
        let running = u16_at(all, all.len().wrapping_sub(2))?;
        let before = running.checked_sub(1).ok_or(fault::NO_SIGNATURES)?;
        let at = u16_at(all, 2 + 2 * before)?;
        let program = at + 2 + u16_at(all, at)? * 33;
        let key = all.get(program..program + 32).ok_or(fault::NO_SIGNATURES)?;
        if !same(unsafe { &*(key.as_ptr() as *const Key) }, &ED25519) {
            return Err(fault::NO_SIGNATURES);
        }
        let len = u16_at(all, program + 32)?;
        let data = all.get(program + 34..program + 34 + len).ok_or(fault::NO_SIGNATURES)?;
        let count = data.first().copied().unwrap_or(0) as usize;
        if count == 0 || data.len() != 2 + (OFFSETS_SIZE + SIGNED_SIZE) * count + MESSAGE_SIZE || data[1] != 0 {
            return Err(fault::BAD_SIGNATURES);
        }
        Ok(Signed { data, count })
    }

    #[inline(always)]
    fn message_at(&self) -> usize {
        2 + (OFFSETS_SIZE + SIGNED_SIZE) * self.count
    }

    #[inline(always)]
    fn message(&self) -> &'static Message {
        unsafe { &*(self.data[self.message_at()..].as_ptr() as *const Message) }
    }

    #[inline(always)]
    fn signature_at(&self, i: usize) -> usize {
        2 + OFFSETS_SIZE * self.count + SIGNED_SIZE * i
    }

    /// Refuses every layout but one, in which all lies in this instruction:
    /// the Ed25519 program itself would look anywhere.
    #[inline(always)]
    fn check_layout(&self) -> Outcome {
        for i in 0..self.count {
            let raw = &self.data[2 + OFFSETS_SIZE * i..2 + OFFSETS_SIZE * (i + 1)];
            let have = unsafe { &*(raw.as_ptr() as *const Offsets) };
            let at = self.signature_at(i);
            if have.signature as usize != at
                || have.key as usize != at + SIGNATURE_SIZE
                || have.message as usize != self.message_at()
                || have.message_size as usize != MESSAGE_SIZE
                || have.signature_instruction & have.key_instruction & have.message_instruction != SELF
            {
                return Err(fault::BAD_SIGNATURES);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn key(&self, i: usize) -> &'static Key {
        let at = self.signature_at(i) + SIGNATURE_SIZE;
        unsafe { &*(self.data[at..at + 32].as_ptr() as *const Key) }
    }
}

#[inline(always)]
fn u16_at(data: &[u8], at: usize) -> Result<usize, Fault> {
    match data.get(at..at.wrapping_add(2)) {
        Some(pair) => Ok(u16::from_le_bytes([pair[0], pair[1]]) as usize),
        None => Err(fault::NO_SIGNATURES),
    }
}

/// 7, attest: payer, vault, tally, Instructions sysvar, System.
#[inline(never)]
pub fn attest(input: &Input) -> Outcome {
    let vault = Vault::check(input.at(1), input.program)?;
    if !input.at(3).is(&SYSVAR) {
        return Err(fault::BAD_SYSVAR);
    }
    if !input.at(4).is(&SYSTEM) {
        return Err(fault::BAD_SYSTEM_PROGRAM);
    }
    let signed = Signed::before(input.at(3))?;
    signed.check_layout()?;
    let header = unsafe { &*(input.data[1..73].as_ptr() as *const Header) };
    let message = signed.message();
    check_instance(vault, message, header)?;
    let mut digest = [0; 32];
    digest_of(header, message, &mut digest);
    if message.domain != *b"paradox/commit/1" || !same(&message.network, &vault.network) || !same(&message.digest, &digest) {
        return Err(fault::BAD_MESSAGE);
    }
    let tally = open_tally(input, message)?;
    count(vault, tally, &signed)?;
    if weight(vault, tally.bitmap) > vault.threshold {
        decide(vault, header, message)?;
    }
    Ok(())
}

/// Whether a header of this instance and cut may become pending now.
#[inline(always)]
fn check_instance(vault: &Vault, message: &Message, header: &Header) -> Outcome {
    if message.epoch != vault.epoch {
        return Err(fault::WRONG_EPOCH);
    }
    if message.generation != vault.generation {
        return Err(fault::WRONG_GENERATION);
    }
    if vault.height.checked_add(1) != Some(message.height) {
        return Err(fault::WRONG_HEIGHT);
    }
    if vault.is_pending != 0 {
        return Err(fault::HEIGHT_PENDING);
    }
    if sys::slot() < vault.last_slot.saturating_add(REST) {
        return Err(fault::TOO_SOON);
    }
    if header.cut < vault.floor || header.cut > vault.event_number {
        return Err(fault::BAD_CUT);
    }
    Ok(())
}

#[inline(always)]
fn digest_of(header: &Header, message: &Message, digest: &mut Key) {
    let (epoch, height) = (message.epoch.to_le_bytes(), message.height.to_le_bytes());
    let (generation, cut) = (message.generation.to_le_bytes(), header.cut.to_le_bytes());
    let parts = [
        bytes(b"paradox/header/1"),
        bytes(&header.body_hash),
        bytes(&epoch),
        bytes(&height),
        bytes(&generation),
        bytes(&cut),
        bytes(&header.head),
    ];
    sys::sha256(&parts, digest);
}

/// The header's tally in this view, made when these are its first signatures.
#[inline(always)]
fn open_tally(input: &Input, message: &Message) -> Result<&'static mut Tally, Fault> {
    let (payer, account, vault) = (input.at(0), input.at(2), input.at(1).key());
    let view = message.view.to_le_bytes();
    let mut bump = 0;
    Seeds([b"tally", vault, &message.digest, &view]).check(account, input.program, &mut bump)?;
    if account.owned_by(&SYSTEM) {
        let seeds = [bytes(b"tally"), bytes(vault), bytes(&message.digest), bytes(&view), bytes(core::slice::from_ref(&bump))];
        New { payer, account, size: Tally::SIZE, owner: input.program, seeds: &seeds }.make()?;
        let tally = Tally::fresh(account);
        tally.vault = *vault;
        tally.payer = *payer.key();
        tally.digest = message.digest;
        tally.height = message.height;
        tally.epoch = message.epoch;
        tally.generation = message.generation;
        tally.view = message.view;
    }
    Tally::check(account, input.program)
}

/// Marks the members that signed.
#[inline(always)]
fn count(vault: &Vault, tally: &mut Tally, signed: &Signed) -> Outcome {
    for i in 0..signed.count {
        let key = signed.key(i);
        let member = members(vault).iter().position(|m| same(&m.key, key)).ok_or(fault::UNKNOWN_MEMBER)?;
        if tally.bitmap >> member & 1 != 0 {
            return Err(fault::REPEATED_MEMBER);
        }
        tally.bitmap |= 1 << member;
    }
    Ok(())
}

#[inline(always)]
fn members(vault: &Vault) -> &[Member] {
    &vault.members[..(vault.member_count as usize).min(MAX_MEMBERS)]
}

#[inline(always)]
fn weight(vault: &Vault, bitmap: u32) -> u32 {
    members(vault).iter().enumerate().map(|(i, m)| if bitmap >> i & 1 != 0 { m.weight as u32 } else { 0 }).sum()
}

/// A quorum has signed: the height is pending, or settled if it moves nothing.
#[inline(always)]
fn decide(vault: &mut Vault, header: &Header, message: &Message) -> Outcome {
    if same(&header.head, &[0; 32]) {
        return apply::settle(vault, message.height, &message.digest);
    }
    vault.is_pending = 1;
    vault.pending.height = message.height;
    vault.pending.digest = message.digest;
    vault.pending.cut = header.cut;
    vault.pending.next_head = header.head;
    vault.pending.accumulator = [0; 32];
    vault.pending.since = sys::slot();
    Ok(())
}
