//! The program's accounts, byte for byte as docs/spec/vault.md has them, and
//! the checks that an account is what it is taken for.

use core::mem::{offset_of, size_of};

use crate::account::{same, Account};
use crate::fault::{self, Fault};
use crate::sys::Key;

/// Most members that a committee has.
pub const MAX_MEMBERS: usize = 21;

/// Entries of a page.
pub const PAGE_ENTRIES: u32 = 1024;

pub const VAULT_VERSION: u8 = 1;

const VAULT: u64 = u64::from_le_bytes([0xd3, 0x08, 0xe8, 0x2b, 0x02, 0x98, 0x75, 0x77]);
const PURSE: u64 = u64::from_le_bytes([0xe3, 0x7d, 0x9d, 0xe0, 0x02, 0x48, 0x74, 0x5b]);
const PAGE: u64 = u64::from_le_bytes([0x85, 0x7f, 0xc0, 0x57, 0xce, 0x95, 0xc3, 0x0e]);
const TALLY: u64 = u64::from_le_bytes([0x7e, 0x0b, 0x1d, 0x21, 0x20, 0x65, 0xef, 0x19]);

#[repr(C, packed)]
#[derive(Clone, Copy)]
pub struct Member {
    pub key: Key,
    pub weight: u16,
}

/// What is known of a height that a quorum attested and that is not settled.
#[repr(C, packed)]
#[derive(Clone, Copy)]
pub struct Pending {
    pub height: u64,
    pub digest: Key,
    pub cut: u64,
    pub next_head: Key,
    pub accumulator: Key,
    pub since: u64,
}

#[repr(C, packed)]
pub struct Vault {
    discriminator: u64,
    pub version: u8,
    pub bump: u8,
    pub member_count: u8,
    pub is_pending: u8,
    pub credits_begun: u8,
    pub reversing: u8,
    zero: [u8; 2],
    pub network: Key,
    pub fee_owner: Key,
    pub threshold: u32,
    pub epoch: u32,
    pub generation: u32,
    pub purses_in_flight: u32,
    pub withdraw_delay: u64,
    pub drop_time: u64,
    pub height: u64,
    pub last_digest: Key,
    pub event_number: u64,
    pub event_hash: Key,
    pub floor: u64,
    pub last_slot: u64,
    pub pending: Pending,
    pub members: [Member; MAX_MEMBERS],
}

#[repr(C, packed)]
pub struct Purse {
    discriminator: u64,
    pub vault: Key,
    pub mint: Key,
    pub tokens: Key,
    pub in_flight: u64,
    pub count: u32,
    pub bump: u8,
    zero: [u8; 3],
}

#[repr(C, packed)]
pub struct Page {
    discriminator: u64,
    pub purse: Key,
    pub index: u32,
    pub count: u32,
}

#[repr(C, packed)]
pub struct Entry {
    pub owner: Key,
    pub available: u64,
    pub requested: u64,
    pub request_number: u64,
    pub unlock: u64,
}

#[repr(C, packed)]
pub struct Tally {
    discriminator: u64,
    pub vault: Key,
    pub payer: Key,
    pub digest: Key,
    pub height: u64,
    pub epoch: u32,
    pub generation: u32,
    pub view: u32,
    pub bitmap: u32,
}

const _: () = {
    assert!(size_of::<Vault>() == 1042 && offset_of!(Vault, pending) == 208 && offset_of!(Vault, members) == 328);
    assert!(offset_of!(Vault, threshold) == 80 && offset_of!(Vault, height) == 112 && offset_of!(Vault, floor) == 192);
    assert!(size_of::<Purse>() == 120 && offset_of!(Purse, in_flight) == 104);
    assert!(size_of::<Page>() == 48 && size_of::<Entry>() == 64);
    assert!(size_of::<Tally>() == 128 && offset_of!(Tally, bitmap) == 124);
};

impl Vault {
    pub const SIZE: usize = size_of::<Vault>();

    #[inline(always)]
    pub fn check(account: Account, program: &Key) -> Result<&'static mut Vault, Fault> {
        if !account.owned_by(program) || account.len() != Vault::SIZE {
            return Err(fault::BAD_VAULT);
        }
        let vault = unsafe { account.record::<Vault>(0) };
        match vault.discriminator == VAULT {
            true => Ok(vault),
            false => Err(fault::BAD_VAULT),
        }
    }

    /// The record of an account that was just made.
    #[inline(always)]
    pub fn fresh(account: Account) -> &'static mut Vault {
        let vault = unsafe { account.record::<Vault>(0) };
        vault.discriminator = VAULT;
        vault.version = VAULT_VERSION;
        vault
    }

    /// Forgets the pending height.
    #[inline(always)]
    pub fn clear_pending(&mut self) {
        self.is_pending = 0;
        self.credits_begun = 0;
        self.reversing = 0;
        self.pending = Pending { height: 0, digest: [0; 32], cut: 0, next_head: [0; 32], accumulator: [0; 32], since: 0 };
    }
}

impl Purse {
    pub const SIZE: usize = size_of::<Purse>();

    #[inline(always)]
    pub fn check(account: Account, program: &Key, vault: &Key) -> Result<&'static mut Purse, Fault> {
        if !account.owned_by(program) || account.len() != Purse::SIZE {
            return Err(fault::BAD_PURSE);
        }
        let purse = unsafe { account.record::<Purse>(0) };
        match purse.discriminator == PURSE && same(&purse.vault, vault) {
            true => Ok(purse),
            false => Err(fault::BAD_PURSE),
        }
    }

    #[inline(always)]
    pub fn fresh(account: Account) -> &'static mut Purse {
        let purse = unsafe { account.record::<Purse>(0) };
        purse.discriminator = PURSE;
        purse
    }
}

impl Page {
    pub const SIZE: usize = size_of::<Page>();

    #[inline(always)]
    pub fn check(account: Account, program: &Key, purse: &Key) -> Result<&'static mut Page, Fault> {
        if !account.owned_by(program) || account.len() < Page::SIZE {
            return Err(fault::BAD_PAGE);
        }
        let page = unsafe { account.record::<Page>(0) };
        match page.discriminator == PAGE && same(&page.purse, purse) {
            true => Ok(page),
            false => Err(fault::BAD_PAGE),
        }
    }

    #[inline(always)]
    pub fn fresh(account: Account, purse: &Key, index: u32) -> &'static mut Page {
        let page = unsafe { account.record::<Page>(0) };
        page.discriminator = PAGE;
        page.purse = *purse;
        page.index = index;
        page
    }

    /// Length of a page with so many entries.
    #[inline(always)]
    pub const fn len(entries: u32) -> usize {
        Page::SIZE + entries as usize * size_of::<Entry>()
    }
}

impl Entry {
    /// The entry with this number, if it lies in this page.
    #[inline(always)]
    pub fn find(account: Account, page: &Page, number: u32) -> Result<&'static mut Entry, Fault> {
        let place = number % PAGE_ENTRIES;
        if number / PAGE_ENTRIES != page.index || place >= page.count {
            return Err(fault::BAD_ENTRY);
        }
        Ok(Entry::at(account, place))
    }

    /// The entry at this place, which is below the page's count: a page has
    /// bytes for as many entries as it counts.
    #[inline(always)]
    pub fn at(account: Account, place: u32) -> &'static mut Entry {
        unsafe { account.record::<Entry>(Page::len(place)) }
    }
}

impl Tally {
    pub const SIZE: usize = size_of::<Tally>();

    #[inline(always)]
    pub fn check(account: Account, program: &Key) -> Result<&'static mut Tally, Fault> {
        if !account.owned_by(program) || account.len() != Tally::SIZE {
            return Err(fault::BAD_TALLY);
        }
        let tally = unsafe { account.record::<Tally>(0) };
        match tally.discriminator == TALLY {
            true => Ok(tally),
            false => Err(fault::BAD_TALLY),
        }
    }

    #[inline(always)]
    pub fn fresh(account: Account) -> &'static mut Tally {
        let tally = unsafe { account.record::<Tally>(0) };
        tally.discriminator = TALLY;
        tally
    }
}
