//! Instructions 0 to 2: a vault, its purses, their entries.

use crate::account::Input;
use crate::event;
use crate::fault::{self, Outcome};
use crate::layout::{Page, Purse, Vault, PAGE_ENTRIES};
use crate::make::{self, New, Seeds, SYSTEM};
use crate::members::{List, MEMBER_SIZE};
use crate::sys::{self, bytes};
use crate::token;

/// What follows the members in create vault's data.
#[repr(C, packed)]
struct Terms {
    threshold: u32,
    withdraw_delay: u64,
    drop_time: u64,
    fee_owner: [u8; 32],
    rest: [u8; 32],
}

/// 0, create vault: payer, vault, System.
///
/// The address is made from the network hash, and that from everything the
/// vault will hold, so nobody can take a network's address with other terms.
#[inline(never)]
pub fn vault(input: &Input) -> Outcome {
    let (payer, account, system) = (input.at(0), input.at(1), input.at(2));
    if !system.is(&SYSTEM) {
        return Err(fault::BAD_SYSTEM_PROGRAM);
    }
    let arguments = &input.data[1..];
    let end = 1 + arguments[0] as usize * MEMBER_SIZE;
    let list = List(&arguments[1..end]);
    let terms = unsafe { &*(arguments[end..].as_ptr() as *const Terms) };
    let threshold = list.check()?;
    if terms.threshold != threshold {
        return Err(fault::BAD_THRESHOLD);
    }
    let mut network = [0; 32];
    sys::sha256(&[bytes(b"paradox/network/1"), bytes(input.program), bytes(arguments)], &mut network);
    let mut bump = 0;
    Seeds([b"vault", &network]).check(account, input.program, &mut bump)?;
    let seeds = [bytes(b"vault"), bytes(&network), bytes(core::slice::from_ref(&bump))];
    New { payer, account, size: Vault::SIZE, owner: input.program, seeds: &seeds }.make()?;

    let vault = Vault::fresh(account);
    vault.bump = bump;
    vault.network = network;
    vault.last_digest = network;
    vault.fee_owner = terms.fee_owner;
    vault.withdraw_delay = terms.withdraw_delay;
    vault.drop_time = terms.drop_time;
    list.write(vault, threshold);
    Ok(())
}

/// 1, add purse: payer, vault, mint, purse, tokens, page 0, Token, System.
#[inline(never)]
pub fn purse(input: &Input) -> Outcome {
    let (payer, mint) = (input.at(0), input.at(2));
    let (account, tokens, page) = (input.at(3), input.at(4), input.at(5));
    let vault_key = input.at(1).key();
    let vault = Vault::check(input.at(1), input.program)?;
    if !token::is_mint(mint) {
        return Err(fault::BAD_MINT);
    }
    if !input.at(6).is(&token::TOKEN) {
        return Err(fault::BAD_TOKEN_PROGRAM);
    }
    if !input.at(7).is(&SYSTEM) {
        return Err(fault::BAD_SYSTEM_PROGRAM);
    }
    let mut bump = 0;
    Seeds([b"purse", vault_key, mint.key()]).check(account, input.program, &mut bump)?;
    let seeds = [bytes(b"purse"), bytes(vault_key), bytes(mint.key()), bytes(core::slice::from_ref(&bump))];
    New { payer, account, size: Purse::SIZE, owner: input.program, seeds: &seeds }.make()?;
    let purse = Purse::fresh(account);
    purse.vault = *vault_key;
    purse.mint = *mint.key();
    purse.tokens = *tokens.key();
    purse.bump = bump;

    Seeds([b"tokens", account.key()]).check(tokens, input.program, &mut bump)?;
    let seeds = [bytes(b"tokens"), bytes(account.key()), bytes(core::slice::from_ref(&bump))];
    New { payer, account: tokens, size: token::ACCOUNT_SIZE, owner: &token::TOKEN, seeds: &seeds }.make()?;
    token::initialize(tokens, mint, account.key());

    make::page(payer, page, account.key(), 0, input.program)?;
    let header = Page::check(page, input.program, account.key())?;
    make::grow(payer, page, header, &vault.fee_owner)?;
    purse.count = 1;
    let owner = vault.fee_owner;
    event::open(vault, mint.key(), 0, &owner)
}

/// 2, open entry: payer, vault, purse, page, System.
#[inline(never)]
pub fn entry(input: &Input) -> Outcome {
    let (payer, purse_account, page_account) = (input.at(0), input.at(2), input.at(3));
    let vault = Vault::check(input.at(1), input.program)?;
    let purse = Purse::check(purse_account, input.program, input.at(1).key())?;
    if !input.at(4).is(&SYSTEM) {
        return Err(fault::BAD_SYSTEM_PROGRAM);
    }
    let number = purse.count;
    let (index, place) = (number / PAGE_ENTRIES, number % PAGE_ENTRIES);
    if place == 0 && !page_account.owned_by(input.program) {
        make::page(payer, page_account, purse_account.key(), index, input.program)?;
    } else {
        let mut bump = 0;
        Seeds([b"page", purse_account.key(), &index.to_le_bytes()]).check(page_account, input.program, &mut bump)?;
    }
    let page = Page::check(page_account, input.program, purse_account.key())?;
    if page.count != place {
        return Err(fault::BAD_PAGE);
    }
    let mut owner = [0; 32];
    owner.copy_from_slice(&input.data[1..33]);
    make::grow(payer, page_account, page, &owner)?;
    purse.count = number.checked_add(1).ok_or(fault::OVERFLOW)?;
    event::open(vault, &purse.mint, number, &owner)
}
