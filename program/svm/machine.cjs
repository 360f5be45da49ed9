'use strict';
// A chain of one: LiteSVM with slots, a window of blockhashes and a memory of
// what ran. Transactions wait for the next slot, run in the order in which
// they came, and are final when the slot is over, so that accounts and
// transactions always show the same point in time.

const crypto = require('crypto');
const { EventEmitter } = require('events');
const { Account, FailedTransactionMetadata, LiteSvm } = require('litesvm-linux-x64-gnu');
const base58 = require('./base58.cjs');
const wire = require('./wire.cjs');

// Slots for which a transaction may name a blockhash.
const BLOCKHASH_AGE = 150;

// failure turns the machine's error into the JSON that Solana's RPC has for
// it. The binding numbers its variants, but prints them by name.
function failure(failed) {
  const text = /^FailedTransactionMetadata\(FailedTransactionMetadata \{ err: (.*?), meta: TransactionMetadata/s.exec(failed.toString());
  if (!text) throw new Error('the machine printed an error in an unknown form');
  const instruction = /^InstructionError\((\d+), (.*)\)$/s.exec(text[1]);
  if (!instruction) return variant(text[1]);
  return { InstructionError: [Number(instruction[1]), variant(instruction[2])] };
}

function variant(text) {
  const number = /^(\w+)\((\d+)\)$/.exec(text);
  if (number) return { [number[1]]: Number(number[2]) };
  const record = /^(\w+) \{ account_index: (\d+) \}$/.exec(text);
  if (record) return { [record[1]]: { account_index: Number(record[2]) } };
  return /^\w+$/.exec(text) ? text : { BorshIoError: text };
}

class Machine extends EventEmitter {
  constructor({ programs = [], genesis = crypto.randomBytes(32), clock = () => Date.now(), journal = null, logBytes }) {
    super();
    this.svm = new LiteSvm();
    this.svm.setTransactionHistory(0n); // ours is below, and has no bound
    this.svm.setBlockhashCheck(false); // knows the newest blockhash only
    this.svm.setSigverify(true);
    this.svm.withNativeMints();
    if (logBytes !== undefined) this.svm.setLogBytesLimit(BigInt(logBytes)); // what is over it is cut off
    for (const { id, code } of programs) this.svm.addProgram(id, code);
    this.genesis = base58.encode(genesis);
    this.clock = clock;
    this.journal = journal;
    this.slot = 0;
    this.count = 0;
    this.blockhashes = new Map(); // blockhash -> slot
    this.waiting = []; // parsed transactions of the next slot
    this.records = new Map(); // first signature -> record
    this.byAccount = new Map(); // key -> signatures, oldest first
    this.blockTimes = new Map();
    const first = journal === null ? 1 : this.replay();
    for (let slot = Math.max(1, first - BLOCKHASH_AGE); slot < first; slot++) this.blockhashes.set(this.blockhash(slot), slot);
    this.setSlot(first);
  }

  // setSlot moves the clock and adds the slot's blockhash to the window.
  setSlot(slot) {
    this.journal?.reserve(slot);
    this.setClock(slot, Math.floor(this.clock() / 1000));
    this.blockhashes.set(this.blockhash(), slot);
    for (const [hash, since] of this.blockhashes) {
      if (since + BLOCKHASH_AGE >= slot) break;
      this.blockhashes.delete(hash);
    }
  }

  setClock(slot, time) {
    this.slot = slot;
    this.svm.expireBlockhash(); // the machine's own, which only its faucet uses
    const clock = this.svm.getClock();
    clock.slot = BigInt(slot);
    clock.unixTimestamp = BigInt(time);
    this.svm.setClock(clock);
    this.blockTimes.set(slot, time);
  }

  // blockhash follows from genesis and slot, so that a chain that is computed
  // anew still knows those of before.
  blockhash(slot = this.slot) {
    return base58.encode(crypto.createHash('sha256').update(`paradox/svm/blockhash/${this.genesis}/${slot}`).digest());
  }

  // replay computes the chain of the journal anew and gives the slot to go on
  // with.
  replay() {
    this.svm.setSigverify(false); // they were verified when they were new
    for (const { slot, time, transactions } of this.journal.blocks()) {
      this.setClock(slot, time);
      for (const text of transactions) {
        const t = typeof text === 'string' ? wire.parse(Buffer.from(text, 'base64')) : this.drop(text.signature, text.to, BigInt(text.lamports));
        if (this.execute(t) === null) throw new Error(`transaction ${t.signatures[0]} of slot ${slot} does not run again`);
      }
    }
    this.svm.setSigverify(true);
    return this.journal.reserved + 1;
  }

  // tick ends the running slot: what waits is run, then the next begins.
  tick() {
    const now = this.waiting;
    this.waiting = [];
    const records = now.map((t) => this.execute(t)).filter((r) => r !== null);
    const ended = this.slot;
    this.journal?.add(
      ended,
      this.blockTimes.get(ended),
      records.map((r) => r.t),
    );
    if (records.length === 0) this.blockTimes.delete(ended); // one of those that Solana would have skipped
    this.setSlot(ended + 1);
    this.emit('slot', ended, records);
  }

  execute(t) {
    return t.airdrop === undefined ? this.run(t) : this.runAirdrop(t);
  }

  isRecent(hash) {
    return this.blockhashes.has(hash);
  }

  isKnown(signature) {
    return this.records.has(signature) || this.waiting.some((t) => t.signatures[0] === signature);
  }

  // run executes one transaction and remembers it if it paid its fee.
  run(t) {
    if (this.records.has(t.signatures[0])) return null;
    const before = this.balances(t.keys);
    const result = t.versioned ? this.svm.sendVersionedTransaction(t.raw) : this.svm.sendLegacyTransaction(t.raw);
    const failed = result instanceof FailedTransactionMetadata;
    const meta = failed ? result.meta() : result;
    const err = failed ? failure(result) : null;
    if (failed && err.InstructionError === undefined) return null;
    return this.remember({ t, err, meta, before });
  }

  remember({ t, err, meta, before }) {
    const after = this.balances(t.keys);
    const record = {
      t,
      err,
      slot: this.slot,
      signature: t.signatures[0],
      logs: meta.logs(),
      units: Number(meta.computeUnitsConsumed()),
      fee: t.airdrop ? 0 : fee(meta),
      before,
      after,
      inner: inner(meta),
    };
    this.records.set(record.signature, record);
    this.count++;
    for (const key of t.keys) {
      if (!this.byAccount.has(key)) this.byAccount.set(key, []);
      this.byAccount.get(key).push(record.signature);
    }
    return record;
  }

  balances(keys) {
    return keys.map((k) => this.svm.getBalance(base58.decode(k)) ?? 0n);
  }

  // airdrop puts lamports on an account with the next slot.
  airdrop(key, lamports) {
    const signature = base58.encode(crypto.randomBytes(64));
    this.waiting.push(this.drop(signature, key, lamports));
    return signature;
  }

  drop(signature, key, lamports) {
    return {
      airdrop: lamports,
      raw: Buffer.alloc(0),
      signatures: [signature],
      versioned: false,
      header: { numRequiredSignatures: 1, numReadonlySignedAccounts: 0, numReadonlyUnsignedAccounts: 0 },
      keys: [key],
      blockhash: this.blockhash(),
      instructions: [],
    };
  }

  runAirdrop(t) {
    const before = this.balances(t.keys);
    const key = base58.decode(t.keys[0]);
    const result = this.svm.airdrop(key, t.airdrop);
    if (result === null || result instanceof FailedTransactionMetadata) return null;
    return this.remember({ t, err: null, meta: result, before });
  }

  // simulate runs without effect. The machine's slot is the one that a
  // transaction sent now would run in.
  simulate(t, verify) {
    this.svm.setSigverify(verify);
    try {
      const result = t.versioned ? this.svm.simulateVersionedTransaction(t.raw) : this.svm.simulateLegacyTransaction(t.raw);
      const failed = result instanceof FailedTransactionMetadata;
      const meta = result.meta();
      return { err: failed ? failure(result) : null, logs: meta.logs(), units: Number(meta.computeUnitsConsumed()) };
    } finally {
      this.svm.setSigverify(true);
    }
  }

  account(key) {
    const a = this.svm.getAccount(key);
    if (!a || (a.lamports() === 0n && a.data().length === 0)) return null;
    return { lamports: a.lamports(), data: Buffer.from(a.data()), owner: Buffer.from(a.owner()), executable: a.executable() };
  }

  setAccount(key, { lamports, data, owner }) {
    this.svm.setAccount(key, new Account(lamports ?? this.rent(data.length), data, owner, false, 0n));
  }

  rent(length) {
    return this.svm.minimumBalanceForRentExemption(BigInt(length));
  }

  programAccounts(owner) {
    return this.svm.getProgramAccounts(owner).map((x) => ({ key: Buffer.from(x.address), account: this.account(x.address) }));
  }
}

// fee reads what the machine charged; the binding only prints it.
function fee(meta) {
  const text = /, fee: (\d+) \}\)$/.exec(meta.toString());
  if (!text) throw new Error('the machine printed no fee');
  return Number(text[1]);
}

// inner lists the instructions that each instruction called.
function inner(meta) {
  return meta.innerInstructions().flatMap((calls, index) => {
    if (calls.length === 0) return [];
    const instructions = calls.map((call) => {
      const i = call.instruction();
      return { programIdIndex: i.programIdIndex(), accounts: [...i.accounts()], data: base58.encode(i.data()), stackHeight: call.stackHeight() };
    });
    return [{ index, instructions }];
  });
}

module.exports = { Machine, BLOCKHASH_AGE };
