'use strict';
/* The status page. All that the agent says is text from a card or a network: it goes into the page as
 * text nodes and attributes of fixed names alone, never as markup. */

// --- small tools ---

const $ = (id) => document.getElementById(id);
const put = (id, words) => { $(id).textContent = words; };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* Attributes that are functions become listeners; what is false, null or "" is left out. */
function fill(node, attributes, parts) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value || value === 0) node.setAttribute(name, value);
  }
  node.append(...parts.flat().filter((part) => part || part === 0));
  return node;
}
const el = (tag, attributes, ...parts) => fill(document.createElement(tag), attributes, parts);
const svg = (tag, attributes, ...parts) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, parts);
const p = (kind, ...parts) => el('p', { class: kind }, ...parts);
const div = (kind, ...parts) => el('div', { class: kind }, ...parts);
const text = (kind, ...parts) => el('span', { class: kind }, ...parts);
const button = (key, click, words, label) => el('button', { type: 'button', 'data-key': key, 'aria-label': label, click }, words);

/* What the tab remembers; a browser that keeps nothing for us is no reason to fail. */
let store = {};
try {
  store = sessionStorage;
} catch { /* then in memory */ }

/* Rows that did not change stay the same nodes: a click that has begun ends on the same button. Where
 * they change, the focus stays where it was, or goes to the row, or where that is gone to the page. */
function keep(box, rows) {
  const old = new Map([...box.children].map((node) => [node.dataset.row, node]));
  const nodes = rows.map(({ key, mark, build }) => {
    const now = JSON.stringify(mark);
    if (old.get(key)?.mark === now) return old.get(key);
    return Object.assign(build(), { mark: now });
  });
  nodes.forEach((node, i) => { node.dataset.row = rows[i].key; });
  if (nodes.length === box.children.length && nodes.every((node, i) => node === box.children[i])) return;
  const at = document.activeElement;
  const row = box.contains(at) && at.closest('[data-row]').dataset.row;
  box.replaceChildren(...nodes);
  if (row === false) return;
  const next = byKey(at.dataset.key) || nodes.find((node) => node.dataset.row === row) || $('main');
  if (next.tabIndex < 0) next.tabIndex = -1; // written down, it can take the focus
  next.focus();
}
const byKey = (key) => key && document.querySelector(`main [data-key="${CSS.escape(key)}"]`);

let ticking = [];
function tick(node, words) {
  node.textContent = words();
  ticking.push({ node, words });
  return node;
}

// --- words ---

let skew = 0; // the agent's clock less the browser's, ms
const agentNow = () => Date.now() + skew;

function span(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 0.9995) return `${Math.round(s * 1000)}\u00a0ms`;
  if (s < 9.95) return `${s.toFixed(1)}\u00a0s`;
  if (s < 100) return `${Math.round(s)}\u00a0s`;
  const [big, small, names] = s < 3600 ? [s / 60, s % 60, ['min', 's']] : [s / 3600, (s % 3600) / 60, ['h', 'min']];
  return `${Math.floor(big)}\u00a0${names[0]}${small >= 1 ? ` ${Math.floor(small)}\u00a0${names[1]}` : ''}`;
}

function clock(at, seconds) {
  const date = new Date(at);
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: seconds && '2-digit' });
  if (date.toDateString() === new Date(agentNow()).toDateString()) return time;
  return `${date.toLocaleDateString([], { day: 'numeric', month: 'short', year: 'numeric' })}, ${time}`;
}
/* What has the stamp says that the device's clock was not set; to the agent it is not before 2024. */
const isTime = (iso, { clock_set: set } = {}) => set !== false && Date.parse(iso) >= Date.UTC(2024);
function when(iso, seconds, of) {
  if (!isTime(iso, of)) return text('', 'an unknown time');
  return el('time', { datetime: iso, title: `${iso.replace(/[TZ]/g, ' ')}UTC` }, clock(Date.parse(iso), seconds));
}

/* Copied, it is one number. */
const groups = (digits) => el('span', { class: 'mono groups' }, String(digits).match(/.{1,4}/g).map((part) => text('', part)));

const CODES = {
  'invalid-request': 'The agent did not understand the request.',
  unauthorized: 'This token is not known here.',
  forbidden: 'This needs an operator; a viewer only looks.',
  'not-found': 'It is not there any more.',
  'profile-not-found': 'The card has no such profile any more.',
  'switch-in-progress': 'Another switch is under way.',
  'too-late': 'Too late: the card was told already, or it has ended.',
  'precondition-failed': 'The profiles changed meanwhile. Look at the new plan.',
  'key-reused': 'This had arrived before; the switch is in the list.',
  locked: 'Somebody holds the lock.',
  cooldown: 'Too many switches in a short time.',
  'policy-forbids': 'A rule on the card (POL1) keeps the profile in use.',
  'card-error': 'The card answered with an error.',
  'card-busy': 'The card stayed busy.',
  'card-absent': 'There is no card in the modem.',
  'applet-absent': 'The card cannot switch: its applet is missing.',
  'sim-locked': 'The SIM is locked.',
  'modem-absent': 'The modem is gone.',
  'queue-full': 'The agent has too much to do at the moment.',
  'storage-full': 'The disk takes nothing, so nobody can switch.',
  'shutting-down': 'The agent is shutting down.',
  'modem-timeout': 'The modem did not answer in time.',
  expired: 'It waited too long; nothing was done.',
  'not-switched': 'The modem did not take up the new profile.',
  'not-registered': 'The new profile found no network in time.',
  'registration-denied': 'The network refused the new profile.',
  'no-data': 'The new profile registered, but got no data.',
  unreachable: 'Nothing was reached over the new profile.',
  unconfirmed: 'Nobody gave the word in time.',
  overtaken: 'Somebody else switched meanwhile.',
  stranded: 'No profile works. The agent goes on trying.',
  interrupted: 'The agent or the gateway restarted in the middle.',
  internal: 'The agent has a fault.',
};
const codeWords = (code) => CODES[code] || String(code);

function problemWords({ code, detail, field, holder, until, retry_after_s: wait }) {
  let words = codeWords(code);
  if (code === 'locked' && holder) words = `${holder} holds the lock${isTime(until) ? ` until ${clock(Date.parse(until))}` : ''}.`;
  if (code === 'invalid-request' && detail) return `${words} ${field ? `${field}: ` : ''}${detail}.`;
  /* Others say when to ask again, not when it is over. */
  return wait && code === 'cooldown' ? `${words} Possible again in ${span(wait * 1000)}.` : words;
}
/* For engineers: code, the agent's own sentence, status word, final line. */
const problemDetail = ({ code, detail, cause, sw, at }) =>
  [`${code}: ${detail}`, cause && `first: ${cause}`, sw && `SW ${sw}`, at].filter(Boolean).join(', ');

const PHASES = {
  enabling: 'telling the card',
  resetting: 'restarting the modem',
  registering: 'finding the network',
  attaching: 'getting data',
  verifying: 'proving',
  confirming: 'waiting for the word',
  'rolling-back': 'going back',
};
const STATES = {
  accepted: ['waits', 'busy'],
  running: ['running', 'busy'],
  succeeded: ['succeeded', 'good'],
  failed: ['failed', 'bad'],
  rejected: ['refused', 'warn'],
  expired: ['expired', 'warn'],
};
const VERIFIED = {
  registered: 'it was registered',
  attached: 'it had a data connection',
  reachable: 'the other end was reached over it',
  broker: 'the broker was reached over it',
};
const REGISTRATIONS = {
  home: 'Registered',
  roaming: 'Registered, roaming',
  searching: 'Searching for a network',
  denied: 'Refused by the network',
  emergency: 'Emergency calls only',
  idle: 'Not searching',
};
/* 3GPP TS 24.301, 9.9.3.9: those that field engineers meet. */
const CAUSES = { 8: 'no service', 11: 'network not allowed', 12: 'area not allowed', 13: 'no roaming in this area', 14: 'no data service in this network', 15: 'no suitable cell here', 22: 'congestion' };
const CHANNELS = { rest: 'over REST', mqtt: 'over MQTT', steering: 'by a rule', agent: 'by the agent itself' };

/* From which dBm on it is excellent, good, fair, weak. */
const LEVELS = [
  ['rsrp_dbm', 'RSRP', [-80, -90, -100, -110]],
  ['rscp_dbm', 'RSCP', [-75, -85, -95, -105]],
  ['rssi_dbm', 'RSSI', [-65, -75, -85, -95]],
];
const LEVEL_WORDS = ['excellent', 'good', 'fair', 'weak', 'very weak'];
function levelOf({ signal = {} }) {
  const found = LEVELS.find(([field]) => typeof signal[field] === 'number');
  if (!found) return null;
  const [field, name, steps] = found;
  const rank = steps.filter((step) => signal[field] < step).length;
  return { dbm: signal[field], name, steps, rank, words: LEVEL_WORDS[rank], tone: ['good', 'good', 'warn', 'bad', 'bad'][rank] };
}
const isRegistered = (reading) => reading.registration === 'home' || reading.registration === 'roaming';
const minus = (number) => String(Math.round(number)).replace('-', '−');

// --- what is known ---

const KEEP_OPERATIONS = 200;
const KEEP_SAMPLES = 2000;
const NOTHING = { info: null, health: null, profiles: null, etag: '', reading: null, samples: [], hasOlder: false };
const known = { ...NOTHING, operations: new Map() };
let hours = 6;

const refOf = (profile) => profile?.iccid || profile?.aid;
const nameOf = (profile) => profile.label || profile.nickname || profile.name || `…\u2060${refOf(profile).slice(-6)}`;
const nameOfRef = (ref) => nameOf((known.profiles || []).find((row) => row.iccid === ref || row.aid === ref) || { iccid: String(ref) });
const inUse = () => known.profiles?.find((row) => row.enabled);
const targetOf = (op) => op.args.iccid || op.args.aid;
const hasEnded = (op) => op.state !== 'accepted' && op.state !== 'running';
const operations = () => [...known.operations.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
const mayChange = () => known.info.role === 'operator';

/* What an answer says is older than what an event said while it was on its way. */
const turns = { profiles: 0, reading: 0, health: 0 };
function turnOf(what) {
  const turn = turns[what];
  return () => turn === turns[what];
}

// --- calls ---

/* Without the signs that turn the direction of writing: a name is not to turn the sentence around it. */
const parse = (json) => JSON.parse(json.replace(/[\u202a-\u202e\u2066-\u2069]/g, ''));

/* What the agent refused has a `problem`; where nobody answered in time, there is none. */
const why = ({ problem }) => (problem ? problemWords(problem) : 'The agent does not answer.');

async function ask(method, path, { headers, body, signal, token = store.lpmToken } = {}) {
  const response = await fetch(path, {
    method,
    headers: { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }), ...(token && { Authorization: `Bearer ${token}` }), ...headers },
    body: body && JSON.stringify(body),
    cache: 'no-store',
    signal: signal || AbortSignal.timeout(45000),
  });
  const at = Date.parse(response.headers.get('Date')) + 500 - Date.now();
  if (Math.abs(at - skew) > 1500) skew = at;
  if (response.ok) return response;
  const problem = await response.text().then(parse).catch(() => null);
  throw Object.assign(new Error(), { status: response.status, problem: problem?.code ? problem : { code: `HTTP ${response.status}` } });
}

/* Who waits for what comes after its run is over (the token was forgotten) goes no further. */
async function ours(answer) {
  const mine = run;
  try {
    return await answer;
  } catch (e) {
    if (mine === run && e.status === 401) openGate();
    throw e;
  } finally {
    if (mine !== run) await new Promise(() => {});
  }
}

/* -> {json, headers} */
const call = (method, path, more) => ours(ask(method, path, more).then(async (response) => (
  { headers: response.headers, json: response.status === 204 ? null : parse(await response.text()) })));

// --- reading all anew ---

function takeOperation(op, live) {
  const old = known.operations.get(op.id);
  if (old?.rev > op.rev) return;
  known.operations.set(op.id, op);
  if (known.operations.size > KEEP_OPERATIONS) known.operations.delete(operations().pop().id);
  if (live && old?.state !== op.state) {
    say(`Switch to ${nameOfRef(targetOf(op))}: ${hasEnded(op) ? outcomeWords(op) : STATES[op.state][0]}`);
    if (hasEnded(op)) soon(readProfiles); // when it was proven, what went wrong
  }
  paint();
}

async function readProfiles() {
  const fresh = turnOf('profiles');
  const { json, headers } = await call('GET', 'v1/profiles');
  if (fresh()) takeProfiles(json.profiles, headers.get('ETag') || '');
}
function takeProfiles(profiles, etag) {
  Object.assign(known, { profiles, etag });
  soon(readInfo); // since when is it in use? Also of one that was come back to
  paint();
}

async function readConnectivity() {
  const fresh = turnOf('reading');
  const { samples, ...reading } = (await call('GET', `v1/connectivity?since=${new Date(agentNow() - hours * 3600e3).toISOString()}`)).json;
  const newest = samples.at(-1)?.at || '';
  known.samples = [...samples, ...known.samples.filter((sample) => sample.at > newest)];
  if (fresh() && reading.at) known.reading = reading;
  paint();
}

async function readInfo() {
  const fresh = turnOf('health');
  const of = refOf(inUse());
  const info = (await call('GET', 'v1/info')).json;
  known.info = { ...info, of };
  if (fresh()) takeHealth({ ...info, trouble: info.modem.trouble });
}
/* How long a lock still lasts `ttl_s` says, which is right also where the device's clock is not. That it
 * ended may be told late: then it is asked. */
let lockEnd;
function takeHealth(health) {
  const left = health.lock?.ttl_s * 1000;
  clearTimeout(lockEnd);
  if (left) lockEnd = setTimeout(soon, left, readInfo);
  known.health = { ...health, lockEnds: Date.now() + left };
  planIsOld();
  paint();
}

async function readOperations(before) {
  const { operations: rows } = (await call('GET', `v1/operations?limit=10${before ? `&before=${before}` : ''}`)).json;
  if (before || !known.operations.size) known.hasOlder = rows.length === 10;
  for (const row of rows) takeOperation(row);
  paint();
}

/* What is refused (no modem, no list) comes as an event when it is there; what was lost is read again
 * with the next stream. */
const lost = new Set();
const later = (read) => read().catch((e) => e.problem || lost.add(read));
/* Once for all that ask for it within a moment. */
const asking = new Set();
function soon(read) {
  if (asking.has(read)) return;
  asking.add(read);
  setTimeout(() => {
    asking.delete(read);
    if (line.state !== 'gate') later(read);
  }, 100);
}
function readAll() {
  [readProfiles, readConnectivity, readOperations].forEach(later);
  return readInfo();
}

// --- live ---

const SILENCE_MS = 40000; // a comment comes each 15 s
const BLOCK_MAX = 1 << 20;
let run = 0; // each start() ends what an earlier one began, and so does the gate
let stream = new AbortController();
let lastId = '';
const RETRY_MS = 3000;
let wake = () => {};
const line = { state: 'wait', heard: 0, again: 0, problem: null };

function setLine(state, problem) {
  if (state === 'lost' && line.state !== state) say('The agent is gone.');
  if (state === 'live' && line.state === 'lost') say('The agent is back.');
  Object.assign(line, { state, problem });
  paint();
}

const onEvent = {
  operation: (op) => takeOperation(op, true),
  profiles({ by, profiles, etag }) {
    turns.profiles++;
    takeProfiles(profiles, etag);
    if (by === 'external') note('Somebody else changed the profile in use.', 'warn');
    planIsOld();
  },
  connectivity(reading) {
    turns.reading++;
    known.reading = reading;
    if (reading.at > (known.samples.at(-1)?.at || '')) known.samples = [...known.samples, reading].slice(-KEEP_SAMPLES);
    /* The clock was set: stamps are other ones. */
    if ((reading.clock_set !== false) !== known.info?.agent.clock_set) [readInfo, readConnectivity].forEach(soon);
    paint();
  },
  health(data) {
    const was = known.health;
    turns.health++;
    takeHealth(data);
    if (data.lock) soon(readInfo); // this may be what was missed: how long is left now?
    if (!was?.trouble === !data.trouble) return;
    say(data.trouble ? codeWords(data.trouble.code) : 'The modem is back.');
    [readInfo, readProfiles].forEach(soon);
  },
  reset() {
    known.samples = [];
    return readAll();
  },
};

/* One block of the stream: its lines up to an empty one. */
async function takeBlock(block) {
  const fields = {};
  for (const row of block.split('\n')) {
    const [, name, value] = /^([a-z]+): ?([^]*)$/.exec(row) || [];
    if (name) fields[name] = value;
  }
  if (fields.data && Object.hasOwn(onEvent, fields.event)) await onEvent[fields.event](parse(fields.data));
  if (fields.id) lastId = fields.id;
}

/* One stream from its begin to its end. */
async function hear(mine) {
  const stop = stream = new AbortController();
  let watch;
  const listen = () => {
    clearTimeout(watch);
    watch = setTimeout(() => stop.abort(), SILENCE_MS);
  };
  listen();
  try {
    const resumes = lastId !== '';
    const response = await ask('GET', 'v1/events', { headers: { Accept: 'text/event-stream', ...(resumes && { 'Last-Event-ID': lastId }) }, signal: stop.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (let first = true; ; first = false) {
      const { value, done } = await reader.read();
      if (done || mine !== run) return;
      listen();
      line.heard = agentNow();
      if (first && !resumes) await readAll();
      if (first) {
        setLine('live');
        lost.forEach(soon);
        lost.clear();
      }
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      if (rest.length > BLOCK_MAX) return;
      for (const block of blocks) {
        await takeBlock(block);
        if (mine !== run) return;
      }
    }
  } finally {
    clearTimeout(watch);
    stop.abort();
  }
}

async function follow(mine) {
  for (let tries = 0; mine === run; tries++) {
    const error = await hear(mine).catch((e) => e);
    if (mine !== run) return;
    if (error?.status === 401) return openGate();
    if (line.state === 'live') tries = 0;
    /* All places for live events taken: a look now and then is better than nothing. */
    if (error?.problem?.code === 'queue-full') await later(readAll);
    const wait = 300 + Math.random() * Math.min(15000, RETRY_MS * 2 ** Math.min(tries, 3));
    line.again = Date.now() + wait;
    setLine('lost', error?.problem);
    await Promise.race([pause(wait), new Promise((now) => { wake = now; })]);
  }
}

function endRun() {
  run++;
  stream.abort();
}

function start() {
  endRun();
  lastId = '';
  setLine('wait');
  follow(run);
}

// --- who asks ---

function openGate() {
  if (line.state === 'gate') return;
  endRun();
  notice = null;
  put('gate-error', store.lpmToken ? codeWords('unauthorized') : '');
  delete store.lpmToken;
  Object.assign(known, NOTHING);
  known.operations.clear();
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  $('board').hidden = true;
  $('gate').hidden = false;
  setLine('gate');
  $('token').focus();
}

async function tryToken(event) {
  event.preventDefault();
  const token = $('token').value.trim();
  put('gate-error', '');
  try {
    await ask('GET', 'v1/info', { token });
    store.lpmToken = token;
    $('token').value = '';
    $('gate').hidden = true;
    $('main').focus();
    start();
  } catch (e) {
    put('gate-error', /^[!-~]+$/.test(token) ? why(e) : codeWords('unauthorized'));
  }
}

function forget() {
  delete store.lpmToken;
  openGate();
}

// --- telling ---

/* For ears. */
function say(words) {
  put('say', words);
}

let notice = null;
function note(words, tone = 'bad') {
  notice = { title: words, tone };
  say(words);
  paint();
}

// --- painting ---

let isDue = false;
function paint() {
  if (!isDue) requestAnimationFrame(paintAll);
  isDue = true;
}
function paintAll() {
  isDue = false;
  paintBanners();
  if (!known.info) return;
  $('board').hidden = false;
  for (const part of [paintNow, paintChart, paintProfiles, paintOperations, paintLock, paintGateway]) part();
}

function bannersNow() {
  const { health, info } = known;
  const lost = line.state === 'lost';
  const full = lost && line.problem?.code === 'queue-full';
  return [
    full && { key: 'full', tone: 'warn', title: 'No live updates: too many listen to this agent.' },
    lost && !full && { key: 'lost', tone: 'bad', title: 'The agent is gone.', detail: line.problem && problemWords(line.problem) },
    notice && { key: 'notice', ...notice },
    health?.stranded && { key: 'stranded', tone: 'bad', title: codeWords('stranded') },
    health?.trouble && { key: 'modem', tone: 'bad', title: codeWords(health.trouble.code), detail: health.trouble.detail },
    health?.storage.ok === false && { key: 'disk', tone: 'warn', title: codeWords('storage-full'), detail: health.storage.detail },
    info?.agent.clock_set === false && { key: 'clock', tone: 'warn', title: 'The gateway’s clock is not set: its times are wrong.' },
  ].filter(Boolean);
}

function lostWords() {
  const wait = Math.ceil((line.again - Date.now()) / 1000);
  return `${line.heard ? `Last heard at ${clock(line.heard, true)}; what stands below is from then. ` : ''}Trying again ${wait > 0 ? `in ${wait} s` : 'now'}.`;
}

const buildBanner = (row) => el('div', { class: 'banner', 'data-tone': row.tone, 'data-what': row.key },
  el('strong', {}, row.title),
  row.detail && div('', row.detail),
  row.key === 'lost' && [tick(div(''), lostWords), button('again', () => wake(), 'Try now')],
  row.key === 'notice' && button('dismiss', () => { notice = null; $('main').focus(); paint(); }, 'Dismiss'));

function paintBanners() {
  const [words, tone] = { wait: ['Connecting'], live: ['Live', 'good'], lost: ['Not connected', 'bad'], gate: ['Token needed', 'warn'] }[line.state];
  const device = known.info?.agent.device_id || '';
  put('link', words);
  $('link').dataset.tone = tone;
  $('forget').hidden = !store.lpmToken;
  put('device', device);
  document.title = `${device && `${device} – `}lpm-agent`;
  keep($('banners'), line.state === 'gate' ? [] : bannersNow().map((row) => ({ key: row.key, mark: row, build: () => buildBanner(row) })));
}

const underWay = () => operations().find((row) => !hasEnded(row));

function headline() {
  const { health, reading } = known;
  const op = underWay();
  if (op) return ['busy', `Switching to ${nameOfRef(targetOf(op))}: ${op.state === 'accepted' ? 'waiting to begin' : PHASES[op.phase] || 'beginning'}`];
  if (health.trouble) return ['bad', codeWords(health.trouble.code).replace(/\.$/, '')];
  if (health.stranded) return ['bad', 'No profile works'];
  if (!reading?.registration) return ['warn', 'Nothing known of the network yet'];
  if (!isRegistered(reading)) return ['bad', `No service: ${(REGISTRATIONS[reading.registration] || '').toLowerCase()}`];
  if (reading.data.addresses) return ['good', 'Online'];
  return reading.data.attached === undefined ? ['good', 'Registered'] : ['warn', 'Registered, but no data'];
}

const fact = (name, ...value) => div('', el('dt', {}, name), el('dd', {}, ...value));

function signalFact(reading) {
  const level = levelOf(reading);
  if (!level) return fact('Signal', 'not known');
  const more = [['rsrq_db', 'RSRQ'], ['sinr_db', 'SINR'], ['ecno_db', 'Ec/No']].filter(([field]) => field in reading.signal);
  return fact('Signal',
    el('span', { class: 'level', 'data-tone': level.tone }, [4, 3, 2, 1].map((i) => el('i', { class: i === 4 || level.rank <= i - 1 ? 'on' : '' }))),
    `${level.words}, `, el('span', { title: level.name }, `${minus(level.dbm)}\u00a0dBm`),
    div('small', more.map(([field, name]) => `${name} ${minus(reading.signal[field])} dB`).join(', ')));
}

function dataWords({ addresses, attached }) {
  if (addresses) return ['connected', div('small mono', addresses.join(', '))];
  return [attached ? 'attached, no address' : attached === false ? 'not connected' : 'not known'];
}

function qualityWords({ loss_pct: loss, rtt_ms: rtt }) {
  const parts = [loss !== undefined && `${+loss.toFixed(1)} % lost`, rtt !== undefined && `${Math.round(rtt) || '< 1'} ms there and back`];
  return parts.filter(Boolean).join(', ') || 'not measured';
}

const buildFacts = (reading, before) => [el('dl', { class: 'facts' },
  fact('Registration', REGISTRATIONS[reading.registration] || 'not known',
    reading.reject_cause && div('small', `cause ${reading.reject_cause} `, CAUSES[reading.reject_cause])),
  fact('Operator', reading.operator ? reading.operator.replace(/^(\d{3})/, '$1 ') : 'not known'),
  fact('Technology', reading.technology || 'not known'),
  signalFact(reading),
  fact('Data', ...dataWords(reading.data)),
  fact('Quality', qualityWords(reading.quality))),
p('small read-at', 'Read at ', when(reading.at, true, reading), before && ', before the switch')];

function paintNow() {
  const [tone, words] = headline();
  const profile = inUse();
  const { of, card: { enabled_since: at, enabled_by: by } } = known.info;
  const since = of === refOf(profile) && at; // not that of the profile before
  const stale = line.state === 'lost';
  const before = known.reading?.at < underWay()?.started_at;
  const build = () => div('',
    el('p', { class: 'headline', 'data-tone': stale ? '' : tone }, text('dot'), stale ? `Last known: ${words}` : words),
    p('inuse', profile ? nameOf(profile) : known.profiles ? 'No profile is in use' : 'The profile in use is not known yet'),
    profile && p('small', profile.provider && `${profile.provider} · `, groups(refOf(profile)), since && [' · in use since ', when(since), by === 'external' && ', by somebody else']),
    known.reading && buildFacts(known.reading, before));
  keep($('now'), [{ key: 'now', mark: [tone, words, profile, since, by, known.reading, before, stale, !known.profiles], build }]);
}

// --- signal over time ---

function chartOf(samples, from) {
  const rows = samples.map((sample) => ({ at: Date.parse(sample.at), level: levelOf(sample), gone: sample.registration && !isRegistered(sample), iccid: sample.iccid }));
  const steps = rows.slice(1).map((row, i) => row.at - rows[i].at).sort((a, b) => a - b);
  const usual = steps[steps.length >> 1] || 60e3;
  const hole = Math.max(4 * usual, 180e3);
  const chart = { rows, lines: [], gaps: [], marks: [] };
  let part = null;
  let iccid;
  rows.forEach((row, i) => {
    const before = rows[i - 1];
    const next = rows[i + 1]?.at - row.at <= hole ? rows[i + 1].at : row.at + usual;
    if (before && row.at - before.at > hole) part = null;
    if (!row.level || row.gone) part = null;
    else if (part) part.push(row);
    else chart.lines.push(part = [row]);
    if (row.gone) chart.gaps.push({ at: row.at, until: next });
    if (iccid && row.iccid && iccid !== row.iccid) chart.marks.push({ at: row.at, name: nameOfRef(row.iccid) });
    iccid = row.iccid || iccid;
  });
  for (const op of operations()) {
    const until = Date.parse(op.ended_at);
    if (!(until >= from)) continue;
    if (op.result?.blackout_ms > 0) chart.gaps.push({ at: until - op.result.blackout_ms, until });
    if (op.state === 'failed') chart.marks.push({ at: until, name: nameOfRef(targetOf(op)), failed: true });
  }
  chart.marks = chart.marks.sort((a, b) => a.at - b.at).slice(-12);
  chart.gaps = chart.gaps.sort((a, b) => a.at - b.at).reduce((all, gap) => {
    const last = all.at(-1);
    if (last?.until >= gap.at) last.until = Math.max(last.until, gap.until);
    else all.push(gap);
    return all;
  }, []);
  return chart;
}

function chartWords({ rows, gaps, marks }) {
  const levels = rows.filter((row) => row.level && !row.gone).map((row) => row.level);
  const dbms = levels.map((level) => level.dbm);
  const gone = gaps.reduce((sum, gap) => sum + gap.until - gap.at, 0);
  return [
    levels.length && `Since ${clock(rows[0].at)}: ${levels.at(-1).name} ${minus(Math.min(...dbms))} to ${minus(Math.max(...dbms))} dBm, at last ${levels.at(-1).words}.`,
    gone ? `Without service (shaded) for ${span(gone)}.` : 'Never seen without service.',
    marks.length && `Switches: ${marks.map((mark) => `${clock(mark.at)} ${mark.name}${mark.failed ? ' failed' : ''}`).join('; ')}.`,
  ].filter(Boolean).join(' ');
}

const rule = (kind, x1, y1, x2, y2) => svg('line', { class: kind, x1, y1, x2, y2 });
const label = (x, y, anchor, words, kind) => svg('text', { class: kind, x, y, 'text-anchor': anchor }, words);

function drawLevels(box, y, steps) {
  const nodes = [label(box.left - 6, box.top - 9, 'end', 'dBm')];
  for (let dbm = box.highest; dbm >= box.lowest; dbm -= box.highest - box.lowest > 60 ? 20 : 10)
    nodes.push(rule('grid', box.left, y(dbm), box.right, y(dbm)), label(box.left - 6, y(dbm) + 4, 'end', minus(dbm)));
  const edges = [box.highest, ...steps, box.lowest];
  LEVEL_WORDS.slice(0, 4).forEach((word, i) => {
    if (edges[i] - edges[i + 1] >= 5) nodes.push(label(box.right + 6, y((edges[i] + edges[i + 1]) / 2) + 4, 'start', i ? word : 'best'));
  });
  return nodes;
}

function drawTimes(box, x, from, to) {
  const most = (box.right - box.left) / 75;
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].find((minutes) => (to - from) / (minutes * 60e3) <= most) * 60e3;
  const zone = new Date(from).getTimezoneOffset() * 60e3;
  const nodes = [rule('axis', box.left, box.bottom, box.right, box.bottom)];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step)
    nodes.push(rule('axis', x(at), box.bottom, x(at), box.bottom + 4),
      label(x(at), box.bottom + 18, 'middle', new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })));
  return nodes;
}

function drawMarks(box, x, marks) {
  let last = -1e9;
  let row = 0;
  return marks.flatMap(({ at, failed, name }) => {
    const left = x(at);
    const end = left > (box.left + box.right) / 2;
    const kind = failed ? ' bad' : '';
    row = left - last < 120 ? (row + 1) % 4 : 0;
    last = left;
    return [rule(`mark${kind}`, left, box.top, left, box.bottom),
      label(left + (end ? -5 : 5), box.top + 11 + row * 15, end ? 'end' : 'start', `${[...name].slice(0, 18).join('')}${failed ? ' ✕' : ''}`, `mark-text${kind}`)];
  });
}

function drawChart(width, chart, from, to) {
  const levels = chart.rows.flatMap((row) => row.level || []);
  const dbms = levels.map((level) => level.dbm);
  const box = {
    left: 40, right: width - 40, top: 24, bottom: 190,
    lowest: Math.floor(Math.min(-120, ...dbms) / 10) * 10, highest: Math.ceil(Math.max(-70, ...dbms) / 10) * 10,
  };
  const x = (at) => +(box.left + ((at - from) / (to - from)) * (box.right - box.left)).toFixed(1);
  const y = (dbm) => +(box.bottom - ((dbm - box.lowest) / (box.highest - box.lowest)) * (box.bottom - box.top)).toFixed(1);
  return svg('svg', { viewBox: `0 0 ${width} 216`, role: 'img', 'aria-labelledby': 'signal-title', 'aria-describedby': 'chart-words' },
    chart.gaps.map((gap) => svg('rect', { class: 'gone', x: x(gap.at), y: box.top, width: Math.max(2, x(gap.until) - x(gap.at)), height: box.bottom - box.top })),
    drawLevels(box, y, (levels.at(-1) || { steps: LEVELS[0][2] }).steps),
    drawTimes(box, x, from, to),
    chart.lines.map((rows) => (rows.length > 1 ? svg('polyline', { class: 'line', points: rows.map((row) => `${x(row.at)},${y(row.level.dbm)}`).join(' ') })
      : svg('circle', { class: 'point', cx: x(rows[0].at), cy: y(rows[0].level.dbm), r: 2.5 }))),
    drawMarks(box, x, chart.marks));
}

let drawn = '';
function paintChart() {
  const to = agentNow();
  const samples = known.samples.filter((sample) => Date.parse(sample.at) >= to - hours * 3600e3);
  /* As wide as what there is, ten minutes at least. */
  const from = Math.min(Date.parse(samples[0]?.at), to - 600e3);
  const width = Math.max(260, Math.round($('chart').clientWidth));
  const chart = chartOf(samples, from);
  const mark = JSON.stringify([width, hours, Math.floor(to / 20000), samples.length, samples.at(-1)?.at, chart.marks]);
  if (mark === drawn) return;
  drawn = mark;
  const words = samples.length ? chartWords(chart) : '';
  put('chart-words', words);
  $('chart').replaceChildren(words ? drawChart(width, chart, from, to) : p('empty', `No readings in the last ${hours} h yet.`));
}

function chooseHours({ target }) {
  if (!target.dataset.hours) return;
  hours = Number(target.dataset.hours);
  for (const other of target.parentElement.children) other.setAttribute('aria-pressed', String(other === target));
  paint();
  later(readConnectivity);
}

// --- profiles ---

const chip = (words, tone, title) => el('span', { class: 'chip', 'data-tone': tone, title }, words);

const buildProfile = (profile) => el('li', { class: 'profile', tabindex: -1 },
  div('',
    el('h3', {}, nameOf(profile)),
    p('small', profile.provider && `${profile.provider} · `, groups(refOf(profile))),
    profile.proven_at && p('small', 'Proven at ', when(profile.proven_at)),
    div('chips',
      profile.enabled && chip('in use', 'good'),
      profile.fallback && chip('fallback'),
      profile.last_error && chip(`last switch failed: ${profile.last_error.replace(/-/g, ' ')}`, 'bad', codeWords(profile.last_error)),
      (profile.warnings || []).map((warning) => chip(warning === 'luhn' ? 'check digit of the ICCID is wrong' : warning, 'warn')))),
  !profile.enabled && mayChange() && button(`switch:${refOf(profile)}`, () => openSwitch(profile), 'Switch', `Switch to ${nameOf(profile)}`));

function paintProfiles() {
  put('role', mayChange() ? '' : 'You are a viewer: nothing can be changed from here.');
  keep($('profiles'), known.profiles?.length ? known.profiles.map((profile) => ({ key: refOf(profile), mark: [profile, mayChange()], build: () => buildProfile(profile) }))
    : [{ key: '', mark: !known.profiles, build: () => el('li', { class: 'empty' }, known.profiles ? 'The card has no profile.' : 'The card has not been read yet.') }]);
}

// --- switches ---

function outcomeWords({ state, result, error, phase }) {
  if (state === 'succeeded' && !result.changed) return 'It was in use already.';
  if (state === 'succeeded') return `In use${VERIFIED[result.verified] ? ` and proven: ${VERIFIED[result.verified]}` : ''}.${result.blackout_ms === null ? '' : ` Without service for ${span(result.blackout_ms)}.`}`;
  if (state === 'canceled') return 'Canceled before the card was told.';
  const words = error ? problemWords(error) : '';
  if (state !== 'failed' || !result?.now) return words;
  const where = phase === 'enabling' ? 'Still' : result.now === result.from ? 'Back' : 'Now';
  return `${words} ${where} on ${nameOfRef(result.now)}.`;
}

/* When the running phase began, by the agent's clock. */
const phaseBegan = (op) => Date.parse(op.started_at || op.created_at) + op.phases.reduce((sum, row) => sum + row.ms, 0);

function buildPhases(op) {
  const row = (phase, kind, time) => el('li', { class: kind, 'data-tone': kind ? 'busy' : phase === 'rolling-back' && 'warn', 'data-phase': phase, title: phase },
    kind && text('dot'), PHASES[phase] || phase, ' ', time);
  const rows = op.phases.map(({ phase, ms }) => row(phase, '', span(ms)));
  if (!hasEnded(op) && op.phase) rows.push(row(op.phase, 'chip going', isTime(op.created_at, op) && tick(text(''), () => span(Math.max(1, Math.floor((agentNow() - phaseBegan(op)) / 1000)) * 1000))));
  return rows.length > 0 && el('ul', { class: 'phases', 'aria-label': 'Phases' }, rows);
}

function wordLeft(op) {
  if (!isTime(op.created_at, op)) return 'Without your word it goes back.';
  const left = phaseBegan(op) + op.args.confirm_s * 1000 - agentNow();
  return `${left > 0 ? span(Math.ceil(left / 1000) * 1000) : 'No time'} left to give the word; without it, it goes back.`;
}

function buildActions(op, name) {
  if (hasEnded(op)) return null;
  const change = (what, words) => button(`${what}:${op.id}`, () => changeOperation(op, what), words, `${words} the switch to ${name}`);
  const confirms = op.phase === 'confirming';
  return [
    confirms ? tick(p('outcome'), () => wordLeft(op)) : isTime(op.ends_by, op) && p('detail', 'Over at the latest at ', when(op.ends_by, true)),
    mayChange() && div('buttons',
      confirms && fill(change('confirm', 'Confirm'), { class: 'main' }, []),
      (!op.phase || op.phase === 'enabling') && change('cancel', 'Cancel')),
  ];
}

function buildOperation(op) {
  const name = nameOfRef(targetOf(op));
  const { channel, requester } = op.source;
  return el('li', { class: 'operation', tabindex: -1, 'data-id': op.id, 'data-state': op.state },
    div('heading', el('h3', {}, `To ${name}`), chip(...(STATES[op.state] || [op.state]))),
    p('detail', when(op.created_at, true, op), ` ${CHANNELS[channel] || channel}`, requester && ` (${requester})`, op.args.force && ', forced', op.reason && `: “${op.reason}”`),
    hasEnded(op) && p('outcome', outcomeWords(op)),
    op.error && p('detail', problemDetail(op.error)),
    buildPhases(op),
    buildActions(op, name));
}

function paintOperations() {
  const names = known.profiles?.map(nameOf);
  const rows = operations().map((op) => ({ key: op.id, mark: [op, names, mayChange()], build: () => buildOperation(op) }));
  keep($('operations'), rows.length ? rows : [{ key: '', mark: 0, build: () => el('li', { class: 'empty' }, 'Nobody has switched yet.') }]);
  $('older').hidden = !known.hasOlder || rows.length >= KEEP_OPERATIONS;
}

async function changeOperation(op, what) {
  try {
    takeOperation((await call('POST', `v1/operations/${op.id}/${what}`)).json, true);
  } catch (e) {
    note(why(e));
  }
}

const showOlder = () => readOperations(operations().pop()?.id).catch((e) => note(why(e)));

// --- the dialog of a switch ---

let asked = null; // { ref, key, etag, plan, passes, sending, turn } of the open dialog
let planEnd; // when its cooldown does: nobody tells of that

function openSwitch(profile) {
  /* One key for each dialog: asked again after a lost answer, the agent knows it and never switches twice. */
  const key = `page-${[...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  asked = { ref: refOf(profile), key, turn: 0 };
  $('switch-form').reset();
  put('switch-title', `Switch to ${nameOf(profile)}`);
  put('switch-error', '');
  $('plan').replaceChildren(p('small', 'Asking for the plan …'));
  showForce();
  show('switch');
  readPlan();
}

async function readPlan() {
  const mine = asked;
  const turn = ++mine.turn;
  const { etag } = known;
  const answer = await call('GET', `v1/profiles/${mine.ref}/plan`).catch((e) => e);
  if (asked !== mine || turn !== mine.turn) return;
  /* A tick is for what stood there as it was set; a wait that got shorter is still the same one. */
  const passes = JSON.stringify(answer.json?.obstacles.map((row) => row.forcible && [row.code, row.detail]));
  if (mine.passes !== passes) $('force').checked = false;
  Object.assign(mine, { plan: answer.json, passes, etag });
  clearTimeout(planEnd);
  const wait = answer.json?.obstacles.find((row) => row.code === 'cooldown')?.retry_after_s;
  if (wait) planEnd = setTimeout(planIsOld, Math.min(wait, 3600) * 1000);
  $('plan').replaceChildren(...(answer.json ? planNodes(answer.json) : [p('', why(answer))]));
  showForce();
}

/* What the plan was made of has changed: who decides should see that. */
const rereadPlan = async () => asked && !asked.sending && readPlan();
const planIsOld = () => soon(rereadPlan);

function planSteps({ from, rollback, at_most_s: most, history }) {
  const { count, failed, median_ms: median, p95_ms: p95, last_error: error } = history;
  return [
    from ? `Leaves ${nameOfRef(from)}. There is no service until the new profile is up.` : 'No profile is in use now.',
    !rollback.enabled ? 'If it fails it stays where it is: going back is switched off.'
      : rollback.to.length ? `If it fails it goes back to ${rollback.to.map(nameOfRef).join(', then ')}.` : 'If it fails there is no other profile to go back to.',
    `${!median ? 'How long it takes is not known yet.' : median === p95 ? `It took ${span(median)} before.` : `Usually takes ${span(median)}, seldom over ${span(p95)}.`} At worst, with every time-out${rollback.enabled ? ' and going back' : ''}, it is over after ${span(most * 1000)}.`,
    count ? `Tried ${count === 1 ? 'once' : `${count} times`} before${failed ? `, ${failed} in vain` : ''}.${error ? ` Last: ${codeWords(error)}` : ''}` : 'Never tried before.',
  ];
}

function planNodes(plan) {
  if (!plan.changes) return [p('', 'It is in use already: nothing would be done.')];
  const obstacle = (row) => el('div', { class: 'banner', 'data-tone': row.waits ? 'warn' : 'bad', 'data-what': row.code },
    el('strong', {}, problemWords(row), row.waits && ' The switch would wait for it.'), div('small', row.detail));
  return [el('ul', { class: 'plan' }, planSteps(plan).map((step) => el('li', {}, step))), ...plan.obstacles.map(obstacle)];
}

/* Force is offered where nothing else than what it passes is in the way. */
function showForce() {
  const { plan, sending } = asked || {};
  const stops = plan?.would === 'refused';
  $('force-row').hidden = !stops || plan.obstacles.some((row) => ['switch-in-progress', 'storage-full'].includes(row.code)) || !plan.obstacles.some((row) => row.forcible);
  if ($('force-row').hidden) $('force').checked = false;
  $('switch-go').disabled = sending || !plan?.changes || (stops && !$('force').checked);
  put('switch-go', sending ? 'Asking …' : 'Switch now');
}

async function sendEnable(mine, body) {
  const headers = { 'Idempotency-Key': mine.key, ...(mine.etag && { 'If-Match': mine.etag }) };
  for (let tries = 0; ; tries++) {
    try {
      return (await call('POST', `v1/profiles/${mine.ref}/enable`, { headers, body, signal: AbortSignal.timeout(15000) })).json;
    } catch (e) {
      if (e.problem || tries === 3) throw e;
      if (asked === mine) put('switch-error', 'No answer yet; asking again. This never switches twice.');
      await ours(pause(1000 * 2 ** tries));
    }
  }
}

async function submitSwitch(event) {
  event.preventDefault();
  const mine = asked;
  const reason = $('reason').value.trim();
  const confirm = Number($('confirm').value);
  if (mine.sending) return;
  mine.sending = true;
  put('switch-error', '');
  showForce();
  try {
    const op = await sendEnable(mine, { ...(reason && { reason }), ...(confirm && { confirm_s: confirm }), ...($('force').checked && { force: true }) });
    takeOperation(op, true);
    paintAll();
    if (asked === mine) $('switch').close();
    document.querySelector(`[data-id="${CSS.escape(op.id)}"]`).focus();
  } catch (e) {
    if (asked === mine) put('switch-error', why(e));
    else note(why(e));
  }
  mine.sending = false;
  if (asked === mine) readPlan();
}

// --- the lock ---

function buildLock() {
  const { lock } = known.health;
  const buttons = (...parts) => mayChange() && div('buttons', ...parts);
  if (!lock) return div('', p('small', 'Free: rules and the fleet may switch.'), buttons(button('take', openTake, 'Take the lock')));
  const mine = lock.holder === store.lpmHolder;
  return div('',
    p('', el('strong', {}, lock.holder), mine && ' (you)', ' holds it', isTime(lock.until) && [' until ', when(lock.until)], '. ', tick(text('small'), lockLeft)),
    lock.reason && p('detail', `“${lock.reason}”`),
    buttons(mine && button('take', openTake, 'Hold it longer'), button('release', () => releaseLock(mine), mine ? 'Release' : 'Release it all the same')));
}

function lockLeft() {
  const left = Math.ceil((known.health?.lockEnds - Date.now()) / 1000);
  return left > 0 ? `${span(left * 1000)} left` : 'Its time is up.';
}

function paintLock() {
  const { holder, until, reason } = known.health.lock || {};
  keep($('lock'), [{ key: 'lock', mark: [holder, until, reason, mayChange(), store.lpmHolder], build: buildLock }]);
}

function openTake() {
  $('take-form').reset();
  put('take-error', '');
  $('holder').value = store.lpmHolder || '';
  /* What is sent replaces what is held: its reason stays, its end only comes later. */
  const { lock, lockEnds } = known.health;
  $('why').value = lock?.reason || '';
  const left = lock ? lockEnds - Date.now() : 0;
  const choices = [...$('ttl').options];
  choices.forEach((choice, i) => { choice.disabled = choices[i + 1] && choice.value * 1000 <= left; });
  choices.find((choice) => !choice.disabled && choice.value >= 3600).selected = true;
  show('take');
}

function changeLock(lock, words) {
  turns.health++;
  takeHealth({ ...known.health, lock });
  say(words);
}

async function submitTake(event) {
  event.preventDefault();
  const holder = $('holder').value.trim();
  const reason = $('why').value.trim();
  try {
    const { json } = await call('PUT', 'v1/locks/switch', { body: { holder, ttl_s: Number($('ttl').value), ...(reason && { reason }) } });
    store.lpmHolder = holder;
    changeLock(json, 'You hold the lock.');
    $('take').close();
  } catch (e) {
    put('take-error', why(e));
  }
}

async function releaseLock(mine) {
  const { holder } = known.health.lock;
  if (!mine && !confirm(`${holder} holds the lock. Ask them first. Release it all the same?`)) return;
  try {
    await call('DELETE', `v1/locks/switch?${mine ? `holder=${encodeURIComponent(holder)}` : 'force=true'}`);
    changeLock(undefined, 'The lock is free.');
  } catch (e) {
    note(why(e));
  }
}

// --- the gateway ---

function brokerWords({ configured, online, since, trouble } = {}) {
  if (online) return ['connected', since && div('small', 'since ', when(since))];
  return [configured ? 'not connected' : 'not configured', trouble && div('small', trouble.detail)];
}

function paintGateway() {
  const { agent, modem, card } = known.info;
  const { broker } = known.health;
  const build = () => el('dl', { class: 'facts' },
    fact('Modem', [modem.manufacturer, modem.model].filter(Boolean).join(' ') || 'not known', div('small', modem.revision)),
    fact('Port', modem.port || 'none', modem.transport && div('small', `commands by ${modem.transport.toUpperCase()}`)),
    fact('Broker', ...brokerWords(broker)),
    fact('Agent', agent.version, agent.started_at && div('small', 'since ', when(agent.started_at))),
    card.eid && fill(fact('EID', groups(card.eid)), { class: 'whole' }, []));
  keep($('gateway'), [{ key: 'gateway', mark: [{ ...agent, uptime_s: 0 }, modem, card, broker], build }]);
}

// --- beginning ---

let opener = '';
function show(id) {
  opener = document.activeElement.dataset.key;
  $(id).showModal();
}
for (const dialog of document.querySelectorAll('dialog')) {
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    if (dialog.id === 'switch') {
      asked = null;
      clearTimeout(planEnd);
    }
    /* What opened it may have been painted anew. */
    if (document.activeElement === document.body) (byKey(opener) || $('main')).focus();
  });
}
for (const [id, kind, act] of [
  ['gate-form', 'submit', tryToken], ['forget', 'click', forget], ['switch-form', 'submit', submitSwitch], ['take-form', 'submit', submitTake],
  ['force', 'change', showForce], ['older', 'click', showOlder], ['ranges', 'click', chooseHours],
]) $(id).addEventListener(kind, act);
for (const field of [$('reason'), $('why')]) {
  /* The agent counts bytes, maxlength does not. */
  field.addEventListener('input', () => {
    const bytes = new TextEncoder().encode(field.value.trim()).length;
    field.setCustomValidity(bytes > 256 ? `Too long: ${bytes} of 256 bytes. Many letters take two or more.` : '');
  });
  field.form.addEventListener('reset', () => field.setCustomValidity(''));
}
new ResizeObserver(() => paint()).observe($('chart'));
document.addEventListener('visibilitychange', () => !document.hidden && wake());
setInterval(() => {
  ticking = ticking.filter(({ node }) => node.isConnected);
  for (const { node, words } of ticking) node.textContent = words();
  if (line.state === 'live' && known.info) paintChart();
}, 1000);
start();
