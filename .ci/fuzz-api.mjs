// Fuzzes the HTTP API of a really running node with schemathesis, which reads the node's own /openapi.json: what it makes up by
// itself, then with values that exist and an operator's token, so that requests get past the first check.
//   node .ci/fuzz-api.mjs [cases an operation]
import { spawn, spawnSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const cases = process.argv[2] ?? '40'
const here = dirname(fileURLToPath(import.meta.url))
const paradox = join(here, '..', 'bin', 'paradox')
const venv = process.env.FUZZ_VENV ?? join(here, '..', 'bin', 'schemathesis')
const work = mkdtempSync(join(tmpdir(), 'paradox-fuzz-api-'))
const deadline = 120_000 // of what only a failure reaches

function must (command, args, options = {}) {
  const r = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${r.status ?? r.signal}`)
  return r.stdout
}

// fuzzer installs the pinned versions once.
function fuzzer () {
  const wanted = readFileSync(join(here, 'requirements.txt'), 'utf8')
  const stamp = join(venv, 'installed.txt')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    rmSync(venv, { recursive: true, force: true })
    must('python3', ['-m', 'venv', venv])
    must(join(venv, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', join(here, 'requirements.txt')])
    writeFileSync(stamp, wanted)
  }
  return join(venv, 'bin', 'schemathesis')
}

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
function base58 (bytes) {
  let n = BigInt('0x' + Buffer.from(bytes).toString('hex'))
  let out = ''
  for (; n > 0n; n /= 58n) out = alphabet[Number(n % 58n)] + out
  for (const b of bytes) { if (b !== 0) break; out = '1' + out }
  return out
}

// ask asks once more where a connection had died unnoticed: while the fuzzer runs, this program sees none of the ends of those it keeps.
async function ask (url, options) {
  try {
    return await fetch(url, options)
  } catch (e) {
    if (!(e instanceof TypeError)) throw e
    return fetch(url, options)
  }
}

async function api (base, path, options) {
  const r = await ask(base + path, { signal: AbortSignal.timeout(deadline), ...options })
  if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`)
  return r.json()
}

// network founds one, makes this script an operator of its first member, and has it stay up.
function network (key) {
  const home = join(work, 'net')
  must(paradox, ['testnet', 'up', '--home', home, '--intents', '60', '--rate', '0', '--once'])
  const config = join(home, 'nodes', 'member1', 'config.toml')
  writeFileSync(config, readFileSync(config, 'utf8') + `\n[admin]\noperators = ["${key}"]\n`)
  const child = spawn(paradox, ['testnet', 'up', '--home', home, '--intents', '20', '--rate', '0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ready = new Promise((resolve, reject) => {
    let said = ''
    const late = setTimeout(() => reject(new Error(`the network is not ready:\n${said}`)), deadline)
    child.stderr.on('data', (b) => {
      said += b
      const address = said.match(/stays up for you: (http:\S+)/)
      if (address) { clearTimeout(late); resolve(address[1]) }
    })
    child.on('exit', (code) => { clearTimeout(late); reject(new Error(`the network ended with ${code}:\n${said}`)) })
  })
  return { child, ready }
}

async function signIn (base, priv, key) {
  const { text } = await api(base, '/api/sign-in?key=' + key)
  const sig = base58(sign(null, Buffer.from(text), priv))
  const body = JSON.stringify({ key, text, sig })
  return (await api(base, '/api/sign-in', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })).token
}

// known are values that this node knows.
async function known (base) {
  const { rounds } = await api(base, '/api/rounds?limit=1')
  const { header } = rounds[0]
  const batch = await api(base, `/api/batches/${header.batch}`)
  const { id, intent } = batch.intents[0]
  const issued = (await api(base, '/api/batches/' + (await api(base, '/api/rounds/1')).header.batch)).intents.find((x) => x.intent.kind === 'issue')
  const values = { height: header.height, cid: header.batch, id, key: intent.from, wallet: intent.from }
  if (issued) values.item = issued.intent.item
  return values
}

async function fuzz (tool, base, name, config, args) {
  const file = join(work, name + '.toml')
  writeFileSync(file, config)
  console.log(`fuzzing ${base}: ${name}`)
  const checks = 'not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth'
  must(tool, ['--config-file', file, 'run', base + '/openapi.json', '--exclude-path', '/api/events', '--phases', 'examples,coverage,fuzzing', '--checks', checks,
    '-n', cases, '--seed', '1', '--generation-database', 'none', '--request-timeout', '60', '--suppress-health-check', 'all',
    '--no-color', '--warnings', 'off', ...args], { cwd: work, env: { ...process.env, PYTHONPATH: here, PYTHONDONTWRITEBYTECODE: '1', SCHEMATHESIS_HOOKS: 'fuzz_cbor' } })
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const key = base58(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))
let child
try {
  const tool = fuzzer()
  const net = network(key)
  child = net.child
  const base = await net.ready
  const token = await signIn(base, createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })), key)
  await fuzz(tool, base, 'made-up', '', [])
  const values = Object.entries(await known(base)).map(([k, v]) => `${k} = ${JSON.stringify(v)}`).join('\n')
  await fuzz(tool, base, 'known', `[parameters]\n${values}\n`, ['-H', 'Authorization: Bearer ' + token, '--exclude-path', '/api/operator/sign-out'])
  // What was sent must not have hurt: the node answers, is well, and follows the others.
  for (const end = Date.now() + deadline; ;) {
    const [health, status] = await Promise.all([ask(base + '/health').then((r) => r.json()), api(base, '/api/status')])
    if (health.status !== 'unhealthy' && status.synced) break
    if (Date.now() > end) throw new Error(`after it the node is ${JSON.stringify(health)}`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  console.log('the API held')
} catch (e) {
  console.error(String(e.message ?? e))
  process.exitCode = 1
} finally {
  if (child && child.exitCode === null) {
    const gone = new Promise((resolve) => child.on('exit', resolve))
    child.kill('SIGINT')
    await gone
  }
  rmSync(work, { recursive: true, force: true })
}
