/* The status page in a real browser. One case a call: node page.test.mjs CASE URL PICTURES
 * What has to happen elsewhere meanwhile (another client, the modem, the agent) is asked of the test
 * that started this: a line of JSON out, `{"do":…}`, a line back. Status 0: the case holds. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const [name, url, pictures] = process.argv.slice(2);
const SLOW = Number(process.env.LPM_TEST_SLOW || 1);
const TIMEOUT = 30000 * SLOW;
const ALPHA = '89123108001757010071';
const BETA = '8949001312170061988';
const GAMMA = '89123108001757010072';
const OPERATOR = 'op-token';
const VIEWER = 'view-token';

// --- the other side ---

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let turn = Promise.resolve();
function lab(what, more = {}) {
  const answer = turn.then(async () => {
    process.stdout.write(`${JSON.stringify({ do: what, ...more })}\n`);
    return JSON.parse((await lines.next()).value);
  });
  turn = answer;
  return answer;
}
const api = (method, path, body = null) => lab('http', { method, path, body });
async function enable(ref, body = {}) {
  const answer = await api('POST', `/v1/profiles/${ref}/enable`, body);
  assert(answer.status < 300, `admitted: ${JSON.stringify(answer.body)}`);
}

// --- the browser ---

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const wrongs = [];

async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  page.on('pageerror', (e) => wrongs.push(`error: ${e.stack}`));
  page.on('console', (message) => {
    /* That an answer was a refusal, or none came, is what some cases are about. */
    if (!message.text().startsWith('Failed to load resource')) wrongs.push(`console: ${message.type()} ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    wrongs.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
  });
  return page;
}

async function enter(page, token = OPERATOR, at = url) {
  await page.goto(at);
  await page.getByRole('textbox', { name: 'Token' }).fill(token);
  await page.keyboard.press('Enter');
  await page.locator('#link', { hasText: 'Live' }).waitFor();
  await page.locator('#profiles h3').first().waitFor();
}

const textOf = async (locator) => (await locator.innerText()).replace(/[\u00a0\u2060]/g, ' ').replace(/\s+/g, ' ').trim();
const newest = (page) => page.locator('#operations .operation').first();
const ended = (page, state) => page.locator(`#operations .operation[data-state=${state}]`).first().waitFor();
const picture = (page, what) => page.screenshot({ path: join(pictures, `${what}.png`), fullPage: true });

async function until(holds, what) {
  const end = Date.now() + TIMEOUT;
  for (;;) {
    const value = await holds();
    if (value) return value;
    assert(Date.now() < end, `not in time: ${what}`);
    await new Promise((done) => setTimeout(done, 30));
  }
}

/* Since when the profile is in use: as the agent says. */
function showsSince(page, by) {
  const shown = page.locator('#now .inuse + p time');
  return until(async () => {
    const { card } = (await api('GET', '/v1/info')).body;
    const at = (await shown.count()) === 1 && (await shown.getAttribute('datetime'));
    return card.enabled_by === by && at === card.enabled_since && at;
  }, `as told, by ${by}`);
}

/* By its own eyes: axe-core's rules of WCAG A and AA, contrast among them. It is brought in past the
 * page's policy, which lets in nothing. */
async function accessible(page, what) {
  await page.evaluate(require('node:fs').readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  assert.deepEqual(violations.map((row) => [row.id, row.nodes.map((node) => `${node.html} ${node.failureSummary}`)]), [], what);
  for (const button of await page.getByRole('button').all()) assert.notEqual((await button.innerText()).trim(), '', 'a button without a name');
}

/* What stands out at the right, if anything does. */
const overflow = (page) => page.evaluate(() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return '';
  return [...document.querySelectorAll('body *')].filter((node) => node.getBoundingClientRect().right > width).map((node) => node.outerHTML.slice(0, 120)).join('\n') || 'a text';
});

// --- cases ---

const cases = {
  async token(browser) {
    const page = await open(browser);
    await page.goto(url);
    await page.getByRole('textbox', { name: 'Token' }).waitFor();
    await accessible(page, 'asked for a token');
    await page.getByRole('textbox', { name: 'Token' }).fill('wrong');
    await page.keyboard.press('Enter');
    assert.equal(await textOf(page.locator('#gate-error:not(:empty)')), 'This token is not known here.');
    await page.getByRole('textbox', { name: 'Token' }).fill(OPERATOR);
    await page.keyboard.press('Enter');
    await page.locator('#profiles h3').first().waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.lpmToken), OPERATOR);
    await page.reload();
    await page.locator('#link', { hasText: 'Live' }).waitFor();
    await page.getByRole('button', { name: 'Forget token' }).click();
    await page.getByRole('textbox', { name: 'Token' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.equal(await page.locator('#board').isVisible(), false);
  },

  async look(browser) {
    const page = await open(browser);
    await enter(page);
    const now = await until(async () => /−\d+ dBm.*% lost/.test(await textOf(page.locator('#now'))) && textOf(page.locator('#now')), 'signal and quality');
    for (const part of ['Online', 'Alpha Mobile', ALPHA.slice(0, 4), 'Registered', '262 01', 'LTE', 'connected', '0 % lost'])
      assert(now.includes(part), `${part} in ${now}`);
    assert.equal(await page.locator('#now .groups').evaluate((node) => node.textContent), ALPHA);
    const svg = page.getByRole('img', { name: 'Signal' });
    await svg.waitFor();
    assert(await svg.locator('polyline, circle').count() > 0);
    assert.match(await textOf(page.locator('#chart-words')), /RSRP −\d+ to −\d+ dBm/);
    assert.equal(await svg.getAttribute('aria-describedby'), 'chart-words');
    assert.equal(await page.locator('#profiles > li').count(), 3);
    assert.match(await page.locator('#now time').first().getAttribute('title'), / UTC$/);
    assert.equal(await overflow(page), '');
    await accessible(page, 'light');
    await picture(page, 'desktop');
    await page.emulateMedia({ colorScheme: 'dark' });
    await accessible(page, 'dark');
    await picture(page, 'dark');
    for (const scheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width: 360, height: 740 });
      assert.equal(await overflow(page), '', '360 pixels are wide enough');
      await picture(page, `phone-${scheme}`);
    }
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#plan li').first().waitFor();
    assert.equal(await overflow(page), '');
    await accessible(page, 'the dialog');
    await page.screenshot({ path: join(pictures, 'phone-dialog.png') });
  },

  async live(browser) {
    const page = await open(browser);
    await enter(page);
    await page.evaluate(() => {
      window.seen = [];
      new MutationObserver(() => {
        const phase = document.querySelector('#operations .going')?.dataset.phase;
        if (phase && window.seen.at(-1) !== phase) window.seen.push(phase);
      }).observe(document.querySelector('#operations'), { childList: true, subtree: true });
    });
    await enable(BETA, { reason: 'from elsewhere' });
    await page.locator('#now', { hasText: 'Switching to Beta Net: finding the network' }).waitFor();
    /* What was read belongs to the profile that is left. */
    await page.locator('.read-at', { hasText: 'before the switch' }).waitFor();
    await picture(page, 'switching');
    await ended(page, 'succeeded');
    await page.locator('.read-at', { hasNotText: 'before' }).waitFor();
    const seen = await page.evaluate(() => window.seen);
    const order = ['enabling', 'resetting', 'registering', 'attaching', 'verifying'];
    assert.deepEqual(seen, order.filter((phase) => seen.includes(phase)), 'in their order');
    assert(seen.includes('resetting') && seen.includes('registering'), `as they pass: ${seen}`);
    const words = await textOf(newest(page));
    for (const part of ['To Beta Net', 'succeeded', 'over REST', 'from elsewhere', 'In use and proven', 'Without service for'])
      assert(words.includes(part), `${part} in ${words}`);
    await page.locator('.inuse', { hasText: 'Beta Net' }).waitFor();
    await page.locator('#profiles li', { hasText: 'Beta Net' }).getByText('in use').waitFor();
    assert.match(await textOf(page.locator('#now')), /in use since/);
    await page.locator('#chart .mark-text', { hasText: 'Beta Net' }).waitFor();
    await lab('sim', { call: 'switch', args: [ALPHA] });
    await page.locator('.inuse', { hasText: 'Alpha Mobile' }).waitFor();
    await page.getByText('Somebody else changed the profile in use.').first().waitFor();
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#plan li').first().waitFor();
    assert.match(await textOf(page.locator('#plan')), /It took \S+ s before\. At worst, with every time-out and going back, it is over after \d+ (min|h)/);
    await page.screenshot({ path: join(pictures, 'plan.png') });
  },

  /* Since when, and by whom, is what the agent says, also where no reading and no switch tells. */
  async since(browser) {
    const page = await open(browser);
    await enter(page);
    assert.doesNotMatch(await textOf(page.locator('#now')), /in use since/, 'nobody knows yet');
    await enable(BETA);
    await ended(page, 'succeeded');
    await showsSince(page, 'operation');
    assert.doesNotMatch(await textOf(page.locator('#now')), /by somebody else/);
    await lab('sim', { call: 'switch', args: [ALPHA] });
    await page.locator('#now', { hasText: 'by somebody else' }).waitFor();
    const before = await showsSince(page, 'external');
    await lab('kill');
    await page.locator('[data-what=lost]').waitFor();
    await lab('start');
    await page.locator('#link', { hasText: 'Live' }).waitFor();
    await page.reload();
    assert.equal(await showsSince(page, 'external'), before, 'a restart forgets nothing');
  },

  async hand(browser) {
    const page = await open(browser);
    const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') || document.activeElement.id);
    await enter(page);
    for (let i = 0; (await focused()) !== 'Switch to Beta Net'; i++) {
      assert(i < 40, 'Tab comes to the button');
      await page.keyboard.press('Tab');
    }
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none', 'the focus is seen');
    await page.keyboard.press('Enter');
    await page.locator('#switch[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('#switch[open]').waitFor({ state: 'detached' });
    assert.equal(await focused(), 'Switch to Beta Net', 'the focus is back');
    await page.keyboard.press('Enter');
    await page.locator('#plan li').first().waitFor();
    const plan = await textOf(page.locator('#plan'));
    for (const part of ['Leaves Alpha Mobile', 'goes back to Alpha Mobile', 'How long it takes is not known yet. At worst, with every time-out and going back', 'Never tried before'])
      assert(plan.includes(part), `${part} in ${plan}`);
    await page.screenshot({ path: join(pictures, 'dialog.png') });
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press('Tab');
      assert(await page.evaluate(() => document.activeElement === document.body || document.querySelector('#switch').contains(document.activeElement)), 'the dialog keeps the focus');
    }
    for (let i = 0; (await focused()) !== 'reason'; i++) {
      assert(i < 12, 'Tab comes to the reason');
      await page.keyboard.press('Tab');
    }
    await page.keyboard.type('by hand');
    await page.keyboard.press('Enter');
    await page.locator('#switch[open]').waitFor({ state: 'detached' });
    await ended(page, 'succeeded');
    assert(await page.evaluate(() => document.activeElement.dataset.id?.length === 26), 'the focus is on the switch, and stays');
    assert.match(await textOf(newest(page)), /“by hand”/);
    const [op] = (await api('GET', '/v1/operations?limit=1')).body.operations;
    assert.match(op.source.request, /^page-[0-9a-f]{24}$/);
    assert.equal(await lab('enabled'), BETA);
    assert.equal(await lab('enables'), 1);
  },

  async failed(browser) {
    const page = await open(browser);
    await enter(page);
    await page.getByRole('button', { name: 'Switch to Gamma Wireless' }).click();
    await page.getByLabel('Reason').fill('try the other network');
    await page.getByRole('button', { name: 'Switch now' }).click();
    await ended(page, 'failed');
    const words = await textOf(newest(page));
    for (const part of ['failed', 'The network refused the new profile. Back on Alpha Mobile.', 'registration-denied', 'going back'])
      assert(words.includes(part), `${part} in ${words}`);
    await page.locator('#profiles li', { hasText: 'Gamma Wireless' }).getByText('last switch failed: registration denied').waitFor();
    await showsSince(page, 'operation');
    await page.locator('.headline', { hasText: 'Online' }).waitFor();
    await page.locator('#chart .mark-text.bad').waitFor();
    await picture(page, 'failed');
    await accessible(page, 'after a failed switch');
  },

  async locked(browser) {
    const page = await open(browser);
    await enter(page);
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#switch-go:enabled').waitFor();
    /* The plan stays as it was, so that the agent has to refuse. */
    const old = await (await page.request.get(`${url}v1/profiles/${BETA}/plan`, { headers: { Authorization: `Bearer ${OPERATOR}` } })).json();
    await page.route('**/plan', (route) => route.fulfill({ json: old }));
    await api('PUT', '/v1/locks/switch', { holder: 'field-team', ttl_s: 3600, reason: 'antenna work' });
    await page.locator('#lock', { hasText: 'field-team holds it until' }).waitFor();
    await page.getByRole('button', { name: 'Switch now' }).click();
    assert.match(await textOf(page.locator('#switch-error:not(:empty)')), /^field-team holds the lock until .*\d/);
    assert.equal(await lab('enables'), 0);
    await page.unroute('**/plan');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#plan', { hasText: 'field-team holds the lock until' }).waitFor();
    assert.equal(await page.locator('#switch-go').isEnabled(), false);
    await page.screenshot({ path: join(pictures, 'locked.png') });
    await accessible(page, 'the dialog with a lock');
    await page.getByLabel('Switch all the same').check();
    await page.getByRole('button', { name: 'Switch now' }).click();
    await ended(page, 'succeeded');
    assert.match(await textOf(newest(page)), /forced/);
    /* Another's lock is released on a second thought alone; our own at once. */
    page.removeAllListeners('dialog');
    page.once('dialog', (dialog) => dialog.accept());
    await page.getByRole('button', { name: 'Release it all the same' }).click();
    await page.getByRole('button', { name: 'Take the lock' }).click();
    await page.getByLabel('Who').fill('me & <co>');
    await page.getByLabel('How long').selectOption({ label: '4 hours' });
    await page.locator('#take').getByRole('button', { name: 'Take the lock' }).click();
    await page.locator('#lock', { hasText: 'me & <co> (you) holds it until' }).waitFor();
    assert((await api('GET', '/v1/locks/switch')).body.ttl_s > 14000);
    await page.getByRole('button', { name: 'Release', exact: true }).click();
    await page.locator('#lock', { hasText: 'Free' }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.dataset.row), 'lock', 'the focus stays with the lock');
    assert.equal((await api('GET', '/v1/locks/switch')).status, 404);
  },

  /* Who ticked force agreed to what stood there then, and to nothing that came after. */
  async consent(browser) {
    const page = await open(browser);
    await enter(page);
    await enable(BETA);
    await ended(page, 'succeeded');
    await page.getByRole('button', { name: 'Switch to Alpha Mobile' }).click();
    await page.locator('#plan', { hasText: 'Possible again in' }).waitFor();
    const force = page.getByLabel('Switch all the same');
    const lock = (ttl_s) => api('PUT', '/v1/locks/switch', { holder: 'field-team', ttl_s });
    await force.check();
    await page.locator('#switch-go:enabled').waitFor();
    await lock(3600);
    await page.locator('#plan', { hasText: 'field-team holds the lock until' }).waitFor();
    assert.equal(await force.isChecked(), false, 'nobody agreed to pass the lock');
    assert.equal(await page.locator('#switch-go').isEnabled(), false);
    await force.check();
    const before = await textOf(page.locator('#plan [data-what=locked]'));
    await lock(7200);
    await until(async () => (await textOf(page.locator('#plan [data-what=locked]'))) !== before, 'the plan is read again');
    assert.equal(await force.isChecked(), true, 'the same lock for longer');
    await page.getByRole('button', { name: 'Switch now' }).click();
    await page.locator('#operations .operation h3', { hasText: 'To Alpha Mobile' }).waitFor();
    await ended(page, 'succeeded');
    assert.match(await textOf(newest(page)), /forced/);
  },

  /* A cooldown ends by itself, and so does what the dialog says of it. */
  async cooldown(browser) {
    const page = await open(browser);
    await page.clock.install();
    let left = 5;
    await page.route('**/plan', async (route) => {
      const response = await route.fetch();
      const obstacles = [{ code: 'cooldown', detail: 'too many switches', retry_after_s: left, forcible: true }];
      return route.fulfill({ response, json: { ...await response.json(), ...(left && { would: 'refused', obstacles }) } });
    });
    await enter(page);
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#plan', { hasText: 'Too many switches in a short time. Possible again in 5.0' }).waitFor();
    assert.equal(await page.locator('#switch-go').isEnabled(), false);
    /* It may last longer than was said. */
    left = 4;
    await page.clock.fastForward(5000);
    await page.locator('#plan', { hasText: 'Possible again in 4.0' }).waitFor();
    assert.equal(await page.locator('#switch-go').isEnabled(), false);
    left = 0;
    await page.clock.fastForward(4000);
    await page.locator('#switch-go:enabled').waitFor();
    assert.doesNotMatch(await textOf(page.locator('#plan')), /Possible again/);
    await page.getByRole('button', { name: 'Switch now' }).click();
    await ended(page, 'succeeded');
  },

  /* "Hold it longer" never means shorter, and why it is held stays said. */
  async longer(browser) {
    const page = await open(browser);
    await enter(page);
    const take = page.locator('#take').getByRole('button', { name: 'Take the lock' });
    const again = async () => {
      await page.getByRole('button', { name: 'Hold it longer' }).click();
      assert.equal(await page.getByLabel('Why').inputValue(), 'antenna work');
      return page.locator('#ttl option:enabled').evaluateAll((nodes) => nodes.map((node) => node.textContent));
    };
    const chosen = () => page.locator('#ttl').evaluate((node) => node.selectedOptions[0].textContent);
    const held = async (least) => {
      await page.locator('#take[open]').waitFor({ state: 'detached' });
      const { body } = await api('GET', '/v1/locks/switch');
      assert(body.ttl_s > least && body.reason === 'antenna work', JSON.stringify(body));
    };
    await page.getByRole('button', { name: 'Take the lock' }).click();
    await page.getByLabel('Who').fill('me');
    await page.getByLabel('Why').fill('antenna work');
    await page.getByLabel('How long').selectOption({ label: '4 hours' });
    await take.click();
    await held(14000);
    assert.deepEqual(await again(), ['4 hours', '12 hours', '24 hours']);
    assert.equal(await chosen(), '4 hours');
    await accessible(page, 'the dialog of the lock');
    await take.click();
    await held(14000);
    await again();
    await page.getByLabel('How long').selectOption({ label: '24 hours' });
    await take.click();
    await held(86000);
    assert.deepEqual(await again(), ['24 hours']);
    await take.click();
    await held(86000);
    await page.getByRole('button', { name: 'Release', exact: true }).click();
    await page.getByRole('button', { name: 'Take the lock' }).click();
    assert.equal(await page.getByLabel('Why').inputValue(), '');
    assert.equal(await page.locator('#ttl option:enabled').count(), 5);
    assert.equal(await chosen(), '1 hour');
  },

  /* What a refusal says: when it ends only where that is known, and what was wrong with a request. */
  async refused(browser) {
    const page = await open(browser);
    await enter(page);
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#switch-go:enabled').waitFor();
    for (const [problem, words] of [
      [{ code: 'cooldown', retry_after_s: 45 }, 'Too many switches in a short time. Possible again in 45 s.'],
      [{ code: 'storage-full', retry_after_s: 60 }, 'The disk takes nothing, so nobody can switch.'],
      [{ code: 'modem-absent', retry_after_s: 10 }, 'The modem is gone.'],
      [{ code: 'queue-full', retry_after_s: 5 }, 'The agent has too much to do at the moment.'],
      [{ code: 'shutting-down', retry_after_s: 10 }, 'The agent is shutting down.'],
      [{ code: 'invalid-request', field: 'reason', detail: 'is too long' }, 'The agent did not understand the request. reason: is too long.'],
      [{ code: 'invalid-request', detail: 'JSON expected' }, 'The agent did not understand the request. JSON expected.'],
    ]) {
      await page.route('**/enable', (route) => route.fulfill({ status: 503, json: { detail: 'a sentence', ...problem } }), { times: 1 });
      await page.getByRole('button', { name: 'Switch now' }).click();
      await until(async () => (await textOf(page.locator('#switch-error'))) === words, words);
      await page.locator('#switch-go:enabled').waitFor();
    }
    assert.equal(await lab('enables'), 0);
  },

  /* 256 bytes are fewer letters in most languages than in English. */
  async bytes(browser) {
    const page = await open(browser);
    const sent = [];
    page.on('request', (request) => { if (request.method() !== 'GET') sent.push(request.url()); });
    await enter(page);
    const fits = 'я'.repeat(128);
    for (const { opener, label, id, submit, before } of [
      { opener: 'Switch to Beta Net', label: 'Reason', id: 'switch', submit: 'Switch now' },
      { opener: 'Take the lock', label: 'Why', id: 'take', submit: 'Take the lock', before: () => page.getByLabel('Who').fill('me') },
    ]) {
      const field = page.getByLabel(label);
      const button = page.locator(`#${id}`).getByRole('button', { name: submit });
      const enter = async (words) => {
        await page.locator('main').getByRole('button', { name: opener }).click();
        await before?.();
        await field.fill(words);
      };
      const wrong = () => field.evaluate((node) => node.validationMessage);
      await enter(`${fits}!`);
      assert.match(await wrong(), /257 of 256 bytes/);
      const already = sent.length;
      await page.locator(`#${id} button.main:enabled`).click();
      assert.equal(await page.evaluate(() => document.activeElement.validationMessage), await wrong(), 'it is said at the field');
      await field.fill(` ${fits} `);
      assert.equal(await wrong(), '', 'room around it does not count');
      await field.fill(`${fits}я`);
      await page.keyboard.press('Escape');
      await page.locator(`#${id}[open]`).waitFor({ state: 'detached' });
      assert.equal(sent.length, already, 'nothing was asked');
      await page.locator('main').getByRole('button', { name: opener }).click();
      assert.equal(await wrong(), '', 'another dialog, another reason');
      await page.keyboard.press('Escape');
      await enter(fits);
      await button.click();
      await page.locator(`#${id}[open]`).waitFor({ state: 'detached' });
    }
    assert.equal((await api('GET', '/v1/operations')).body.operations[0].reason, fits);
    assert.equal((await api('GET', '/v1/locks/switch')).body.reason, fits);
  },

  /* A lock ends by itself; that it did is told late, here never. Nor is it asked for apart: what could
   * not be asked is not free. */
  async unlocked(browser) {
    const page = await open(browser);
    await page.addInitScript(() => {
      const { fetch } = window;
      window.fetch = async (path, more) => {
        const answer = await fetch(path, more);
        if (!String(path).endsWith('v1/events')) return answer;
        const deaf = new TransformStream({ transform: (bytes, to) => to.enqueue(new TextEncoder().encode(new TextDecoder().decode(bytes).replaceAll('event: health', 'event: unheard'))) });
        return new Response(answer.body.pipeThrough(deaf), answer);
      };
    });
    await page.route('**/v1/locks/**', (route) => route.abort());
    await api('PUT', '/v1/locks/switch', { holder: 'field-team', ttl_s: 600 });
    await enter(page);
    await page.locator('#lock', { hasText: /field-team holds it until .*\. (10\smin|9\smin \d+\ss) left/ }).waitFor();
    await page.screenshot({ path: join(pictures, 'lock.png') });
    await api('PUT', '/v1/locks/switch', { holder: 'field-team', ttl_s: 20 });
    await page.reload();
    await page.locator('#lock', { hasText: /field-team holds it until .*\. [\d.]+\ss left/ }).waitFor();
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#plan', { hasText: 'field-team holds the lock until' }).waitFor();
    await page.locator('#switch-go:enabled').waitFor();
    assert.doesNotMatch(await textOf(page.locator('#plan')), /lock/, 'the plan is one without it');
    await page.keyboard.press('Escape');
    await page.locator('#lock', { hasText: 'Free' }).waitFor();
    await page.getByRole('button', { name: 'Take the lock' }).waitFor();
  },

  /* A token that was forgotten is so at once: no answer to it, no retry, no stream comes after. */
  async forgotten(browser) {
    const page = await open(browser);
    await page.clock.install();
    const forget = () => page.getByRole('button', { name: 'Forget token' }).click();
    const settled = () => page.evaluate(() => new Promise((done) => { setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 300); }));
    const held = [];
    let holds = false;
    let streams = 0;
    page.on('request', (request) => { streams += request.url().endsWith('/v1/events'); });
    for (const end of ['requestfailed', 'requestfinished']) page.on(end, (request) => { streams -= request.url().endsWith('/v1/events'); });
    await page.route('**/v1/info', async (route) => {
      if (!holds) return route.continue();
      return new Promise((go) => { held.push(() => route.continue().then(go)); });
    });
    const letGo = async () => {
      holds = false;
      await Promise.all(held.splice(0).map((go) => go()));
      await settled();
    };
    const isGate = async () => {
      assert.equal(await textOf(page.locator('#link')), 'Token needed');
      assert.equal(await page.locator('#board').isVisible(), false);
      assert.equal(await page.locator('#banners > *').count(), 0);
    };
    /* An answer is under way as the token is forgotten, with the stream that waits for it. */
    await enter(page);
    holds = true;
    await page.reload();
    await until(() => held.length > 0, 'it is asked');
    await forget();
    await letGo();
    await isGate();
    await until(() => streams === 0, 'the stream is closed');
    await enter(page, VIEWER, url);
    await page.getByText('You are a viewer').waitFor();
    /* The same, and another token comes before the answer. */
    holds = true;
    await page.reload();
    await until(() => held.length > 0, 'it is asked');
    await forget();
    await page.getByRole('textbox', { name: 'Token' }).fill(OPERATOR);
    holds = false;
    await page.keyboard.press('Enter');
    await page.locator('#link', { hasText: 'Live' }).waitFor();
    await letGo();
    assert.doesNotMatch(await textOf(page.locator('#role')), /viewer/);
    await page.getByRole('button', { name: 'Switch to Beta Net' }).waitFor();
    /* A switch that is asked again, while nobody answers, is not asked by another's token. */
    let asked = 0;
    await page.route('**/enable', (route) => {
      asked++;
      return route.abort('connectionreset');
    });
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.getByRole('button', { name: 'Switch now' }).click();
    await page.getByText('No answer yet; asking again.').waitFor();
    await page.keyboard.press('Escape');
    await forget();
    await settled();
    const before = asked;
    await page.getByRole('textbox', { name: 'Token' }).fill(VIEWER);
    await page.keyboard.press('Enter');
    await page.locator('#link', { hasText: 'Live' }).waitFor();
    for (const wait of [1, 2, 4]) {
      await page.clock.fastForward(wait * 1000);
      await settled();
    }
    assert.equal(asked, before, 'never again');
    assert.equal(await page.locator('#banners > *').count(), 0);
    assert.equal(await lab('enables'), 0);
  },

  /* The device begins in 1970, and comes to know better. */
  async clock(browser) {
    const page = await open(browser);
    await enter(page);
    await page.locator('[data-what=clock]').waitFor();
    await page.locator('.read-at', { hasText: 'Read at an unknown time' }).waitFor();
    await api('PUT', '/v1/locks/switch', { holder: 'field-team', ttl_s: 600 });
    await page.locator('#lock', { hasText: /field-team holds it\. (10\smin|9\smin \d+\ss) left/ }).waitFor();
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#plan', { hasText: 'field-team holds the lock.' }).waitFor();
    await page.keyboard.press('Escape');
    await enable(BETA, { force: true });
    await ended(page, 'succeeded');
    assert.doesNotMatch(await textOf(page.locator('#profiles')), /Proven/, 'when is not known');
    assert.match(await textOf(newest(page)), /an unknown time over REST/);
    assert.equal(await page.locator('main time').count(), 0, 'no time is shown');
    await picture(page, 'clock');
    await enable(ALPHA, { force: true, confirm_s: 120 });
    await page.getByText('Without your word it goes back.').waitFor();
    await lab('clock', { seconds: 0 });
    await page.getByRole('button', { name: 'Confirm the switch to Alpha Mobile' }).click();
    await ended(page, 'succeeded');
    await page.locator('[data-what=clock]').waitFor({ state: 'detached' });
    await page.locator('.read-at time').waitFor();
    assert.match(await textOf(newest(page)), /an unknown time over REST/, 'what began before has no time');
    assert.match(await textOf(page.locator('#lock')), /field-team holds it until .* \d+ min( \d+ s)? left/, 'a lock lasts as long');
  },

  /* The answer to the first request is lost, and a second one comes by itself. */
  async lost(browser) {
    const page = await open(browser);
    await enter(page);
    let times = 0;
    await page.route('**/enable', async (route) => {
      times++;
      if (times > 1) return route.continue();
      await route.fetch();
      return route.abort('connectionreset');
    });
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.getByRole('button', { name: 'Switch now' }).click();
    await page.locator('#switch[open]').waitFor({ state: 'detached' });
    await ended(page, 'succeeded');
    assert.equal(times, 2);
    assert.equal(await lab('enables'), 1, 'switched once');
    assert.equal((await api('GET', '/v1/operations')).body.operations.length, 1);
  },

  /* A plan made of an old list. */
  async changed(browser) {
    const page = await open(browser);
    await enter(page);
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.locator('#switch-go:enabled').waitFor();
    let stale = '';
    await page.route('**/enable', (route) => {
      stale = route.request().headers()['if-match'];
      return route.continue({ headers: { ...route.request().headers(), 'if-match': '"of-before"' } });
    });
    await page.getByRole('button', { name: 'Switch now' }).click();
    assert.match(await textOf(page.locator('#switch-error:not(:empty)')), /^The profiles changed meanwhile/);
    assert.equal(stale, (await api('GET', '/v1/profiles')).headers.etag, 'what it sent is the list shown');
    await page.unroute('**/enable');
    await page.locator('#switch-go:enabled').click();
    await ended(page, 'succeeded');
  },

  async word(browser) {
    const page = await open(browser);
    await enter(page);
    await page.getByRole('button', { name: 'Switch to Beta Net' }).click();
    await page.getByLabel('After the switch').selectOption({ label: 'wait 2 minutes for my word, else go back' });
    await page.getByRole('button', { name: 'Switch now' }).click();
    await page.getByText(/(1\smin\s\d+|2\smin|\d+\ss).* left to give the word/).waitFor();
    await picture(page, 'confirming');
    await accessible(page, 'waiting for the word');
    await page.getByRole('button', { name: 'Confirm the switch to Beta Net' }).click();
    await ended(page, 'succeeded');
    /* Without a modem the next one waits, and can be canceled. */
    await lab('sim', { call: 'vanish', args: [] });
    await page.locator('[data-what=modem]').waitFor();
    await enable(ALPHA);
    await page.getByRole('button', { name: 'Cancel the switch to Alpha Mobile' }).click();
    await ended(page, 'canceled');
    assert.match(await textOf(newest(page)), /Canceled before the card was told/);
    await lab('sim', { call: 'come_back', args: [] });
  },

  async modem(browser) {
    const page = await open(browser);
    await enter(page);
    await lab('sim', { call: 'vanish', args: [] });
    const banner = page.locator('[data-what=modem]');
    await banner.waitFor();
    assert.match(await textOf(banner), /^The modem is gone\. .*port/);
    await page.locator('.headline', { hasText: 'The modem is gone' }).waitFor();
    await picture(page, 'modem-gone');
    await accessible(page, 'without a modem');
    await page.reload();
    await page.locator('[data-what=modem]').waitFor();
    await lab('sim', { call: 'come_back', args: [] });
    await banner.waitFor({ state: 'detached' });
    await page.locator('.headline', { hasText: 'Online' }).waitFor();
    await page.locator('#profiles h3', { hasText: 'Alpha Mobile' }).waitFor();
  },

  async agent(browser) {
    const page = await open(browser);
    await enter(page);
    await enable(BETA);
    await ended(page, 'succeeded');
    await lab('kill');
    const banner = page.locator('[data-what=lost]');
    await banner.waitFor();
    assert.match(await textOf(banner), /^The agent is gone\..* Last heard at .*Trying again/);
    await page.locator('.headline', { hasText: 'Last known: Online' }).waitFor();
    await picture(page, 'agent-gone');
    await accessible(page, 'without an agent');
    await page.getByRole('button', { name: 'Try now' }).focus();
    await lab('start');
    await until(async () => (await api('GET', '/readyz')).status === 200, 'it is ready again');
    await page.locator('#link', { hasText: 'Live' }).waitFor();
    await banner.waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'what had the focus is gone, the page has it');
    assert.equal(await page.locator('#operations .operation').count(), 1);
    await enable(ALPHA);
    await page.locator('#operations .operation[data-state=succeeded] h3', { hasText: 'Alpha Mobile' }).waitFor();
  },

  /* Through a line that is cut: what happened meanwhile comes by Last-Event-ID, and nothing is read
   * anew. Then a line that is only silent. */
  async line(browser) {
    const page = await open(browser);
    const port = await lab('relay');
    const reads = [];
    const ids = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/v1/events')) ids.push(request.headers()['last-event-id']);
      else if (request.method() === 'GET') reads.push(request.url());
    });
    await page.clock.install();
    await enter(page, OPERATOR, `http://127.0.0.1:${port}/`);
    await enable(GAMMA);
    await ended(page, 'failed');
    await lab('cut');
    await page.locator('[data-what=lost]').waitFor();
    const before = reads.length;
    await enable(BETA);
    await until(async () => (await lab('enabled')) === BETA, 'it switched meanwhile');
    await until(async () => (await api('GET', '/v1/operations?limit=1')).body.operations[0].state === 'succeeded', 'and is through');
    await lab('mend');
    await page.clock.fastForward(20000);
    await page.locator('#link', { hasText: 'Live' }).waitFor();
    await ended(page, 'succeeded');
    await page.locator('.inuse', { hasText: 'Beta Net' }).waitFor();
    assert.match(ids.at(-1), /^[0-9a-f]{8}-\d+$/);
    assert(!reads.slice(before).some((path) => /connectivity|operations/.test(path)), 'nothing is read anew');
    await lab('stall');
    await page.clock.fastForward(30000);
    assert.equal(await textOf(page.locator('#link')), 'Live', 'a comment may be late');
    await page.clock.fastForward(11000);
    await page.locator('[data-what=lost]').waitFor();
  },

  async viewer(browser) {
    const page = await open(browser);
    await lab('http', { method: 'PUT', path: '/v1/locks/switch', body: { holder: 'field-team', ttl_s: 600 } });
    await enter(page, VIEWER);
    await page.getByText('You are a viewer: nothing can be changed from here.').waitFor();
    await page.locator('#lock', { hasText: 'field-team' }).waitFor();
    await lab('sim', { call: 'vanish', args: [] });
    await enable(BETA, { force: true });
    await page.locator('#operations [data-state=accepted]').waitFor();
    const names = await Promise.all((await page.getByRole('button').all()).map(async (one) => (await one.innerText()).trim()));
    assert.deepEqual(names.sort(), ['1 h', '24 h', '6 h', 'Forget token']);
    await lab('sim', { call: 'come_back', args: [] });
    await ended(page, 'succeeded');
  },

  /* Names from the card are text. */
  async hostile(browser) {
    const page = await open(browser);
    await enter(page);
    await enable(BETA, { reason: '"><img src=/x onerror=alert(1)>' });
    await ended(page, 'succeeded');
    await api('PUT', '/v1/locks/switch', { holder: '<b>x</b>', ttl_s: 600, reason: '<script>alert(2)</script>' });
    await page.locator('#lock', { hasText: '<script>alert(2)</script>' }).waitFor();
    await page.locator('#profiles', { hasText: '<img src=x onerror=alert(1)>' }).waitFor();
    await page.locator('#profiles', { hasText: '</p><svg onload=alert(1)>' }).waitFor();
    await page.getByRole('button', { name: /^Switch to / }).first().click();
    await page.locator('#plan li').first().waitFor();
    assert.equal(await page.locator('main :is(img, script, b, a, iframe), #profiles svg').count(), 0);
    assert.equal(await page.locator('dialog :is(img, script, b, svg)').count(), 0);
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await overflow(page), '', 'long names find their place');
    await picture(page, 'hostile');
  },

  async older(browser) {
    for (let i = 0; i < 13; i++) await enable(ALPHA, { reason: `number ${i}` });
    const page = await open(browser);
    await enter(page);
    await until(async () => (await page.locator('.operation').count()) === 10, 'ten at first');
    assert.match(await textOf(newest(page)), /number 12.*It was in use already/);
    await page.getByRole('button', { name: 'Older' }).click();
    await until(async () => (await page.locator('.operation').count()) === 13, 'then all');
    assert.equal(await page.getByRole('button', { name: 'Older' }).isVisible(), false);
    assert.match(await textOf(page.locator('.operation').last()), /number 0/);
  },
};

if (name === '--list') {
  process.stdout.write(`${Object.keys(cases).join('\n')}\n`);
  process.exit(0);
}
mkdirSync(pictures, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'lpm-page-'));
const context = await chromium.launchPersistentContext(folder, { executablePath: '/usr/bin/chromium', args: FLAGS, headless: true });
let status = 0;
try {
  await cases[name](context.browser());
  assert.deepEqual(wrongs, [], 'nothing in the console, nothing against the policy');
} catch (e) {
  console.error(e.stack, wrongs);
  status = 1;
} finally {
  await context.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(status);
