'use strict';
// The JSON-RPC methods that clients of the vault call. Every commitment shows
// the same: the state after the newest slot that is over.

const base58 = require('./base58.cjs');
const wire = require('./wire.cjs');
const { BLOCKHASH_AGE } = require('./machine.cjs');

const TOKEN = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA';
const MAX_SIGNATURES = 1000; // of one getSignaturesForAddress
const MAX_ACCOUNTS = 100; // of one getMultipleAccounts
const VERSION = '2.3.0';

const INVALID_PARAMS = -32602;
const PREFLIGHT_FAILED = -32002;
const SIGNATURE_FAILED = -32003;

class RpcError extends Error {
  constructor(code, message, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

function invalid(message) {
  return new RpcError(INVALID_PARAMS, `Invalid param: ${message}`);
}

function key(text) {
  const bytes = typeof text === 'string' ? base58.decode(text) : null;
  if (bytes === null || bytes.length !== 32) throw invalid('not a key');
  return bytes;
}

function natural(n) {
  if (!Number.isSafeInteger(n) || n < 0) throw invalid('not a natural number');
  return n;
}

function bytesOf(text, encoding) {
  if (typeof text !== 'string') throw invalid('not a string');
  if (encoding === 'base64') return Buffer.from(text, 'base64');
  const bytes = base58.decode(text);
  if (bytes === null) throw invalid('not base58');
  return bytes;
}

function parse(bytes) {
  try {
    return wire.parse(bytes);
  } catch (e) {
    if (e instanceof wire.ParseError) throw invalid(e.message);
    throw e;
  }
}

// accountJSON is an account as getAccountInfo shows it.
function accountJSON(a, config = {}) {
  if (a === null) return null;
  const encoding = config.encoding ?? 'base64';
  const slice = config.dataSlice ? a.data.subarray(config.dataSlice.offset, config.dataSlice.offset + config.dataSlice.length) : a.data;
  let data;
  if (encoding === 'base64') data = [slice.toString('base64'), 'base64'];
  else if (encoding === 'base58') data = [base58.encode(slice), 'base58'];
  else throw invalid(`encoding ${encoding} is not supported`);
  return { lamports: Number(a.lamports), owner: base58.encode(a.owner), executable: a.executable, rentEpoch: 0, space: a.data.length, data };
}

function amountJSON(amount, decimals) {
  const digits = amount.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const part = digits.slice(digits.length - decimals).replace(/0+$/, '');
  const text = part === '' ? whole : `${whole}.${part}`;
  return { amount: amount.toString(), decimals, uiAmount: Number(text), uiAmountString: text };
}

function matches(filters, data) {
  return filters.every((f) => {
    if (f.dataSize !== undefined) return data.length === f.dataSize;
    const want = bytesOf(f.memcmp.bytes, f.memcmp.encoding ?? 'base58');
    return data.subarray(f.memcmp.offset, f.memcmp.offset + want.length).equals(want);
  });
}

// transactionJSON is the record as getTransaction shows it.
function transactionJSON(machine, r, encoding) {
  const { t } = r;
  const meta = {
    err: r.err,
    status: r.err === null ? { Ok: null } : { Err: r.err },
    fee: r.fee,
    preBalances: r.before.map(Number),
    postBalances: r.after.map(Number),
    preTokenBalances: [],
    postTokenBalances: [],
    innerInstructions: r.inner,
    logMessages: r.logs,
    rewards: [],
    loadedAddresses: { writable: [], readonly: [] },
    computeUnitsConsumed: r.units,
  };
  let transaction;
  if (encoding === 'base64') transaction = [t.raw.toString('base64'), 'base64'];
  else if (encoding === 'base58') transaction = [base58.encode(t.raw), 'base58'];
  else if (encoding === 'json') transaction = { signatures: t.signatures, message: messageJSON(t) };
  else throw invalid(`encoding ${encoding} is not supported`);
  return { slot: r.slot, blockTime: machine.blockTimes.get(r.slot), meta, transaction, version: t.versioned ? 0 : 'legacy' };
}

function messageJSON(t) {
  const instructions = t.instructions.map((i) => ({ ...i, data: base58.encode(i.data), stackHeight: 1 }));
  return { header: t.header, accountKeys: t.keys, recentBlockhash: t.blockhash, instructions, ...(t.versioned ? { addressTableLookups: [] } : {}) };
}

function methods(machine) {
  // The slot that is over: what every commitment shows.
  const shown = () => machine.slot - 1;
  const context = (value) => ({ context: { apiVersion: VERSION, slot: shown() }, value });
  const account = (k) => machine.account(key(k));

  function tokenAccount(k) {
    const a = account(k);
    if (a === null || base58.encode(a.owner) !== TOKEN || a.data.length !== 165) throw invalid('not a token account');
    const mint = machine.account(a.data.subarray(0, 32));
    return amountJSON(a.data.readBigUInt64LE(64), mint === null ? 0 : mint.data[44]);
  }

  function programAccounts(owner, config = {}) {
    return machine
      .programAccounts(key(owner))
      .filter((x) => matches(config.filters ?? [], x.account.data))
      .map((x) => ({ pubkey: base58.encode(x.key), account: accountJSON(x.account, config) }));
  }

  function send(text, config = {}) {
    const t = parse(bytesOf(text, config.encoding ?? 'base58'));
    if (machine.isKnown(t.signatures[0])) {
      if (config.skipPreflight) return t.signatures[0];
      throw preflight('AlreadyProcessed', { err: 'AlreadyProcessed', logs: [], units: 0 });
    }
    if (!machine.isRecent(t.blockhash)) {
      if (config.skipPreflight) return t.signatures[0];
      throw preflight('BlockhashNotFound', { err: 'BlockhashNotFound', logs: [], units: 0 });
    }
    const trial = machine.simulate(t, true);
    if (trial.err === 'SignatureFailure') throw new RpcError(SIGNATURE_FAILED, 'Transaction signature verification failure');
    if (trial.err !== null && !config.skipPreflight) throw preflight(JSON.stringify(trial.err), trial);
    machine.waiting.push(t);
    return t.signatures[0];
  }

  function preflight(what, trial) {
    const data = { err: trial.err, logs: trial.logs, unitsConsumed: trial.units, accounts: null, returnData: null, innerInstructions: null };
    return new RpcError(PREFLIGHT_FAILED, `Transaction simulation failed: ${what}`, data);
  }

  function simulate(text, config = {}) {
    const t = parse(bytesOf(text, config.encoding ?? 'base58'));
    if (!config.replaceRecentBlockhash && !machine.isRecent(t.blockhash)) {
      return context({ err: 'BlockhashNotFound', logs: [], unitsConsumed: 0, accounts: null, returnData: null });
    }
    const trial = machine.simulate(t, config.sigVerify === true);
    return context({ err: trial.err, logs: trial.logs, unitsConsumed: trial.units, accounts: null, returnData: null });
  }

  function statusOf(signature) {
    const r = machine.records.get(signature);
    if (r === undefined) return null;
    return { slot: r.slot, confirmations: null, err: r.err, status: r.err === null ? { Ok: null } : { Err: r.err }, confirmationStatus: 'finalized' };
  }

  function signaturesFor(address, config = {}) {
    key(address);
    let list = [...(machine.byAccount.get(address) ?? [])].reverse();
    // Everything after `before` and ahead of `until`; an unknown one cuts nothing.
    const from = config.before === undefined ? 0 : list.indexOf(config.before) + 1;
    const to = config.until === undefined ? -1 : list.indexOf(config.until);
    list = list.slice(from, to < 0 ? undefined : to);
    return list.slice(0, natural(config.limit ?? MAX_SIGNATURES)).map((s) => {
      const r = machine.records.get(s);
      return { signature: s, slot: r.slot, err: r.err, memo: null, blockTime: machine.blockTimes.get(r.slot), confirmationStatus: 'finalized' };
    });
  }

  return {
    getHealth: () => 'ok',
    getVersion: () => ({ 'solana-core': VERSION, 'feature-set': 0 }),
    getGenesisHash: () => machine.genesis,
    getSlot: () => shown(),
    getBlockHeight: () => shown(),
    getBlockTime: (slot) => machine.blockTimes.get(slot) ?? null,
    getTransactionCount: () => machine.count,
    getEpochInfo: () => ({ absoluteSlot: shown(), blockHeight: shown(), epoch: 0, slotIndex: shown(), slotsInEpoch: 432000, transactionCount: machine.count }),
    getLatestBlockhash: () => context({ blockhash: machine.blockhash(), lastValidBlockHeight: shown() + BLOCKHASH_AGE }),
    isBlockhashValid: (hash) => context(machine.isRecent(hash)),
    getRecentPrioritizationFees: () => [{ slot: shown(), prioritizationFee: 0 }],
    getMinimumBalanceForRentExemption: (length) => Number(machine.rent(natural(length))),
    getBalance: (k) => context(Number(account(k)?.lamports ?? 0n)),
    getAccountInfo: (k, config) => context(accountJSON(account(k), config)),
    getMultipleAccounts: (list, config) => {
      if (!Array.isArray(list) || list.length > MAX_ACCOUNTS) throw invalid(`at most ${MAX_ACCOUNTS} keys`);
      return context(list.map((k) => accountJSON(account(k), config)));
    },
    getTokenAccountBalance: (k) => context(tokenAccount(k)),
    getTokenSupply: (k) => {
      const a = account(k);
      if (a === null || base58.encode(a.owner) !== TOKEN || a.data.length !== 82) throw invalid('not a mint');
      return context(amountJSON(a.data.readBigUInt64LE(36), a.data[44]));
    },
    getTokenAccountsByOwner: (owner, filter, config = {}) => {
      const filters = [{ dataSize: 165 }, { memcmp: { offset: 32, bytes: owner } }];
      if (filter.mint !== undefined) filters.push({ memcmp: { offset: 0, bytes: filter.mint } });
      return context(programAccounts(filter.programId ?? TOKEN, { ...config, filters }));
    },
    getProgramAccounts: (owner, config = {}) => (config.withContext ? context(programAccounts(owner, config)) : programAccounts(owner, config)),
    requestAirdrop: (k, lamports) => machine.airdrop(base58.encode(key(k)), BigInt(natural(lamports))),
    sendTransaction: send,
    simulateTransaction: simulate,
    getSignatureStatuses: (list) => context(list.map(statusOf)),
    getSignaturesForAddress: signaturesFor,
    getTransaction: (signature, config = {}) => {
      const r = machine.records.get(signature);
      if (r === undefined || r.t.airdrop) return null;
      return transactionJSON(machine, r, config.encoding ?? 'json');
    },
  };
}

// control has what a test needs beyond a cluster: accounts by fiat, time by
// hand, transactions without waiting. Served only when asked for.
function control(machine) {
  return {
    svmSetSlot: (slot) => machine.setSlot(natural(slot)),
    svmTick: () => machine.tick(),
    svmSetAccounts: (list) => {
      for (const a of list) {
        const lamports = a.lamports === undefined ? undefined : BigInt(a.lamports);
        machine.setAccount(key(a.key), { lamports, data: Buffer.from(a.data, 'base64'), owner: key(a.owner) });
      }
    },
    // The threshold as the sysvar has it: bits of a 64-bit float, as text.
    svmSetRent: (lamportsPerByte, thresholdBits) => {
      const rent = machine.svm.getRent();
      const bits = Buffer.alloc(8);
      bits.writeBigUInt64LE(BigInt(thresholdBits));
      rent.lamportsPerByteYear = BigInt(lamportsPerByte);
      rent.exemptionThreshold = bits.readDoubleLE(0);
      machine.svm.setRent(rent);
    },
    // Runs transactions in the running slot, then reads accounts.
    svmExecute: (transactions, read) => ({
      blockhash: machine.blockhash(),
      results: transactions.map((text) => {
        const t = parse(Buffer.from(text, 'base64'));
        const r = machine.run(t);
        if (r !== null) return { err: r.err, logs: r.logs, units: r.units, fee: r.fee, inner: r.inner };
        const trial = machine.simulate(t, true);
        return { err: trial.err ?? 'AlreadyProcessed', logs: trial.logs, units: trial.units, fee: 0, inner: [] };
      }),
      accounts: read.map((k) => accountJSON(machine.account(key(k)))),
    }),
  };
}

module.exports = { methods, control, accountJSON, RpcError, key };
