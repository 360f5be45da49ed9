'use strict';
// What a chain must remember between two runs: the transactions of each slot,
// one line of JSON a slot, from which the machine computes everything else
// anew. A line is on disk before what it holds can be seen.
//
//   {"paradox":"svm journal","version":1,"genesis":BASE58,"programs":{ID:SHA-256}}
//   {"slot":N,"time":SECONDS,"transactions":[BASE64 | {"to":KEY,"lamports":TEXT,"signature":BASE58}]}
//   {"slot":N}                 slots up to N may have been seen
//
// A line that a crash cut off at the end is removed.

const crypto = require('crypto');
const fs = require('fs');
const base58 = require('./base58.cjs');

const KIND = 'svm journal';
const VERSION = 1;

// Slots that one line reserves: at a restart the clock moves on by at most so
// many, and never back.
const RESERVED = 64;

class Journal {
  // open reads the journal or begins one. Genesis is what a new one gets; an
  // older one has its own.
  static open(file, programs, genesis) {
    const journal = new Journal();
    const hashes = Object.fromEntries(programs.map(({ id, code }) => [base58.encode(id), sha256(code)]));
    journal.fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
    const bytes = fs.readFileSync(journal.fd);
    const end = bytes.lastIndexOf(0x0a) + 1;
    fs.ftruncateSync(journal.fd, end);
    journal.at = end;
    journal.lines = linesOf(bytes.subarray(0, end), file);
    if (journal.lines.length === 0) {
      const head = { paradox: KIND, version: VERSION, genesis: base58.encode(genesis ?? crypto.randomBytes(32)), programs: hashes };
      journal.write(head, true);
      journal.lines = [head];
    }
    const head = journal.lines.shift();
    if (head.paradox !== KIND || head.version !== VERSION) throw new Error(`${file} is no journal that this release reads`);
    if (!same(head.programs, hashes)) throw new Error(`${file} was written with other programs`);
    if (genesis !== undefined && base58.encode(genesis) !== head.genesis) throw new Error(`${file} has another genesis hash`);
    journal.genesis = base58.decode(head.genesis);
    journal.reserved = journal.lines.reduce((most, line) => Math.max(most, line.slot), 0);
    return journal;
  }

  // blocks gives what there was, oldest first, once.
  blocks() {
    const lines = this.lines.filter((line) => line.transactions !== undefined);
    this.lines = [];
    return lines;
  }

  // add notes a slot that is over and what ran in it.
  add(slot, time, transactions) {
    if (transactions.length > 0) this.write({ slot, time, transactions: transactions.map(text) }, true);
  }

  // reserve makes sure that a slot that begins can never begin again.
  reserve(slot) {
    if (slot <= this.reserved) return;
    this.reserved = slot + RESERVED;
    this.write({ slot: this.reserved }, false);
  }

  write(line, sync) {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    if (fs.writeSync(this.fd, bytes, 0, bytes.length, this.at) !== bytes.length) throw new Error('the journal could not be written: the disk is full');
    this.at += bytes.length;
    if (sync) fs.fdatasyncSync(this.fd);
  }
}

function text(t) {
  if (t.airdrop === undefined) return t.raw.toString('base64');
  return { to: t.keys[0], lamports: t.airdrop.toString(), signature: t.signatures[0] };
}

function linesOf(bytes, file) {
  const out = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    try {
      out.push(JSON.parse(bytes.subarray(at, end).toString()));
    } catch {
      throw new Error(`${file} is damaged in line ${out.length + 1}`);
    }
    at = end + 1;
  }
  return out;
}

function same(a, b) {
  return JSON.stringify(Object.entries(a ?? {}).sort()) === JSON.stringify(Object.entries(b).sort());
}

function sha256(bytes) {
  return crypto.createHash('sha256').update(bytes).digest('hex');
}

module.exports = { Journal };
