"use strict";
// The status page: everything that the network says becomes a text node, never markup.
(() => {
  const shown = 12; // rounds
  const rounds = new Map(); // by height
  const names = new Map(); // members by key
  let asked = 0; // how often the list of rounds was asked for
  const heard = new Map(); // by height: what asked was when the stream told of it
  const kept = 100; // heights in heard
  const at = (id) => document.getElementById(id);
  // What turns the direction of the text around it, or is no text at all, is shown as a mark: it could forge its surroundings.
  const plain = (text) => String(text).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "\ufffd");
  const say = (id, text) => { const e = at(id), t = plain(text); if (e.textContent !== t) e.textContent = t; };
  const make = (tag, cls, ...kids) => {
    const e = document.createElement(tag);
    if (cls) e.className = cls;
    e.append(...kids.map((k) => (k instanceof Node ? k : document.createTextNode(plain(k)))));
    return e;
  };
  const short = (s) => (s.length <= 12 ? s : s.slice(0, 6) + "…" + s.slice(-4));
  const named = (key) => names.get(key) || short(key);
  const states = ["healthy", "degraded", "unhealthy", "waiting", "attesting", "applying", "settled", "dropped", "undone"];
  const known = (s) => (states.includes(s) ? s : "unhealthy");
  const seconds = (ms) => (ms < 1 ? "<1 ms" : ms < 950 ? Math.round(ms) + " ms" : (ms / 1000).toFixed(1) + " s");
  const ago = (t) => {
    const s = Math.max(0, Math.round(Date.now() / 1000 - t));
    if (s < 60) return s + " s ago";
    if (s < 3600) return Math.floor(s / 60) + " min ago";
    if (s < 86400) return Math.floor(s / 3600) + " h ago";
    return Math.floor(s / 86400) + " d ago";
  };

  async function ask(path) {
    const r = await fetch(path, { cache: "no-store" });
    const answer = await r.json();
    live(events.readyState === EventSource.OPEN); // the node answers again, if it did not
    return answer;
  }

  function showStatus(s) {
    if (typeof s.height !== "number" || !s.chain) return;
    say("height", s.height);
    say("height-more", s.chain.height === s.height ? "settled" : "settled " + s.chain.height);
    say("leader", s.leader_name || (s.leader ? short(s.leader) : "–"));
    say("leader-more", "height " + s.deciding + " · view " + s.view + (s.phase ? " · " + s.phase : ""));
    say("pool", s.pool);
    say("peers", s.peers);
    say("slot", s.chain.slot);
    say("slot-more", "slot · " + s.chain.events + " events");
    say("role", s.member || "observer");
    say("role-more", s.voting === "observer" ? (s.synced ? "in sync" : "catching up") : s.voting);
    say("why", s.why || "");
    say("digest", s.state_digest);
  }

  function showPool(p) {
    say("pool", p.intents);
    say("pool-more", p.free + " waiting · " + p.asks + (p.asks === 1 ? " ask" : " asks"));
  }

  function showHealth(h) {
    if (!Array.isArray(h.checks)) return;
    at("banner").className = "banner " + known(h.status);
    const ill = h.checks.filter((c) => c.status !== "healthy").map((c) => c.name);
    say("verdict", ill.length ? h.status + ": " + ill.join(", ") : h.status);
    at("checks").replaceChildren(...h.checks.map((c) => {
      const li = make("li", known(c.status), make("b", "", c.name), make("span", "", c.detail || c.status));
      if (c.remedy) li.append(make("em", "", c.remedy));
      return li;
    }));
  }

  function netted(o) {
    const fill = make("i");
    fill.style.width = (o.legs ? Math.min(100, Math.round((100 * o.changes) / o.legs)) : 0) + "%";
    const bar = make("span", "bar", fill);
    bar.title = o.changes + " balance changes settle " + o.legs + " transfers";
    return make("div", "netting", make("span", "", o.legs + " → " + o.changes), bar);
  }

  // On a phone the style sheet writes what is counted behind the number.
  const counted = (n) => make("td", n === 1 ? "num one" : "num", n);

  function row(r, fresh) {
    const s = r.settlement;
    const tr = make("tr", fresh ? "fresh" : "");
    const leader = make("td", names.has(r.header.leader) ? "" : "mono", named(r.header.leader));
    leader.title = plain(r.header.leader);
    const state = make("span", "state " + known(s.state), s.state === "applying" ? "applying " + s.applied + "/" + s.chunks : s.state);
    if (s.error) state.title = plain(s.error);
    const when = make("td", "num", ago(r.decided));
    when.dataset.time = r.decided;
    const link = make("a", "", r.header.height);
    link.href = "/round/" + Number(r.header.height);
    tr.append(make("td", "", link), leader, counted(r.outcome.accepted), make("td", "", netted(r.outcome)),
      counted(s.chunks), make("td", "", state), make("td", "num", s.milliseconds ? seconds(s.milliseconds) : ""), when);
    return tr;
  }

  function showRounds(fresh) {
    const list = [...rounds.values()].sort((a, b) => b.header.height - a.header.height).slice(0, shown);
    for (const h of rounds.keys()) if (!list.some((r) => r.header.height === h)) rounds.delete(h);
    if (list.length) at("rounds").replaceChildren(...list.map((r) => row(r, r.header.height === fresh)));
  }

  // A list is older than what the stream has said since it was asked for.
  function showList(list, mine) {
    if (!Array.isArray(list)) return;
    const older = (h) => !(heard.get(h) >= mine);
    for (const h of rounds.keys()) if (older(h)) rounds.delete(h);
    for (const r of list) if (older(r.header.height)) rounds.set(r.header.height, r);
  }

  function onRound(e) {
    heard.set(e.height, asked);
    heard.delete(e.height - kept);
    if (e.state === "undone") rounds.delete(e.height);
    else if (e.round) rounds.set(e.height, e.round);
    showRounds(e.height);
    soon();
  }

  function showPeers(p) {
    if (!Array.isArray(p.peers)) return;
    const items = p.peers.map((q) => {
      const how = [q.latency_ms ? seconds(q.latency_ms) : "", q.inbound ? "in" : "out"].filter(Boolean).join(" · ");
      return make("li", "", make("span", q.member ? "" : "mono", q.member || short(q.id)), make("span", "soft", how), make("span", "wide", q.agent + " · " + q.address));
    });
    for (const b of p.bootstrap) {
      if (!b.connected) items.push(make("li", "", make("span", "mono", b.address), make("span", "error", "bootstrap peer, " + b.attempts + " attempts: " + (b.error || "not tried yet"))));
    }
    if (!items.length) items.push(make("li", "empty", "No peers, and no bootstrap address to dial."));
    at("peer-list").replaceChildren(...items);
    say("peers", p.peers.length);
    say("peers-more", p.peers.filter((q) => q.member).length + " members");
  }

  // Refreshing is asked for by events and done at most once a second.
  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; refresh(); }, 1000);
  }
  async function refresh() {
    try { showStatus(await ask("/api/status")); } catch (e) { live(false); }
  }
  async function look() {
    await refresh();
    try { showHealth(await ask("/health")); } catch (e) { live(false); }
  }
  async function all() {
    try {
      const mine = ++asked;
      const [network, status, health, list, peers, stats] = await Promise.all(
        ["/api/network", "/api/status", "/health", "/api/rounds?limit=" + shown, "/api/peers?limit=200", "/api/stats"].map(ask));
      for (const m of network.members || []) names.set(m.key, m.name);
      showStatus(status);
      showHealth(health);
      showList(list.rounds, mine);
      showRounds();
      showPeers(peers);
      if (stats.pool) showPool(stats.pool);
    } catch (e) { live(false); }
  }

  function live(on) {
    at("live").className = "pill " + (on ? "on" : "off");
    say("live", on ? "live" : "not live");
  }

  const events = new EventSource("/api/events");
  events.onopen = () => { live(true); all(); };
  events.onerror = () => live(false);
  const on = (kind, fn) => events.addEventListener(kind, (e) => { try { fn(JSON.parse(e.data)); } catch (err) { console.error(kind, err); } });
  on("round", onRound);
  on("settled", onRound);
  on("pool", (p) => { showPool(p); soon(); });
  on("peer", async () => { try { showPeers(await ask("/api/peers?limit=200")); } catch (e) { live(false); } });
  on("health", showHealth);

  setInterval(() => { for (const e of document.querySelectorAll("[data-time]")) e.textContent = ago(Number(e.dataset.time)); }, 1000);
  setInterval(() => { if (!document.hidden) look(); }, 5000);
  if (document.readyState !== "complete") addEventListener("load", all); else all();
})();
