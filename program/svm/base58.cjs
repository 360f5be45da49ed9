'use strict';
// Base58 as Solana writes keys, signatures and hashes.

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const DIGITS = new Map([...ALPHABET].map((c, i) => [c, BigInt(i)]));

function encode(bytes) {
  let zeros = 0;
  while (zeros < bytes.length && bytes[zeros] === 0) zeros++;
  let text = '';
  if (zeros < bytes.length) {
    for (let n = BigInt('0x' + Buffer.from(bytes).toString('hex')); n > 0n; n /= 58n) text = ALPHABET[Number(n % 58n)] + text;
  }
  return '1'.repeat(zeros) + text;
}

// decode returns null for text that is not base58.
function decode(text) {
  let n = 0n;
  for (const c of text) {
    const digit = DIGITS.get(c);
    if (digit === undefined) return null;
    n = n * 58n + digit;
  }
  let hex = n === 0n ? '' : n.toString(16);
  if (hex.length % 2) hex = '0' + hex;
  const zeros = text.length - text.replace(/^1+/, '').length;
  return Buffer.concat([Buffer.alloc(zeros), Buffer.from(hex, 'hex')]);
}

module.exports = { encode, decode };
