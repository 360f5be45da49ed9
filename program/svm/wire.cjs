'use strict';
// Reads transactions off the wire. Strictly, because the virtual machine's
// binding ends the process on bytes that it cannot read: what passes here is a
// transaction whose every index is in range.

const base58 = require('./base58.cjs');

// A packet on the network: the reason why a settlement comes in chunks.
const MAX_BYTES = 1232;

// Accounts that one transaction may lock.
const MAX_ACCOUNTS = 64;

// ParseError says what is wrong with the bytes.
class ParseError extends Error {}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(n) {
    if (this.at + n > this.bytes.length) throw new ParseError('the transaction ends too early');
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  u8() {
    return this.take(1)[0];
  }

  // length reads a compact-u16 in its shortest form.
  length() {
    let value = 0;
    for (let i = 0; i < 3; i++) {
      const byte = this.u8();
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        if ((i > 0 && byte === 0) || value > 0xffff) throw new ParseError('a length is not in its shortest form');
        return value;
      }
    }
    throw new ParseError('a length has more than three bytes');
  }

  list(read) {
    return Array.from({ length: this.length() }, read);
  }
}

// parse returns the transaction's parts, or throws a ParseError.
function parse(bytes) {
  if (bytes.length > MAX_BYTES) throw new ParseError(`the transaction has ${bytes.length} bytes, at most ${MAX_BYTES} fit`);
  const r = new Reader(bytes);
  const signatures = r.list(() => base58.encode(r.take(64)));
  const versioned = r.bytes[r.at] >= 0x80;
  if (versioned && r.u8() !== 0x80) throw new ParseError('only legacy and version 0 transactions are known');
  const header = { numRequiredSignatures: r.u8(), numReadonlySignedAccounts: r.u8(), numReadonlyUnsignedAccounts: r.u8() };
  const keys = r.list(() => base58.encode(r.take(32)));
  const blockhash = base58.encode(r.take(32));
  const instructions = r.list(() => ({
    programIdIndex: r.u8(),
    accounts: [...r.take(r.length())],
    data: Buffer.from(r.take(r.length())),
  }));
  if (versioned && r.length() !== 0) throw new ParseError('address lookup tables are not supported here');
  if (r.at !== bytes.length) throw new ParseError('bytes follow the transaction');
  check(signatures, header, keys, instructions);
  return { raw: bytes, signatures, versioned, header, keys, blockhash, instructions };
}

function check(signatures, header, keys, instructions) {
  const signers = header.numRequiredSignatures;
  if (signers === 0 || signatures.length !== signers) throw new ParseError('signatures and signers do not match');
  if (header.numReadonlySignedAccounts >= signers) throw new ParseError('the fee payer must be writable');
  if (signers + header.numReadonlyUnsignedAccounts > keys.length) throw new ParseError('the header counts more accounts than there are');
  if (keys.length > MAX_ACCOUNTS) throw new ParseError(`the transaction locks ${keys.length} accounts, at most ${MAX_ACCOUNTS} can be`);
  if (new Set(keys).size !== keys.length) throw new ParseError('an account stands twice in the list');
  for (const i of instructions) {
    if (i.programIdIndex === 0 || i.programIdIndex >= keys.length) throw new ParseError('a program index is out of range');
    if (i.accounts.some((a) => a >= keys.length)) throw new ParseError('an account index is out of range');
  }
}

module.exports = { parse, ParseError, MAX_BYTES };
