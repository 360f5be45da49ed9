//! The runtime's syscalls, and the few words of C that they speak.
//!
//! Nothing of the vault's rules may enter here. Lengths that are only known
//! at run time never go through `copy_from_slice`: the compiler would call a
//! `memcpy` that does not exist on the chain, and the build would stop.

use crate::fault::{self, Fault};

pub type Key = [u8; 32];

/// Bytes by address and length, as the syscalls take lists of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    at: *const u8,
    len: u64,
}

#[inline(always)]
pub fn bytes(of: &[u8]) -> Bytes {
    Bytes { at: of.as_ptr(), len: of.len() as u64 }
}

/// The seeds of one address that the program signs for.
#[repr(C)]
struct Seeds {
    at: *const Bytes,
    len: u64,
}

/// An account as an instruction to another program names it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Meta {
    key: *const u8,
    writable: u8,
    signer: u8,
}

impl Meta {
    #[inline(always)]
    pub fn new(key: &Key, writable: bool, signer: bool) -> Meta {
        Meta { key: key.as_ptr(), writable: writable as u8, signer: signer as u8 }
    }
}

#[repr(C)]
struct Call {
    program: *const u8,
    metas: *const Meta,
    metas_len: u64,
    data: *const u8,
    data_len: u64,
}

/// An account as a called program gets it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Info {
    pub key: *const u8,
    pub lamports: *mut u8,
    pub data_len: u64,
    pub data: *mut u8,
    pub owner: *const u8,
    pub rent_epoch: u64,
    pub signer: u8,
    pub writable: u8,
    pub executable: u8,
}

extern "C" {
    fn abort() -> !;
    fn sol_sha256(parts: *const Bytes, len: u64, out: *mut u8) -> u64;
    fn sol_invoke_signed_c(call: *const Call, infos: *const Info, infos_len: u64, seeds: *const Seeds, seeds_len: u64) -> u64;
    fn sol_try_find_program_address(seeds: *const Bytes, len: u64, program: *const u8, out: *mut u8, bump: *mut u8) -> u64;
    fn sol_get_rent_sysvar(out: *mut u8) -> u64;
    fn sol_get_clock_sysvar(out: *mut u8) -> u64;
}

pub fn stop() -> ! {
    unsafe { abort() }
}

#[inline(always)]
pub fn sha256(parts: &[Bytes], out: &mut Key) {
    // The syscall fails only by ending the program.
    unsafe { sol_sha256(parts.as_ptr(), parts.len() as u64, out.as_mut_ptr()) };
}

/// Calls another program, signing for the address of `seeds` if there are
/// any. A callee that fails ends the whole transaction with its own error.
#[inline(always)]
pub fn invoke(program: &Key, metas: &[Meta], data: &[u8], infos: &[Info], seeds: &[Bytes]) {
    let call = Call {
        program: program.as_ptr(),
        metas: metas.as_ptr(),
        metas_len: metas.len() as u64,
        data: data.as_ptr(),
        data_len: data.len() as u64,
    };
    let signer = Seeds { at: seeds.as_ptr(), len: seeds.len() as u64 };
    let signers = if seeds.is_empty() { 0 } else { 1 };
    if unsafe { sol_invoke_signed_c(&call, infos.as_ptr(), infos.len() as u64, &signer, signers) } != 0 {
        stop()
    }
}

/// The canonical address of seeds, and its bump; false when they have none.
#[inline(always)]
pub fn find(seeds: &[Bytes], program: &Key, out: &mut Key, bump: &mut u8) -> bool {
    unsafe {
        sol_try_find_program_address(seeds.as_ptr(), seeds.len() as u64, program.as_ptr(), out.as_mut_ptr(), bump) == 0
    }
}

/// The slot of the block that this transaction is in.
#[inline(always)]
pub fn slot() -> u64 {
    let mut clock = [0u64; 5];
    unsafe { sol_get_clock_sysvar(clock.as_mut_ptr() as *mut u8) };
    clock[0]
}

/// Lamports that keep an account of `len` bytes. The sysvar's threshold is a
/// floating-point number; there is no such arithmetic here, so its two known
/// values are told apart by their bits.
#[inline(always)]
pub fn rent(len: usize) -> Result<u64, Fault> {
    const OVERHEAD: u64 = 128;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const TWO: u64 = 0x4000_0000_0000_0000;
    let mut rent = [0u64; 3];
    unsafe { sol_get_rent_sysvar(rent.as_mut_ptr() as *mut u8) };
    let doubled = match rent[1] {
        ONE => 0,
        TWO => 1,
        _ => return Err(fault::BAD_RENT),
    };
    // With both below these bounds the product fits; a checked one would call
    // for 128 bits, which the machine has not.
    if rent[0] >> 31 != 0 || len >> 30 != 0 {
        return Err(fault::OVERFLOW);
    }
    Ok(rent[0].wrapping_mul(len as u64 + OVERHEAD) << doubled)
}
