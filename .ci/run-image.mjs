// Runs a node from the unpacked image, with nothing else in sight: its own root directory, the image's user, environment and
// command. It joins a network on this machine, and the image's own probe has to find it healthy.
//   node .ci/run-image.mjs ARCH      needs dist/image, bin/paradox, bin/release, and root, sudo, or user namespaces
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, dirname } from 'node:path'
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'

const arch = process.argv[2]
const top = join(dirname(fileURLToPath(import.meta.url)), '..')
const work = mkdtempSync(join(tmpdir(), 'paradox-image-'))
const randomly = [randomInt(64, 127), randomInt(1, 255), randomInt(1, 255)]
const deadline = 180_000 // of what only a failure reaches

// as is how this machine lets us change the root directory. In a user namespace there is one user, which cannot be given away.
const as = process.getuid() === 0 ? [] : works(['sudo', '-n', 'true']) ? ['sudo', '-n'] : ['unshare', '--user', '--map-root-user']
const alone = as[0] === 'unshare'

function works ([command, ...args]) { return spawnSync(command, args, { stdio: 'ignore' }).status === 0 }

function must (args, options = {}) {
  const [command, ...rest] = [...as, ...args]
  const r = spawnSync(command, rest, { encoding: 'utf8', ...options })
  if (r.status !== 0) throw new Error(`${args.join(' ')}: exit ${r.status ?? r.signal ?? r.error}\n${r.stderr ?? ''}`)
  return r.stdout
}

// network founds one on this machine and says when it stays up.
function network (home) {
  const child = spawn(join(top, 'bin', 'paradox'), ['testnet', 'up', '--home', home, '--intents', '20', '--rate', '0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ready = new Promise((resolve, reject) => {
    let said = ''
    const late = setTimeout(() => reject(new Error(`the network is not ready:\n${said}`)), deadline)
    child.stderr.on('data', (b) => {
      said += b
      if (said.includes('stays up for you: ')) { clearTimeout(late); resolve() }
    })
    child.on('exit', (code) => { clearTimeout(late); reject(new Error(`the network ended with ${code}:\n${said}`)) })
  })
  return { child, ready }
}

// within is a command line inside the unpacked image, with the environment that the image sets and what this machine needs.
function within (root, config, args) {
  const env = [...config.Env,
    `PARADOX_API_LISTEN=127.${randomly[0]}.${randomly[1]}.${randomly[2]}:8080`, // an address that nobody else has
    'PARADOX_P2P_LISTEN=/ip4/127.0.0.1/tcp/0', 'PARADOX_P2P_PUBLIC=false', 'PARADOX_CLOCK_NTP=']
  const user = alone ? [] : ['--userspec=' + config.User]
  return ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...env, 'chroot', ...user, root, ...args]
}


// healthy asks the image's own probe until it finds nothing wrong.
async function healthy (root, config, running) {
  const [, ...probe] = config.Healthcheck.Test
  let last = ''
  for (const end = Date.now() + deadline; Date.now() < end;) {
    const [command, ...rest] = [...as, ...within(root, config, probe)]
    const r = spawnSync(command, rest, { encoding: 'utf8' })
    if (r.status === 0) return r.stdout
    last = r.stdout + r.stderr
    if (running.ended) throw new Error(`the node ended:\n${running.said}`)
    await new Promise((resolve) => setTimeout(resolve, 500)) // between two questions
  }
  throw new Error(`the probe does not find the node healthy:\n${last}\n${running.said}`)
}

function start (args) {
  const [command, ...rest] = [...as, ...args]
  const running = { child: spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] }), said: '', ended: false }
  for (const stream of [running.child.stdout, running.child.stderr]) stream.on('data', (b) => { running.said = (running.said + b).slice(-20_000) })
  running.gone = new Promise((resolve) => running.child.on('exit', (code, signal) => { running.ended = true; resolve(code ?? signal) }))
  return running
}

// refused has a node start on a volume that is root's, as clusters mount them: it must say what to do.
function refused (root, config) {
  const volume = join(root, 'data')
  must(['chmod', '755', volume])
  const [command, ...rest] = [...as, ...within(root, { ...config, User: '65533:65533' }, [...config.Entrypoint, ...config.Cmd])]
  const r = spawnSync(command, rest, { encoding: 'utf8', timeout: deadline })
  must(['chmod', '700', volume])
  if (r.status === 0 || !r.stderr.includes('chown 65533 /data')) throw new Error(`on a volume of another user's the node ends with ${r.status}:\n${r.stderr}`)
}

// outside lists all that is not on the volume: what a node with a read-only root could not have changed.
function outside (root) { return must(['find', root, '-path', join(root, 'data'), '-prune', '-o', '-printf', '%P %m %U %s %T@\n']) }

let net, running
try {
  const root = join(work, 'root')
  must([join(top, 'bin', 'release'), 'unpack', '--arch', arch, join(top, 'dist', 'image'), root])
  const config = JSON.parse(readFileSync(root + '.json', 'utf8'))
  net = network(join(work, 'net'))
  await net.ready
  must(['install', '-m', '0644', join(work, 'net', 'network.json'), join(root, 'etc', 'paradox', 'network.json')])
  must(['chmod', '755', work])
  if (!alone) refused(root, config)
  const before = outside(root)
  running = start(within(root, config, [...config.Entrypoint, ...config.Cmd]))
  console.log((await healthy(root, config, running)).trim())
  must(['kill', '-TERM', String(running.child.pid)])
  const code = await running.gone
  if (code !== 0) throw new Error(`told to stop, the node ended with ${code}:\n${running.said}`)
  if (outside(root) !== before) throw new Error(`the node wrote outside its volume:\n${before}\n${outside(root)}`)
  console.log(`a node ran from the image as ${alone ? 'the only user there is' : config.User}, and wrote to its volume alone`)
} catch (e) {
  console.error(String(e.message ?? e))
  process.exitCode = 1
} finally {
  if (running && !running.ended) { must(['kill', '-KILL', String(running.child.pid)]); await running.gone }
  if (net && net.child.exitCode === null) {
    const gone = new Promise((resolve) => net.child.on('exit', resolve))
    net.child.kill('SIGINT')
    await gone
  }
  must(['rm', '-rf', work])
}
