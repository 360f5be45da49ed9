// The status page in a real browser, against a network of real processes.
//   SHOTS=DIR   keeps pictures of it
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'
import { deadline, start } from './network.mjs'

// A start that needs its whole deadline leaves one more to each wait of a test.
const bounded = { timeout: 4 * deadline }
const policy = 'content-security-policy'
// What a stranger would call himself, if he could.
const markup = '<img src=/hostile.png onerror="window.hostile=1">"><script>window.hostile=2</script>'
const turned = '\u202e' // writes all that follows from right to left
const hostile = markup + turned

let network, browser, address

before(async () => {
  network = await start()
  address = network.address
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    timeout: deadline,
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  })
}, { timeout: 3 * deadline })

after(async () => {
  await browser?.close()
  const end = await network?.stop()
  assert.ok(end === 0 || end === undefined, `the launcher ended with ${end}`)
}, bounded)

// look opens a page that writes down what goes wrong on it and what it asks for.
async function look (t, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  t.after(() => context.close(), bounded)
  context.setDefaultTimeout(deadline)
  const page = await context.newPage()
  const errors = []
  const requests = []
  page.on('console', (m) => { if (['error', 'warning'].includes(m.type())) errors.push(m.text()) })
  page.on('pageerror', (err) => errors.push(String(err)))
  context.on('request', (r) => requests.push(r.url()))
  return { context, page, errors, requests }
}

const api = async (path) => {
  const r = await fetch(address + path, { signal: AbortSignal.timeout(deadline) })
  return r.json()
}

async function picture (page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, name + '.png'), fullPage: true })
}

const live = (page) => page.waitForFunction(() => document.getElementById('live').textContent === 'live')

// rows are the rounds on the page, as text.
const rows = (page) => page.$$eval('#rounds tr', (all) => all.map((tr) => {
  const [height, leader, intents, netting, chunks, settlement] = [...tr.cells].map((td) => td.innerText.trim())
  return { height: Number(height), leader, intents, netting, chunks, settlement }
}))

const heightAbove = (page, height) => page.waitForFunction((h) => Number(document.getElementById('height').textContent) > h, height)

const settledAbove = (page, height) => page.waitForFunction((h) => [...document.querySelectorAll('#rounds tr')].some((tr) =>
  Number(tr.cells[0].textContent) > h && tr.cells[5]?.textContent === 'settled'), height)

test('rounds come in live, as the API has them', bounded, async (t) => {
  const { page, errors, requests } = await look(t)
  await page.goto(address)
  await live(page)
  await heightAbove(page, 0)
  const first = Math.max(...(await rows(page)).map((r) => r.height || 0))

  // The page asks for the list of rounds when its stream opens: those that come later came over the stream.
  const asked = requests.length
  await settledAbove(page, first)
  await heightAbove(page, first)
  assert.deepEqual(requests.slice(asked).filter((url) => url.includes('/api/rounds')), [])
  assert.equal(requests.filter((url) => url.endsWith('/api/events')).length, 1)

  const shown = (await rows(page)).filter((r) => r.settlement === 'settled')
  const names = new Map((await api('/api/network')).members.map((m) => [m.key, m.name]))
  for (const row of shown) {
    const round = await api('/api/rounds/' + row.height)
    assert.deepEqual(row, {
      height: round.header.height,
      leader: names.get(round.header.leader),
      intents: String(round.outcome.accepted),
      netting: `${round.outcome.legs} → ${round.outcome.changes}`,
      chunks: String(round.settlement.chunks),
      settlement: round.settlement.state
    })
    assert.ok(round.outcome.changes <= round.outcome.legs)
  }
  assert.deepEqual(shown.map((r) => r.height), shown.map((r) => r.height).sort((a, b) => b - a), 'the newest is first')
  await picture(page, 'live')
  assert.deepEqual(errors, [])
  assert.deepEqual(requests.filter((url) => new URL(url).origin !== address), [], 'requests to other origins')
})

test('health, peers and the node itself are shown', bounded, async (t) => {
  const { page, errors } = await look(t, { colorScheme: 'dark' })
  await page.goto(address)
  await live(page)
  await page.waitForFunction(() => document.querySelectorAll('#peer-list li:not(.empty)').length >= 4)
  const health = await api('/health')
  const checks = await page.$$eval('#checks li', (all) => all.map((li) => li.querySelector('b').textContent))
  assert.deepEqual(checks, health.checks.map((c) => c.name))
  const verdict = await page.innerText('#verdict')
  assert.match(verdict, /^(healthy|degraded: |unhealthy: )/i)
  assert.ok((await page.getAttribute('#banner', 'class')).endsWith(' ' + verdict.split(':')[0].toLowerCase()))
  assert.equal(await page.innerText('h1'), (await api('/api/network')).name)
  assert.equal(await page.innerText('#role'), (await api('/api/status')).member)
  await picture(page, 'dark')
  assert.deepEqual(errors, [])
})

test('an answer that is lost is no end', bounded, async (t) => {
  const { page } = await look(t)
  await page.goto(address)
  await live(page)
  await page.evaluate(() => {
    const pill = document.getElementById('live')
    window.pills = []
    new MutationObserver(() => window.pills.push(pill.textContent)).observe(pill, { childList: true, characterData: true, subtree: true })
  })
  await page.route('**/api/status', (route) => route.abort(), { times: 1 })
  await page.waitForFunction(() => window.pills[0] === 'not live' && window.pills.at(-1) === 'live')
})

// inject serves the page with markup that somebody smuggled into it, with its policy or without.
async function inject (page, keepPolicy) {
  await page.route(address + '/', async (route) => {
    const response = await route.fetch()
    const headers = response.headers()
    if (!keepPolicy) delete headers[policy]
    const smuggled = '<script>window.injected = 1</script><img src="/hostile.png" onerror="window.handled = 1"><style>#height { display: none }</style>'
    await route.fulfill({ response, headers, body: (await response.text()).replace('<main>', smuggled + '<main>') })
  })
  await page.route('**/hostile.png', (route) => route.fulfill({ status: 404 }))
  await page.goto(address, { waitUntil: 'load' })
  return page.evaluate(() => ({ script: window.injected, handler: window.handled, hidden: getComputedStyle(document.getElementById('height')).display === 'none' }))
}

test('the policy stops what is injected', bounded, async (t) => {
  const { page, errors } = await look(t)
  assert.deepEqual(await inject(page, true), { script: undefined, handler: undefined, hidden: false })
  assert.ok(errors.some((text) => /inline script/.test(text) && /Content Security Policy/.test(text)), `the browser says so: ${errors}`)
  const r = await fetch(address, { signal: AbortSignal.timeout(deadline) })
  const given = r.headers.get(policy)
  for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]) {
    assert.ok(given.split('; ').includes(part), `${part} in ${given}`)
  }
  assert.ok(!given.includes('unsafe'), given)

  // The same without the policy runs: the test can tell.
  const bare = await look(t)
  assert.deepEqual(await inject(bare.page, false), { script: 1, handler: 1, hidden: true })
})

// poison puts a hostile text in the place of every text.
function poison (v) {
  if (typeof v === 'string') return hostile
  if (Array.isArray(v)) return v.map(poison)
  if (v !== null && typeof v === 'object') return Object.fromEntries(Object.entries(v).map(([k, w]) => [k, poison(w)]))
  return v
}

// ahead is a height that the network does not reach.
const ahead = 1_000_000

// lie answers all that the page asks with the node's own answers, poisoned, and serves it without its policy: nothing
// but the page's own care keeps the texts from being markup.
async function lie (page) {
  await page.route(address + '/', async (route) => {
    const response = await route.fetch()
    const headers = response.headers()
    delete headers[policy]
    await route.fulfill({ response, headers })
  })
  let loaded
  const asked = new Promise((resolve) => { loaded = resolve })
  for (const path of ['/api/network', '/api/status', '/health', '/api/rounds?**', '/api/peers?**', '/api/stats']) {
    await page.route(address + path, async (route) => {
      if (path === '/api/rounds?**') loaded()
      const response = await route.fetch()
      const answer = await response.json()
      if (path === '/api/status') answer.why = 'x'
      if (path === '/health') answer.checks[0].remedy = 'x'
      if (answer.bootstrap) answer.bootstrap.push({ address: 'x', connected: false, attempts: 1, error: 'x' })
      await route.fulfill({ status: 200, contentType: 'application/json', body: JSON.stringify(poison(answer)) })
    })
  }
  const [{ rounds: [round] }, health] = await Promise.all([api('/api/rounds?limit=1'), api('/health')])
  const top = { ...round, header: { ...round.header, height: ahead } }
  const events = [['health', health], ['round', { state: 'decided', height: ahead, round: top }]]
  await page.route(address + '/api/events', async (route) => {
    await asked // what was asked before, and is asked when the stream opens, is older than the stream's round
    await route.fulfill({
      contentType: 'text/event-stream',
      body: 'retry: 600000\n\n' + events.map(([kind, data]) => `event: ${kind}\ndata: ${JSON.stringify(poison(data))}\n\n`).join('')
    })
  })
}

test('what the network says is text, never markup', bounded, async (t) => {
  for (const width of [1280, 320]) {
    const { page, requests } = await look(t, { viewport: { width, height: 800 } })
    await lie(page)
    await page.goto(address, { waitUntil: 'load' })
    const places = ['#leader', '#why', '#role', '#digest', '#verdict', '#checks b', '#checks em', '#rounds td:nth-child(2)', '#rounds td:nth-child(6)', '#peer-list .wide', '#peer-list .error']
    for (const place of places) {
      await page.waitForFunction(([at, text]) => document.querySelector(at)?.textContent.includes(text), [place, markup])
    }
    // The round of the stream stays when the list, which does not have it, comes after it.
    await page.waitForFunction(() => document.querySelectorAll('#rounds tr').length > 1)
    assert.equal((await rows(page))[0].height, ahead)
    assert.ok(!(await page.content()).includes(turned), 'a text turns the direction of its surroundings')
    const made = await page.evaluate(() => ({
      hostile: window.hostile,
      images: [...document.querySelectorAll('img')].map((e) => e.getAttribute('src')),
      scripts: [...document.querySelectorAll('script')].map((e) => e.getAttribute('src')),
      handlers: [...document.querySelectorAll('*')].filter((e) => e.getAttributeNames().some((n) => n.startsWith('on'))).length,
      classes: [...document.querySelectorAll('[class]')].filter((e) => /[<>"]/.test(e.className)).length
    }))
    assert.deepEqual(made, { hostile: undefined, images: ['/assets/icon.svg'], scripts: ['/assets/app.js'], handlers: 0, classes: 0 })
    assert.deepEqual(requests.filter((url) => url.includes('hostile')), [])
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, `scrolls sideways at ${width}`)
    await picture(page, 'hostile-' + width)
  }
})

// fits says that a page does not scroll sideways.
async function fits (page, width) {
  const wide = await page.evaluate((w) => [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > w + 0.5)
    .map((e) => `${e.tagName}#${e.id}.${e.className}`), width)
  assert.deepEqual(wide, [], `beyond ${width} pixels`)
}

// moved is a settled round in which money moves.
async function moved () {
  for (let after = ''; ;) {
    const list = await api('/api/rounds?limit=50' + (after && '&after=' + after))
    const round = list.rounds.find((r) => r.settlement.state === 'settled' && r.outcome.changes > 0)
    if (round) return round
    assert.ok(list.next, 'no round moved money')
    after = list.next
  }
}

test('a round shows its picture, its settlement and its intents; a wallet its receipts', bounded, async (t) => {
  for (const [width, colorScheme] of [[1280, 'light'], [390, 'dark']]) {
    const { page, errors, requests } = await look(t, { viewport: { width, height: 844 }, colorScheme })
    await page.goto(address)
    await live(page)
    await settledAbove(page, 0)
    const round = await moved()
    await page.fill('.find input', String(round.header.height))
    await page.click('.find button')
    await page.waitForURL(`**/round/${round.header.height}`)
    assert.equal(await page.innerText('#state'), 'settled')
    const names = new Map((await api('/api/network')).members.map((m) => [m.key, m.name]))
    assert.match(await page.innerText('#signers'), new RegExp(round.certificate.signatures.map((s) => names.get(s.member)).join(', ')))
    const body = await page.innerText('main')
    for (const tx of round.settlement.transactions) assert.ok(body.includes(tx), tx)
    await page.evaluate(() => document.querySelector('img.drawing').scrollIntoView())
    await page.waitForFunction(() => document.querySelector('img.drawing').naturalWidth > 0)
    await fits(page, width)
    await picture(page, 'round-' + width)

    await page.click('#intents a[href^="/intent/"]')
    await page.waitForURL('**/intent/*')
    assert.equal((await page.innerText('#verdict')).toLowerCase(), 'settled')
    const id = page.url().split('/').at(-1)
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#receipt')])
    assert.equal(download.suggestedFilename(), `receipt-${id}.json`)
    await fits(page, width)
    await picture(page, 'intent-' + width)

    await page.click('dl a[href^="/wallet/"]')
    await page.waitForURL('**/wallet/*')
    const wallet = await api('/api/wallets/' + page.url().split('/').at(-1))
    assert.equal(await page.locator('#entries li:not(.empty)').count(), wallet.entries.length)
    assert.ok(await page.locator('#history a[download]').count() > 0, 'no receipt')
    await fits(page, width)
    await picture(page, 'wallet-' + width)
    assert.ok(await page.locator(`#history a[href^="/wallet/${wallet.wallet}/"]`).count() > 0, 'no statement')
    await page.goto(`${address}/wallet/${wallet.wallet}/${round.header.height}`)
    const statement = await api(`/api/rounds/${round.header.height}/wallets/${wallet.wallet}`)
    assert.equal(await page.locator('#statement dl').count(), statement.balances.length)
    assert.equal(await page.locator('#intents li:not(.empty)').count(), statement.intents.length)
    const sums = (await page.innerText('#statement')).replace(/\s/g, '')
    for (const line of statement.balances) assert.ok(sums.includes(line.symbol), sums)
    await fits(page, width)
    await picture(page, 'statement-' + width)
    await page.goto(address + '/find?q=' + encodeURIComponent(markup))
    assert.match(await page.innerText('h2'), /no height/)
    assert.deepEqual(errors.filter((text) => !/400 \(Bad Request\)/.test(text)), [])
    assert.deepEqual(requests.filter((url) => new URL(url).origin !== address), [], 'requests to other origins')
  }
})

test('a phone shows all of it without scrolling sideways', bounded, async (t) => {
  for (const width of [390, 320]) {
    const { page, errors } = await look(t, { viewport: { width, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 })
    await page.goto(address)
    await live(page)
    await settledAbove(page, 0)
    const wide = await page.evaluate((w) => [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > w + 0.5)
      .map((e) => `${e.tagName}#${e.id}.${e.className}`), width)
    assert.deepEqual(wide, [], `beyond ${width} pixels`)
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width)
    assert.equal(await page.evaluate(() => window.innerWidth), width)
    const counts = await page.evaluate(() => [...document.querySelectorAll('#rounds tr')].flatMap((tr) => [[2, 'intent'], [4, 'chunk']].map(([n, word]) =>
      ({ n: tr.children[n].textContent, word, after: getComputedStyle(tr.children[n], '::after').content }))))
    assert.ok(counts.length > 0)
    for (const c of counts) assert.equal(c.after, `" ${c.word}${c.n === '1' ? '' : 's'}"`, c.n)
    await picture(page, 'phone-' + width)
    assert.deepEqual(errors, [])
  }
})

test('without scripts the page shows the node too', bounded, async (t) => {
  const { page, errors, requests } = await look(t, { javaScriptEnabled: false })
  const before = await api('/api/status')
  await page.goto(address)
  assert.ok(Number(await page.innerText('#height')) >= before.height)
  assert.match(await page.innerText('#verdict'), /^(healthy|degraded|unhealthy)/i)
  assert.ok(await page.locator('#checks li').count() > 0)
  assert.match(await page.innerText('#peer-list'), /needs scripts/)
  assert.notEqual(await page.innerText('#role'), await page.innerText('#role-more'))
  const [row] = await rows(page)
  assert.ok(row.height >= before.height)
  assert.match(row.netting, /^\d+ → \d+$/)
  assert.ok((await api('/api/network')).members.some((m) => m.name === row.leader), row.leader)
  assert.match(row.settlement, /^(waiting|attesting|applying|settled)/)
  await picture(page, 'no-scripts')
  assert.deepEqual(errors, [])
  assert.deepEqual(requests.filter((url) => new URL(url).pathname.startsWith('/api/')), [])
})
