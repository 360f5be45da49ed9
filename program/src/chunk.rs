//! A chunk of a settlement: debits or credits of one purse, run forwards when
//! it is applied and backwards when it is undone.

use crate::account::{same, Account, Input};
use crate::fault::{self, Fault, Outcome};
use crate::layout::{Entry, Page, Purse, Vault, PAGE_ENTRIES};
use crate::sys::Key;

// What a chunk is, by its first byte.
pub const DEBITS: u8 = 0;
pub const CREDITS: u8 = 1;
pub const MEMBERS: u8 = 0xff;

/// Kind and mint, before the pairs.
const HEAD: usize = 33;

/// Accounts before the pages.
const FIRST_PAGE: usize = 2;

#[derive(Clone, Copy, PartialEq)]
pub enum Direction {
    Forwards,
    Backwards,
}

/// Reads minimal LEB128 numbers.
struct Reader {
    at: *const u8,
    end: *const u8,
}

impl Reader {
    #[inline(always)]
    fn new(bytes: &'static [u8]) -> Reader {
        let range = bytes.as_ptr_range();
        Reader { at: range.start, end: range.end }
    }

    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.at == self.end
    }

    #[inline(always)]
    fn byte(&mut self) -> Result<u64, Fault> {
        if self.is_empty() {
            return Err(fault::BAD_CHUNK);
        }
        let byte = unsafe { *self.at };
        self.at = unsafe { self.at.add(1) };
        Ok(byte as u64)
    }

    #[inline(always)]
    fn number(&mut self) -> Result<u64, Fault> {
        let mut value = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(fault::BAD_CHUNK);
            }
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                // A zero in the last place says nothing: not the shortest.
                return match byte == 0 && shift != 0 {
                    true => Err(fault::BAD_CHUNK),
                    false => Ok(value),
                };
            }
            shift += 7;
        }
    }

    /// A number that must not be zero.
    #[inline(always)]
    fn amount(&mut self) -> Result<u64, Fault> {
        match self.number()? {
            0 => Err(fault::BAD_CHUNK),
            amount => Ok(amount),
        }
    }
}

/// The page that the entries come from now.
struct Window {
    account: Account,
    /// Numbers of its first entry and of the one after its last.
    first: u64,
    end: u64,
    next: usize,
}

impl Window {
    #[inline(always)]
    fn open(input: &Input, i: usize) -> Window {
        let account = input.at(i);
        let page = unsafe { account.record::<Page>(0) };
        let first = page.index as u64 * PAGE_ENTRIES as u64;
        Window { account, first, end: first + page.count as u64, next: i + 1 }
    }

    /// The entry with this number: in this page or in one further on.
    #[inline(always)]
    fn entry(&mut self, input: &Input, number: u64) -> Result<&'static mut Entry, Fault> {
        while number >= self.end {
            if self.next == input.count() {
                return Err(fault::BAD_ENTRY);
            }
            *self = Window::open(input, self.next);
        }
        if number < self.first {
            return Err(fault::BAD_ENTRY);
        }
        Ok(Entry::at(self.account, (number - self.first) as u32))
    }
}

/// Runs the chunk over the pages. The caller has checked that there are a
/// purse and 1 to 16 pages.
#[inline(never)]
pub fn run(input: &Input, vault: &mut Vault, chunk: &'static [u8], direction: Direction) -> Outcome {
    if chunk.len() < HEAD {
        return Err(fault::BAD_CHUNK);
    }
    let purse = Purse::check(input.at(1), input.program, input.at(0).key())?;
    if !same(&purse.mint, unsafe { &*(chunk[1..HEAD].as_ptr() as *const Key) }) {
        return Err(fault::BAD_PURSE);
    }
    check_pages(input)?;
    let before = purse.in_flight;
    let mut pairs = Reader::new(&chunk[HEAD..]);
    let mut movement = Movement { cut: vault.pending.cut, in_flight: before };
    match (chunk[0] == DEBITS, direction) {
        (true, Direction::Forwards) => walk(input, &mut pairs, |entry, amount| movement.debit(entry, amount))?,
        (true, Direction::Backwards) => walk(input, &mut pairs, |entry, amount| movement.pay(entry, amount))?,
        (false, Direction::Forwards) => walk(input, &mut pairs, |entry, amount| movement.pay(entry, amount))?,
        (false, Direction::Backwards) => walk(input, &mut pairs, |entry, amount| movement.take(entry, amount))?,
    }
    purse.in_flight = movement.in_flight;
    match (before, movement.in_flight) {
        (0, 0) => {}
        (0, _) => vault.purses_in_flight = vault.purses_in_flight.checked_add(1).ok_or(fault::OVERFLOW)?,
        (_, 0) => vault.purses_in_flight = vault.purses_in_flight.checked_sub(1).ok_or(fault::OVERFLOW)?,
        _ => {}
    }
    Ok(())
}

/// Pages of the purse, each with a higher index than the one before.
#[inline(always)]
fn check_pages(input: &Input) -> Outcome {
    let mut least = 0;
    for i in FIRST_PAGE..input.count() {
        let page = Page::check(input.at(i), input.program, input.at(1).key())?;
        if (page.index as u64) < least {
            return Err(fault::BAD_PAGE);
        }
        least = page.index as u64 + 1;
    }
    Ok(())
}

/// Goes through the pairs in order.
#[inline(always)]
fn walk(input: &Input, pairs: &mut Reader, mut step: impl FnMut(&mut Entry, u64) -> Outcome) -> Outcome {
    let mut window = Window::open(input, FIRST_PAGE);
    let mut number = pairs.number()?;
    let mut amount = pairs.amount()?;
    loop {
        if number > u32::MAX as u64 {
            return Err(fault::BAD_ENTRY);
        }
        step(window.entry(input, number)?, amount)?;
        if pairs.is_empty() {
            return Ok(());
        }
        let distance = pairs.number()?;
        amount = pairs.amount()?;
        if distance == 0 {
            return Err(fault::BAD_ORDER);
        }
        // A number that overflows is no entry's.
        number = number.checked_add(distance).ok_or(fault::BAD_ENTRY)?;
    }
}

/// Funds between entries and the purse's flight.
struct Movement {
    cut: u64,
    in_flight: u64,
}

impl Movement {
    /// A debit: never below what a request that the header knew asks for.
    #[inline(always)]
    fn debit(&mut self, entry: &mut Entry, amount: u64) -> Outcome {
        let left = entry.available.checked_sub(amount).ok_or(fault::INSUFFICIENT)?;
        if entry.requested > left && entry.request_number <= self.cut {
            return Err(fault::REQUESTED);
        }
        self.in_flight = self.in_flight.checked_add(amount).ok_or(fault::OVERFLOW)?;
        entry.available = left;
        Ok(())
    }

    /// A credit, or a debit undone.
    #[inline(always)]
    fn pay(&mut self, entry: &mut Entry, amount: u64) -> Outcome {
        let left = self.in_flight.checked_sub(amount).ok_or(fault::IN_FLIGHT)?;
        entry.available = entry.available.checked_add(amount).ok_or(fault::OVERFLOW)?;
        self.in_flight = left;
        Ok(())
    }

    /// A credit undone.
    #[inline(always)]
    fn take(&mut self, entry: &mut Entry, amount: u64) -> Outcome {
        entry.available = entry.available.checked_sub(amount).ok_or(fault::INSUFFICIENT)?;
        self.in_flight = self.in_flight.checked_add(amount).ok_or(fault::OVERFLOW)?;
        Ok(())
    }
}
