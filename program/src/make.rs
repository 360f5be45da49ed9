//! How the program's accounts come to be and grow. By transfer, allocate and
//! assign, so that lamports sent ahead to an address cannot block it.

use crate::account::Account;
use crate::fault::{self, Outcome};
use crate::layout::{Entry, Page};
use crate::sys::{self, bytes, Bytes, Key, Meta};

pub const SYSTEM: Key = [0; 32];

// The System program's instructions.
const ASSIGN: u8 = 1;
const TRANSFER: u8 = 2;
const ALLOCATE: u8 = 8;

/// A derived address: what it is made from, without the bump.
pub struct Seeds<'a, const N: usize>(pub [&'a [u8]; N]);

impl<const N: usize> Seeds<'_, N> {
    /// Checks that `account` lies at the canonical address; gives its bump.
    #[inline(always)]
    pub fn check(&self, account: Account, program: &Key, bump: &mut u8) -> Outcome {
        let list: [Bytes; N] = core::array::from_fn(|i| bytes(self.0[i]));
        let mut address = [0; 32];
        if !sys::find(&list, program, &mut address, bump) || !account.is(&address) {
            return Err(fault::BAD_ADDRESS);
        }
        Ok(())
    }
}

/// An account to be made.
pub struct New<'a> {
    pub payer: Account,
    pub account: Account,
    pub size: usize,
    pub owner: &'a Key,
    /// Seeds of its address with the bump, which has been checked.
    pub seeds: &'a [Bytes],
}

impl New<'_> {
    #[inline(never)]
    pub fn make(&self) -> Outcome {
        let account = self.account;
        if !account.owned_by(&SYSTEM) || account.len() != 0 {
            return Err(fault::ALREADY_EXISTS);
        }
        fund(self.payer, account, self.size)?;
        let own = [Meta::new(account.key(), true, true)];
        let mut allocate = [0; 12];
        allocate[0] = ALLOCATE;
        allocate[4..].copy_from_slice(&(self.size as u64).to_le_bytes());
        sys::invoke(&SYSTEM, &own, &allocate, &[account.info()], self.seeds);
        let mut assign = [0; 36];
        assign[0] = ASSIGN;
        assign[4..].copy_from_slice(self.owner);
        sys::invoke(&SYSTEM, &own, &assign, &[account.info()], self.seeds);
        Ok(())
    }
}

/// Pays what `account` lacks to keep `len` bytes.
#[inline(never)]
pub fn fund(payer: Account, account: Account, len: usize) -> Outcome {
    let minimum = sys::rent(len)?;
    let have = account.lamports();
    if have >= minimum {
        return Ok(());
    }
    let mut transfer = [0; 12];
    transfer[0] = TRANSFER;
    transfer[4..].copy_from_slice(&(minimum - have).to_le_bytes());
    let metas = [Meta::new(payer.key(), true, true), Meta::new(account.key(), true, false)];
    sys::invoke(&SYSTEM, &metas, &transfer, &[payer.info(), account.info()], &[]);
    Ok(())
}

/// Makes a page without entries.
#[inline(never)]
pub fn page(payer: Account, account: Account, purse: &Key, index: u32, program: &Key) -> Outcome {
    let mut bump = 0;
    let index_bytes = index.to_le_bytes();
    Seeds([b"page", purse, &index_bytes]).check(account, program, &mut bump)?;
    let seeds = [bytes(b"page"), bytes(purse), bytes(&index_bytes), bytes(core::slice::from_ref(&bump))];
    New { payer, account, size: Page::SIZE, owner: program, seeds: &seeds }.make()?;
    Page::fresh(account, purse, index);
    Ok(())
}

/// Grows a page by one entry of `owner`.
#[inline(never)]
pub fn grow(payer: Account, account: Account, page: &mut Page, owner: &Key) -> Outcome {
    let place = page.count;
    fund(payer, account, Page::len(place + 1))?;
    account.set_len(Page::len(place + 1));
    Entry::at(account, place).owner = *owner;
    page.count = place + 1;
    Ok(())
}
