// Reads what `paradox testnet up --once --json` printed and holds its last line against what a run must give:
//   node .ci/check-summary.mjs NODES MEMBERS INTENTS < output
import { readFileSync } from 'node:fs'

const [nodes, members, intents] = process.argv.slice(2).map(Number)
const lines = readFileSync(0, 'utf8').trim().split('\n')
const s = JSON.parse(lines.at(-1))
const problems = []
const must = (ok, what) => { if (!ok) problems.push(what) }
const keys = (o) => Object.keys(o).join(' ')

must(lines.length === 1, `stdout has ${lines.length} lines, not one`)
must(keys(s) === 'nodes members heights intents transfers chain state_digests batches elapsed_ms', `fields: ${keys(s)}`)
must(keys(s.intents) === 'submitted settled refused dropped pending', `intents: ${keys(s.intents)}`)
must(keys(s.transfers) === 'gross net', `transfers: ${keys(s.transfers)}`)
must(keys(s.chain) === 'transactions height slot', `chain: ${keys(s.chain)}`)
const i = s.intents
must(s.nodes === nodes && s.members === members, `nodes ${s.nodes}, members ${s.members}`)
must(i.submitted === intents, `${i.submitted} intents submitted, not ${intents}`)
must(i.submitted === i.settled + i.refused + i.dropped + i.pending, 'submitted is not the sum of the others')
must(i.pending === 0, `${i.pending} intents are pending`)
must(i.settled > 0.8 * intents, `only ${i.settled} settled`)
must(i.refused > 0 && i.dropped > 0, 'nothing was refused, or nothing dropped')
must(s.heights > 0 && s.batches.length === s.heights && new Set(s.batches).size === s.heights, `${s.heights} heights, ${s.batches.length} batches`)
must(s.batches.every((b) => /^bafy[a-z2-7]{55}$/.test(b)), `batches are no CIDs: ${s.batches}`)
must(s.chain.height >= s.heights && s.chain.transactions > s.heights && s.chain.slot > 0, `chain ${JSON.stringify(s.chain)}`)
must(s.state_digests.length === nodes && new Set(s.state_digests).size === 1, `state digests ${s.state_digests}`)
must(/^[0-9a-f]{64}$/.test(s.state_digests[0]), `state digest ${s.state_digests[0]}`)
must(s.transfers.gross >= i.settled / 2 && s.transfers.net > 0 && s.transfers.net < s.transfers.gross, `transfers ${JSON.stringify(s.transfers)}`)

for (const p of problems) console.log('the summary is not as it must be:', p)
console.log(JSON.stringify(s))
process.exit(problems.length ? 1 : 0)
