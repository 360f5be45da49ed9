// Holds deployment files against Akash's own chain-sdk, which is what its Console and its clients read them with:
//   node akash/sdl/check.mjs PARADOX
// PARADOX is the binary whose `akash sdl` is held against it too. That the check can fail is shown with each run: files that
// are broken in one place each must be refused.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { generateManifest, validateSDL, yaml } from '@akashnetwork/chain-sdk'

const [paradox] = process.argv.slice(2)
if (!paradox) {
  console.error('usage: node check.mjs PARADOX')
  process.exit(2)
}
const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (name) => readFileSync(root + name, 'utf8')
const made = (...args) => execFileSync(paradox, ['akash', 'sdl', ...args], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: '/nowhere' } })

// check gives what Akash's SDK finds wrong with a file, and the manifest that it makes of it otherwise.
function check(text) {
  const input = yaml([text])
  const problems = validateSDL(input, 'mainnet')
  if (problems?.length) return { problems }
  const made = generateManifest(input, 'mainnet')
  return made.ok ? { groups: made.value.groups, specs: made.value.groupSpecs } : { problems: made.value }
}

let failed = 0
const must = (ok, what) => {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}`)
  if (!ok) failed++
}

const files = {
  'deploy.sdl.yaml': { text: read('deploy.sdl.yaml'), ip: true },
  'ops/deploy/no-ip.sdl.yaml': { text: read('ops/deploy/no-ip.sdl.yaml'), ip: false },
  'paradox akash sdl': { text: made(), ip: true },
  'paradox akash sdl --no-ip --denom uakt --class beta1': { text: made('--no-ip', '--denom', 'uakt', '--class', 'beta1'), ip: false },
}
for (const [name, { text, ip }] of Object.entries(files)) {
  const { problems, groups } = check(text)
  must(!problems, `${name} is taken${problems ? `: ${JSON.stringify(problems)}` : ''}`)
  if (problems) continue
  const [service, ...rest] = groups.flatMap((g) => g.services)
  must(rest.length === 0 && service.count === 1, `${name}: one service, once`)
  const open = service.expose.map((e) => `${e.proto} ${e.port} as ${e.externalPort}${e.ip ? ' own' : ''}`).sort()
  const want = [`TCP 4001 as 4001${ip ? ' own' : ''}`, 'TCP 8080 as 80', `UDP 4001 as 4001${ip ? ' own' : ''}`].sort()
  must(open.join() === want.join(), `${name}: opens ${open.join(', ')}`)
  const volume = service.resources.storage.find((s) => s.attributes.some((a) => a.key === 'persistent' && a.value === 'true'))
  must(volume && service.params.storage.some((m) => m.name === volume.name && m.mount === '/data'), `${name}: a persistent volume is mounted`)
}

const whole = files['deploy.sdl.yaml'].text
const broken = {
  'a profile that is not there': whole.replace('profile: node', 'profile: nodes'),
  'an address that nobody leases': whole.replace('ip: p2p', 'ip: p3p'),
  'a volume that is not there': whole.replace('- name: data', '- name: other'),
  'a size that is none': whole.replace('size: 10Gi', 'size: much'),
  'a price in no money': whole.replace('denom: uact', 'denom: dollars'),
  'an unknown field': whole.replace('count: 1', 'count: 1\n      replicas: 2'),
  'another version': whole.replace('version: "2.0"', 'version: "9.0"'),
}
for (const [name, text] of Object.entries(broken)) {
  let problems
  try {
    problems = check(text).problems
  } catch (e) {
    problems = [e]
  }
  must(text !== whole && problems?.length > 0, `refused: ${name}`)
}
console.log(failed ? `${failed} failed` : 'all as it must be')
process.exit(failed ? 1 : 0)
