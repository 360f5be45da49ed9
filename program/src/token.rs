//! The classic Token program, and no other: its accounts as far as they are
//! read here, and its instructions as far as they are called.

use crate::account::Account;
use crate::sys::{self, Bytes, Key, Meta};

pub const TOKEN: Key = [
    0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1, 0x46, 0xce, 0xeb, 0x79, 0xac, 0x1c, 0xb4, 0x85, 0xed, 0x5f,
    0x5b, 0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0x00, 0xa9,
];

pub const ACCOUNT_SIZE: usize = 165;
const MINT_SIZE: usize = 82;

// Offsets in a mint and in a token account.
const MINT_DECIMALS: usize = 44;
const MINT_INITIALIZED: usize = 45;
const ACCOUNT_AMOUNT: usize = 64;

// The program's instructions.
const TRANSFER_CHECKED: u8 = 12;
const INITIALIZE_ACCOUNT_3: u8 = 18;

/// Whether the account is a mint of the classic program, ready for use.
#[inline(always)]
pub fn is_mint(account: Account) -> bool {
    account.owned_by(&TOKEN) && account.len() == MINT_SIZE && account.data()[MINT_INITIALIZED] == 1
}

/// The balance of a token account that is known to be one.
#[inline(always)]
pub fn balance(account: Account) -> u64 {
    unsafe { (account.record::<u64>(ACCOUNT_AMOUNT) as *const u64).read_unaligned() }
}

/// Makes the new account a token account with this authority.
#[inline(never)]
pub fn initialize(account: Account, mint: Account, authority: &Key) {
    let mut data = [0; 33];
    data[0] = INITIALIZE_ACCOUNT_3;
    data[1..].copy_from_slice(authority);
    let metas = [Meta::new(account.key(), true, false), Meta::new(mint.key(), false, false)];
    sys::invoke(&TOKEN, &metas, &data, &[account.info(), mint.info()], &[]);
}

/// A transfer from one token account to another.
pub struct Transfer<'a> {
    pub from: Account,
    pub mint: Account,
    pub to: Account,
    pub authority: Account,
    pub amount: u64,
    /// Of the authority's address, where the program itself signs.
    pub seeds: &'a [Bytes],
}

impl Transfer<'_> {
    /// Moves the tokens with the mint's decimals.
    #[inline(never)]
    pub fn run(&self) {
        let mut data = [0; 10];
        data[0] = TRANSFER_CHECKED;
        data[1..9].copy_from_slice(&self.amount.to_le_bytes());
        data[9] = self.mint.data()[MINT_DECIMALS];
        let metas = [
            Meta::new(self.from.key(), true, false),
            Meta::new(self.mint.key(), false, false),
            Meta::new(self.to.key(), true, false),
            Meta::new(self.authority.key(), false, true),
        ];
        let infos = [self.from.info(), self.mint.info(), self.to.info(), self.authority.info()];
        sys::invoke(&TOKEN, &metas, &data, &infos, self.seeds);
    }
}
