// A network of real processes with traffic that does not end: what the page is shown. Nothing of it outlives the test.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Bounds, not expectations: a busy machine is slow, and a page that never comes must still end the test.
export const deadline = 120_000
const stopping = 20_000

const binary = process.env.PARADOX ?? fileURLToPath(new URL('../../bin/paradox', import.meta.url))

// start founds a network and gives the address of its status page.
export async function start () {
  const home = mkdtempSync(join(tmpdir(), 'paradox-web-'))
  const args = ['testnet', 'up', '--home', home, '--members', '4', '--observers', '1', '--rate', '20', '--seed', '7', '--json']
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise((resolve) => { child.once('exit', resolve); child.once('error', resolve) })
  // The nodes end with their launcher, however it ends.
  const last = () => { child.kill('SIGKILL'); rmSync(home, { recursive: true, force: true, maxRetries: 5 }) }
  process.once('exit', last)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))

  const stop = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopping)
    child.kill('SIGINT')
    const end = await ended
    clearTimeout(timer)
    process.off('exit', last)
    last()
    return end
  }
  try {
    return { address: await addressOf(child, ended), stop }
  } catch (err) {
    await stop()
    throw err
  }
}

// addressOf reads what the launcher says until it says where the page is.
async function addressOf (child, ended) {
  let said = ''
  child.stderr.setEncoding('utf8')
  const found = new Promise((resolve) => child.stderr.on('data', (text) => {
    if (said === null) return // found: the rest is read, so that the launcher never waits for a reader
    said += text
    const address = /status page: (http:\/\/\S+)\s/.exec(said)?.[1]
    if (address) { said = null; resolve(address) }
  }))
  let timer
  const late = new Promise((resolve, reject) => { timer = setTimeout(() => reject(new Error(`no status page within ${deadline} ms:\n${said}`)), deadline) })
  const gone = ended.then((end) => { throw new Error(`${binary} ended (${end}) before it had a status page:\n${said ?? ''}`) })
  gone.catch(() => {}) // after the address it is stop's affair
  try {
    return await Promise.race([found, late, gone])
  } finally {
    clearTimeout(timer)
  }
}
