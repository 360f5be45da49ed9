//! The committee: who it is, and from which weight on it is a quorum.

use crate::account::same;
use crate::fault::{self, Fault, Outcome};
use crate::layout::{Member, Vault, MAX_MEMBERS};
use crate::sys::Key;

pub const MEMBER_SIZE: usize = core::mem::size_of::<Member>();

/// The keys of small order, top bit cleared: on them a signature can be made
/// that holds for any message.
const SMALL_ORDER: [Key; 7] = [
    [0; 32],
    low(1),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05,
        0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa,
        0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    high(0xec),
    high(0xed),
    high(0xee),
];

const fn low(first: u8) -> Key {
    let mut key = [0; 32];
    key[0] = first;
    key
}

const fn high(first: u8) -> Key {
    let mut key = [0xff; 32];
    key[0] = first;
    key[31] = 0x7f;
    key
}

#[inline(always)]
fn small_order(key: &Key) -> bool {
    let mut bare = *key;
    bare[31] &= 0x7f;
    SMALL_ORDER.iter().any(|small| same(small, &bare))
}

/// A list of members as it stands in instruction data: its length is a whole
/// number of members, at most [`MAX_MEMBERS`].
pub struct List(pub &'static [u8]);

impl List {
    /// The list behind a count byte, if the length is exact.
    #[inline(always)]
    pub fn parse(count: u8, rest: &'static [u8]) -> Option<List> {
        let count = count as usize;
        match count >= 1 && count <= MAX_MEMBERS && rest.len() == count * MEMBER_SIZE {
            true => Some(List(rest)),
            false => None,
        }
    }

    /// Checks the members and gives the threshold: two thirds of their
    /// weight, rounded down; a quorum weighs more.
    #[inline(always)]
    pub fn check(&self) -> Result<u32, Fault> {
        let mut threshold = 0;
        self.check_into(&mut threshold)?;
        Ok(threshold)
    }

    #[inline(never)]
    fn check_into(&self, threshold: &mut u32) -> Outcome {
        let mut total = 0u32;
        for (i, member) in self.iter().enumerate() {
            let weight = member.weight as u32;
            if weight == 0 {
                return Err(fault::BAD_MEMBERS);
            }
            if small_order(&member.key) {
                return Err(fault::SMALL_ORDER_KEY);
            }
            if self.iter().take(i).any(|before| same(&before.key, &member.key)) {
                return Err(fault::BAD_MEMBERS);
            }
            total += weight;
        }
        *threshold = 2 * total / 3;
        Ok(())
    }

    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = &'static Member> {
        // A member has no alignment, so any bytes of its size are one.
        self.0.chunks_exact(MEMBER_SIZE).map(|raw| unsafe { &*(raw.as_ptr() as *const Member) })
    }

    /// Makes these the vault's members.
    #[inline(never)]
    pub fn write(&self, vault: &mut Vault, threshold: u32) {
        vault.members = [Member { key: [0; 32], weight: 0 }; MAX_MEMBERS];
        for (to, member) in vault.members.iter_mut().zip(self.iter()) {
            *to = *member;
        }
        vault.member_count = (self.0.len() / MEMBER_SIZE) as u8;
        vault.threshold = threshold;
    }
}
