//! The event chain: a running number and hash of everything that changes
//! entries, but for settlements' chunks, and of how heights end.

use crate::fault::{self, Outcome};
use crate::layout::Vault;
use crate::sys::{self, bytes, Key};

const OPEN: u8 = 1;
const DEPOSIT: u8 = 2;
const REQUEST: u8 = 3;
const CANCEL: u8 = 4;
const WITHDRAW: u8 = 5;
const SETTLED: u8 = 6;
const DROPPED: u8 = 7;

/// The longest: open, with tag, slot, mint, entry and owner.
const MAX_EVENT: usize = 77;

/// An event while it is put together.
struct Event {
    bytes: [u8; MAX_EVENT],
    len: usize,
}

impl Event {
    #[inline(always)]
    fn new(tag: u8) -> Event {
        let mut event = Event { bytes: [0; MAX_EVENT], len: 1 };
        event.bytes[0] = tag;
        event.u64(sys::slot())
    }

    #[inline(always)]
    fn put<const N: usize>(mut self, value: &[u8; N]) -> Event {
        self.bytes[self.len..self.len + N].copy_from_slice(value);
        self.len += N;
        self
    }

    #[inline(always)]
    fn u32(self, value: u32) -> Event {
        self.put(&value.to_le_bytes())
    }

    #[inline(always)]
    fn u64(self, value: u64) -> Event {
        self.put(&value.to_le_bytes())
    }

    #[inline(always)]
    fn of(tag: u8, mint: &Key, entry: u32) -> Event {
        Event::new(tag).put(mint).u32(entry)
    }

    #[inline(always)]
    fn push(&self, vault: &mut Vault) -> Outcome {
        vault.event_number = vault.event_number.checked_add(1).ok_or(fault::OVERFLOW)?;
        let mut hash = [0; 32];
        sys::sha256(&[bytes(b"paradox/event/1"), bytes(&vault.event_hash), bytes(&self.bytes[..self.len])], &mut hash);
        vault.event_hash = hash;
        Ok(())
    }
}

#[inline(never)]
pub fn open(vault: &mut Vault, mint: &Key, entry: u32, owner: &Key) -> Outcome {
    Event::of(OPEN, mint, entry).put(owner).push(vault)
}

#[inline(never)]
pub fn deposit(vault: &mut Vault, mint: &Key, entry: u32, arrived: u64) -> Outcome {
    Event::of(DEPOSIT, mint, entry).u64(arrived).push(vault)
}

#[inline(never)]
pub fn request(vault: &mut Vault, mint: &Key, entry: u32, amount: u64, unlock: u64) -> Outcome {
    Event::of(REQUEST, mint, entry).u64(amount).u64(unlock).push(vault)
}

#[inline(never)]
pub fn cancel(vault: &mut Vault, mint: &Key, entry: u32) -> Outcome {
    Event::of(CANCEL, mint, entry).push(vault)
}

/// Names the generation as it is now.
#[inline(never)]
pub fn withdraw(vault: &mut Vault, mint: &Key, entry: u32, paid: u64) -> Outcome {
    Event::of(WITHDRAW, mint, entry).u64(paid).u32(vault.generation).push(vault)
}

/// Names the epoch as it is now.
#[inline(never)]
pub fn settled(vault: &mut Vault) -> Outcome {
    Event::new(SETTLED).u64(vault.height).put(&vault.last_digest).u32(vault.epoch).push(vault)
}

/// Names the pending height, and the generation as it is now.
#[inline(never)]
pub fn dropped(vault: &mut Vault) -> Outcome {
    let pending = vault.pending;
    Event::new(DROPPED).u64(pending.height).put(&pending.digest).u32(vault.generation).push(vault)
}
