'use strict';
// WebSocket subscriptions: accounts, logs, signatures and slots, told when a
// slot is over.

const { accountJSON, key } = require('./methods.cjs');
const base58 = require('./base58.cjs');

const KINDS = /^(account|logs|signature|slot)(Subscribe|Unsubscribe)$/;

class PubSub {
  constructor(machine) {
    this.machine = machine;
    this.subscriptions = new Map();
    this.next = 1;
    machine.on('slot', (slot, records) => this.tell(slot, records));
  }

  // handles a request if it is about subscriptions; gives undefined if not.
  handle(socket, request) {
    const kind = KINDS.exec(request.method);
    if (!kind) return undefined;
    const params = request.params ?? [];
    if (kind[2] === 'Unsubscribe') return this.subscriptions.delete(params[0]);
    if (kind[1] === 'account') key(params[0]);
    const id = this.next++;
    this.subscriptions.set(id, { socket, kind: kind[1], of: params[0], config: params[1] ?? {} });
    // A signature that is already final is told at once, after the answer.
    if (kind[1] === 'signature' && this.machine.records.has(params[0])) setImmediate(() => this.tellSignature(id));
    return id;
  }

  close(socket) {
    for (const [id, s] of this.subscriptions) if (s.socket === socket) this.subscriptions.delete(id);
  }

  notify(id, method, result) {
    const { socket } = this.subscriptions.get(id);
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify({ jsonrpc: '2.0', method, params: { result, subscription: id } }));
  }

  context(value) {
    return { context: { slot: this.machine.slot - 1 }, value };
  }

  tell(slot, records) {
    const touched = new Set(records.flatMap((r) => r.t.keys));
    for (const [id, s] of [...this.subscriptions]) {
      if (s.kind === 'slot') this.notify(id, 'slotNotification', { slot, parent: slot - 1, root: slot });
      if (s.kind === 'signature') this.tellSignature(id);
      if (s.kind === 'account' && touched.has(s.of)) {
        this.notify(id, 'accountNotification', this.context(accountJSON(this.machine.account(base58.decode(s.of)), s.config)));
      }
      if (s.kind === 'logs') this.tellLogs(id, s, records);
    }
  }

  tellSignature(id) {
    const s = this.subscriptions.get(id);
    const record = s && this.machine.records.get(s.of);
    if (!record) return;
    this.notify(id, 'signatureNotification', this.context({ err: record.err }));
    this.subscriptions.delete(id); // such a subscription ends with its answer
  }

  tellLogs(id, s, records) {
    for (const r of records) {
      const wanted = s.of === 'all' || s.of === 'allWithVotes' || (s.of?.mentions ?? []).some((k) => r.t.keys.includes(k));
      if (wanted) this.notify(id, 'logsNotification', this.context({ signature: r.signature, err: r.err, logs: r.logs }));
    }
  }
}

module.exports = { PubSub };
