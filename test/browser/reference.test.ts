/** The reference of the API in real Chromium: it is drawn under its security policy, and a call of it runs. */
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiService, createApi } from '../../api/server.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { type ApiFixture, createApiFixture } from '../api/api-fixture.js';
import { apiSettings, TOKEN } from '../api/api-settings.js';
import { testLog } from '../support/local-stack.js';
import { requireCondition } from '../support/requirement.js';
import { CHROMIUM_ARGUMENTS, findChromium } from './chromium.js';

const executablePath = findChromium();
let api: ApiFixture;
let service: ApiService;
let browser: Browser;

beforeAll(async () => {
  if (executablePath === undefined) return;
  api = await createApiFixture();
  service = createApi(
    { ...api.database.settings, ...apiSettings({ apiOpenReads: false }) },
    testLog().child({}, { level: 'fatal' }),
    createRegistry(),
  );
  await service.start();
  browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS] });
});
beforeEach((test) => requireCondition(test, executablePath !== undefined, 'not installed: chromium'));
afterAll(async () => {
  await browser?.close();
  await service?.stop();
  await api?.remove();
});

test('every call is there, nothing is refused by the policy, and one runs with the session of the browser', async () => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(service.url) && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  await page.goto(`${service.url}/api/docs`);
  // As the dashboard does it, once for all tabs.
  await page.evaluate(
    `fetch('/api/session', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"token":"${TOKEN}"}' })`,
  );
  await page.waitForSelector('.opblock');
  const { paths } = (await (await fetch(`${service.url}/api/openapi.json`)).json()) as {
    paths: Record<string, object>;
  };
  const calls = Object.values(paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0);
  expect(await page.locator('.opblock').count()).toBe(calls);
  const nodes = page.locator('#operations-nodes-listCaptureNodes');
  await nodes.locator('.opblock-summary-control').click();
  await nodes.locator('button.execute').click();
  await nodes.locator('.live-responses-table .response-col_status').getByText('200').waitFor();
  expect(foreign).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});
