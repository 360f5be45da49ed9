//! Instructions 3 to 6: what goes into an entry and out of it by its owner's
//! hand.

use crate::account::{same, Account, Input};
use crate::event;
use crate::fault::{self, Fault, Outcome};
use crate::layout::{Entry, Page, Purse, Vault};
use crate::sys::{self, bytes};
use crate::token::{self, Transfer};

/// The accounts that all four have in the same places.
struct Place {
    vault: &'static mut Vault,
    purse: &'static mut Purse,
    page: &'static mut Page,
    page_account: Account,
}

impl Place {
    #[inline(always)]
    fn check(input: &Input) -> Result<Place, Fault> {
        let vault = Vault::check(input.at(1), input.program)?;
        let purse = Purse::check(input.at(2), input.program, input.at(1).key())?;
        let page = Page::check(input.at(3), input.program, input.at(2).key())?;
        Ok(Place { vault, purse, page, page_account: input.at(3) })
    }

    /// Checks the token accounts that a transfer needs.
    #[inline(always)]
    fn check_tokens(&self, tokens: Account, mint: Account, program: Account) -> Outcome {
        if !tokens.is(&self.purse.tokens) {
            return Err(fault::BAD_TOKEN_ACCOUNT);
        }
        if !mint.is(&self.purse.mint) {
            return Err(fault::BAD_MINT);
        }
        if !program.is(&token::TOKEN) {
            return Err(fault::BAD_TOKEN_PROGRAM);
        }
        Ok(())
    }

    #[inline(always)]
    fn entry(&self, number: u32) -> Result<&'static mut Entry, Fault> {
        Entry::find(self.page_account, self.page, number)
    }

    /// The entry, if the instruction's owner owns it.
    #[inline(always)]
    fn own_entry(&self, number: u32, owner: Account) -> Result<&'static mut Entry, Fault> {
        let entry = self.entry(number)?;
        match same(&entry.owner, owner.key()) {
            true => Ok(entry),
            false => Err(fault::NOT_OWNER),
        }
    }
}

#[inline(always)]
fn number(data: &[u8]) -> u32 {
    u32::from_le_bytes([data[1], data[2], data[3], data[4]])
}

#[inline(always)]
fn amount(data: &[u8]) -> u64 {
    u64::from_le_bytes([data[5], data[6], data[7], data[8], data[9], data[10], data[11], data[12]])
}

/// 3, deposit: authority, vault, purse, page, source, tokens, mint, Token.
#[inline(never)]
pub fn deposit(input: &Input) -> Outcome {
    let place = Place::check(input)?;
    let (tokens, mint) = (input.at(5), input.at(6));
    place.check_tokens(tokens, mint, input.at(7))?;
    let (number, amount) = (number(input.data), amount(input.data));
    if amount == 0 {
        return Err(fault::ZERO_AMOUNT);
    }
    let entry = place.entry(number)?;
    let before = token::balance(tokens);
    Transfer { from: input.at(4), mint, to: tokens, authority: input.at(0), amount, seeds: &[] }.run();
    let arrived = token::balance(tokens).checked_sub(before).ok_or(fault::OVERFLOW)?;
    if arrived == 0 {
        return Err(fault::ZERO_AMOUNT);
    }
    entry.available = entry.available.checked_add(arrived).ok_or(fault::OVERFLOW)?;
    event::deposit(place.vault, &place.purse.mint, number, arrived)
}

/// 4, request withdrawal: owner, vault, purse, page.
#[inline(never)]
pub fn request(input: &Input) -> Outcome {
    let place = Place::check(input)?;
    let (number, amount) = (number(input.data), amount(input.data));
    if amount == 0 {
        return Err(fault::ZERO_AMOUNT);
    }
    let entry = place.own_entry(number, input.at(0))?;
    let unlock = sys::slot().checked_add(place.vault.withdraw_delay).ok_or(fault::OVERFLOW)?;
    event::request(place.vault, &place.purse.mint, number, amount, unlock)?;
    entry.requested = amount;
    entry.request_number = place.vault.event_number;
    entry.unlock = unlock;
    Ok(())
}

#[inline(always)]
fn clear(entry: &mut Entry) {
    entry.requested = 0;
    entry.request_number = 0;
    entry.unlock = 0;
}

/// 5, cancel request: owner, vault, purse, page.
#[inline(never)]
pub fn cancel(input: &Input) -> Outcome {
    let place = Place::check(input)?;
    let number = number(input.data);
    let entry = place.own_entry(number, input.at(0))?;
    if entry.requested == 0 {
        return Err(fault::NO_REQUEST);
    }
    event::cancel(place.vault, &place.purse.mint, number)?;
    clear(entry);
    Ok(())
}

/// 6, withdraw: owner, vault, purse, page, tokens, destination, mint, Token.
///
/// Two paths. A request that every header of now and later has to know may be
/// paid at once. One that a header may have been decided without is paid only
/// after its delay, and then a new generation begins: such a header cannot be
/// attested any more.
#[inline(never)]
pub fn withdraw(input: &Input) -> Outcome {
    let place = Place::check(input)?;
    let (tokens, mint) = (input.at(4), input.at(6));
    place.check_tokens(tokens, mint, input.at(7))?;
    let number = number(input.data);
    let entry = place.own_entry(number, input.at(0))?;
    if entry.requested == 0 {
        return Err(fault::NO_REQUEST);
    }
    let vault = place.vault;
    let known = acknowledged(vault, entry);
    if !known {
        if vault.is_pending != 0 {
            return Err(fault::HEIGHT_PENDING);
        }
        if sys::slot() < entry.unlock {
            return Err(fault::LOCKED);
        }
    }
    let paid = entry.requested.min(entry.available);
    if paid == 0 {
        return Err(fault::NOTHING_TO_WITHDRAW);
    }
    let purse = place.purse;
    let bump = [purse.bump];
    let seeds = [bytes(b"purse"), bytes(&purse.vault), bytes(&purse.mint), bytes(&bump)];
    Transfer { from: tokens, mint, to: input.at(5), authority: input.at(2), amount: paid, seeds: &seeds }.run();
    entry.available -= paid;
    clear(entry);
    if !known {
        vault.generation = vault.generation.checked_add(1).ok_or(fault::OVERFLOW)?;
    }
    event::withdraw(vault, &purse.mint, number, paid)?;
    if !known {
        vault.floor = vault.event_number;
    }
    Ok(())
}

/// Whether every header that can settle from now on knows the request.
#[inline(always)]
fn acknowledged(vault: &Vault, entry: &Entry) -> bool {
    let seen = match vault.is_pending {
        0 => vault.floor,
        _ => vault.pending.cut,
    };
    entry.request_number <= seen && vault.credits_begun == 0
}
