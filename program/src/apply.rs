//! Instructions 8, 10 and 11: a pending height's chunks, forwards and back,
//! and how a height ends.

use crate::account::{same, Input};
use crate::chunk::{self, Direction, CREDITS, DEBITS, MEMBERS};
use crate::event;
use crate::fault::{self, Outcome};
use crate::layout::Vault;
use crate::members::List;
use crate::sys::{self, bytes, Key};

const NONE: Key = [0; 32];

/// Accounts of a chunk that moves funds: vault, purse, 1 to 16 pages.
const MIN_ACCOUNTS: usize = 3;
const MAX_ACCOUNTS: usize = 18;

/// The first argument of both: next head or previous accumulator.
#[inline(always)]
fn key(data: &'static [u8]) -> &'static Key {
    unsafe { &*(data[1..33].as_ptr() as *const Key) }
}

#[inline(always)]
fn accumulate(previous: &Key, chunk: &[u8], out: &mut Key) {
    sys::sha256(&[bytes(previous), bytes(chunk)], out);
}

/// 8, apply: vault, purse, pages; or for a change of members the vault alone.
#[inline(never)]
pub fn apply(input: &Input) -> Outcome {
    let vault = Vault::check(input.at(0), input.program)?;
    if vault.is_pending == 0 {
        return Err(fault::NOTHING_PENDING);
    }
    if vault.reversing != 0 {
        return Err(fault::REVERSING);
    }
    let (next, chunk) = (key(input.data), &input.data[33..]);
    let mut head = NONE;
    sys::sha256(&[bytes(b"paradox/chunk/1"), bytes(chunk), bytes(next)], &mut head);
    if !same(&head, &vault.pending.next_head) {
        return Err(fault::WRONG_CHUNK);
    }
    match chunk[0] {
        DEBITS | CREDITS => move_funds(input, vault, chunk, next),
        MEMBERS => change_members(input, vault, chunk, next),
        _ => Err(fault::BAD_CHUNK),
    }
}

#[inline(always)]
fn move_funds(input: &Input, vault: &mut Vault, chunk: &'static [u8], next: &Key) -> Outcome {
    if input.count() < MIN_ACCOUNTS || input.count() > MAX_ACCOUNTS {
        return Err(fault::BAD_ACCOUNTS);
    }
    let credits = chunk[0] == CREDITS;
    if !credits && vault.credits_begun != 0 {
        return Err(fault::BAD_ORDER);
    }
    chunk::run(input, vault, chunk, Direction::Forwards)?;
    let previous = vault.pending.accumulator;
    let mut accumulator = NONE;
    accumulate(&previous, chunk, &mut accumulator);
    vault.pending.accumulator = accumulator;
    vault.pending.next_head = *next;
    if credits {
        vault.credits_begun = 1;
    }
    if same(next, &NONE) {
        return finish(vault);
    }
    Ok(())
}

#[inline(never)]
fn change_members(input: &Input, vault: &mut Vault, chunk: &'static [u8], next: &Key) -> Outcome {
    if input.count() != 1 {
        return Err(fault::BAD_ACCOUNTS);
    }
    if !same(next, &NONE) {
        return Err(fault::BAD_ORDER);
    }
    if chunk.len() < 2 {
        return Err(fault::BAD_CHUNK);
    }
    let list = List::parse(chunk[1], &chunk[2..]).ok_or(fault::BAD_CHUNK)?;
    let threshold = list.check()?;
    if vault.purses_in_flight != 0 {
        return Err(fault::IN_FLIGHT);
    }
    list.write(vault, threshold);
    vault.epoch = vault.epoch.checked_add(1).ok_or(fault::OVERFLOW)?;
    finish(vault)
}

/// The last chunk is applied: nothing may be left in flight.
#[inline(always)]
fn finish(vault: &mut Vault) -> Outcome {
    if vault.purses_in_flight != 0 {
        return Err(fault::IN_FLIGHT);
    }
    let (height, digest) = (vault.pending.height, vault.pending.digest);
    settle(vault, height, &digest)
}

/// The height is done; the next may come.
#[inline(never)]
pub fn settle(vault: &mut Vault, height: u64, digest: &Key) -> Outcome {
    vault.height = height;
    vault.last_digest = *digest;
    event::settled(vault)?;
    end(vault);
    Ok(())
}

/// What settle and drop have in common.
#[inline(always)]
fn end(vault: &mut Vault) {
    vault.floor = vault.event_number;
    vault.last_slot = sys::slot();
    vault.clear_pending();
}

/// Whether the pending height has had its time. Nobody finished it: anyone
/// may undo it.
#[inline(always)]
fn check_overdue(vault: &Vault) -> Outcome {
    if vault.is_pending == 0 {
        return Err(fault::NOTHING_PENDING);
    }
    if sys::slot() <= vault.pending.since.saturating_add(vault.drop_time) {
        return Err(fault::NOT_YET);
    }
    Ok(())
}

/// 10, unapply: vault, purse, pages.
#[inline(never)]
pub fn unapply(input: &Input) -> Outcome {
    let vault = Vault::check(input.at(0), input.program)?;
    check_overdue(vault)?;
    if same(&vault.pending.accumulator, &NONE) {
        return Err(fault::NOTHING_APPLIED);
    }
    let (previous, chunk) = (key(input.data), &input.data[33..]);
    let mut accumulator = NONE;
    accumulate(previous, chunk, &mut accumulator);
    if !same(&accumulator, &vault.pending.accumulator) {
        return Err(fault::WRONG_CHUNK);
    }
    if chunk[0] != DEBITS && chunk[0] != CREDITS {
        return Err(fault::BAD_CHUNK);
    }
    if input.count() < MIN_ACCOUNTS || input.count() > MAX_ACCOUNTS {
        return Err(fault::BAD_ACCOUNTS);
    }
    chunk::run(input, vault, chunk, Direction::Backwards)?;
    vault.pending.accumulator = *previous;
    vault.reversing = 1;
    Ok(())
}

/// 11, drop: vault.
#[inline(never)]
pub fn drop(input: &Input) -> Outcome {
    let vault = Vault::check(input.at(0), input.program)?;
    check_overdue(vault)?;
    if !same(&vault.pending.accumulator, &NONE) {
        return Err(fault::CHUNKS_APPLIED);
    }
    vault.generation = vault.generation.checked_add(1).ok_or(fault::OVERFLOW)?;
    event::dropped(vault)?;
    end(vault);
    Ok(())
}
