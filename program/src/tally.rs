//! Instruction 12: a tally that can decide nothing any more gives its rent
//! back.

use crate::account::{same, Input};
use crate::fault::{self, Outcome};
use crate::layout::{Tally, Vault};
use crate::make::SYSTEM;

/// 12, close tally: vault, tally, payer.
#[inline(never)]
pub fn close(input: &Input) -> Outcome {
    let (account, payer) = (input.at(1), input.at(2));
    let vault = Vault::check(input.at(0), input.program)?;
    let tally = Tally::check(account, input.program)?;
    if !same(&tally.vault, input.at(0).key()) {
        return Err(fault::BAD_TALLY);
    }
    if !payer.is(&tally.payer) {
        return Err(fault::BAD_PAYER);
    }
    if tally.height > vault.height && tally.generation >= vault.generation && tally.epoch >= vault.epoch {
        return Err(fault::TALLY_CURRENT);
    }
    let lamports = payer.lamports().checked_add(account.lamports()).ok_or(fault::OVERFLOW)?;
    payer.set_lamports(lamports);
    account.set_lamports(0);
    account.set_len(0);
    account.assign(&SYSTEM);
    Ok(())
}
