//! The vault: deposits that only a committee's certificate can move.
//!
//! The program is a light client of the committee whose members its vault
//! registered: it takes a settlement when members with more than two thirds of
//! the weight have signed it, checked on chain by the Ed25519 program, and
//! lets every owner take what a settlement left. It belongs to nobody: there
//! is no key here that may do more than another.
//!
//! docs/spec/vault.md is the byte contract, and what stands there in order is
//! done here in that order. No allocation, no floating point, no unchecked
//! arithmetic on amounts.
#![no_std]

mod account;
mod apply;
mod attest;
mod chunk;
mod create;
mod entry;
mod event;
mod fault;
mod layout;
mod make;
mod members;
mod sys;
mod tally;
mod token;

use core::mem::MaybeUninit;

use account::Input;
use fault::Outcome;
use layout::MAX_MEMBERS;

/// What the instruction's data and accounts must look like.
struct Shape {
    /// Exact length of the data, or with `open_ended` the least.
    data: usize,
    /// Exact number of accounts, or with `open_ended` the least.
    accounts: usize,
    /// Bit i: account i signs.
    signers: u32,
    /// Bit i: account i is writable.
    writable: u32,
    open_ended: bool,
}

const fn shape(data: usize, accounts: usize, signers: u32, writable: u32) -> Shape {
    Shape { data, accounts, signers, writable, open_ended: false }
}

/// Bytes of create vault's data but for the members.
const CREATE_VAULT: usize = 86;

impl Shape {
    #[inline(always)]
    fn of(data: &[u8]) -> Result<Shape, fault::Fault> {
        let Some(&tag) = data.first() else {
            return Err(fault::BAD_INSTRUCTION);
        };
        Ok(match tag {
            0 => {
                let count = data.get(1).copied().unwrap_or(0) as usize;
                if count == 0 || count > MAX_MEMBERS {
                    return Err(fault::BAD_DATA);
                }
                shape(CREATE_VAULT + members::MEMBER_SIZE * count, 3, 0b1, 0b11)
            }
            1 => shape(1, 8, 0b1, 0b111011),
            2 => shape(33, 5, 0b1, 0b1111),
            3 => shape(13, 8, 0b1, 0b111010),
            4 => shape(13, 4, 0b1, 0b1010),
            5 => shape(5, 4, 0b1, 0b1010),
            6 => shape(5, 8, 0b1, 0b111010),
            7 => shape(73, 5, 0b1, 0b111),
            8 | 10 => Shape { data: 34, accounts: 1, signers: 0, writable: !0, open_ended: true },
            11 => shape(1, 1, 0, 0b1),
            12 => shape(1, 3, 0, 0b110),
            _ => return Err(fault::BAD_INSTRUCTION),
        })
    }

    #[inline(always)]
    fn check(&self, input: &Input) -> Outcome {
        if input.data.len() < self.data || (!self.open_ended && input.data.len() != self.data) {
            return Err(fault::BAD_DATA);
        }
        if input.count() < self.accounts || (!self.open_ended && input.count() != self.accounts) {
            return Err(fault::BAD_ACCOUNTS);
        }
        for i in 0..input.count() {
            if self.signers >> i & 1 != 0 && !input.at(i).signer() {
                return Err(fault::MISSING_SIGNER);
            }
            if self.writable >> i & 1 != 0 && !input.at(i).writable() {
                return Err(fault::NOT_WRITABLE);
            }
        }
        Ok(())
    }
}

/// # Safety
/// Called by the runtime alone, with the memory that it lays out.
#[no_mangle]
pub unsafe extern "C" fn entrypoint(memory: *mut u8) -> u64 {
    match run(memory) {
        Ok(()) => 0,
        Err(fault) => fault.code(),
    }
}

#[inline(never)]
unsafe fn run(memory: *mut u8) -> Outcome {
    let mut room = MaybeUninit::<Input>::uninit();
    Input::read(memory, &mut room)?;
    let input = room.assume_init_ref();
    Shape::of(input.data)?.check(input)?;
    match input.data[0] {
        0 => create::vault(input),
        1 => create::purse(input),
        2 => create::entry(input),
        3 => entry::deposit(input),
        4 => entry::request(input),
        5 => entry::cancel(input),
        6 => entry::withdraw(input),
        7 => attest::attest(input),
        8 => apply::apply(input),
        10 => apply::unapply(input),
        11 => apply::drop(input),
        _ => tally::close(input),
    }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    sys::stop()
}
