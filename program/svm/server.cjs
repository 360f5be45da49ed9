'use strict';
// Solana's JSON-RPC and WebSocket over a virtual machine in this process, for
// development and tests: loopback only.
//
//   node server.cjs --program ID=FILE [--program ID=FILE]… [--listen HOST:PORT]
//                   [--slot-ms N] [--genesis BASE58] [--log-bytes N]
//                   [--journal FILE | --control]
//
// The first line on standard output is {"url":…,"genesis":…}. The server ends
// when its standard input does, so that it never outlives who started it.
// With --slot-ms 0 slots pass only by svmTick, one of the methods that
// --control adds. With --journal the chain outlives the process: a second one
// with the same file goes on where the first was, even after a crash.

const fs = require('fs');
const http = require('http');
const { parseArgs } = require('util');
const { WebSocketServer } = require('ws');
const base58 = require('./base58.cjs');
const { Journal } = require('./journal.cjs');
const { Machine } = require('./machine.cjs');
const { methods, control, RpcError } = require('./methods.cjs');
const { PubSub } = require('./pubsub.cjs');

const MAX_BODY = 8 << 20; // a batch of the largest accounts that tests set
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const INTERNAL_ERROR = -32603;

function options() {
  const { values } = parseArgs({
    options: {
      program: { type: 'string', multiple: true, default: [] },
      listen: { type: 'string', default: '127.0.0.1:0' },
      'slot-ms': { type: 'string', default: '400' },
      genesis: { type: 'string' },
      journal: { type: 'string' },
      'log-bytes': { type: 'string' },
      control: { type: 'boolean', default: false },
    },
  });
  if (values.control && values.journal !== undefined) throw new Error('what --control does cannot be kept in a journal');
  const [host, port] = values.listen.split(':');
  const programs = values.program.map((p) => {
    const [id, file] = p.split('=');
    return { id: base58.decode(id), code: fs.readFileSync(file) };
  });
  const genesis = values.genesis === undefined ? undefined : base58.decode(values.genesis);
  const journal = values.journal === undefined ? null : Journal.open(values.journal, programs, genesis);
  return { host, port: Number(port), slotMs: Number(values['slot-ms']), programs, genesis: journal?.genesis ?? genesis, journal, logBytes: values['log-bytes'], control: values.control };
}

// Request ids of up to 64 bits must come back as they were, and a JavaScript
// number would round them: they travel as marked text.
const MARK = '\u0000id:';

function parseRequest(text) {
  return JSON.parse(text.replace(/("id"\s*:\s*)(-?\d{15,})/g, (_, name, id) => `${name}${JSON.stringify(MARK + id)}`));
}

function answerText(answer) {
  return JSON.stringify(answer).replace(/"id":"\\u0000id:(-?\d+)"/g, '"id":$1');
}

function failureOf(id, code, message, data) {
  return { jsonrpc: '2.0', id: id ?? null, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

function call(table, request) {
  if (request === null || typeof request !== 'object' || typeof request.method !== 'string') {
    return failureOf(null, INVALID_REQUEST, 'Invalid request');
  }
  const params = request.params ?? [];
  if (!Array.isArray(params)) return failureOf(request.id, INVALID_REQUEST, 'Params are a list');
  if (!Object.hasOwn(table, request.method)) return failureOf(request.id, METHOD_NOT_FOUND, 'Method not found');
  try {
    return { jsonrpc: '2.0', id: request.id, result: table[request.method](...params) ?? null };
  } catch (e) {
    if (e instanceof RpcError) return failureOf(request.id, e.code, e.message, e.data);
    return failureOf(request.id, INTERNAL_ERROR, String(e.message));
  }
}

function respond(text, handle) {
  let request;
  try {
    request = parseRequest(text);
  } catch {
    return answerText(failureOf(null, PARSE_ERROR, 'Parse error'));
  }
  return answerText(Array.isArray(request) ? request.map(handle) : handle(request));
}

function serveHTTP(table) {
  return http.createServer((request, response) => {
    if (request.method === 'GET') {
      response.end(request.url === '/health' ? 'ok' : '');
      return;
    }
    const parts = [];
    let size = 0;
    request.on('data', (part) => {
      size += part.length;
      if (size > MAX_BODY) request.destroy();
      else parts.push(part);
    });
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(respond(Buffer.concat(parts).toString(), (q) => call(table, q)));
    });
  });
}

function serveSockets(server, table, pubsub) {
  const sockets = new WebSocketServer({ server, maxPayload: MAX_BODY });
  sockets.on('connection', (socket) => {
    socket.on('close', () => pubsub.close(socket));
    socket.on('error', () => socket.terminate());
    socket.on('message', (text) => {
      socket.send(respond(text.toString(), (q) => subscribe(table, pubsub, socket, q)));
    });
  });
}

function subscribe(table, pubsub, socket, request) {
  if (typeof request?.method !== 'string') return failureOf(null, INVALID_REQUEST, 'Invalid request');
  try {
    const result = pubsub.handle(socket, request);
    if (result !== undefined) return { jsonrpc: '2.0', id: request.id, result };
  } catch (e) {
    return failureOf(request.id, e.code ?? INTERNAL_ERROR, e.message);
  }
  return call(table, request);
}

function main() {
  const o = options();
  const machine = new Machine(o);
  const table = { ...methods(machine), ...(o.control ? control(machine) : {}) };
  const server = serveHTTP(table);
  serveSockets(server, table, new PubSub(machine));
  server.on('error', (e) => fail(`cannot listen on ${o.host}:${o.port}: ${e.message}`));
  server.listen(o.port, o.host, () => {
    const { address, port } = server.address();
    process.stdout.write(`${JSON.stringify({ url: `http://${address}:${port}`, genesis: machine.genesis })}\n`);
  });
  if (o.slotMs > 0) setInterval(() => machine.tick(), o.slotMs);
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
}

// fail ends the process with one line that says why.
function fail(why) {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

try {
  main();
} catch (e) {
  fail(e.message);
}
