//! The accounts of an instruction, as the runtime lays them out in memory.

use core::mem::MaybeUninit;

use crate::fault::{self, Outcome};
use crate::sys::{Info, Key};

/// Most accounts an instruction may name. `apply` takes the most: the vault,
/// a purse and 16 pages are 18.
pub const MAX_ACCOUNTS: usize = 20;

/// Spare room that the runtime keeps behind an account's data for growth.
const GROWTH: usize = 10_240;

// Offsets in the runtime's record of an account.
const SIGNER: usize = 1;
const WRITABLE: usize = 2;
const EXECUTABLE: usize = 3;
const KEY: usize = 8;
const OWNER: usize = 40;
const LAMPORTS: usize = 72;
const LENGTH: usize = 80;
const DATA: usize = 88;

/// First byte of the record of an account that is not a repetition.
const FIRST: u8 = 0xff;

/// One account: the address of the runtime's record of it.
#[derive(Clone, Copy)]
pub struct Account(*mut u8);

impl Account {
    #[inline(always)]
    pub fn signer(&self) -> bool {
        unsafe { *self.0.add(SIGNER) != 0 }
    }

    #[inline(always)]
    pub fn writable(&self) -> bool {
        unsafe { *self.0.add(WRITABLE) != 0 }
    }

    #[inline(always)]
    pub fn key(&self) -> &'static Key {
        unsafe { &*(self.0.add(KEY) as *const Key) }
    }

    #[inline(always)]
    pub fn owner(&self) -> &'static Key {
        unsafe { &*(self.0.add(OWNER) as *const Key) }
    }

    #[inline(always)]
    pub fn is(&self, key: &Key) -> bool {
        same(self.key(), key)
    }

    #[inline(always)]
    pub fn owned_by(&self, program: &Key) -> bool {
        same(self.owner(), program)
    }

    #[inline(always)]
    pub fn lamports(&self) -> u64 {
        unsafe { *(self.0.add(LAMPORTS) as *const u64) }
    }

    #[inline(always)]
    pub fn set_lamports(&self, lamports: u64) {
        unsafe { *(self.0.add(LAMPORTS) as *mut u64) = lamports }
    }

    /// The length now: a call to another program may have changed it.
    #[inline(always)]
    pub fn len(&self) -> usize {
        unsafe { *(self.0.add(LENGTH) as *const u64) as usize }
    }

    /// Grows or shrinks the data; new bytes are zero.
    #[inline(always)]
    pub fn set_len(&self, len: usize) {
        unsafe { *(self.0.add(LENGTH) as *mut u64) = len as u64 }
    }

    /// Gives the account to another program. The runtime allows it when the
    /// data is zero.
    #[inline(always)]
    pub fn assign(&self, owner: &Key) {
        unsafe { *(self.0.add(OWNER) as *mut Key) = *owner }
    }

    #[inline(always)]
    pub fn data(&self) -> &'static mut [u8] {
        unsafe { core::slice::from_raw_parts_mut(self.0.add(DATA), self.len()) }
    }

    /// The data from `at` on as a record. The caller has checked the length.
    #[inline(always)]
    pub unsafe fn record<T>(&self, at: usize) -> &'static mut T {
        &mut *(self.0.add(DATA + at) as *mut T)
    }

    /// The account as a called program is to see it.
    #[inline(always)]
    pub fn info(&self) -> Info {
        unsafe {
            Info {
                key: self.0.add(KEY),
                lamports: self.0.add(LAMPORTS),
                data_len: self.len() as u64,
                data: self.0.add(DATA),
                owner: self.0.add(OWNER),
                rent_epoch: 0,
                signer: *self.0.add(SIGNER),
                writable: *self.0.add(WRITABLE),
                executable: *self.0.add(EXECUTABLE),
            }
        }
    }
}

/// What an instruction was given.
pub struct Input {
    list: [MaybeUninit<Account>; MAX_ACCOUNTS],
    count: usize,
    pub data: &'static [u8],
    pub program: &'static Key,
}

impl Input {
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The account at `i`. Handlers check the count first; what lies behind
    /// it is a programming error and ends the program.
    #[inline(always)]
    pub fn at(&self, i: usize) -> Account {
        if i >= self.count {
            crate::sys::stop()
        }
        unsafe { self.list[i].assume_init() }
    }

    /// Reads the runtime's memory. Repeated accounts are refused here, so
    /// that no two records of a handler are the same bytes.
    #[inline(always)]
    pub unsafe fn read(input: *mut u8, to: &mut MaybeUninit<Input>) -> Outcome {
        let into = to.as_mut_ptr();
        let count = *(input as *const u64) as usize;
        if count > MAX_ACCOUNTS {
            return Err(fault::BAD_ACCOUNTS);
        }
        let mut at = input.add(8);
        for i in 0..count {
            if *at != FIRST {
                return Err(fault::DUPLICATE_ACCOUNT);
            }
            (*into).list[i] = MaybeUninit::new(Account(at));
            let len = *(at.add(LENGTH) as *const u64) as usize;
            at = at.add((DATA + len + GROWTH + 7) & !7).add(8);
        }
        (*into).count = count;
        let len = *(at as *const u64) as usize;
        (*into).data = core::slice::from_raw_parts(at.add(8), len);
        (*into).program = &*(at.add(8 + len) as *const Key);
        Ok(())
    }
}

/// Compares keys a word at a time.
#[inline(always)]
pub fn same(a: &Key, b: &Key) -> bool {
    let (a, b) = (a.as_ptr() as *const u64, b.as_ptr() as *const u64);
    let word = |p: *const u64, i: usize| unsafe { p.add(i).read_unaligned() };
    word(a, 0) == word(b, 0) && word(a, 1) == word(b, 1) && word(a, 2) == word(b, 2) && word(a, 3) == word(b, 3)
}
