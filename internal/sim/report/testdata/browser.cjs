// Opens a report in a browser as a reader does, and fails on the first thing that is not as it should be.
//   node browser.cjs PLAYWRIGHT_FOLDER CHROMIUM REPORT SCREENS_FOLDER
'use strict';
const assert = require('node:assert/strict');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const [playwright, executablePath, report, screens] = process.argv.slice(2);
const { chromium } = require(playwright);
const url = pathToFileURL(report).href;

// open gives the report in a new window, and what went wrong there.
const open = async (browser, options) => {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, offline: true, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on('console', m => wrong.push(`console ${m.type()}: ${m.text()}`));
  page.on('pageerror', e => wrong.push(e.stack));
  page.on('request', r => { if (r.url() !== url) wrong.push(`request of ${r.url()}`); });
  await page.goto(url);
  return { page, wrong, close: async () => { assert.deepEqual(wrong, []); await context.close(); } };
};

const legend = (page, policy) => page.locator(`#t0p${policy}chart .u-value`).allTextContents();
const middle = async (page, selector, across) => {
  await page.locator(selector).scrollIntoViewIfNeeded();
  const b = await page.locator(selector).boundingBox();
  return [b.x + b.width * across, b.y + 90];
};
const focused = page => page.evaluate(() => document.activeElement.getAttribute('aria-label'));

const mouse = async page => {
  await page.mouse.move(...await middle(page, '#t0p0chart', 0.5));
  const [first, second] = [await legend(page, 0), await legend(page, 1)];
  assert.match(first[0], /^\d\d:\d\d$/, 'the cursor reads no time');
  assert.equal(second[0], first[0], 'the cursors of one trace are apart');
  assert.equal(second[1], first[1], 'demand differs between the charts of one trace');

  await page.mouse.down();
  await page.mouse.move(...await middle(page, '#t0p0chart', 0.8), { steps: 4 });
  await page.mouse.up();
  await page.mouse.move(...await middle(page, '#t0p0chart', 0.1));
  const zoomed = [await legend(page, 0), await legend(page, 1)];
  assert.ok(zoomed[0][0] >= '11:00', `a drag did not zoom: ${zoomed[0][0]} is at its left`);
  assert.equal(zoomed[1][0], zoomed[0][0], 'the charts of one trace zoom apart');
  await page.mouse.dblclick(...await middle(page, '#t0p1chart', 0.1));
  await page.mouse.move(...await middle(page, '#t0p0chart', 0.1));
  assert.ok((await legend(page, 0))[0] < '06:00', 'a double click on one chart did not show all in another');

  const readout = page.locator('.curve .readout').first();
  await page.locator('.curve .wide .dot').first().hover();
  assert.match(await readout.textContent(), /^Trimtab, target 90 %: /);

  const card = page.locator('#t0p0card');
  assert.equal(await card.isVisible(), false, 'a card is open before it is asked for');
  const mark = page.locator('#t0p0chart .mark:visible').first();
  await mark.click();
  assert.equal(await card.isVisible(), true, 'a click opens no card');
  assert.equal(await card.locator('.clauses .binding').count(), 1, 'the binding clause is not marked');
  assert.match(await card.textContent(), /bounds.*2 to 60/, 'the inputs are not in the card');
  assert.equal(await mark.getAttribute('aria-pressed'), 'true');
  await card.getByLabel('close the card').click();
  assert.equal(await card.isVisible(), false, 'the card does not close');
};

const keyboard = async page => {
  const card = page.locator('#t0p0card');
  await page.locator('#t0p0chart').focus();
  await page.keyboard.press('0');
  const before = (await legend(page, 0))[0];
  await page.keyboard.press('ArrowRight');
  assert.notEqual((await legend(page, 0))[0], before, 'an arrow key does not move the cursor');
  for (let i = 0; i < 3; i++) await page.keyboard.press('+');
  await page.keyboard.press('0');
  await page.keyboard.press('Tab');
  const first = await focused(page);
  assert.match(first, /\d+ to \d+ tasks/, 'the tab key does not lead to the decisions');
  await page.keyboard.press('ArrowRight');
  const second = await focused(page);
  assert.notEqual(second, first, 'an arrow key does not lead to the next decision');
  assert.equal(await card.isVisible(), false);
  await page.keyboard.press('Enter');
  const said = await card.textContent();
  assert.ok(said.startsWith(second.slice(0, 8)), `the card of ${second} says ${said}`);
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await card.textContent(), said, 'the card does not follow the arrow keys');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await card.textContent(), said);
  await page.keyboard.press('Escape');
  assert.equal(await card.isVisible(), false, 'Escape does not close the card');
  await page.keyboard.press('Space');
  assert.equal(await card.isVisible(), true, 'the space bar opens no card');
};

const theme = async page => {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.locator('#theme').click();
  assert.notEqual(await paper(), light, 'the toggle does not darken the page');
  assert.equal(await page.locator('#t0p0chart canvas').count(), 1, 'the chart was not drawn once');
  assert.equal(await page.locator('#t0p0card').isVisible(), true, 'the card was lost with the colours');
  await page.locator('#t0p0card').getByLabel('next decision').click();
  await page.locator('#theme').click();
  assert.equal(await paper(), light, 'the toggle does not lighten the page');
};

const more = async page => {
  assert.equal(await page.locator('#t1p0chart canvas').count(), 0);
  await page.locator('#t1 > summary').click();
  await page.locator('#t1p4chart canvas').waitFor();
  assert.equal(await page.locator('#t1 canvas').count(), 5, 'opening a trace does not draw its charts');
  assert.match(await page.locator('#t1p0more').textContent(), /^\d+ more decisions/, 'decisions lie hidden and nobody says so');
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0, 'something moves');
};

const windows = async browser => {
  for (const width of [1200, 400]) {
    for (const colorScheme of ['light', 'dark']) {
      const w = await open(browser, { viewport: { width, height: 900 }, colorScheme });
      const over = await w.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `at ${width} pixels the page is ${over} too wide`);
      await w.page.locator('#t0p0chart .mark:visible').nth(2).click();
      await w.page.mouse.move(...await middle(w.page, '#t0p0chart', 0.4));
      await w.page.screenshot({ path: path.join(screens, `report-${width}-${colorScheme}.png`), fullPage: true });
      await w.close();
    }
  }
};

const withoutScript = async browser => {
  const w = await open(browser, { javaScriptEnabled: false });
  assert.equal(await w.page.locator('.picture svg').isVisible(), true, 'without script there is no picture');
  await w.page.locator('#t0 .list > summary').first().click();
  await w.page.locator('#t0p0d0 summary').click();
  assert.equal(await w.page.locator('#t0p0d0 .clauses').isVisible(), true, 'without script a decision cannot be read');
  await w.page.screenshot({ path: path.join(screens, 'report-without-script.png'), fullPage: true });
  await w.close();
};

// Even a script that got into the page could tell nobody.
const sealed = async browser => {
  const w = await open(browser, {});
  const violated = await w.page.evaluate(() => new Promise(done => {
    document.addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));
    fetch('https://example.invalid/').catch(() => setTimeout(() => done('nothing'), 500));
  }));
  assert.equal(violated, 'connect-src', 'the page may connect');
};

(async () => {
  const browser = await chromium.launch({
    executablePath,
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  try {
    const w = await open(browser, { reducedMotion: 'reduce' });
    for (const part of [mouse, keyboard, theme, more]) await part(w.page);
    await w.close();
    for (const part of [windows, withoutScript, sealed]) await part(browser);
  } finally {
    await browser.close();
  }
})().catch(e => { console.error(e); process.exitCode = 1; });
